"""Entries of `ngcx.optim`."""

from ngcx import optim

from .._entries import Entry, Number, Other


ENTRIES = {
    "adam": Entry(
        optim.adam,
        {name: Number(0.5) for name in ("eta", "beta1", "beta2", "eps")},
    ),
    "create": Entry(
        optim.create,
        {"name": Other("sgd", {"None": None, "unknown": "sgdd", "a number": 3})},
    ),
    "nag": Entry(optim.nag, {"eta": Number(0.5), "mu": Number(0.5)}),
    "sgd": Entry(optim.sgd, {"eta": Number(0.5)}),
}
