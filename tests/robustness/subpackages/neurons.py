"""Entries of `ngcx.neurons`."""

import operator

import jax.numpy as jnp

from ngcx import neurons, surrogate

from .._entries import (
    SIZES,
    Array,
    Entry,
    Fixed,
    Flag,
    Key,
    Number,
    Other,
    Size,
    members,
)


DECAY = Number(0.5, low=0, high=1, scalar=False)
ANY = Number(0.5, scalar=False)
POSITIVE = Number(5.0, low=0, open=True, scalar=False)
STEP = Number(0.5, low=0, open=True, array=False)
LIF = {
    "decay": DECAY,
    "threshold": ANY,
    "surrogate": Other(surrogate.Arctan(), {"None": None, "a function": jnp.tanh}),
    "reset": Other(
        neurons.HardReset(), {"None": None, "text": "soft", "a number": 0.0}
    ),
    "refractory_steps": Size(1, low=0),
    "refractory_leak": Flag(),
    "refractory_spikes": Flag(),
    "v_rest": ANY,
    "scale_input": Flag(),
}
# A layer is named by its number.
CELL = Other(
    neurons.LIF(),
    {"None": None, "a number": 3, "text": "text", "an array": jnp.ones((2, 3))},
)
PARAMETERS = {
    "AdaptiveLIF": LIF | {"adaptation_decay": DECAY, "adaptation_strength": ANY},
    "BatchNorm": {
        "size": Size(2),
        "threshold": STEP,
        "momentum": Number(0.5, low=0, high=1, array=False),
        "eps": Number(0.5, low=0, array=False),
        "over": Other(
            ("batch",),
            {"None": None, "time alone": ("time",), "numbers": (0, 1), "text": "text"},
        ),
        "inference": Flag(True),
    },
    "Delay": {
        "delay": Other(1, {"None": None, "negative": -1, "a float": 0.5, "text": "1"}),
        "max_delay": Size(2, low=0, optional=True),
    },
    "Dropout": {"p": Number(0.5, low=0, high=1, array=False), "inference": Flag()},
    "Each": {"layer": CELL},
    "LIF": LIF,
    "LeakyIntegrator": {"decay": DECAY, "v_rest": ANY, "scale_input": Flag()},
    "Parallel": {"cells": Fixed((neurons.LIF(), neurons.LeakyIntegrator()))},
    "Recurrent": {
        "cell": CELL,
        "feedback": Array("neurons neurons"),
        "combine": Fixed(operator.add),
    },
    "Residual": {"cell": CELL, "combine": Fixed(operator.add), "shortcut": Fixed(None)},
    "Stack": {"layers": Fixed((jnp.tanh, neurons.LIF()))},
    "SynapticLIF": LIF | {"synaptic_decay": DECAY},
}
SHAPE = Other(
    SIZES["*shape"],
    {"None": None, "a number": 3, "negative": (-1, 3), "floats": (2.0, 3.0)},
)
DTYPE = Other("float32", {"text": "text", "integers": "int32"})
ANY_DTYPE = ("Delay", "Stack")
NO_STATE = {
    "text": "text",
    "an array": jnp.ones((2, 7)),
    "another": neurons.LIF().init((7,)),
}
EXEMPT = {"AbstractCell": "abstract", "AbstractReset": "abstract"}
V = Array("*shape")
COUNT = Array("*shape", "int", optional=True)
PENDING = Array("*shape", optional=True)
CHANNELS = Array("channels")
RANGE = {"low": Number(0.0), "high": Number(1.0)}
ENTRIES = {
    "AdaptiveLIFState": Entry(
        neurons.AdaptiveLIFState,
        {"v": V, "adaptation": V, "refractory": COUNT, "pending": PENDING},
    ),
    "DropoutState": Entry(
        neurons.DropoutState,
        {"mask": Array("*shape", "bool"), "is_drawn": Array("", "bool")},
    ),
    "Frozen": Entry(neurons.Frozen, {"value": Fixed(jnp.ones(3))}),
    "LIFState": Entry(
        neurons.LIFState, {"v": V, "refractory": COUNT, "pending": PENDING}
    ),
    "LeakyIntegratorState": Entry(neurons.LeakyIntegratorState, {"v": V}),
    "RecurrentState": Entry(
        neurons.RecurrentState,
        {name: Fixed(jnp.ones(3)) for name in ("cell", "feedback", "out")},
    ),
    "Shared": Entry(neurons.Shared, {"value": Fixed(jnp.ones(3))}),
    "StackState": Entry(
        neurons.StackState, {"layers": Fixed((None,)), "sample": Fixed(None)}
    ),
    "Statistics": Entry(neurons.Statistics, {"mean": CHANNELS, "variance": CHANNELS}),
    "SynapticLIFState": Entry(
        neurons.SynapticLIFState,
        {"v": V, "current": V, "refractory": COUNT, "pending": PENDING},
    ),
    "TimeConstant": Entry(
        neurons.TimeConstant, {"tau": POSITIVE, "dt": STEP, "euler": Flag()}
    ),
    "decay_factor": Entry(
        neurons.decay_factor, {"time_constant": POSITIVE, "dt": STEP}
    ),
    "decode_delta": Entry(
        neurons.decode_delta,
        {
            "spikes": Array("time *shape 2"),
            "threshold": Number(0.5, low=0, open=True),
        },
    ),
    "decode_population": Entry(
        neurons.decode_population,
        {"activity": Array("*shape neurons"), **RANGE},
        differentiable=False,
    ),
    "delta": Entry(
        neurons.delta,
        {"x": Array("time *shape"), "threshold": Number(0.5, low=0, open=True)},
        differentiable=False,
    ),
    "population": Entry(
        neurons.population,
        {
            "x": V,
            "neurons": Size(5, low=3),
            **RANGE,
            "beta": Number(1.5, low=0, open=True),
        },
    ),
    "latency": Entry(neurons.latency, {"x": V, "steps": Size(3)}, differentiable=False),
    "poisson": Entry(
        neurons.poisson,
        {"key": Key(), "rates": V, "steps": Size(3)},
        differentiable=False,
    ),
}
for name, parameters in {
    "HardReset": {"to": ANY, "delayed": Flag(), "detach": Flag()},
    "NoReset": {},
    "SoftReset": {
        "delayed": Flag(),
        "detach": Flag(),
        "by": Number(0.5, scalar=False, optional=True),
    },
}.items():
    ENTRIES[name] = Entry(getattr(neurons, name), parameters)
STACK = neurons.Stack(jnp.tanh, neurons.LIF())
ENTRIES |= members(
    "Stack",
    STACK,
    reset=Entry(
        STACK.reset,
        {
            "state": Fixed(STACK.run(jnp.ones((4, 2, 3)), batched=True)[0]),
            "where": Array("batch", "bool"),
        },
    ),
)
for name, parameters in PARAMETERS.items():
    kind = getattr(neurons, name)
    positional = {"Parallel": "cells", "Stack": "layers"}.get(name)
    if positional:
        held = parameters[positional].valid
        cell, construct = (
            kind(*held),
            Entry(lambda kind=kind, held=held: kind(*held), {}),
        )
    else:
        construct = Entry(kind, parameters, also=("Layer",))
        cell = construct.call(construct.valid())
    ENTRIES[name] = construct
    # The axes of one step, and what runs over them.
    axes = {"BatchNorm": "channels features", "Recurrent": "neurons"}.get(
        name, "*shape"
    )
    x = Array(axes)
    state = cell.init(x.valid.shape)
    ENTRIES |= members(
        name,
        cell,
        init={
            "shape": Other(x.valid.shape, SHAPE.wrongs),
            "dtype": Fixed("float32") if name in ANY_DTYPE else DTYPE,
        },
        __call__=Entry(
            cell,
            {
                "state": Other(state, {"text": "text"}),
                "x": x,
                "key": Key(optional=True),
            },
            also=("state", "shape", "inputs", "dtype", "Layer"),
        ),
        run=Entry(
            cell.run,
            {
                "inputs": Array(f"time {axes}"),
                "state": Other(state, NO_STATE, optional=True),
                "key": Key(optional=True),
                "batched": Flag(),
                "checkpoint": Flag(),
                "start": Size(1, low=0),
            },
            also=("state", "shape", "dtype", "Layer"),
        ),
    )
