"""What the tests of the filters share."""

import jax.numpy as jnp
import numpy as np
import pytest
import scipy.ndimage

from ngcx import filters


SCIPY = {
    "edge": "nearest",
    "reflect": "mirror",
    "symmetric": "reflect",
    "wrap": "grid-wrap",
    "constant": "constant",
}
ALL = (
    filters.difference_of_gaussians,
    filters.ratio_of_gaussians,
    filters.cortical_difference_of_gaussians,
    filters.cortical_ratio_of_gaussians,
)


def blur(images, sigma, _, **options):
    """The blur alone, called as the filters are."""
    return filters.gaussian_blur(images, sigma, **options)


each = pytest.mark.parametrize("filter", ALL, ids=lambda filter: filter.__name__)


def oracle(images, sigma, radius, mode="edge"):
    images = np.asarray(images, float)
    if sigma == 0:
        return images
    axes = (images.ndim - 2, images.ndim - 1)
    return scipy.ndimage.gaussian_filter(
        images, sigma, axes=axes, radius=radius, mode=SCIPY[mode]
    )


def positive(seed, shape=(2, 3, 6, 9), dtype="f4"):
    return jnp.asarray(np.random.default_rng(seed).uniform(0.1, 1, shape), dtype)
