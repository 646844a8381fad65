"""Entries of `ngcx.optim`."""

import jax.numpy as jnp

from ngcx import optim

from .._entries import Entry, Fixed, Number, Other


ENTRIES = {
    "adam": Entry(
        optim.adam,
        {name: Number(0.5) for name in ("eta", "beta1", "beta2", "eps")},
    ),
    "create": Entry(
        optim.create,
        {"name": Other("sgd", {"None": None, "unknown": "sgdd", "a number": 3})},
    ),
    "in_range": Entry(
        optim.in_range,
        {"model": Fixed(jnp.ones(3)), "floor": Number(0.5, low=0, array=False)},
    ),
    "nag": Entry(optim.nag, {"eta": Number(0.5), "mu": Number(0.5)}),
    "sgd": Entry(optim.sgd, {"eta": Number(0.5)}),
}
