"""Entries of `ngcx.io`."""

import pathlib
import tempfile

import jax.numpy as jnp

from ngcx import io

from .._entries import Entry, Other


FOLDER = pathlib.Path(tempfile.mkdtemp())
TREE = {"weights": jnp.ones(2), "step": 3}
io.serialize(FOLDER / "saved", TREE)
NO_PATH = {"None": None, "a number": 3}
ENTRIES = {
    "deserialize": Entry(
        io.deserialize,
        {
            "path": Other(FOLDER / "saved", NO_PATH),
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
    ),
    "make_directory": Entry(
        io.make_directory, {"path": Other(FOLDER / "made", NO_PATH)}
    ),
    "serialize": Entry(
        io.serialize,
        {
            "path": Other(FOLDER / "file", NO_PATH),
            "tree": Other(TREE, {"text": "text", "an object": object()}),
        },
    ),
}
