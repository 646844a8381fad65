"""Entries of `ngcx.masks`."""

import jax.numpy as jnp
import jax.random as jr

from ngcx import masks

from .._entries import Entry, Fixed, Key, Other, Size, members


SIDES = {"None": None, "a number": 4, "text": "ab", "0": (0, 4), "negative": (-4, 4)}
RANGES = {
    "None": None,
    "a number": 0.2,
    "text": "ab",
    "0": (0, 0.2),
    "descending": (0.2, 0.1),
    "NaN": (float("nan"), 0.2),
    "infinite": (0.1, float("inf")),
    "an array": jnp.ones(2),
}
CREATED = masks.MultiBlockMask((4, 5), num_blocks=2)

MADE = CREATED(jr.key(0))

ENTRIES = {
    "Masks": Entry(masks.Masks, {name: Fixed(x) for name, x in vars(MADE).items()}),
    "PatchSet": Entry(
        masks.PatchSet, {name: Fixed(x) for name, x in vars(MADE.context).items()}
    ),
    "MultiBlockMask": Entry(
        masks.MultiBlockMask,
        {
            "grid_shape": Other((4, 5), SIDES | {"floats": (4.0, 5.0)}),
            "scale": Other((0.15, 0.2), RANGES | {"above 1": (0.5, 1.5)}),
            "aspect_ratio": Other((0.75, 1.5), RANGES),
            "num_blocks": Size(2),
            "max_keep": Size(9, optional=True),
        },
    ),
    "RandomMask": Entry(
        masks.RandomMask,
        {
            "grid_shape": Other((4, 5), SIDES | {"one": (1, 1)}),
            "ratio": Other(
                0.5, {"None": None, "text": "text", "0": 0.0, "1": 1.0, "2": 2.0}
            ),
        },
    ),
    "TubeMask": Entry(
        masks.TubeMask,
        {
            "mask": Other(CREATED, {"None": None, "a grid": (4, 5)}),
            "frames": Size(3),
        },
    ),
}
RANDOM = masks.RandomMask((4, 5))
ENTRIES |= members("MultiBlockMask", CREATED, __call__={"key": Key()})
ENTRIES |= members("RandomMask", RANDOM, __call__={"key": Key()})
ENTRIES |= members("TubeMask", masks.TubeMask(RANDOM, 3), __call__={"key": Key()})
