from fractions import Fraction
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from ngcx.patches import extract_patches, reconstruct
from ngcx.testing import tolerance

from .conftest import DTYPES, geometries, grid_of, image_of, leads_and_channels


pytestmark = pytest.mark.in_turn(2)


@settings(max_examples=settings().max_examples // 2)  # each compiles
@given(
    seed=st.integers(0, 999),
    geometry=geometries(covers=True),
    around=leads_and_channels(),
    dtype=st.sampled_from(DTYPES),
)
def test_inverse_of_extract_patches(seed, geometry, around, dtype):
    lead, channels = around
    shape = (*lead, *geometry.size, *channels)
    images = jnp.asarray(image_of(seed, shape, dtype))
    keywords = geometry.keywords(overlap=seed % 2 == 0)
    patches = extract_patches(images, geometry.patch, **keywords)
    got = reconstruct(patches, shape, **keywords)
    assert got.dtype == images.dtype
    np.testing.assert_array_equal(got, images)


# Up to twelve patches lie over a pixel, and their number is not always a power of two.
SHAPE, PATCH = (2, 7, 8, 2), (3, 4)
KEYWORDS: Any = {"stride": (1, 1), "padding": (0, 1)}


def pixels_of_patches():
    """The index of the pixel that each entry of each patch covers; 0 is the padding."""
    pixels = np.arange(1, np.prod(SHAPE) + 1).reshape(SHAPE)
    return np.stack([grid_of(image, PATCH, (1, 1), (0, 1)) for image in pixels])


def means_of(patches):
    """The mean over each pixel, exactly."""
    said = [[] for _ in range(np.prod(SHAPE) + 1)]
    for pixel, entry in zip(pixels_of_patches().flat, patches.flat, strict=True):
        said[pixel].append(Fraction(entry.item()))
    means = [sum(each, Fraction(0)) / len(each) for each in said[1:]]
    return np.asarray(means, object).reshape(SHAPE)


@settings(max_examples=10)
@given(seed=st.integers(0, 999))
def test_overlaps_are_averaged(seed, dtype):
    random = np.random.default_rng(seed)
    patches = random.normal(size=pixels_of_patches().shape).astype(dtype)
    got = reconstruct(jnp.asarray(patches), SHAPE, **KEYWORDS)
    assert got.dtype == dtype
    expected = means_of(patches.astype(float)).astype(float)
    # Numbers of either sign cancel in a mean.
    np.testing.assert_allclose(
        np.asarray(got, float), expected, atol=2 * tolerance(dtype)["rtol"]
    )


@settings(max_examples=10)
@given(seed=st.integers(0, 999))
def test_averages_of_the_largest_numbers(seed, dtype):
    random = np.random.default_rng(seed)
    largest = jnp.finfo(dtype).max
    signs = random.choice([-1, 1], pixels_of_patches().shape)
    got = reconstruct(jnp.asarray(signs, dtype) * largest, SHAPE, **KEYWORDS)
    np.testing.assert_allclose(
        np.asarray(got, float) / float(largest),
        means_of(signs).astype(float),
        atol=tolerance(dtype)["rtol"],
    )


@settings(max_examples=10)
@given(seed=st.integers(0, 999), dtype=st.sampled_from(("bool", "uint8", "int32")))
def test_averages_of_integers_are_rounded(seed, dtype):
    patches = image_of(seed, pixels_of_patches().shape, dtype)
    got = reconstruct(jnp.asarray(patches), SHAPE, **KEYWORDS)
    assert got.dtype == patches.dtype
    halves_upwards = np.floor(means_of(patches) + Fraction(1, 2))
    np.testing.assert_array_equal(got, halves_upwards.astype(int))


def test_the_derivative_is_the_mean_also_where_patches_agree():
    def put(patches):
        return reconstruct(patches, (5,) * 2, stride=1)

    patches = extract_patches(jnp.ones((5, 5)), (2, 3), stride=1)
    both = jax.jit(lambda patches: (jax.jacfwd(put)(patches), jax.jacrev(put)(patches)))
    forward, reverse = both(patches)
    np.testing.assert_allclose(forward, reverse, rtol=1e-6)
    # Each pixel is moved by all of its patches alike.
    covers = np.asarray(forward) > 0
    count = covers.sum((2, 3, 4), keepdims=True)
    np.testing.assert_allclose(forward, covers / count, rtol=1e-6)
    assert count.max() == 6
    hessian = jax.jit(jax.jacfwd(jax.grad(lambda patches: put(patches)[2, 2])))
    assert not hessian(patches).any()


def test_tiles_have_a_derivative():
    tiles = jnp.arange(8.0).reshape(2, 2, 2)
    gradient = jax.grad(lambda tiles: reconstruct(tiles, (2, 4))[1, 2])(tiles)
    assert gradient.tolist() == [[[0, 0], [0, 0]], [[0, 0], [1, 0]]]


def test_a_round_trip_has_the_gradient_of_the_image():
    image = jnp.asarray(np.random.default_rng(0).normal(size=(6, 7)), "f4")

    def energy(image):
        patches = extract_patches(image, (3, 3), stride=1)
        return jnp.sum(reconstruct(patches, image.shape, stride=1) ** 2)

    np.testing.assert_allclose(jax.grad(energy)(image), 2 * image, rtol=1e-5)


def test_vmap_and_jit():
    def put(patches):
        return reconstruct(patches, (5, 6), stride=(2, 1), padding=1)

    images = jnp.asarray(np.random.default_rng(0).normal(size=(3, 5, 6)), "f4")
    patches = extract_patches(images, (3, 2), stride=(2, 1), padding=1)
    moved = patches + jnp.linspace(0, 1, patches.size).reshape(patches.shape)
    expected = reconstruct(moved, images.shape, stride=(2, 1), padding=1)
    mapped = jax.jit(jax.vmap(put))
    np.testing.assert_allclose(mapped(moved), expected, rtol=1e-6)
    np.testing.assert_array_equal(mapped(patches), images)
    gradients = jax.vmap(jax.grad(lambda patches: jnp.sum(put(patches) ** 2)))
    assert jax.jit(gradients)(moved).shape == patches.shape


@pytest.mark.parametrize(
    ("keywords", "match"),
    [
        ({"image_shape": (5, 4)}, "`image_shape` .*not covered.*larger `padding`"),
        ({"stride": 3, "image_shape": (5, 5)}, "not covered"),
        ({"image_shape": (6, 6)}, r"must have the shape \(9, 2, 2\) .* \(4, 2, 2\)"),
        ({"image_shape": (1, 4, 4)}, "`image_shape` must be 2 integers"),
        ({"stride": 1, "overlap": 1}, "exclude each other"),
        ({"image_shape": (1, 4)}, "`patches` must fit into `image_shape`"),
        ({"padding": -1}, "`padding` must be 0 or more"),
        ({"image_shape": 4}, "image_shape"),
    ],
)
def test_wrong_arguments_are_errors(keywords, match):
    arguments = {"patches": jnp.zeros((4, 2, 2)), "image_shape": (4, 4), **keywords}
    with pytest.raises((ValueError, TypeError), match=match):
        reconstruct(**arguments)
