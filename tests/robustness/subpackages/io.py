"""Entries of `ngcx.io`."""

import functools as ft
import pathlib
import tempfile

import jax.numpy as jnp
import numpy as np

from ngcx import io

from .._entries import Entry, Other


FOLDER = pathlib.Path(tempfile.mkdtemp())
TREE = {"weights": jnp.ones(2), "step": 3}
io.serialize(FOLDER / "saved", TREE)
NO_PATH = {"None": None, "a number": 3}
EXEMPT = {"Contents": "what `inspect` returns"}
ENTRIES = {
    "deserialize": Entry(
        io.deserialize,
        {
            "path": Other(FOLDER / "saved", NO_PATH),
            "at": Other("", {"None": None, "unknown": "bias", "a number": 3}),
            "like": Other(
                TREE,
                {
                    "None": None,
                    "text": "text",
                    "another shape": TREE | {"weights": jnp.ones(3)},
                    "another dtype": TREE | {"weights": jnp.ones(2, int)},
                    "a leaf more": TREE | {"bias": 0.0},
                },
            ),
        },
        also=("like",),  # Another file may be there.
    ),
    "inspect": Entry(io.inspect, {"path": Other(FOLDER / "saved", NO_PATH)}),
    "make_directory": Entry(
        io.make_directory, {"path": Other(FOLDER / "made", NO_PATH)}
    ),
    "serialize": Entry(
        io.serialize,
        {
            "path": Other(FOLDER / "file", NO_PATH),
            "tree": Other(
                TREE,
                {
                    "a masked array": np.ma.masked_greater(np.arange(6.0), 3),
                    "a hidden array": ft.partial(jnp.add, jnp.ones(2)),
                    "objects": np.array([object()]),
                },
            ),
        },
    ),
}
