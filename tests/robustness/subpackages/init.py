"""Entries of `ngcx.init`."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr

from ngcx import init

from .._entries import (
    Axis,
    Entry,
    Function,
    Key,
    Name,
    Number,
    Other,
    Size,
    members,
)


ANY = Number(0.5)
LATE = Axis(late=True)
SCALING = {
    "in_axis": Axis(-2, late=True),
    "out_axis": LATE,
    "batch_axis": Other((), {"None": None, "a number": 0, "text": "text"}),
}
KEEP = {
    "keep": Other(
        2, {"negative": -1, "None": None, "a flag": True, "twice": [1, 1], "text": "a"}
    )
}


def normal(key, shape, dtype=jnp.float32):
    return jr.normal(key, shape, dtype)


PARAMETERS = {
    "Constant": {"value": ANY},
    "Constrained": {
        "initializer": Other(init.Gaussian(), {"None": None, "a function": normal}),
        "constraints": Other(
            (init.Hollow(),), {"None": None, "one": init.Hollow(), "text": ("text",)}
        ),
    },
    "DeltaOrthogonal": {"scale": ANY},
    "DiagOffDiag": {"on": ANY, "off": ANY},
    "FanInGaussian": SCALING,
    "FanInUniform": SCALING,
    "FluctuationDriven": SCALING
    | {
        "rate": Number(0.05, low=0, open=True, high=1, array=False),
        "decay": Number(0.5, low=0, high=1, array=False),
        "synaptic_decay": Number(0.5, low=0, high=1, array=False),
        "xi": Number(1.0, low=0, open=True, array=False),
        "mean": Number(0.0, high=1.0, array=False),
        "threshold": Number(1.0, array=False),
        "share": Number(1.0, low=0, high=1, array=False),
    },
    "FromJax": {"initializer": Function(normal)},
    "Gaussian": {"mean": ANY, "std": Number(0.5, low=0)},
    "GlorotNormal": SCALING,
    "GlorotUniform": SCALING,
    "HeNormal": SCALING,
    "HeUniform": SCALING,
    "Identity": {"scale": ANY},
    "LeCunNormal": SCALING,
    "LeCunUniform": SCALING,
    "LogGaussian": {"sigma": Number(0.5, low=0)},
    "Orthogonal": {"scale": ANY},
    "Sparse": {"connections": Size(2), "std": Number(0.5, low=0)},
    "TruncatedGaussian": {
        "mean": ANY,
        "std": Number(0.5, low=0, open=True),
        "lower": Number(-2.0, array=False),
        "upper": Number(2.0, low=-2, open=True, array=False),
    },
    "VarianceScaling": SCALING
    | {
        "scale": Number(2.0, low=0, open=True, array=False),
        "mode": Name("fan_avg"),
        "distribution": Name("uniform"),
    },
    "Uniform": {"low": ANY, "high": Number(0.75, low=0.5)},
}
CONSTRAINTS = {
    "Clip": {
        "amin": Number(0.25, optional=True),
        "amax": Number(0.75, low=0.25, optional=True),
    },
    "ColumnMask": KEEP,
    "Eye": {},
    "Hollow": {},
    "LowerTriangle": {},
    "RowMask": KEEP,
    "UpperTriangle": {},
}
EXEMPT = {
    "AbstractConstraint": "abstract",
    "AbstractInitializer": "abstract",
    "AbstractVarianceScaling": "abstract",
    "Reinitializable": "a protocol",
    "WeightLayout": "constants of a class, judged where they are used",
}
SHAPE = Other(
    (3, 4),
    {
        "None": None,
        "a number": 3,
        "negative": (-1, 4),
        "floats": (3.0, 4.0),
        "text": "ab",
    },
)
DTYPE = Other("float32", {"integers": "int32", "complex": "complex64", "text": "text"})


class Model(eqx.Module):
    weight: jax.Array


ENTRIES = {
    "reinitialize": Entry(
        init.reinitialize,
        {
            "model": Other(
                eqx.nn.Linear(3, 2, key=jr.key(0)), {"nothing to draw": [1]}
            ),
            "initializer": Other(
                init.Gaussian(), {"a number": 3, "a class": init.Gaussian}
            ),
            "key": Key(),
            "where": Other(None, {"a number": 3, "text": "weight"}),
        },
        also=("where",),
    )
}
for name, parameters in CONSTRAINTS.items():
    ENTRIES[name] = Entry(getattr(init, name), parameters)
for name, parameters in PARAMETERS.items():
    construct = Entry(getattr(init, name), parameters)
    ENTRIES[name] = construct
    module = construct.call(construct.valid())
    ENTRIES |= members(
        name,
        module,
        __call__={"key": Key(), "shape": SHAPE, "dtype": DTYPE},
        numpy={
            "rng": Other(
                0, {"None": None, "negative": -1, "text": "text", "a float": 0.5}
            ),
            "shape": SHAPE,
            "dtype": DTYPE,
        },
        constrain=Entry(
            lambda constraints, module=module: module.constrain(constraints),
            {"constraints": Other(init.Hollow(), {"None": None, "text": "text"})},
        ),
    )
