"""Bright light takes nothing from a faint pattern; infinity or NaN reaches as far as
its weight.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, strategies as st

from ngcx import filters
from ngcx.testing import tolerance

from ._common import SCIPY, each, oracle, positive


pytestmark = pytest.mark.in_turn(5)


@pytest.mark.thorough
@given(
    seed=st.integers(0, 99),
    light=st.sampled_from([0.0, 100.3, -100.3, 1e4, 1e30]),
    mode=st.sampled_from(list(SCIPY)),
)
def test_light_takes_nothing_from_a_faint_pattern(seed, light, mode):
    pattern = np.random.default_rng(seed).uniform(0, 1e-3, (9, 12)) * max(abs(light), 1)
    images = jnp.asarray(light + pattern, jnp.float32)
    with jax.enable_x64(True):  # The pattern as it was rounded is the right one.
        exact = jnp.asarray(np.asarray(images, float))
        expected = oracle(exact, 0.8, 3, mode) - oracle(exact, 1.6, 3, mode)
    inner = (slice(3, -3),) * 2 if mode == "constant" else ...
    for filter in (
        filters.difference_of_gaussians,
        filters.cortical_difference_of_gaussians,
    ):
        right = (
            expected if "cortical" not in filter.__name__ else np.maximum(expected, 0)
        )
        got = filter(images, 0.8, 1.6, radius=3, mode=mode)[inner]
        error = 1e-6 * np.max(pattern)
        np.testing.assert_allclose(got, right[inner], rtol=0, atol=error)


@pytest.mark.parametrize("light", [0.1, 100.3, -7.7, 3e38, 0.0])
@pytest.mark.parametrize("mode", SCIPY)
def test_even_light_gives_nothing(light, mode):
    images = jnp.stack([jnp.full((9, 8), light), jnp.full((9, 8), light / 3)])
    got = filters.difference_of_gaussians(images, 0.8, 1.6, radius=2, mode=mode)
    inner = (..., slice(2, -2), slice(2, -2)) if mode == "constant" else ...
    np.testing.assert_array_equal(got[inner], 0)


def test_darkness_beside_bright_light_keeps_its_digits():
    dark = positive(3, (8, 30)) * 1e-3
    images = jnp.concatenate([dark, jnp.full((8, 30), 1e4)], axis=1)
    got = filters.difference_of_gaussians(images, 0.8, 1.6, radius=3)[:, :20]
    alone = filters.difference_of_gaussians(dark, 0.8, 1.6, radius=3)[:, :20]
    np.testing.assert_allclose(got, alone, rtol=0, atol=1e-6 * 1e-3)


WHERE = {"infinite": jnp.inf, "negative": -jnp.inf, "no number": jnp.nan}


@pytest.mark.parametrize("value", WHERE.values(), ids=WHERE)
@pytest.mark.parametrize("sigma", [0.0, 0.02, 0.05, 0.8])
def test_an_unknown_pixel_reaches_as_far_as_its_weight(value, sigma, dtype):
    images = positive(4, (9, 11), dtype)
    spoilt = images.at[4, 5].set(value).at[0, 0].set(value)
    offsets = np.arange(-2, 3)
    # The weights that are not 0 in the dtype to compute in.
    wide = jnp.float64 if dtype == jnp.float64 else jnp.float32
    kernel = np.asarray(
        jnp.exp(-jnp.square(jnp.asarray(offsets / max(sigma, 1e-6), wide)) / 2)
    )
    reach = 0 if sigma == 0 else np.max(np.abs(offsets[kernel > 0]))
    near = np.zeros((9, 11), bool)
    near[4 - reach : 5 + reach, 5 - reach : 6 + reach] = True
    near[: 1 + reach, : 1 + reach] = True
    got = filters.gaussian_blur(spoilt, sigma, radius=2)
    clean = filters.gaussian_blur(images, sigma, radius=2)
    np.testing.assert_array_equal(np.asarray(got[near], float), float(value))
    error = tolerance(dtype, 8)["rtol"]
    np.testing.assert_allclose(
        np.asarray(got[~near], float), np.asarray(clean[~near], float), error
    )
    if sigma == 0:
        np.testing.assert_array_equal(got.astype(float), spoilt.astype(float))
    mapped = jax.vmap(lambda x: filters.gaussian_blur(x, sigma, radius=2))(spoilt[None])
    np.testing.assert_array_equal(mapped[0].astype(float), got.astype(float))


def test_infinities_of_both_signs_are_no_number():
    images = jnp.zeros((1, 9)).at[0, 3].set(jnp.inf).at[0, 5].set(-jnp.inf)
    got = filters.gaussian_blur(images, 1.0, radius=1)[0]
    expected = [0, 0, jnp.inf, jnp.inf, jnp.nan, -jnp.inf, -jnp.inf, 0, 0]
    np.testing.assert_array_equal(got, expected)


@each
@pytest.mark.parametrize("value", WHERE.values(), ids=WHERE)
@pytest.mark.parametrize("sigmas", [(0.0, 0.0), (0.0, 0.8), (0.8, 1.6)])
def test_unknown_pixels_in_all_filters(filter, value, sigmas):
    images = positive(5, (9, 9))
    spoilt = images.at[4, 4].set(value)
    got = np.asarray(filter(spoilt, *sigmas, radius=1))
    reach = 1 if max(sigmas) > 0 else 0
    near = np.zeros((9, 9), bool)
    near[4 - reach : 5 + reach, 4 - reach : 5 + reach] = True
    np.testing.assert_allclose(
        got[~near], np.asarray(filter(images, *sigmas, radius=1))[~near], 1e-5, 1e-6
    )
    if np.isnan(value):
        assert np.all(np.isnan(got[near]))
    gradient = jax.grad(lambda x: jnp.sum(filter(x, *sigmas, radius=1)[0]))(spoilt)
    assert np.all(np.isfinite(gradient[:2]))
