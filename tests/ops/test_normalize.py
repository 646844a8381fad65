import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, strategies as st

from ngcx import ops
from ngcx.testing import arrays, tolerance


pytestmark = pytest.mark.in_turn(2)


ORDERS = (1, 2, 3.5, math.inf)


def _normal(x):
    """0 for what is subnormal, or would make a subnormal difference."""
    floor = 1e-290 if x.dtype == jnp.float64 else 1e-30
    return jnp.asarray(np.asarray(x) * (np.abs(x) >= floor))


def _scaled(x, norm, order, axis):
    """The oracle; a longdouble holds the square of every number of float64."""
    x = np.asarray(x, np.float64).astype(np.longdouble)
    largest = np.abs(x).max(axis, keepdims=True)
    unit = x / np.where(largest == 0, 1, largest)
    if order == math.inf:
        length = np.abs(unit).max(axis, keepdims=True)
    else:
        length = (np.abs(unit) ** order).sum(axis, keepdims=True) ** (1 / order)
    return (norm * unit / np.where(length == 0, 1, length)).astype(np.float64)


@given(
    data=st.data(),
    order_and_axis=st.sampled_from([(1, 0), (2, 1), (3.5, 0), (math.inf, 1)]),
    norm=st.floats(0, 100, width=16),
)
def test_normalize_matrix(data, order_and_axis, norm, dtype):
    order, axis = order_and_axis
    x = _normal(data.draw(arrays(dtype, (2, 3, 4))))
    got = ops.normalize_matrix(x, norm, order=order, axis=axis)
    limits = tolerance(dtype)
    limits["atol"] *= max(norm, 1)  # what is flushed is flushed before it is scaled
    np.testing.assert_allclose(
        np.asarray(got, float), _scaled(x, norm, order, axis - 2), **limits
    )


@given(x=arrays("float32", (3, 4)), exponent=st.integers(-20, 20))
def test_normalize_matrix_is_a_projection_free_of_scale(x, exponent):
    x = jnp.where(jnp.abs(x) < 1e-20, 0, jnp.clip(x, -1e20, 1e20))
    once = ops.normalize_matrix(x, order=2)
    for again in (once, x * 2.0**exponent):
        np.testing.assert_allclose(
            ops.normalize_matrix(again, order=2), once, **tolerance("float32")
        )


@pytest.mark.parametrize(
    "column, order, expected",
    [
        ([1e-9, 1e-9], 1, 0.5),
        ([1e20, 1e20], 2, 2**-0.5),
        ([1e38] * 8, 1, 0.125),
        ([3.4e38] * 2, 2, 2**-0.5),
        ([1.2e-38] * 2, 3, 2 ** (-1 / 3)),
        ([1.0] * 2, 1e30, 1.0),
    ],
)
def test_normalize_matrix_is_free_of_scale(column, order, expected):
    got = ops.normalize_matrix(jnp.array(column)[:, None], order=order)
    np.testing.assert_allclose(got[:, 0], expected, rtol=1e-6)


def test_normalize_matrix_by_value():
    x = jnp.array([[1.0, -2.0], [3.0, 0.0]])
    third = 28 ** (1 / 3)
    for order, expected in (
        (1, [[0.25, -1], [0.75, 0]]),
        (2, [[10**-0.5, -1], [3 * 10**-0.5, 0]]),
        (3, [[1 / third, -1], [3 / third, 0]]),
        (math.inf, [[1 / 3, -1], [1, 0]]),
    ):
        got = ops.normalize_matrix(x, order=order)
        np.testing.assert_allclose(got, expected, rtol=1e-6)
    rows = ops.normalize_matrix(x, axis=1)
    np.testing.assert_allclose(rows, [[1 / 3, -2 / 3], [1, 0]], rtol=1e-6)
    half = ops.normalize_matrix(jnp.full((2, 1), 1e3, jnp.float16), order=2)
    np.testing.assert_array_equal(half, np.full((2, 1), 2**-0.5, np.float16))


@pytest.mark.parametrize("order", ORDERS)
def test_zeros_stay_zeros_with_gradient_zero(order):
    x = jnp.array([[0.0, 1.0], [0.0, 2.0]])
    weight = jnp.array([[1.0, 2.0], [3.0, 1.0]])

    def loss(x):
        return jnp.sum(weight * ops.normalize_matrix(x, order=order))

    assert np.all(ops.normalize_matrix(x, order=order)[:, 0] == 0)
    gradient = jax.jit(jax.grad(loss))(x)
    np.testing.assert_array_equal(gradient[:, 0], [0, 0])
    assert np.all(np.isfinite(gradient)) and np.any(gradient[:, 1] != 0)


def test_norm_is_a_parameter():
    x = jnp.array([[1.0], [3.0]])
    got = jax.grad(lambda norm: ops.normalize_matrix(x, norm)[1, 0])(jnp.array(2.0))
    np.testing.assert_allclose(got, 0.75, rtol=1e-6)


def test_wrong_arguments_of_normalize_matrix_are_errors():
    x = jnp.ones((2, 2))
    for order in (0.5, 0, -1, math.nan):
        with pytest.raises(ValueError, match=f"`order` must be 1 .* got {order}."):
            ops.normalize_matrix(x, order=order)
    with pytest.raises(ValueError, match="`norm` must be 0 or more; got -1.0."):
        ops.normalize_matrix(x, -1.0)
    with pytest.raises(ValueError, match="`norm` must be 0 or more; got -1.0."):
        ops.normalize_block_matrix(x, (1, 1), norm=-1.0)
    with pytest.raises(TypeError, match="`axis` of"):
        ops.normalize_matrix(x, axis=2)  # pyright: ignore
    with pytest.raises(TypeError, match="`x` of"):
        ops.normalize_matrix(jnp.ones(2))


@given(
    x=arrays("float32", (2, 6, 4)),
    axis=st.sampled_from([0, 1]),
)
def test_normalize_block_matrix_is_normalize_matrix_of_each_block(x, axis):
    got = ops.normalize_block_matrix(x, (3, 2), order=3, axis=axis, norm=2.0)
    for rows in (slice(0, 3), slice(3, 6)):
        for columns in (slice(0, 2), slice(2, 4)):
            expected = ops.normalize_matrix(
                x[:, rows, columns], 2.0, order=3, axis=axis
            )
            np.testing.assert_allclose(
                got[:, rows, columns], expected, **tolerance("float32", 4)
            )


@pytest.mark.parametrize("block_shape", [(3, 2), (2, 3), (0, 2), (2, -1)])
def test_blocks_that_do_not_fill_the_matrix_are_errors(block_shape):
    match = r"`block_shape` must divide the shape \(4, 4\) of `matrix`; got \("
    with pytest.raises(ValueError, match=match):
        ops.normalize_block_matrix(jnp.ones((4, 4)), block_shape)


@given(data=st.data())
def test_layer_normalize(data, dtype):
    x = _normal(data.draw(arrays(dtype, (2, 3, 4))))
    axis = data.draw(st.sampled_from([-1, 0]))
    exact = np.asarray(x, np.float64).astype(np.longdouble)
    centred = exact - exact.mean(axis, keepdims=True)
    deviation = np.sqrt((centred**2).mean(axis, keepdims=True))
    constant = exact.max(axis, keepdims=True) == exact.min(axis, keepdims=True)
    expected = np.where(constant, 0, centred / np.where(constant, 1, deviation))
    got = np.asarray(ops.layer_normalize(x, axis=axis), float)
    # Centring cancels, so the error is relative to the deviation, 1.
    np.testing.assert_allclose(
        got, expected.astype(float), rtol=0, atol=16 * float(jnp.finfo(dtype).eps)
    )


@pytest.mark.parametrize(
    "row",
    [
        [0, 1, 2],
        [10, 20, 30],
        [0, 1e-4, 2e-4],
        [0, 1e-3, 2e-3],
        [-1e20, 0, 1e20],
        [-3e38, 0, 3e38],
        [-1e-37, 0, 1e-37],
        [2**24 - 2, 2**24 - 1, 2**24],
    ],
)
def test_layer_normalize_is_free_of_shift_and_scale(row):
    expected = [-(1.5**0.5), 0, 1.5**0.5]
    x = jnp.array(row, jnp.float32)
    np.testing.assert_allclose(ops.layer_normalize(x), expected, atol=1e-6)
    # The other rows of a batch make no difference.
    batch = ops.layer_normalize(jnp.stack([jnp.array([5.0, 7.0, 100.0]), x]))
    np.testing.assert_allclose(batch[1], expected, atol=1e-6)


@pytest.mark.parametrize("row", [[0, 300, 600], [-1e4, 0, 1e4], [-65504, 0, 65504]])
def test_layer_normalize_of_half_precision(row):
    got = ops.layer_normalize(jnp.array([row], jnp.float16))
    np.testing.assert_allclose(got, [[-1.2247, 0, 1.2247]], atol=1e-3)


def test_layer_normalize_of_a_constant_row_is_the_shift(dtype):
    x = jnp.full((2, 3), 0.1, dtype)
    np.testing.assert_array_equal(
        ops.layer_normalize(x, 0.5, 2.0), np.full((2, 3), 0.5)
    )
    weight = jnp.asarray([[1, 2, 3], [4, 5, 6]], dtype)
    loss = lambda x: jnp.sum(ops.layer_normalize(x) * weight)  # noqa: E731
    gradient = jax.jit(jax.grad(loss))(x)
    np.testing.assert_array_equal(gradient, np.zeros((2, 3)))


@jax.jit
def _masked(x, where):
    normalize = lambda x: ops.layer_normalize(x, 0.5, where=where)  # noqa: E731
    slopes = jax.grad(lambda x: jnp.sum(jnp.square(normalize(x)) * jnp.arange(7.0)))(x)
    return normalize(x), slopes


@given(seed=st.integers(0, 10_000), spoilt=st.sampled_from([np.nan, np.inf, 1e38]))
def test_layer_normalize_leaves_out_what_is_masked(seed, spoilt):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=7).astype(np.float32)
    where = rng.random(7) < 0.5
    got, slopes = _masked(np.where(where, x, np.float32(spoilt)), where)
    np.testing.assert_array_equal(got[~where], 0)
    np.testing.assert_array_equal(slopes[~where], 0)
    assert np.all(np.isfinite(slopes))
    if where.any():
        alone = ops.layer_normalize(jnp.asarray(x[where]), 0.5)
        np.testing.assert_allclose(got[where], alone, rtol=1e-5, atol=1e-5)


def test_layer_normalize_shift_and_scale_are_parameters():
    x = jnp.array([[0.0, 1.0, 2.0], [3.0, 1.0, 2.0]])
    shift, scale = jnp.array([1.0, 2.0, 3.0]), jnp.array([1.0, 0.0, -1.0])
    standard = np.asarray(ops.layer_normalize(x))
    np.testing.assert_allclose(
        ops.layer_normalize(x, shift, scale), standard * scale[None] + shift[None]
    )
    of_shift, of_scale = jax.grad(
        lambda *parameters: ops.layer_normalize(x, *parameters).sum(), (0, 1)
    )(shift, scale)
    np.testing.assert_allclose(of_shift, [2, 2, 2])
    np.testing.assert_allclose(of_scale, standard.sum(0), atol=1e-6)


@given(data=st.data())
def test_chebyshev_norm(data, dtype):
    x = _normal(data.draw(arrays(dtype, (2, 3, 4))))
    axis = data.draw(st.sampled_from([-1, 0]))
    expected = np.abs(np.asarray(x, np.float64)).max(axis, keepdims=True)
    got = ops.chebyshev_norm(x, axis=axis, keepdims=True)
    assert got.dtype == dtype
    np.testing.assert_array_equal(np.asarray(got, float), expected)
    got = ops.chebyshev_norm(x, axis=axis)
    np.testing.assert_array_equal(np.asarray(got, float), expected.squeeze(axis))


def test_chebyshev_norm_at_the_edges():
    assert np.isnan(ops.chebyshev_norm(jnp.array([1.0, math.nan])))
    assert ops.chebyshev_norm(jnp.array([1.0, -math.inf])) == math.inf
    assert ops.chebyshev_norm(jnp.zeros(0)) == 0
    gradient = jax.grad(ops.chebyshev_norm)
    np.testing.assert_array_equal(gradient(jnp.array([1.0, -3.0])), [0, -1])
    np.testing.assert_array_equal(gradient(jnp.array([3.0, -3.0])), [0.5, -0.5])
    np.testing.assert_array_equal(gradient(jnp.zeros(2)), [0, 0])


def test_zeros_stay_zeros_for_an_infinite_norm():
    x = jnp.array([[0.0, 3.0], [0.0, 4.0]])
    got = ops.normalize_matrix(x, jnp.inf, order=2)
    np.testing.assert_array_equal(got, [[0, np.inf], [0, np.inf]])
