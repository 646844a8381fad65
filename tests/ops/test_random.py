import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from hypothesis import given, strategies as st

from ngcx import ops
from ngcx._numerics import wide_dtype
from ngcx.testing import arrays, keys, tolerance


NAN = float("nan")


@given(
    data=st.data(),
    key=keys(),
    # Each number is a program of its own, and all arrays share one.
    number=st.sampled_from([0.3, None]),
    array=st.floats(0, 0.999),
)
def test_dropout_scales_what_it_keeps(data, key, number, array, dtype):
    x = data.draw(arrays(dtype, (4, 8)))
    rate = jnp.asarray(array, wide_dtype(dtype)) if number is None else number
    y, mask = ops.dropout(key, x, rate)
    rate = float(rate)
    assert y.dtype == mask.dtype == dtype
    assert set(np.unique(np.asarray(mask, float))) <= {0, 1}
    exact = np.asarray(x, np.float64)
    largest = float(jnp.finfo(dtype).max)
    with np.errstate(over="ignore"):
        expected = np.where(np.asarray(mask, bool), exact / (1 - rate), 0)
    # What is beyond the largest number is infinite.
    got, expected = (
        np.clip(z, -largest, largest) for z in (np.asarray(y, float), expected)
    )
    np.testing.assert_allclose(got, expected, **tolerance(dtype))


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.5, 0.9])
def test_dropout_keeps_as_many_as_it_should(rate):
    size = 40_000
    y, mask = ops.dropout(jr.key(1), jnp.ones(size), jnp.asarray(rate))
    error = 5 * np.sqrt(rate * (1 - rate) / size)
    assert abs(mask.mean() - (1 - rate)) <= error
    assert abs(y.mean() - 1) <= error / (1 - rate) + 1e-5


def test_dropout_depends_on_the_key_alone():
    x = jnp.ones(64)
    drop = lambda key, x: ops.dropout(key, x, 0.5)[1]  # noqa: E731
    mask = drop(jr.key(0), x)
    np.testing.assert_array_equal(drop(jr.key(0), 3 * x), mask)
    np.testing.assert_array_equal(jax.jit(drop)(jr.key(0), x), mask)
    assert np.any(drop(jr.key(1), x) != mask)
    batch = jax.vmap(drop, (0, None))(jr.split(jr.key(0), 4), x)
    np.testing.assert_array_equal(batch[2], drop(jr.split(jr.key(0), 4)[2], x))


def test_dropout_drops_nan_and_infinity():
    x = jnp.tile(jnp.array([NAN, jnp.inf]), 16)
    y, mask = ops.dropout(jr.key(0), x, 0.5)
    assert 0 < mask.sum() < 32
    assert np.all(y[mask == 0] == 0)
    assert not np.any(np.isfinite(y[mask == 1]))


@pytest.mark.parametrize("dtype", ["float64"], indirect=True)
def test_dropout_scales_in_double_precision(dtype):
    y, mask = ops.dropout(jr.key(0), jnp.ones(8, dtype), 0.3)
    np.testing.assert_allclose(y[mask == 1], 1 / 0.7, rtol=1e-15)


def test_the_rate_of_dropout_may_be_traced():
    x = jnp.ones(2**22)
    nothing, mask = jax.jit(ops.dropout)(jr.key(4), x, 1.0)
    assert not np.any(nothing) and not np.any(mask)
    half, _ = jax.jit(ops.dropout)(jr.key(4), x[:64], 0.5)
    np.testing.assert_array_equal(half, ops.dropout(jr.key(4), x[:64], 0.5)[0])


@pytest.mark.parametrize("rate", [0.5, 1.0])
def test_the_gradient_of_dropout_is_its_mask(rate):
    x, rate = jnp.ones(64), jnp.array(rate)
    gradient = jax.grad(lambda x: ops.dropout(jr.key(0), x, rate)[0].sum())(x)
    np.testing.assert_array_equal(gradient, ops.dropout(jr.key(0), x, rate)[0])


@pytest.mark.parametrize("rate", [-1, 1, 1.0, 1.5, NAN])
def test_a_rate_out_of_range_is_an_error(rate):
    match = f"`rate` must be 0 or more and below 1; got {rate}."
    with pytest.raises(ValueError, match=match):
        ops.dropout(jr.key(0), jnp.ones(2), rate)


def test_a_key_must_be_one():
    with pytest.raises(TypeError, match="`key` of"):
        ops.dropout(jnp.zeros(3), jnp.ones(2), 0.5)
    with pytest.raises(TypeError, match="`key` of"):
        ops.sample_values_by_group(jnp.zeros(3), jnp.ones(2), 1)


@given(data=st.data(), key=keys())
def test_a_sample_is_one_positive_entry_of_each_group(data, key, dtype):
    groups = 1 if dtype in (jnp.float16, jnp.float64) else 3
    values = data.draw(arrays(dtype, (2, 6)))
    values = jnp.asarray(np.asarray(values) * (np.abs(values) >= jnp.finfo(dtype).tiny))
    got = ops.sample_values_by_group(key, values, groups)
    got = np.asarray(got, float).reshape(2, groups, -1)
    positive = np.asarray(values, float).reshape(2, groups, -1) > 0
    assert set(np.unique(got)) <= {0, 1}
    np.testing.assert_array_equal(got.sum(-1), positive.any(-1))
    assert np.all(positive[got == 1])


def test_a_sample_by_value():
    values = jnp.array([[-3.0, 1.0, -1.0, 2.0], [0.0, -1.0, NAN, 5.0]])
    got = ops.sample_values_by_group(jr.key(0), values, 2)
    np.testing.assert_array_equal(got, [[0, 1, 0, 1], [0, 0, 0, 1]])


def test_a_sample_has_equal_chances_and_groups_are_independent():
    values = jnp.array([1e-3, -1.0, 5.0, 2.0, 1.0, 1.0, 0.0, 0.0])
    draw = jax.vmap(lambda key: ops.sample_values_by_group(key, values, 2))
    draws = np.asarray(draw(jr.split(jr.key(0), 6000)))
    expected = np.array([1 / 3, 0, 1 / 3, 1 / 3, 1 / 2, 1 / 2, 0, 0])
    error = 5 * np.sqrt(expected * (1 - expected) / len(draws))
    assert np.all(np.abs(draws.mean(0) - expected) <= error)
    both = (draws[:, 0] * draws[:, 4]).mean()
    assert abs(both - 1 / 6) <= 5 * np.sqrt(5 / 36 / len(draws))


@pytest.mark.parametrize("groups", [0, -1])
def test_a_number_of_groups_below_one_is_an_error(groups):
    match = f"`groups` must be 1 or more; got {groups}."
    with pytest.raises(ValueError, match=match):
        ops.sample_values_by_group(jr.key(0), jnp.ones(6), groups)


def test_groups_must_divide_the_last_axis():
    with pytest.raises(ValueError, match="`groups` must divide the 6 .*; got 4."):
        ops.sample_values_by_group(jr.key(0), jnp.ones(6), 4)
