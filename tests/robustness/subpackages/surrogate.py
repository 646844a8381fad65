"""Entries of `ngcx.surrogate`."""

import jax.numpy as jnp

from ngcx import surrogate

from .._entries import (
    Array,
    Entry,
    Function,
    Key,
    Number,
    Other,
    Size,
    members,
)


ANY = Number(0.5, scalar=False)
POSITIVE = Number(0.5, low=0, open=True, scalar=False)
SIZE = Number(0.5, low=0, scalar=False)


def bell(x):
    return jnp.exp(-jnp.square(x))


def logistic(x):
    return 1 / (1 + jnp.exp(-x))


STEP = Other(
    surrogate.Erf(),
    {
        "a function": bell,
        "None": None,
        "a count": surrogate.MultiLevelSpikeCount(),
        "a draw": surrogate.EscapeNoise(surrogate.Erf()),
    },
)
PARAMETERS = {
    "Arctan": {"alpha": POSITIVE},
    "AtThreshold": {"surrogate": STEP},
    "BernoulliStraightThrough": {},
    "Custom": {
        "derivative": Function(bell),
        "primitive": Function(logistic, optional=True),
    },
    "Erf": {"alpha": POSITIVE},
    "EscapeExponential": {"beta": POSITIVE, "slope": POSITIVE, "center": ANY},
    "EscapeNoise": {
        "surrogate": Other(surrogate.Erf(), {"a function": bell, "None": None})
    },
    "FakeNumericalGradient": {"alpha": POSITIVE},
    "FastSigmoid": {"alpha": POSITIVE},
    "InverseSquareRoot": {"alpha": POSITIVE},
    "LeakyReLU": {"leak": ANY, "slope": ANY},
    "LogTailedReLU": {"alpha": ANY},
    "MultiGaussian": {"h": SIZE, "s": POSITIVE, "sigma": POSITIVE, "scale": ANY},
    "MultiLevelSpikeCount": {
        "max_count": Size(3),
        "window": Other((0.0, 2.0), {"reversed": (2.0, 0.0), "a number": 1.0}),
    },
    "MultiSpike": {"surrogate": STEP},
    "NonzeroSignLog": {"alpha": POSITIVE},
    "PiecewiseExponential": {"alpha": POSITIVE},
    "PiecewiseLeakyReLU": {"w": POSITIVE, "c": SIZE},
    "QPseudoSpike": {"alpha": Number(2.0, low=1, open=True, scalar=False)},
    "Rectangular": {"alpha": POSITIVE},
    "S2NN": {"alpha": POSITIVE, "beta": POSITIVE},
    "SecantLIF": {"c1": POSITIVE, "c2": POSITIVE},
    "Sigmoid": {"alpha": POSITIVE},
    "Sparse": {
        "surrogate": Other(surrogate.Erf(), {"a function": bell, "None": None}),
        "width": POSITIVE,
    },
    "SparseFastSigmoid": {"alpha": POSITIVE, "B": POSITIVE},
    "SquareWaveFourierSeries": {"n": Size(2), "period": POSITIVE},
    "StochasticSpikeOperator": {"mean": ANY, "variance": SIZE},
    "StraightThrough": {},
    "Sum": {
        "surrogates": Other(
            (surrogate.Erf(), surrogate.Triangular()),
            {"one": surrogate.Erf(), "None": None, "functions": (bell,)},
        )
    },
    "Triangular": {"alpha": POSITIVE},
}
EXEMPT = {"AbstractStep": "abstract", "AbstractSurrogate": "abstract"}
ENTRIES = {
    "create": Entry(
        surrogate.create,
        {"name": Other("arctan", {"None": None, "unknown": "tan", "a number": 3})},
    )
}
for name, parameters in PARAMETERS.items():
    construct = Entry(getattr(surrogate, name), parameters | {"gain": ANY})
    ENTRIES[name] = construct
    module = construct.call(construct.valid())
    x = Array("*shape")
    ENTRIES |= members(
        name,
        module,
        __call__=Entry(
            module,
            {
                "v": x,
                "threshold": Array("#*shape", "float int"),
                "key": Key(optional=name != "EscapeNoise"),
            },
            like="v",
        ),
        primitive=Entry(module.primitive, {"x": x}, like="x"),
        derivative=Entry(module.derivative, {"x": x}, like="x"),
    )
