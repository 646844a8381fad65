import jax
import jax.numpy as jnp
import numpy as np
import scipy.ndimage

from ngcx import filters

from ._entries import bf16, differs, equal, f32, ref


theirs = ref.filters
IMAGES = f32(np.random.default_rng(0).uniform(0.1, 1, (2, 1, 9, 8)))

equal(
    lambda x: theirs.gaussian_filter(x, 0.8, 1.5, 3),
    lambda x: filters.difference_of_gaussians(x, 0.8, 1.5, radius=3),
    IMAGES,
)
equal(
    lambda x: theirs.gaussian_filter(x, 0.8, 1.5, 3, True),
    lambda x: filters.ratio_of_gaussians(x, 0.8, 1.5, radius=3),
    IMAGES,
)
equal(
    lambda x: theirs.cortical_gaussian_filter(x, 0.8, 1.5, 3),
    lambda x: filters.cortical_difference_of_gaussians(x, 0.8, 1.5, radius=3),
    IMAGES,
)
equal(
    lambda x: theirs.cortical_gaussian_filter(x, 0.8, 1.5, 3, True),
    lambda x: filters.cortical_ratio_of_gaussians(x, 0.8, 1.5, radius=3),
    IMAGES,
)


def difference(images, mode):
    """The oracle, in float64."""

    def blur(sigma):
        return scipy.ndimage.gaussian_filter(
            np.asarray(images, float), sigma, mode=mode, radius=3, axes=(-2, -1)
        )

    return blur(0.8) - blur(1.5)


COLOURS = f32(np.random.default_rng(0).uniform(0.1, 1, (2, 3, 9, 8)))
# The difference of two blurs of numbers below 1 has the error of either.
ROUNDING = 16 * float(jnp.finfo("float32").eps)
differs(
    "`gaussian_filter` of images with three channels",
    lambda: theirs.gaussian_filter(COLOURS, 0.8, 1.5, 3),
    lambda: filters.difference_of_gaussians(COLOURS, 0.8, 1.5, radius=3),
    difference(COLOURS, "nearest"),
    within=ROUNDING,
)
differs(
    '`edge_pad_mode="reflect"`',
    lambda: theirs.gaussian_filter(IMAGES, 0.8, 1.5, 3, edge_pad_mode="reflect"),
    lambda: filters.difference_of_gaussians(IMAGES, 0.8, 1.5, radius=3, mode="reflect"),
    difference(IMAGES, "mirror"),
    within=ROUNDING,
)
differs(
    "filters of bfloat16 images",
    lambda: theirs.gaussian_filter(bf16(IMAGES), 0.8, 1.5, 3).dtype.name,
    lambda: (
        filters.difference_of_gaussians(bf16(IMAGES), 0.8, 1.5, radius=3).dtype.name
    ),
    "bfloat16",
)
IMAGE = IMAGES[:1, :, :2, :2]
differs(
    "a blur with sigma 0, and its gradient",
    (
        lambda: theirs.gaussian_filter(IMAGE, 0.0, 1.0, 1)[0, 0],
        lambda: jax.grad(lambda s: theirs.gaussian_filter(IMAGE, s, 1.0, 1).sum())(0.0),
    ),
    (
        lambda: filters.gaussian_blur(IMAGE, 0.0, radius=1)[0, 0],
        lambda: jax.grad(lambda s: filters.gaussian_blur(IMAGE, s, radius=1).sum())(
            f32(0)
        ),
    ),
    (np.asarray(IMAGE, float)[0, 0], 0),
)
DARK = jnp.full((1, 1, 1, 1), -1e-5)
differs(
    "ratio of Gaussians of an image of -1e-5",
    lambda: theirs.gaussian_filter(DARK, 1.0, 2.0, 1, True),
    lambda: filters.ratio_of_gaussians(DARK, 1.0, 2.0, radius=1),
    [[[[-0.5]]]],
)
BRIGHT = jnp.full((1, 1, 1, 1), 1e30)
differs(
    "cortical ratio of images of 1e30",
    lambda: theirs.cortical_gaussian_filter(BRIGHT, 1.0, 2.0, 1, True),
    lambda: filters.cortical_ratio_of_gaussians(BRIGHT, 1.0, 2.0, radius=1),
    [[[[1]]]],
)
BLACK = jnp.zeros((1, 1, 1, 1))
differs(
    "gradient of the cortical ratio with exponent ½ at black",
    lambda: jax.grad(
        lambda x: theirs.cortical_gaussian_filter(
            x, 1.0, 2.0, 1, True, excitation_exp=0.5
        ).sum()
    )(BLACK),
    lambda: jax.grad(
        lambda x: filters.cortical_ratio_of_gaussians(
            x, 1.0, 2.0, radius=1, excitation_exponent=0.5
        ).sum()
    )(BLACK),
    [[[[0]]]],
)
