"""Entries of `ngcx.process`."""

import jax.numpy as jnp

from ngcx import process

from .._entries import Entry, Flag, Function, Other, Size, members


def leak(state, rate):
    return state * rate


def add(state, current=1.0):
    return state + current


def potential(state):
    return state


def vague(state, **inputs):
    return state


def broken(state, rate):
    return state[None]


PROCESS = process.MethodProcess("neuron", leak, add)
JOINT = process.JointProcess("all", PROCESS)
NAME = Other("neuron", {"None": None, "a number": 3})
INPUTS = {"rate": jnp.ones(3), "current": jnp.ones(3)}
NO_INPUTS = {
    "None": None,
    "text": "text",
    "missing": {},
    "unknown": {"rate": 1.0, "x": 1.0},
}
METHODS = {
    "run": {
        "state": Other(jnp.ones(()), {"text": "text"}),
        "inputs": Other({"rate": 0.5}, NO_INPUTS),
    },
    "scan": {
        "state": Other(jnp.ones(()), {"text": "text"}),
        "inputs": Other(
            INPUTS,
            NO_INPUTS | {"lengths that differ": INPUTS | {"rate": jnp.ones(4)}},
        ),
        "watch": Function(potential, optional=True),
        "every": Size(1),
        "length": Size(3, low=0, optional=True),
        "unroll": Size(1, low=0),
        "checkpoint": Flag(),
    },
    "jaxpr": {
        "state": Other(jnp.ones(()), {"text": "text"}),
        "inputs": Other({"rate": 0.5}, NO_INPUTS),
    },
    "table": {
        "state": Other(jnp.ones(()), {"text": "text"}),
        "inputs": Other({"rate": 0.5}, NO_INPUTS),
    },
}
EXEMPT = {"AbstractProcess": "abstract"}
ENTRIES = {
    "JointProcess": Entry(
        lambda name, processes: process.JointProcess(name, *processes),
        {
            "name": NAME,
            "processes": Other(
                (PROCESS,),
                {"none": (), "twice": (PROCESS, PROCESS), "functions": (leak,)},
            ),
        },
    ),
    "MethodProcess": Entry(
        lambda name, steps: process.MethodProcess(name, *steps),
        {
            "name": NAME,
            "steps": Other(
                (leak, add),
                {
                    "none": (),
                    "twice": (leak, leak),
                    "numbers": (3,),
                    "without names": (vague,),
                    "a lambda": (lambda state: state,),
                },
            ),
        },
    ),
}
for name, instance in (("MethodProcess", PROCESS), ("JointProcess", JOINT)):
    pack = Entry(
        lambda length, rate, over_time, instance=instance: instance.pack(
            length, over_time, rate=rate
        ),
        {
            "length": Size(3, low=0),
            "rate": Other(0.5, {"text": "text", "an array": jnp.ones(3)}),
            "over_time": Other(
                {"current": jnp.ones(3)},
                {
                    "text": {"current": "text"},
                    "another length": {"current": jnp.ones(7)},
                    "twice": {"rate": jnp.ones(3)},
                    "unknown": {"x": jnp.ones(3)},
                    "an array": jnp.ones(3),
                },
            ),
        },
        also=("current", "inputs"),
    )
    ENTRIES |= members(name, instance, pack=pack, **METHODS)
