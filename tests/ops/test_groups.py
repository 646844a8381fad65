import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, strategies as st

from ngcx import ops
from ngcx.testing import arrays, tolerance


NAN = float("nan")


@given(data=st.data(), groups=st.lists(st.integers(0, 3), min_size=8, max_size=8))
def test_group_mean(data, groups, dtype):
    x = data.draw(arrays(dtype, (2, 8)))
    floor = 1e-290 if dtype == jnp.float64 else 1e-30
    x = jnp.asarray(np.asarray(x) * (np.abs(x) >= floor))
    # The last of the four numbers is no group.
    masks = np.array(groups) == np.arange(3)[:, None]
    exact = np.asarray(x, np.float64).astype(np.longdouble)
    expected, size = exact.copy(), np.zeros(exact.shape)
    for mask in masks[masks.any(1)]:
        expected[:, mask] = exact[:, mask].mean(1, keepdims=True)
        size[:, mask] = np.abs(exact[:, mask]).max(1, keepdims=True)
    for given_masks in (jnp.asarray(masks), jnp.asarray(masks, dtype)):
        got = ops.group_mean(x, given_masks)
        assert got.dtype == dtype
        # A sum cancels, so its error is relative to the largest entry.
        limits = tolerance(dtype)
        error = np.abs(np.asarray(got, float) - expected.astype(float))
        assert np.all(error <= limits["rtol"] * size + limits["atol"])


def test_group_mean_by_value():
    masks = jnp.array([[1, 1, 0, 0, 0], [0, 0, 0, 0, 0], [0, 0, 1, 0, 1]])
    x = jnp.array([1.0, 3.0, 5.0, 7.0, NAN])
    np.testing.assert_array_equal(ops.group_mean(x, masks), [2, 2, NAN, 7, NAN])
    mean = ops.group_mean(jnp.full(5, 3.4e38), masks)
    np.testing.assert_array_equal(mean, np.full(5, 3.4e38, np.float32))
    half = ops.group_mean(jnp.full(5, 6e4, jnp.float16), masks)
    np.testing.assert_array_equal(half, np.full(5, 6e4, np.float16))
    np.testing.assert_array_equal(ops.group_mean(x, jnp.zeros((0, 5))), x)


def test_group_mean_is_a_projection():
    masks = jnp.array([[True, True, True, False], [False, False, False, True]])
    once = ops.group_mean(jnp.array([0.1, 0.7, 1.3, 0.3]), masks)
    np.testing.assert_allclose(ops.group_mean(once, masks), once, rtol=1e-7)


def test_gradient_of_group_mean():
    masks = jnp.array([[1, 1, 0], [0, 0, 0]])
    weight = jnp.array([1.0, 3.0, 5.0])
    gradient = jax.grad(lambda x: jnp.sum(ops.group_mean(x, masks) * weight))
    np.testing.assert_allclose(gradient(jnp.zeros(3)), [2, 2, 5])


def test_masks_must_fit():
    with pytest.raises(TypeError, match="`masks` of"):
        ops.group_mean(jnp.zeros(3), jnp.ones((2, 4)))
