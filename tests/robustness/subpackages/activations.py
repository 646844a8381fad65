"""Entries of `ngcx.activations`."""

import jax.numpy as jnp

from ngcx import activations

from .._entries import Array, Axis, Entry, Kind, Name, Number, Other, Size, members


ANY = Number(0.5, scalar=False)
POSITIVE = Number(0.5, low=0, open=True, scalar=False)
SIZE = Number(0.25, low=0, scalar=False)
LATE = Axis(late=True)

PARAMETERS = {
    "BinaryKWTA": {"k": Size(2), "axis": LATE},
    "CELU": {"alpha": POSITIVE},
    "CauchyThreshold": {"lmbda": SIZE},
    "Clip": {"min": ANY, "max": Number(0.75, low=0.5, open=True, scalar=False)},
    "ELU": {"alpha": ANY},
    "GELU": {"approximation": Name("tanh")},
    "HardSigmoid": {},
    "HardSiLU": {},
    "HardTanh": {},
    "Heaviside": {},
    "Identity": {},
    "KWTA": {
        "k": Size(2),
        "axis": LATE,
        "groups": Array("groups features", "bool", optional=True),
    },
    "LeakyReLU": {"negative_slope": ANY},
    "LogSigmoid": {},
    "LogSoftmax": {"axis": LATE},
    "Mish": {},
    "ReLU": {},
    "ReLU6": {},
    "ReLUSquared": {},
    "SELU": {},
    "SiLU": {},
    "Sigmoid": {},
    "Sine": {"omega_0": ANY},
    "SoftThreshold": {"lmbda": SIZE},
    "Softmax": {"temperature": Number(1.0, low=0), "axis": LATE},
    "Softplus": {},
    "Softsign": {},
    "SparsePlus": {},
    "SparseSigmoid": {},
    "Sparsemax": {"axis": LATE},
    "Squareplus": {"b": SIZE},
    "Swish": {"beta": ANY},
    "Tanh": {},
    "TeLU": {},
    "Threshold": {"threshold": ANY},
}
EXEMPT = {
    "AbstractActivation": "abstract",
    "AbstractElementwise": "abstract",
}
ENTRIES = {
    "create": Entry(
        activations.create,
        {"name": Other("tanh", {"None": None, "unknown": "tan", "a number": 3})},
    )
}
for name, parameters in PARAMETERS.items():
    construct = Entry(getattr(activations, name), parameters)
    ENTRIES[name] = construct
    module = construct.call(construct.valid())
    x, y = Array("*shape"), Array("*shape")
    jacobian = name in ("LogSoftmax", "Softmax", "Sparsemax")
    given: dict[str, Kind] = {"x": x}
    if "axis" in parameters:
        given["where"] = Other(None, {"numbers": jnp.ones(3), "text": "all"})
    methods = {
        "__call__": Entry(module, given, like="x"),
        "derivative": Entry(module.derivative, given, like="" if jacobian else "x"),
    }
    if hasattr(module, "inverse"):
        methods["inverse"] = Entry(module.inverse, {"y": y}, like="y")
    if name == "Sigmoid":
        bound = Number(0.1, low=0, high=0.5)
        methods["inverse"] = Entry(module.inverse, {"y": y, "clip_bound": bound}, "y")
    ENTRIES |= members(name, module, **methods)

GATE = Other(activations.SiLU(), {"a class": activations.SiLU, "a name": "silu"})
HALVED: dict[str, Kind] = {"x": Array("*shape 4")}
glu = activations.GLU(activations.SiLU())
ENTRIES |= {
    "GLU": Entry(activations.GLU, {"activation": GATE, "axis": LATE})
} | members(
    "GLU",
    glu,
    __call__=Entry(glu, HALVED),
    derivative=Entry(glu.derivative, HALVED, like="x"),
)
