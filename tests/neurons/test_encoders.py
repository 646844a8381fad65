import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from hypothesis import given, strategies as st

from ngcx.neurons import (
    decode_delta,
    decode_population,
    delta,
    latency,
    poisson,
    population,
)


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


signals = st.lists(st.floats(-5, 5, width=32), min_size=9, max_size=9).map(np.array)


@given(signals, st.floats(0.01, 3))
def test_delta_tells_of_a_signal_within_the_threshold(x, threshold):
    spikes = delta(jnp.asarray(x, jnp.float32), threshold)
    error = np.abs(np.asarray(decode_delta(spikes, threshold), np.float64) - x)
    assert np.all(error <= threshold * (1 + 1e-5) + 1e-5)
    assert np.all(spikes >= 0) and np.all(np.asarray(spikes) == np.round(spikes))
    assert not np.any(np.all(np.asarray(spikes) > 0, axis=-1))  # either on or off


@given(signals)
def test_delta_is_the_loop_that_it_is_said_to_be(x):
    x = np.round(4 * x) / 8  # so that nothing is rounded
    level, expected = 0.0, []
    for now in x:
        number = np.trunc((now - level) / 0.25)
        level += 0.25 * number
        expected.append([max(number, 0), max(-number, 0)])
    np.testing.assert_array_equal(delta(jnp.asarray(x, jnp.float32), 0.25), expected)


def test_delta_of_what_stays_trembles_or_jumps(dtype):
    steady = jnp.full((6, 2), 0.7, dtype)
    assert np.asarray(delta(steady, 1.0)).sum() == 0
    assert np.asarray(delta(steady, 0.5)[1:]).sum() == 0
    trembling = jnp.asarray([1.0, 1.1, 0.9, 1.1, 0.9], dtype)
    assert np.asarray(delta(trembling, 0.5)[1:]).sum() == 0
    largest = float(jnp.finfo(dtype).max)
    spikes = delta(jnp.asarray([largest, -largest, 0.0], dtype), 0.5)
    assert spikes.dtype == dtype and np.all(np.isfinite(np.asarray(spikes, float)))
    assert np.asarray(decode_delta(spikes, 0.5)).dtype == dtype


@given(st.floats(-3, 7), st.sampled_from([3, 8, 21]))
def test_population_is_told_apart_within_half_a_distance(x, neurons):
    low, high = -3.0, 7.0
    activity = population(jnp.float32(x), neurons, low, high)
    distance = (high - low) / (neurons - 2)
    decoded = float(decode_population(activity, low, high))
    assert abs(decoded - x) <= distance / 2 * (1 + 1e-4)
    centres = low + (np.arange(neurons) - 0.5) * distance
    expected = np.exp(-((x - centres) ** 2) / (2 * (distance / 1.5) ** 2))
    np.testing.assert_allclose(activity, expected, 1e-3, 1e-4)
    # It comes back from the first spikes as well.
    times = np.argmax(latency(activity, 200), axis=0)
    fires = np.asarray(latency(activity, 200)).any(0)
    first = jnp.asarray(np.where(fires, -times, -np.inf), jnp.float32)
    assert abs(float(decode_population(first, low, high)) - x) <= 0.52 * distance


def test_population_of_extremes(dtype):
    largest = float(jnp.finfo(dtype).max)
    activity = population(jnp.asarray([-largest, 0.5, largest], dtype), 5)
    assert activity.dtype == dtype and activity.shape == (3, 5)
    assert np.all(np.isfinite(np.asarray(activity, float)))
    assert (
        np.asarray(activity)[1].argmax() == 2 and not np.asarray(activity)[[0, 2]].any()
    )
    gradient = jax.grad(lambda x: jnp.sum(population(x, 5)))
    assert np.all(np.isfinite(gradient(jnp.asarray([-largest, 0.3, largest], dtype))))
    with pytest.raises(ValueError, match="`low` must be below `high`; got 1.0 and 0.0"):
        population(jnp.ones(3), 5, 1.0, 0.0)


def test_a_range_of_one_number_has_a_population(dtype):
    # Arrays may be traced, so that their order is not checked.
    one, x = jnp.asarray(0.5, dtype), jnp.asarray([0.5, 0.25, 1.0], dtype)
    activity, gradient = jax.jvp(lambda x: population(x, 5, one, one), (x,), (x,))
    assert np.asarray(activity, float)[0].max() > 0.3 and not activity[1:].any()
    assert not np.any(np.isnan(np.asarray(gradient, float)))


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
