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
