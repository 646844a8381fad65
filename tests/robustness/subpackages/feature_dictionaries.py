"""Entries of `ngcx.feature_dictionaries`."""

from ngcx.feature_dictionaries import FourierLibrary, PolynomialLibrary

from .._entries import Array, Entry, Flag, Number, Other, Size, members


METHODS = {
    "__call__": {"x": Array("*batch features")},
    "names": {
        "variables": Other(("x", "y"), {"None": None, "a number": 3, "numbers": (1, 2)})
    },
}
ENTRIES = {
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
