"""Entries of `ngcx.data`."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np

from ngcx import data

from .._entries import Entry, Fixed, Flag, Key, Name, Other, Size, members


DATA = {"x": np.arange(10.0).reshape(5, 2), "y": np.arange(5)}
NO_DATA = {
    "None": None,
    "a number": 3.0,
    "text": "text",
    "nothing": {},
    "no rows": np.zeros((0, 2)),
    "lengths that differ": (np.zeros(3), np.zeros(4)),
}
OPTIONS = {
    "batch_size": Size(2),
    "shuffle": Flag(True),
    "remainder": Name("wrap"),
    "sharding": Other(None, {"a device": jax.devices()[0], "text": "text"}),
}
loader = data.DataLoader(DATA, 2)
STEP = Other(
    1,
    {
        "None": None,
        "negative": -1,
        "too large": 3,
        "a float": 0.5,
        "text": "text",
        "an array": jnp.zeros(2, int),
    },
)


def steps(iterator):
    return list(iterator)


RAGGED = data.PaddedSource([np.ones((n, 2)) for n in (1, 3, 2, 5, 5)])
buckets = data.BucketLoader({"x": RAGGED, "y": DATA["y"]}, 2, 2)
ENTRIES = {
    "BucketLoader": Entry(
        data.BucketLoader,
        {
            "data": Other(
                {"x": RAGGED, "y": DATA["y"]},
                NO_DATA | {"of two lengths": {"x": RAGGED, "y": np.arange(4)}},
            ),
            "buckets": Size(2),
        }
        | OPTIONS,
    ),
    "PaddedSource": Entry(
        data.PaddedSource,
        {
            "sequences": Other(
                [np.ones((2, 3)), np.ones((1, 3))],
                {
                    "None": None,
                    "a number": 3,
                    "nothing": [],
                    "of two shapes": [np.ones((2, 3)), np.ones((2, 4))],
                    "numbers": [1.0, 2.0],
                },
            ),
            "length": Other(4, {"too short": 1, "text": "text", "a float": 2.5}),
        },
        on_host=True,
    ),
    "DataLoader": Entry(data.DataLoader, {"data": Other(DATA, NO_DATA)} | OPTIONS),
    "ItemSource": Entry(
        data.ItemSource,
        {
            "dataset": Other(DATA["y"], {"None": None, "text": "text", "a number": 3}),
            "threads": Size(1),
        },
    ),
    "LoaderState": Entry(
        data.LoaderState,
        {
            "key": Fixed(jr.key(0)),
            "epoch": Fixed(jnp.zeros((), int)),
            "step": Fixed(jnp.zeros((), int)),
        },
    ),
    "prefetch": Entry(
        lambda iterator, size: list(data.prefetch(iterator, size)),
        {
            "iterator": Other((1, 2), {"None": None, "a number": 3}),
            "size": Size(1),
        },
    ),
    "random_permutation_index": Entry(
        data.random_permutation_index,
        {
            "key": Key(),
            "i": Other(
                np.arange(3),
                {
                    "None": None,
                    "text": "text",
                    "floats": np.zeros(3),
                    "negative": -1,
                    "too large": np.array([0, 5]),
                },
            ),
            "n": Size(5),
        },
    ),
}
ENTRIES |= members(
    "DataLoader",
    loader,
    batch={"key": Key(), "step": STEP},
    epoch=Entry(
        lambda key, start: list(loader.epoch(key, start)),
        {
            "key": Key(),
            "start": Other(
                1, {"negative": -1, "too large": 4, "None": None, "text": "text"}
            ),
        },
    ),
    from_named={
        "named": Other(
            [("x", DATA["x"])],
            {"None": None, "twice": [("x", DATA["x"])] * 2, "names": ["xy"]},
        ),
        "batch_size": Size(2),
    },
    indices={"key": Key(), "step": STEP},
    init={"key": Key()},
    next={"state": Other(loader.init(jr.key(0)), {"None": None, "a key": jr.key(0)})},
)
ENTRIES |= members(
    "BucketLoader",
    buckets,
    batch=Entry(
        buckets.batch,
        {"key": Key(), "step": Other(1, STEP.wrongs | {"too large": 9})},
        on_host=True,
    ),
    epoch=Entry(
        lambda key, start: list(buckets.epoch(key, start)),
        {
            "key": Key(),
            "start": Other(
                1, {"negative": -1, "too large": 9, "None": None, "text": "text"}
            ),
        },
        on_host=True,
    ),
    init={"key": Key()},
    next={"state": Other(buckets.init(jr.key(0)), {"None": None, "a key": jr.key(0)})},
)
