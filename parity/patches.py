import jax
import jax.numpy as jnp
import numpy as np

from ngcx import patches

from ._entries import differs, equal, f32, ref


theirs = ref.patch_utils
IMAGE = f32(np.random.default_rng(0).normal(size=(6, 8)))

equal(
    lambda x: theirs.patch_with_stride(x, (2, 4), (2, 4)),
    lambda x: patches.extract_patches(x, (2, 4)),
    IMAGE,
)
equal(
    lambda x: theirs.Create_Patches(x, (2, 4), (0, 0)).create_patches(center=False),
    lambda x: patches.extract_patches(x, (2, 4)),
    IMAGE,
)
# Chance decides which windows.
ROWS = f32(np.random.default_rng(0).normal(size=(3, 64)))


def described(samples):
    samples = samples.reshape(-1, 16)
    return samples.shape, jnp.mean(samples, 1)


equal(
    lambda x: described(theirs.generate_patch_set(x, (4, 4), 10)),
    lambda x: described(
        patches.sample_patches(jax.random.key(0), patches.square_images(x), (4, 4), 10)
    ),
    ROWS,
    within=1e-6,  # means of 16 numbers of order 1, which are 0 but for their rounding
)


def their_generated():
    generator = ref.patch.PatchGenerator(2, 2)
    generator.target(jnp.ones((4, 4)))
    return len(list(generator))


differs(
    "`PatchGenerator(2, 2)` of an image of (4, 4)",
    their_generated,
    lambda: len(patches.PatchGenerator(2, 2)(jnp.ones((4, 4)))),
    4,
)
SQUARE = jnp.arange(36.0).reshape(6, 6)
differs(
    "`patch_with_overlap` of (6, 6), patches of (2, 2), overlap 1",
    lambda: theirs.patch_with_overlap(SQUARE, (2, 2), (1, 1)).shape[0],
    lambda: patches.extract_patches(SQUARE, (2, 2), overlap=1).shape[0],
    25,
)
