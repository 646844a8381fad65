import jax
import numpy as np

from ngcx import masks

from ._entries import equal, ref


def their_masks():
    """How many patches one block of a quarter of the grid leaves, and takes."""
    block = {"spatial_scale": (0.25, 0.25), "aspect_ratio": (1.0, 1.0), "num_blocks": 1}
    collator = ref.masks.MaskCollator([block], crop_size=(64, 64), patch_size=(8, 8))
    (context,), (targets,) = collator([None] * 3)
    assert not set(context[0]) & set(targets[0])
    return context.shape[1], targets.shape[1]


def our_masks():
    mask = masks.MultiBlockMask((8, 8), (0.25, 0.25), (1.0, 1.0), num_blocks=1)
    drawn = mask(jax.random.key(0))
    return np.sum(drawn.context.valid), np.sum(drawn.targets.valid)


equal(their_masks, our_masks)
