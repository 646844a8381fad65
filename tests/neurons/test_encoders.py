import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from hypothesis import given, strategies as st

from ngcx.neurons import latency, poisson


def test_poisson_spikes_at_the_rates(dtype):
    rates = jnp.array([-1.0, 0.0, 0.001, 0.3, 1.0, 2.0], dtype)
    spikes = poisson(jr.key(0), rates, 20_000)
    assert spikes.shape == (20_000, 6) and spikes.dtype == dtype
    p = np.clip(np.asarray(rates, np.float64), 0, 1)
    error = np.abs(np.mean(np.asarray(spikes, np.float64), axis=0) - p)
    # Five standard deviations are exceeded once in a million.
    assert np.all(error <= 5 * np.sqrt(p * (1 - p) / 20_000))


def test_poisson_steps_are_independent():
    spikes = np.asarray(poisson(jr.key(0), jnp.full(100, 0.5), 400))
    after = np.corrcoef(spikes[:-1].ravel(), spikes[1:].ravel())[0, 1]
    assert abs(after) < 5 / np.sqrt(spikes.size)


@given(st.lists(st.floats(-1, 2, width=32), min_size=1, max_size=9), st.integers(1, 9))
def test_latency_spikes_once_and_in_order(x, steps):
    x = jnp.array(x)
    spikes = np.asarray(latency(x, steps))
    assert spikes.shape == (steps, len(x))
    # XLA takes subnormal numbers for 0.
    x = np.where(np.abs(x) < np.finfo(np.float32).tiny, 0, x)
    np.testing.assert_array_equal(np.sum(spikes, axis=0), np.asarray(x) > 0)
    when = np.where(np.asarray(x) > 0, np.argmax(spikes, axis=0), steps)
    expected = np.round((1 - np.clip(np.asarray(x), 0, 1)) * (steps - 1))
    np.testing.assert_array_equal(when, np.where(np.asarray(x) > 0, expected, steps))


def test_latency_of_extremes(dtype):
    spikes = latency(jnp.array([1.0, 0.5, 1e-3, 0.0], dtype), 5)
    assert spikes.dtype == dtype
    np.testing.assert_array_equal(np.argmax(spikes, axis=0), [0, 2, 4, 0])
    np.testing.assert_array_equal(np.sum(np.asarray(spikes, int), axis=0), [1, 1, 1, 0])


def test_encoders_map_and_compile():
    x = jr.uniform(jr.key(0), (3, 4))
    np.testing.assert_array_equal(
        jax.vmap(lambda x: latency(x, 6))(x), jnp.moveaxis(latency(x, 6), 0, 1)
    )
    assert jax.jit(lambda key, x: poisson(key, x, 6))(jr.key(0), x).shape == (6, 3, 4)


def test_wrong_arguments_are_errors():
    with pytest.raises(TypeError, match="`rates`"):
        poisson(jr.key(0), jnp.ones(3, int), 5)
    with pytest.raises(TypeError, match="`steps`"):
        latency(jnp.ones(3), 5.0)  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match="`steps` must be 1 or more; got 0"):
        latency(jnp.ones(3), 0)
    with pytest.raises(ValueError, match="`steps` must be 1 or more; got -1"):
        poisson(jr.key(0), jnp.ones(3), -1)
