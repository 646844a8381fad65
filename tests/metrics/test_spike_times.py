"""Measures of spike times, beside what Elephant 1.2 and PySpike 0.9 give, and beside
the same measures of a grid.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, strategies as st

import ngcx.metrics

from ._comparison import SEEDS


metrics: Any = ngcx.metrics  # takes numpy's arrays too
STEP = 1 / 16  # All times are on this grid.
TRAINS = [
    STEP * np.array(steps)
    for steps in (
        [44, 179, 227, 239, 458, 493, 541, 615, 662, 698, 710, 745],
        [180, 237, 402, 442, 465, 541, 570, 703, 787],
        [46, 490, 493, 673, 685, 709],
        [411],
        [],
    )
]


def padded(trains, t_stop, filler=np.nan, dtype=np.float32):
    """What is beyond the count may be anything."""
    times = np.full((len(trains), max(map(len, trains))), filler, dtype)
    for row, train in zip(times, trains, strict=True):
        row[: len(train)] = train
    return metrics.SpikeTimes(times, np.array([*map(len, trains)]), t_stop)


def grid_of(trains, steps):
    grid = np.zeros((steps, len(trains)), np.float32)
    for neuron, train in enumerate(trains):
        grid[np.round(np.asarray(train) / STEP).astype(int), neuron] = 1
    return jnp.asarray(grid)


TIMES, GRID = padded(TRAINS, 50.0), grid_of(TRAINS, 800)
BOTH = pytest.mark.parametrize("spikes", [TIMES, GRID], ids=["times", "grid"])


def test_times_of_a_grid():
    times = metrics.SpikeTimes.from_grid(GRID, dt=STEP)
    assert times.t_stop == 50 and times.times.shape == (5, 800)
    for row, count, train in zip(times.times, times.count, TRAINS, strict=True):
        np.testing.assert_array_equal(row[:count], train)


@BOTH
def test_regularity_is_that_of_elephant(spikes):
    intervals = metrics.inter_spike_intervals(spikes)
    unit = 1 if spikes is TIMES else STEP
    for row, train in zip(intervals, TRAINS, strict=True):
        found = np.asarray(row)[np.isfinite(row)]
        np.testing.assert_allclose(unit * found, np.diff(train))
    for measure, expected in (
        ("coefficient_of_variation", (0.9203540586652516, 0.6235775265373779)),
        ("coefficient_of_variation", (..., ..., 1.2724831495228928, 0, 0)),
        ("local_variation", (0.7621698913267938, 0.699159849025366)),
        ("local_variation", (..., ..., 2.0891788912078986, 0, 0)),
        (
            "local_coefficient_of_variation",
            (0.8821393519176361, 0.9190966277474839, 1.5810618146477429, 0, 0),
        ),
    ):
        got = getattr(metrics, measure)(spikes, reduction="none")
        assert got.shape == (5,) and got.dtype == jnp.float32
        for one, other in zip(got, expected, strict=False):
            assert other is ... or float(one) == pytest.approx(other, rel=1e-6)


# The upper triangles, row by row. For a silent train Elephant has a tiling coefficient
# of NaN, and 0 is here.
ELEPHANT = {
    "van_rossum_distance": (
        {"tau": 5.0},
        "3.2772766848 3.4993383954 5.643461012 5.8319846608 3.6163484546 4.0530650324 "
        "4.5461044057 3.5753885856 3.6682203359 1",
    ),
    "victor_purpura_distance": (
        {"cost": 0.4},
        "8.475 7.475 12.175 12 10.975 8.225 9 6.975 6 1",
    ),
    "spike_time_tiling_coefficient": (
        {"window": 0.3},
        "0.1724099712 0.3837187626 -0.078 0 -0.085875 -0.06 0 -0.037875 0 0",
    ),
}


@pytest.mark.parametrize("name", ELEPHANT)
def test_matrices_are_those_of_elephant(name):
    measure, (options, expected) = getattr(metrics, name), ELEPHANT[name]
    got = metrics.pairwise(measure, TIMES, **options)
    assert got.shape == (5, 5) and got.dtype == jnp.float32
    expected = [*map(float, expected.split())]
    np.testing.assert_allclose(got[np.triu_indices(5, 1)], expected, rtol=1e-6)
    np.testing.assert_allclose(got, got.T, rtol=1e-6)
    own = [1, 1, 1, 1, 0] if "tiling" in name else np.zeros(5)
    np.testing.assert_allclose(np.diag(got), own)
    # A grid, and a grid beside times, are the same.
    reversed_grid, backwards = GRID[:, ::-1], np.diag(got[:, ::-1])
    if "tiling" in name:  # which takes a step for the unit of a grid
        options = {"window": 0.3 / STEP}
        pair = (GRID, reversed_grid)
    else:
        options, pair = options | {"dt": STEP}, (TIMES, reversed_grid)
    mixed = measure(*pair, reduction="none", **options)
    np.testing.assert_allclose(mixed, backwards, rtol=1e-6, atol=1e-7)


@BOTH
def test_synchrony_is_that_of_pyspike(spikes):
    for neurons, expected in (
        ([0, 1], 0.47619047619047616),
        ([0, 2], 1 / 3),
        ([1, 2], 0.13333333333333333),
        ([0, 1, 2], 1 / 3),
        ([0, 1, 2, 3, 4], 0.17857142857142858),
    ):
        chosen = (
            padded([TRAINS[i] for i in neurons], 50.0)
            if spikes is TIMES
            else spikes[:, np.array(neurons)]
        )
        got = metrics.spike_train_synchrony(chosen)
        np.testing.assert_allclose(got, expected, rtol=1e-6)


@BOTH
def test_correlograms_are_those_of_elephant(spikes):
    width = STEP if spikes is TIMES else 1.0
    first, second = (
        (padded([TRAINS[i]], 50.0) for i in (0, 1))
        if spikes is TIMES
        else (spikes[:, :1], spikes[:, 1:2])
    )
    got = metrics.cross_correlogram(first, second, width, 6)
    expected = [0, 0, 0, 0, 1, 0, 1, 1, 0, 0, 0, 1, 0]
    np.testing.assert_array_equal(got, [expected])
    got = metrics.cross_correlogram(first, first, width, 6)
    np.testing.assert_array_equal(got, [[0] * 6 + [12] + [0] * 6])


@given(seed=SEEDS)
def test_correlograms_count_all_pairs(seed):
    rng = np.random.default_rng(seed)
    a, b = np.sort(rng.uniform(0, 9, (2, 3, 7)), -1)
    first, second = (padded(x, 9.0) for x in (a, b))
    lags = np.asarray(second.times)[:, None, :] - np.asarray(first.times)[:, :, None]
    edges = (np.arange(-4, 6) - 0.5) * 0.7
    expected = [np.histogram(each, edges)[0] for each in lags]
    got = metrics.cross_correlogram(first, second, 0.7, 4)
    np.testing.assert_array_equal(got, expected)


def test_counts_in_windows():
    counts = TIMES.counts(10)
    expected = [np.histogram(train, 10, (0, 50))[0] for train in TRAINS]
    np.testing.assert_array_equal(counts.T, expected)
    np.testing.assert_array_equal(counts[:, :3].sum(1), [2, 0, 5, 0, 0, 4, 5, 2, 7, 2])
    factors = metrics.fano_factor(TIMES.counts(10), reduction="none")
    means = np.maximum(np.mean(expected, 1), 1e-9)
    np.testing.assert_allclose(factors, np.var(expected, 1) / means, rtol=1e-6)
    ends = padded([[0.0, 5.0, 10.0]], 10.0).counts(2)
    np.testing.assert_array_equal(ends, [[1], [2]])


MEASURES = {
    "coefficient_of_variation": lambda x, **options: metrics.coefficient_of_variation(
        x, **options
    ),
    "local_variation": lambda x, **options: metrics.local_variation(x, **options),
    "local_coefficient_of_variation": lambda x, **options: (
        metrics.local_coefficient_of_variation(x, **options)
    ),
    "van_rossum_distance": lambda x, **options: metrics.van_rossum_distance(
        x, FIXED, tau=2.0, **options
    ),
}
FIXED = padded([TRAINS[0], TRAINS[1], TRAINS[2]], 50.0)


@pytest.mark.parametrize("name", MEASURES)
def test_measures_of_times_learn(name):
    """Times that are padded have no gradient, whatever they are."""

    @jax.jit
    @jax.value_and_grad
    def run(times):
        return MEASURES[name](metrics.SpikeTimes(times, FIXED.count, 50.0))

    with jax.enable_x64(True):
        times = jnp.asarray(FIXED.times, float) + jnp.asarray(0.3)
        kept = np.arange(times.shape[1]) < np.asarray(FIXED.count)[:, None]
        rng = np.random.default_rng(0)
        direction = np.where(kept, rng.normal(size=times.shape), 0)
        _, gradient = run(times)
        assert np.all(gradient[~kept] == 0)
        ahead, behind = (run(times + e * direction)[0] for e in (1e-6, -1e-6))
        expected = (ahead - behind) / 2e-6
        np.testing.assert_allclose(np.sum(gradient * direction), expected, rtol=1e-5)


def test_masks_fit_the_trains():
    score, where = metrics.local_variation, np.array([True, True, False, False, False])
    expected = np.mean(score(TIMES, reduction="none")[:2])
    np.testing.assert_allclose(score(TIMES, where=where), expected, rtol=1e-6)
    with pytest.raises(ValueError, match=r"`where` must be of shape \(5,\)"):
        score(TIMES, where=where[:1])


@given(seed=SEEDS, rate=st.sampled_from([0.0, 0.1, 0.6]))
def test_grids_and_their_times_are_the_same(seed, rate):
    fires = np.random.default_rng(seed).random((2, 30, 3)) < rate
    grid = jnp.asarray(fires, jnp.float32)
    times = metrics.SpikeTimes.from_grid(grid)
    for one, other in zip(*map(all_of, (grid, times)), strict=True):
        assert np.all(np.isfinite(one))
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-6)


@jax.jit
def all_of(spikes):
    alone = (
        metrics.coefficient_of_variation,
        metrics.local_variation,
        metrics.local_coefficient_of_variation,
        metrics.spike_train_synchrony,
    )
    of_two = {
        metrics.van_rossum_distance: {"tau": 4.0},
        metrics.victor_purpura_distance: {"cost": 0.3},
        metrics.spike_time_tiling_coefficient: {"window": 1.0},
    }
    other = jax.tree.map(lambda x: jnp.roll(x, 1, 0) if jnp.ndim(x) else x, spikes)
    return [
        metrics.cross_correlogram(spikes, other, 1.0, 3),
        *(measure(spikes, reduction="none") for measure in alone),
        *(
            measure(spikes, other, reduction="none", **options)
            for measure, options in of_two.items()
        ),
    ]
