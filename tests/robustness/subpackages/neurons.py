"""Entries of `ngcx.neurons`."""

import jax.numpy as jnp

from ngcx import neurons, surrogate

from .._entries import (
    SIZES,
    Array,
    Entry,
    Flag,
    Key,
    Name,
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
    "reset": Name("hard"),
    "detach_reset": Flag(),
    "refractory_steps": Size(1, low=0),
}
PARAMETERS = {
    "AdaptiveLIF": LIF | {"adaptation_decay": DECAY, "adaptation_strength": ANY},
    "LIF": LIF,
    "LeakyIntegrator": {"decay": DECAY},
    "RecurrentLIF": LIF | {"weight": Array("neurons neurons")},
    "SynapticLIF": LIF | {"synaptic_decay": DECAY},
}
SHAPE = Other(
    SIZES["*shape"],
    {"None": None, "a number": 3, "negative": (-1, 3), "floats": (2.0, 3.0)},
)
DTYPE = Other("float32", {"text": "text", "integers": "int32"})
NO_STATE = {
    "text": "text",
    "an array": jnp.ones((2, 3)),
    "another": neurons.LIF().init((7,)),
}

LAYERS = (surrogate.Arctan().primitive, neurons.LIF())
STACK = {
    "layers": Other(LAYERS, {"None": None, "a number": 3, "numbers": (3,)}),
    "inputs": Array("time *batch features", "float int bool"),
    "states": Other(
        None, {"text": "text", "one": neurons.LIF().init((3,)), "too few": (None,)}
    ),
    "key": Key(optional=True),
    "batched": Flag(),
    "checkpoint": Flag(),
}
EXEMPT = {"AbstractCell": "abstract", "AbstractLIF": "abstract"}
V = Array("*shape")
COUNT = Array("*shape", "int", optional=True)
ENTRIES = {
    "AdaptiveLIFState": Entry(
        neurons.AdaptiveLIFState, {"v": V, "adaptation": V, "refractory": COUNT}
    ),
    "LIFState": Entry(neurons.LIFState, {"v": V, "refractory": COUNT}),
    "LeakyIntegratorState": Entry(neurons.LeakyIntegratorState, {"v": V}),
    "RecurrentLIFState": Entry(
        neurons.RecurrentLIFState,
        {
            "v": Array("*batch neurons"),
            "spikes": Array("*batch neurons"),
            "refractory": Array("*batch neurons", "int", optional=True),
        },
    ),
    "SynapticLIFState": Entry(
        neurons.SynapticLIFState, {"v": V, "current": V, "refractory": COUNT}
    ),
    "TimeConstant": Entry(neurons.TimeConstant, {"tau": POSITIVE, "dt": STEP}),
    "decay_factor": Entry(
        neurons.decay_factor, {"time_constant": POSITIVE, "dt": STEP}
    ),
    "latency": Entry(neurons.latency, {"x": V, "steps": Size(3)}, differentiable=False),
    "layerwise": Entry(neurons.layerwise, STACK),
    "poisson": Entry(
        neurons.poisson,
        {"key": Key(), "rates": V, "steps": Size(3)},
        differentiable=False,
    ),
    "stepwise": Entry(neurons.stepwise, STACK),
}
for name, parameters in PARAMETERS.items():
    construct = Entry(getattr(neurons, name), parameters)
    ENTRIES[name] = construct
    cell = construct.call(construct.valid())
    last = "neurons" if name == "RecurrentLIF" else "features"
    state = cell.init((2, 3))
    ENTRIES |= members(
        name,
        cell,
        init={"shape": SHAPE, "dtype": DTYPE},
        __call__=Entry(
            cell,
            {
                "state": Other(state, NO_STATE | {"None": None}),
                "current": Array(f"*batch {last}"),
                "key": Key(optional=True),
            },
            also=("state", "current"),
        ),
        run=Entry(
            cell.run,
            {
                "currents": Array(f"time *batch {last}"),
                "state": Other(state, NO_STATE),
                "key": Key(optional=True),
                "unroll": Size(1, low=0),
                "checkpoint": Flag(),
            },
            also=("state", "current"),
        ),
    )
