"""Softmax and its kin."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
import scipy.special

from ngcx import activations
from ngcx.testing import tolerance


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


def test_softmax_along_any_axis():
    x = jr.normal(jr.key(0), (2, 3, 4))
    softmax = activations.Softmax(axis=1)
    np.testing.assert_allclose(jnp.sum(softmax(x), axis=1), np.ones((2, 4)), rtol=1e-6)
    last = activations.Softmax()
    np.testing.assert_allclose(
        softmax.derivative(x), last.derivative(jnp.moveaxis(x, 1, -1)), rtol=1e-6
    )


def test_softmax_of_nothing_is_nothing():
    assert activations.Softmax()(jnp.zeros((2, 0))).shape == (2, 0)
