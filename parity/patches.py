import ast
import contextlib
import io
from unittest import mock

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
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
# Chance decides which windows are taken.
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
    # The means of 16 numbers of order 1 are 0 but for their rounding.
    within=1e-6,
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


def side_effects(f):
    """Whether `f` prints, and whether it shows a figure."""
    output = io.StringIO()
    with contextlib.redirect_stdout(output), mock.patch.object(plt, "show") as show:
        f()
    plt.close("all")
    return output.getvalue() != "", show.called


differs(
    "what `PatchGenerator.target` does beside that",
    lambda: side_effects(
        lambda: ref.patch.PatchGenerator(2, 2).target(jnp.ones((4, 4)))
    ),
    lambda: side_effects(lambda: patches.PatchGenerator(2, 2)(jnp.ones((4, 4)))),
    (False, False),
)


def their_positions(shape, *arguments):
    """What `target` prints, and does not return: where patches begin."""
    with contextlib.redirect_stdout(io.StringIO()) as output:
        ref.patch.PatchGenerator(*arguments).target(jnp.ones(shape))
    plt.close("all")
    return ast.literal_eval(output.getvalue())


differs(
    "`PatchGenerator` of an image of one patch; of a smaller image",
    (
        lambda: len(their_positions((5, 5), 5, 5)),
        lambda: str(ref.patch.PatchGenerator(5, 5).target(jnp.ones((4, 5)))),
    ),
    (
        lambda: len(patches.PatchGenerator(5, 5).positions(5, 5)),
        lambda: str(patches.PatchGenerator(5, 5)(jnp.ones((4, 5)))),
    ),
    (1, ValueError),
)
# Patches of (2, 2) begin at these columns of an image of (6, 8).
COLUMNS = [0, 2, 4, 6]


def our_positions(axis, *arguments):
    return np.unique(patches.PatchGenerator(*arguments).positions(6, 8)[:, axis])


differs(
    'rows with vertical alignment "bottom"; columns with "center", with "fit"',
    (
        lambda: their_positions((6, 8), 2, 2, "fit", "bottom")[len(COLUMNS) :],
        lambda: their_positions((6, 8), 2, 2, "fit", "center"),
        lambda: their_positions((6, 8), 2, 2, "fit", "fit"),
    ),
    (
        lambda: our_positions(0, 2, 2, "fit", "bottom"),
        lambda: our_positions(1, 2, 2, "fit", "center"),
        lambda: our_positions(1, 2, 2, "fit", "fit"),
    ),
    ([0, 2, 4], COLUMNS, COLUMNS),
)
SQUARE = jnp.arange(36.0).reshape(6, 6)
differs(
    "`patch_with_overlap` of (6, 6), patches of (2, 2), overlap 1",
    lambda: theirs.patch_with_overlap(SQUARE, (2, 2), (1, 1)).shape[0],
    lambda: patches.extract_patches(SQUARE, (2, 2), overlap=1).shape[0],
    25,
)


def their_cut(patch, overlap, **keywords):
    return theirs.Create_Patches(SQUARE, patch, overlap).create_patches(**keywords)


differs(
    "`Create_Patches` of (6, 6), patches (2, 2), overlap (1, 1)",
    lambda: len(their_cut((2, 2), (1, 1))),
    lambda: len(patches.extract_patches(SQUARE, (2, 2), overlap=1)),
    25,
)


def means(cut):
    return cut.mean((1, 2))


def their_means():
    """The means of centred patches, and of those that the object cuts after that."""
    made = theirs.Create_Patches(SQUARE, (2, 2), (0, 0))
    centered = made.create_patches(center=True)
    return means(centered), means(made.create_patches(center=False))


def our_means():
    centered = patches.extract_patches(SQUARE, (2, 2), center=True)
    return means(centered), means(patches.extract_patches(SQUARE, (2, 2)))


TILES = np.arange(36.0).reshape(3, 2, 3, 2).mean((1, 3)).ravel()
differs(
    "means of patches with `center=True`, and without, of one `Create_Patches`",
    their_means,
    our_means,
    (np.zeros(9), TILES),
)


def their_framed():
    made = theirs.Create_Patches(jnp.ones((8, 8)), (2, 3), (0, 0))
    made.create_patches(add_frame=True, center=False)
    return made.img.shape


differs(
    "its frame for patches of (2, 3), around (8, 8)",
    their_framed,
    lambda: patches.frame(jnp.ones((8, 8)), (2, 3)).shape,
    (12, 14),
)
differs(
    "its overlap as large as the patch; with a frame",
    (
        lambda: their_cut((2, 2), (2, 2), center=False)[:, 0, 0],
        lambda: their_cut((2, 2), (2, 2), add_frame=True),
    ),
    (
        lambda: patches.extract_patches(SQUARE, (2, 2), overlap=2),
        lambda: patches.extract_patches(SQUARE, (2, 2), overlap=2, padding=2),
    ),
    (ValueError, ValueError),
)
TWICE = jnp.tile(jnp.arange(64.0), (2, 1))


def same(samples):
    """Whether the patches of two equal images are the same."""
    first, second = np.split(np.asarray(samples).reshape(20, -1), 2)
    return "the same" if np.array_equal(first, second) else "each its own"


def drawn(rows, number, **keywords):
    return patches.sample_patches(
        jax.random.key(0), patches.square_images(rows), (2, 2), number, **keywords
    )


differs(
    "`generate_patch_set` of two equal images",
    lambda: same(theirs.generate_patch_set(TWICE, (2, 2), 10, center=False)),
    lambda: same(drawn(TWICE, 10, center=False)),
    "each its own",
)
FLAT = SQUARE.reshape(1, 36)
differs(
    "50 patches of an image with 25 positions",
    lambda: len(theirs.generate_patch_set(FLAT, (2, 2), 50)),
    lambda: len(drawn(FLAT, 50)[0]),
    50,
)
differs(
    "`generate_patch_set` with `vis_mode=True, center=False`",
    lambda: theirs.generate_patch_set(FLAT, (6, 6), 1, center=False, vis_mode=True)[1],
    lambda: patches.sample_patches(
        jax.random.key(0), SQUARE, (6, 6), 1, center=False, return_means=True
    )[1],
    [35 / 2],
)
