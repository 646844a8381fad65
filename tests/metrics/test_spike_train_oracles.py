"""Measures of spike trains beside their definitions."""

import jax.numpy as jnp
import numpy as np
import scipy.stats
from hypothesis import given, strategies as st

from ngcx import metrics

from ._comparison import SEEDS, WIDE, close


def intervals(train):
    return np.diff(np.flatnonzero(train))


@WIDE
@given(seed=SEEDS)
def test_coefficient_of_variation(seed, dtype):
    rng = np.random.default_rng(seed)
    trains = rng.random((40, 5)) < rng.choice([0.0, 0.05, 0.5])
    got = metrics.coefficient_of_variation(jnp.asarray(trains, dtype), reduction="none")
    expected = [
        scipy.stats.variation(gaps) if len(gaps := intervals(train)) else 0
        for train in trains.T
    ]
    close(got, expected, dtype)


def van_rossum(a, b, tau):
    """The integral by all pairs of spikes (Houghton and Kreuz, 2012)."""
    times = np.concatenate([np.flatnonzero(a), np.flatnonzero(b)])
    signs = np.repeat([1, -1], [a.sum(), b.sum()])
    kernel = np.exp(-np.abs(times[:, None] - times) / tau)
    return np.sqrt(max(signs @ kernel @ signs, 0))


def victor_purpura(a, b, cost):
    """The edit distance, cell by cell."""
    first, second = np.flatnonzero(a), np.flatnonzero(b)
    table = np.add.outer(np.arange(len(first) + 1.0), np.arange(len(second) + 1.0))
    for i, s in enumerate(first):
        for j, t in enumerate(second):
            table[i + 1, j + 1] = min(
                table[i, j + 1] + 1,
                table[i + 1, j] + 1,
                table[i, j] + cost * abs(s - t),
            )
    return table[-1, -1]


@WIDE
@given(seed=SEEDS, rate=st.sampled_from([0.0, 0.1, 0.5]))
def test_distances_of_spike_trains(seed, rate, dtype):
    rng = np.random.default_rng(seed)
    a, b = rng.random((2, 30, 4)) < rate
    first, second = jnp.asarray(a, dtype), jnp.asarray(b, dtype)
    got = metrics.van_rossum_distance(first, second, tau=6.0, dt=2.0, reduction="none")
    expected = [van_rossum(*pair, 3.0) for pair in zip(a.T, b.T, strict=True)]
    close(got, expected, dtype, 5.0)
    for cost in (0.0, 0.3, 5.0):
        got = metrics.victor_purpura_distance(
            first, second, cost / 2, dt=2.0, reduction="none"
        )
        expected = [victor_purpura(*pair, cost) for pair in zip(a.T, b.T, strict=True)]
        close(got, expected, dtype)
        # The distance of a train from itself is 0.
        got = metrics.victor_purpura_distance(
            first, first, cost / 2, dt=2.0, reduction="none"
        )
        assert np.all(got == 0)
    got = metrics.van_rossum_distance(first, first, tau=6.0, dt=2.0, reduction="none")
    assert np.all(got == 0)


def synchrony(trains):
    """The synchrony by its definition, spike by spike."""
    length, neurons = trains.shape
    times = [np.flatnonzero(train) for train in trains.T]

    def window(n, i):
        gaps = np.diff(times[n])
        before = gaps[i - 1] if i > 0 else length
        after = gaps[i] if i < len(gaps) else length
        return min(before, after)

    found = possible = 0
    for n in range(neurons):
        for m in range(neurons):
            if n == m:
                continue
            for i, t in enumerate(times[n]):
                possible += 1
                found += any(
                    2 * abs(t - s) < min(window(n, i), window(m, j))
                    for j, s in enumerate(times[m])
                )
    return found / possible if possible else 1


@WIDE
@given(seed=SEEDS, rate=st.sampled_from([0.0, 0.1, 0.4]))
def test_synchrony(seed, rate, dtype):
    trains = np.random.default_rng(seed).random((25, 3)) < rate
    got = metrics.spike_train_synchrony(jnp.asarray(trains, dtype))
    close(got, synchrony(trains), dtype)


LONG = 200_000


def regular(period, jitter=0):
    """A long train with a spike a period, moved by up to so many steps."""
    times = np.arange(0, LONG - period, period)
    moved = times + np.random.default_rng(0).integers(0, jitter + 1, len(times))
    return np.isin(np.arange(LONG), moved)[:, None]


def test_long_and_regular_trains_lose_nothing():
    nearly, counts = regular(100, 1), 1e4 + np.random.default_rng(0).normal(size=LONG)
    counts = counts.astype(np.float32)[:, None]
    wide = counts.astype(float)
    expected = float(scipy.stats.variation(intervals(nearly)))
    got = metrics.coefficient_of_variation(jnp.asarray(nearly, jnp.float32))
    np.testing.assert_allclose(float(got), expected, rtol=2e-7)
    got = metrics.fano_factor(jnp.asarray(counts))
    np.testing.assert_allclose(got, wide.var() / wide.mean(), rtol=2e-7)
    other = (wide / 2 + np.random.default_rng(1).normal(size=wide.shape)).astype(
        np.float32
    )
    got = metrics.pearson_correlation(jnp.asarray(counts), jnp.asarray(other))
    expected = np.corrcoef(wide[:, 0], other[:, 0].astype(float))[0, 1]
    np.testing.assert_allclose(got, expected, rtol=1e-6)


def test_long_memory_loses_nothing():
    spikes = regular(100)
    for tau in (10.0, 1e4, 1e6):
        # The trace after each spike is a geometric sum, and so is that of its squares.
        share = np.exp(-100 / tau)
        n = np.arange(1, spikes.sum() + 1)
        traces = -np.expm1(-100 * n / tau) / -np.expm1(-100 / tau)
        expected = np.sqrt(np.sum(traces[:-1] ** 2) * (1 - share**2) + traces[-1] ** 2)
        got = metrics.van_rossum_distance(
            jnp.asarray(spikes, jnp.float32), jnp.zeros((LONG, 1)), tau
        )
        np.testing.assert_allclose(got, expected, rtol=1e-6)


def test_thousands_of_small_shifts_add_up():
    # Each spike is one step late, and its cost is small.
    train = (np.arange(9_000) % 3 == 0).astype(np.float32)[:, None]
    late = np.roll(train, 1, 0)
    first, second = jnp.asarray(train), jnp.asarray(late)
    got = metrics.victor_purpura_distance(first, second, 0.001)
    np.testing.assert_allclose(got, 3_000 * 0.001, rtol=2e-7)
