"""Entries of `ngcx.diffeq`."""

import jax.numpy as jnp

from ngcx import diffeq

from .._entries import (
    Array,
    Entry,
    Fixed,
    Flag,
    Function,
    Number,
    Other,
    Size,
    members,
)


def decay(t, y, args):
    return -y


def late(t, y, args):
    return t > 0.2


def swing(t, state, args):
    q, p = state
    return p, -q


ANY = Number(0.5)
NOT_A_STATE = {"text": "text", "integers": jnp.ones(3, int)}
STATE = Other(jnp.ones(3), NOT_A_STATE)
STEP = {
    "f": Function(decay),
    "t": Number(0.0),
    "y": STATE,
    "dt": Number(0.1),
}
SYSTEMS = {
    "Linear2D": (("a", "b"), "*batch 2"),
    "Cubic2D": (("a", "b"), "*batch 2"),
    "Linear3D": (("a", "b", "c"), "*batch 3"),
    "Lorenz": (("sigma", "rho", "beta"), "*batch 3"),
    "Oscillator": (
        ("mu1", "mu2", "omega", "alpha", "beta", "sigma"),
        "*batch 3",
    ),
}
INSTANCES = ("linear_2d", "cubic_2d", "linear_3d", "lorenz", "oscillator")

ENTRIES = {
    "create": Entry(
        diffeq.create,
        {"name": Other("rk4", {"None": None, "unknown": "rk5", "a number": 3})},
    ),
    "RungeKutta": Entry(
        diffeq.RungeKutta,
        {
            "rows": Other(
                ((1 / 2,),),
                {
                    "None": None,
                    "numbers": (1 / 2,),
                    "text": (("text",),),
                    "too long": ((1 / 2, 1 / 2),),
                    "too many": ((1 / 2,), (0, 1)),
                },
            ),
            "weights": Other(
                (0, 1),
                {
                    "None": None,
                    "a number": 1,
                    "text": ("text", "text"),
                    "too few": (1,),
                    "another sum": (1, 1),
                },
            ),
        },
        also=("weights",),
    ),
    "leapfrog": Entry(
        diffeq.leapfrog,
        STEP
        | {
            "f": Function(swing),
            "y": Other(
                (jnp.ones(3), jnp.ones(3)),
                NOT_A_STATE | {"None": None, "an array": jnp.ones(3)},
            ),
        },
    ),
    "solve": Entry(
        diffeq.solve,
        {
            "step": Function(diffeq.rk4),
            "f": Function(decay),
            "t0": Number(0.0),
            "y0": STATE,
            "dt": Number(0.1),
            "steps": Size(4, low=0),
            "save_every": Size(2, low=1, optional=True),
            "stop": Function(late, optional=True),
            "checkpoint": Flag(),
        },
    ),
}
for name in ("euler", "midpoint", "heun", "ralston", "rk4"):
    ENTRIES[name] = Entry(getattr(diffeq, name), STEP | {"y_scale": Number(0.5)})
ENTRIES |= members("RungeKutta", diffeq.rk4, __call__=ENTRIES["rk4"])
for name, (parameters, axes) in SYSTEMS.items():
    construct = Entry(getattr(diffeq, name), dict.fromkeys(parameters, ANY))
    ENTRIES[name] = construct
    field = {"t": Fixed(0.0), "y": Array(axes)}
    system = construct.call(construct.valid())
    ENTRIES |= members(name, system, __call__=Entry(system, field, like="y"))
for name in INSTANCES:
    axes = "*batch 2" if name.endswith("2d") else "*batch 3"
    field = {"t": Fixed(0.0), "y": Array(axes)}
    ENTRIES[name] = Entry(getattr(diffeq, name), field, like="y")
