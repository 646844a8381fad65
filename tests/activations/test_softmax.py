"""Softmax and its kin."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
import scipy.special

from ngcx import activations
from ngcx.testing import tolerance


pytestmark = pytest.mark.in_turn(2)


@pytest.mark.parametrize("spread", [0.01, 0.5, 5.0])
def test_log_softmax_of_nearly_equal_entries(spread):
    x = spread * np.random.default_rng(0).normal(size=(20, 7)).astype(np.float32)
    x[:, 1] = x.max(-1)  # two largest
    expected = scipy.special.log_softmax(x.astype(float), -1)
    got = activations.LogSoftmax()(jnp.asarray(x))
    np.testing.assert_allclose(got, expected, rtol=tolerance("float32")["rtol"])


def test_softmax_at_temperature_zero_is_the_point_mass():
    x = jnp.array([[1.0, 3.0, 3.0], [-1.0, -2.0, -3.0]])
    for cold in (activations.Softmax(0.0), activations.Softmax(jnp.zeros(()))):
        np.testing.assert_array_equal(cold(x), [[0, 1, 0], [1, 0, 0]])
        np.testing.assert_array_equal(cold.derivative(x), np.zeros((2, 3, 3)))
        np.testing.assert_array_equal(jax.jacrev(cold)(x), np.zeros((2, 3, 2, 3)))


@pytest.mark.parametrize("temperature", [1e-30, 1e-5, 0.5])
def test_softmax_shifts_before_it_divides(temperature, dtype):
    x = jnp.array([[0, 1e4]], dtype)
    np.testing.assert_array_equal(activations.Softmax(temperature)(x), [[0, 1]])


ALONG_AXES = (activations.Softmax, activations.LogSoftmax, activations.Sparsemax)


@pytest.mark.parametrize("kind", ALONG_AXES)
def test_an_axis_may_be_any_and_several_count_as_one(kind):
    x = jr.normal(jr.key(0), (2, 3, 4))
    where = x > -1
    for axis, order in [(1, (0, 2, 1)), ((1,), (0, 2, 1)), ((2, -3), (1, 2, 0))]:
        last = jnp.transpose(x, order)
        flat = last.shape if axis in (1, (1,)) else (3, 8)
        rows, mask = (jnp.transpose(a, order).reshape(flat) for a in (x, where))
        expected = kind()(rows, where=mask).reshape(last.shape)
        got = jnp.transpose(kind(axis=axis)(x, where=where), order)
        np.testing.assert_array_equal(got, expected)
        np.testing.assert_array_equal(
            kind(axis=axis).derivative(x, where=where),
            kind().derivative(rows, where=mask),
        )
    with pytest.raises(ValueError, match=r"`axis` must be different axes"):
        kind(axis=(0, -3))(x)


def test_softmax_of_nothing_is_nothing():
    assert activations.Softmax()(jnp.zeros((2, 0))).shape == (2, 0)


# Masks.

MASKED = [
    activations.Softmax(0.5),
    activations.Softmax(0.0),
    activations.LogSoftmax(),
    activations.Sparsemax(),
    activations.KWTA(2),
    activations.KWTA(2, groups=jnp.ones((1, 5), bool)),
    activations.BinaryKWTA(2),
]


@jax.jit
def evaluate(activation, x, where):
    def total(x):
        y = activation(x, where=where)
        weights = jnp.broadcast_to(jnp.arange(1, 6, dtype=x.dtype), x.shape)
        return jnp.sum(jnp.where(jnp.broadcast_to(where, x.shape), y, 0) * weights)

    value, slopes = activation(x, where=where), activation.derivative(x, where=where)
    return value, slopes, jax.grad(total)(x)


@pytest.mark.parametrize("dtype", ["float16", "float64"], indirect=True)
@pytest.mark.parametrize("activation", MASKED, ids=repr)
def test_masked_entries_are_as_if_they_were_not_there(activation, dtype):
    random = np.random.default_rng(0)
    x = random.normal(size=(32, 5)) + random.choice([0, -2e4, 2e4], (32, 1))
    junk = random.choice([np.nan, np.inf, -np.inf, 6e4, -6e4], (32, 5))
    where = np.array([[i >> j & 1 for j in range(5)] for i in range(32)], bool)
    zero = -np.inf if isinstance(activation, activations.LogSoftmax) else 0
    given = jnp.asarray(np.where(where, x, junk), dtype)
    value, slopes, gradient = evaluate(activation, given, jnp.asarray(where))
    assert value.dtype == slopes.dtype == gradient.dtype == dtype
    is_jacobian = slopes.ndim == 3
    kept = where[:, :, None] & where[:, None] if is_jacobian else where
    for result, mask, otherwise in (
        (value, where, zero),
        (slopes, kept, 0),
        (gradient, where, 0),
    ):
        np.testing.assert_array_equal(np.asarray(result, float)[~mask], otherwise)
    for row in (1, 6, 20, 30):  # of one, two and four entries
        few = np.flatnonzero(where[row])
        alone = activation
        if isinstance(activation, activations.KWTA | activations.BinaryKWTA):
            alone = type(activation)(min(2, len(few)))
        slope = slopes[row][np.ix_(few, few)] if is_jacobian else slopes[row, few]
        limits = tolerance(dtype)
        entries = given[row, few]
        for got, expected in (
            (value[row, few], alone(entries)),
            (slope, alone.derivative(entries)),
        ):
            got, expected = np.asarray(got, float), np.asarray(expected, float)
            np.testing.assert_allclose(got, expected, **limits)


@pytest.mark.parametrize("activation", MASKED, ids=repr)
def test_a_mask_may_broadcast_and_must_fit(activation):
    x, row = jr.normal(jr.key(0), (3, 5)), jnp.array([1, 0, 1, 1, 0], bool)
    each = evaluate(activation, x, jnp.broadcast_to(row, x.shape))
    for got, expected in zip(evaluate(activation, x, row), each, strict=True):
        np.testing.assert_array_equal(got, expected)
    with pytest.raises(
        ValueError, match="`where` .* must broadcast to the shape of `x`"
    ):
        activation(x, where=row[:3])
    with pytest.raises(TypeError, match="`where` of"):
        activation(x, where=x)
