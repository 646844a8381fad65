import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, strategies as st

from ngcx import ops
from ngcx.testing import arrays, floats_for


pytestmark = pytest.mark.in_turn(2)


INF, NAN = float("inf"), float("nan")


@given(data=st.data())
def test_binarize(data, dtype):
    x = data.draw(arrays(dtype))
    threshold = data.draw(floats_for(dtype).filter(_normal(dtype)))
    x = jnp.asarray(np.asarray(x) * (np.abs(x) >= jnp.finfo(dtype).tiny))
    got = ops.binarize(x, threshold)
    np.testing.assert_array_equal(
        got, np.asarray(x, np.float64) >= float(np.asarray(threshold, np.float64))
    )
    # A threshold in (0, 1] makes it a projection.
    code = ops.binarize(x)
    np.testing.assert_array_equal(ops.binarize(code), code)


def _normal(dtype):
    return lambda number: number == 0 or abs(number) >= jnp.finfo(dtype).tiny


def test_binarize_by_value():
    x = jnp.array([0.4, 0.5, 0.6, -INF, INF, NAN])
    np.testing.assert_array_equal(ops.binarize(x), [0, 1, 1, 0, 1, NAN])
    per_entry = ops.binarize(jnp.full((2, 2), 0.5), jnp.array([0.2, 0.8]))
    np.testing.assert_array_equal(per_entry, [[1, 0], [1, 0]])
    np.testing.assert_array_equal(ops.binarize(jnp.ones(1), jnp.array(NAN)), [NAN])


def test_binarize_compares_in_the_dtype_of_x(dtype):
    assert ops.binarize(jnp.asarray([0.1], dtype), 0.1) == 1


@given(data=st.data())
def test_clamps(data, dtype):
    x = data.draw(arrays(dtype))
    x = jnp.asarray(np.asarray(x) * (np.abs(x) >= jnp.finfo(dtype).tiny))
    bound = data.draw(floats_for(dtype).filter(_normal(dtype)))
    low, high = ops.clamp_min(x, bound), ops.clamp_max(x, bound)
    exact = np.asarray(x, np.float64)
    np.testing.assert_array_equal(np.asarray(low, float), np.maximum(exact, bound))
    np.testing.assert_array_equal(np.asarray(high, float), np.minimum(exact, bound))
    np.testing.assert_array_equal(ops.clamp_min(low, bound), low)
    np.testing.assert_array_equal(ops.clamp_max(high, bound), high)


def test_clamps_at_infinity_and_nan():
    x = jnp.array([-INF, -1.0, 0.0, INF, NAN])
    np.testing.assert_array_equal(ops.clamp_min(x, -INF), x)
    np.testing.assert_array_equal(ops.clamp_max(x, INF), x)
    np.testing.assert_array_equal(ops.clamp_min(x, 0.0), [0, 0, 0, INF, NAN])
    np.testing.assert_array_equal(ops.clamp_max(x, 0.0), [-INF, -1, 0, 0, NAN])
    assert np.all(np.isnan(ops.clamp_min(x, jnp.array(NAN))))
    assert np.all(np.isnan(ops.clamp_max(x, jnp.array(NAN))))


def test_clamps_pass_the_gradient_at_the_bound():
    x = jnp.array([-1.0, 0.5, 2.0])
    for clamp, expected in ((ops.clamp_min, [0, 1, 1]), (ops.clamp_max, [1, 1, 0])):
        got = jax.grad(lambda x, clamp=clamp: clamp(x, 0.5).sum())(x)
        np.testing.assert_array_equal(got, expected)


def test_clamps_round_a_number_once_to_the_dtype_of_x(dtype):
    assert ops.clamp_min(jnp.asarray([-5.0], dtype), 0.1) == jnp.asarray(0.1, dtype)


def test_a_bound_may_be_an_array():
    x, bound = jnp.zeros((2, 3)), jnp.array([-1.0, 0.0, 1.0])
    np.testing.assert_array_equal(ops.clamp_min(x, bound), [[0, 0, 1]] * 2)
    with pytest.raises(ValueError, match="broadcast"):
        ops.clamp_min(jnp.zeros(3), jnp.zeros((2, 3)))


@given(
    numbers=st.lists(st.integers(-(2**31), 2**31 - 1), min_size=4, max_size=4),
    bound=st.integers(-(2**31), 2**31 - 1),
    kind=st.sampled_from(["int8", "uint8", "int16", "int32", "uint32"]),
)
def test_clamps_keep_integers_exactly(numbers, bound, kind):
    x = np.array(numbers).astype(kind)
    limits = np.iinfo(kind)
    expected = np.clip(np.maximum(x.astype(int), bound), limits.min, limits.max)
    got = ops.clamp_min(jnp.asarray(x), bound)
    assert got.dtype == kind
    np.testing.assert_array_equal(got, expected)
    expected = np.clip(np.minimum(x.astype(int), bound), limits.min, limits.max)
    got = ops.clamp_max(jnp.asarray(x), bound)
    assert got.dtype == kind
    np.testing.assert_array_equal(got, expected)


KINDS = ["int8", "uint8", "int16", "int32", "uint32"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bound", [2**31, 2**32 - 1, 2**40, 2**70])
def test_a_bound_beyond_the_range_counts_as_its_end(kind, bound):
    limits = np.iinfo(kind)
    x = jnp.array([limits.min, 5, limits.max], kind)

    def clamped(x):
        bounds = bound, -bound
        return [f(x, end) for f in (ops.clamp_min, ops.clamp_max) for end in bounds]

    expected = [
        [min(max(int(entry), end), int(limits.max)) for entry in x.tolist()]
        for end in (bound, -bound)
    ] + [
        [max(min(int(entry), end), int(limits.min)) for entry in x.tolist()]
        for end in (bound, -bound)
    ]
    for results in (clamped(x), jax.jit(clamped)(x), clamped(np.asarray(x))):
        for got, values in zip(results, expected, strict=True):
            assert got.dtype == kind
            np.testing.assert_array_equal(got, np.array(values, kind))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("other", KINDS)
def test_a_bound_of_another_kind_does_not_wrap(kind, other):
    x = jnp.array([np.iinfo(kind).min, 5, np.iinfo(kind).max], kind)
    for end in (np.iinfo(other).min, np.iinfo(other).max):
        low, high = both_clamps(x, jnp.array(end, other))
        np.testing.assert_array_equal(low, ops.clamp_min(x, end))
        np.testing.assert_array_equal(high, ops.clamp_max(x, end))


@jax.jit
def both_clamps(x, bound):
    return ops.clamp_min(x, bound), ops.clamp_max(x, bound)


def test_integers_take_an_integer_bound():
    x = jnp.array([16777217])
    assert ops.clamp_min(x, 0)[0] == 16777217
    with pytest.raises(
        TypeError, match="`minimum` must be an integer .* int32; got fl"
    ):
        ops.clamp_min(x, 0.5)
    with pytest.raises(
        TypeError, match="`maximum` must be an integer .* int32; got fl"
    ):
        ops.clamp_max(x, INF)


@given(data=st.data())
def test_one_hot_argmax(data, dtype):
    x = data.draw(arrays(dtype, (2, 3, 4)))
    x = jnp.asarray(np.asarray(x) * (np.abs(x) >= jnp.finfo(dtype).tiny))
    axis = data.draw(st.sampled_from([-1, 1]))
    exact = np.asarray(x, np.float64)
    expected = np.zeros(x.shape)
    np.put_along_axis(expected, np.expand_dims(exact.argmax(axis), axis), 1, axis)
    expected *= exact.max(axis, keepdims=True) > exact.min(axis, keepdims=True)
    code = ops.one_hot_argmax(x, axis)
    np.testing.assert_array_equal(code, expected)
    np.testing.assert_array_equal(ops.one_hot_argmax(code, axis=axis), code)


def test_one_hot_argmax_by_value():
    np.testing.assert_array_equal(ops.one_hot_argmax(jnp.array([0.1, 0.9])), [0, 1])
    rows = [[0.5, NAN, 0.9], [0, 0, 0], [2, 3, 3], [-INF, 0, INF], [-INF, -INF, 0]]
    expected = [[0, 0, 0], [0, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 1]]
    np.testing.assert_array_equal(ops.one_hot_argmax(jnp.array(rows)), expected)


def test_one_hot_argmax_beyond_the_integers_of_half_precision():
    x = jnp.zeros(70_000, jnp.float16).at[69_999].set(1)
    assert ops.one_hot_argmax(x)[69_999] == 1 and ops.one_hot_argmax(x).sum() == 1
