"""Entries of `ngcx.feature_dictionaries`."""

import jax.numpy as jnp

from ngcx.feature_dictionaries import (
    ConcatenatedLibrary,
    FourierLibrary,
    FunctionLibrary,
    PolynomialLibrary,
    ProductLibrary,
)

from .._entries import Array, Entry, Flag, Number, Other, Size, members


METHODS = {
    "__call__": {"x": Array("*batch features")},
    "names": {
        "variables": Other(("x", "y"), {"None": None, "a number": 3, "numbers": (1, 2)})
    },
}


def sine(x):
    return jnp.sin(x)


BOTH = (PolynomialLibrary(2), FunctionLibrary(sine=sine))
LIBRARIES = Other(BOTH, {"None": None, "one": BOTH[0], "functions": (sine,)})
EXEMPT = {"AbstractLibrary": "abstract"}
ENTRIES = {
    "ConcatenatedLibrary": Entry(ConcatenatedLibrary, {"libraries": LIBRARIES}),
    "ProductLibrary": Entry(ProductLibrary, {"libraries": LIBRARIES}),
    "FunctionLibrary": Entry(
        lambda function: FunctionLibrary(function=function),
        {"function": Other(sine, {"None": None, "a number": 3, "text": "text"})},
        also=("functions",),
    ),
    "FourierLibrary": Entry(
        FourierLibrary,
        {"num_frequencies": Size(2), "period": Number(2.0, low=0, open=True)},
    ),
    "PolynomialLibrary": Entry(
        PolynomialLibrary,
        {"order": Size(2), "include_bias": Flag(), "interaction_only": Flag()},
    ),
}
ENTRIES |= members("FourierLibrary", FourierLibrary(2, 2.0), **METHODS)
ENTRIES |= members("PolynomialLibrary", PolynomialLibrary(2), **METHODS)
ENTRIES |= members("ConcatenatedLibrary", ConcatenatedLibrary(BOTH), **METHODS)
ENTRIES |= members("ProductLibrary", ProductLibrary(BOTH), **METHODS)
ENTRIES |= members("FunctionLibrary", BOTH[1], **METHODS)
