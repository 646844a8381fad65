import signal

import jax
import jax.numpy as jnp
import numpy as np

from ngcx import masks

from ._entries import differs, equal, ref


def collator(number=1, scale=0.25, **keywords):
    """Masks with square blocks on a grid of 8 × 8 patches."""
    block = {"spatial_scale": (scale, scale), "aspect_ratio": (1.0, 1.0)}
    block |= {"num_blocks": number} | keywords
    return ref.masks.MaskCollator([block], crop_size=(64, 64), patch_size=(8, 8))


def ours(number=1, scale=0.25, size=64, **keywords):
    """Our masks of the same kind, for many images."""
    mask = masks.MultiBlockMask((8, 8), (scale, scale), (1.0, 1.0), number, **keywords)
    return jax.vmap(mask)(jax.random.split(jax.random.key(0), size))


def their_sizes():
    (context,), (targets,) = collator()([None] * 64)
    assert not set(context[0]) & set(targets[0])
    return context.shape[1], targets.shape[1]


def our_sizes():
    drawn = ours()
    return drawn.context.valid[0].sum(), drawn.targets.valid[0].sum()


equal(their_sizes, our_sizes)


def within_a_second(f):
    """`f()`, or a `TimeoutError`."""

    def stop(number, frame):
        raise TimeoutError

    previous = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, 1)
    try:
        return f()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


differs(
    "a block mask of the whole grid",
    lambda: within_a_second(lambda: collator(scale=1.0)([None])),
    lambda: masks.MultiBlockMask((8, 8), (1.0, 1.0), (1.0, 1.0)),
    ValueError,
)


def lower_half(indices):
    """The share of the patches that are in the lower half of the image."""
    return np.mean(np.asarray(indices) >= 32)


# Half of the patches, some 40 in each of 64 images, are in the lower half. The four
# blocks of an image are independent.
WITHIN = 5 * np.sqrt(0.25 / 64 / 4)
differs(
    "masks of unlike sizes, in one batch",
    lambda: lower_half(collator(4)([None] * 64)[1][0]),
    lambda: lower_half(ours(4).targets.indices[ours(4).targets.valid]),
    0.5,
    within=WITHIN,
)
differs(
    "`max_keep` of a context",
    lambda: lower_half(collator(max_keep=5)([None] * 64)[0][0]),
    lambda: lower_half(ours(max_keep=5).context.indices),
    0.5,
    within=WITHIN,
)
mask = masks.MultiBlockMask((8, 8))
differs(
    "two collators",
    lambda: str(np.array_equal(collator()([None] * 9)[1], collator()([None] * 9)[1])),
    lambda: str(
        jnp.array_equal(
            mask(jax.random.key(0)).targets.grid, mask(jax.random.key(1)).targets.grid
        )
    ),
    "False",
)


def their_block_sizes():
    """How many sizes of blocks there are in a batch."""
    block = {"spatial_scale": (0.1, 0.5), "aspect_ratio": (1.0, 1.0), "num_blocks": 1}
    generator = ref.masks.MaskCollator([block], (64, 64), (8, 8)).mask_generators[0]
    sizes = set()
    place = generator._sample_block_mask
    generator._sample_block_mask = lambda size, rng: sizes.add(size) or place(size, rng)
    generator(64)
    return str(len(sizes) > 1)


def our_block_sizes():
    mask = masks.MultiBlockMask((8, 8), (0.1, 0.5), (1.0, 1.0), 1)
    drawn = jax.vmap(mask)(jax.random.split(jax.random.key(0), 64))
    return str(len(np.unique(drawn.targets.valid.sum(1))) > 1)


differs("size of the blocks", their_block_sizes, our_block_sizes, "True")
differs(
    "a scale of less than one patch",
    lambda: collator(scale=0.01)([None])[1][0].shape[1],
    lambda: ours(scale=0.01).targets.valid[0].sum(),
    1,
)
