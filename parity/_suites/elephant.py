"""Elephant, and PySpike for what it alone has: all measures of spike trains."""

from typing import Any

import elephant.conversion
import elephant.spike_train_correlation as correlation
import elephant.spike_train_dissimilarity as dissimilarity
import elephant.statistics as statistics
import neo
import numpy as np
import pyspike
import quantities as pq

import ngcx.metrics

from . import differs, equal


ours: Any = ngcx.metrics  # takes numpy's arrays
RANDOM = np.random.default_rng(0)
STEP, STOP = 1 / 16, 50.0  # All times are on this grid.


def poisson(rate):
    steps = np.flatnonzero(RANDOM.random(int(STOP / STEP)) < rate * STEP)
    return STEP * steps[steps > 0]


POPULATIONS = {
    "Poisson": [poisson(0.4), poisson(0.2), poisson(0.8)],
    "regular": [np.arange(1, 49, 2.0), np.arange(1, 49, 3.0), np.arange(2, 49, 2.0)],
    "few": [np.array([3.0, 9.0, 11.0]), np.array([3.0, 40.0, 41.5])],
    "equal": [np.array([1.0, 4.0, 9.0, 9.5])] * 2,
    "bursting": [np.concatenate([10 * i + STEP * np.arange(1, 9) for i in range(5)])]
    * 2,
}


def padded(trains):
    times = np.zeros((len(trains), max(map(len, trains))), np.float32)
    for row, train in zip(times, trains, strict=True):
        row[: len(train)] = train
    return ours.SpikeTimes(times, np.array([*map(len, trains)]), STOP)


def of_elephant(trains):
    return [neo.SpikeTrain(train * pq.ms, t_stop=STOP * pq.ms) for train in trains]


def binned(train):
    return elephant.conversion.BinnedSpikeTrain(train, bin_size=STEP * pq.ms)


def grid_of(trains):
    grid = np.zeros((int(STOP / STEP), len(trains)), np.float32)
    for neuron, train in enumerate(trains):
        grid[np.round(train / STEP).astype(int), neuron] = 1
    return grid


for kind, population in POPULATIONS.items():
    trains, times = of_elephant(population), padded(population)
    grid = grid_of(population)
    for form, spikes, unit in (("times", times, 1.0), ("a grid", grid, STEP)):
        for name, measure in {
            "cv": ours.coefficient_of_variation,
            "lv": ours.local_variation,
            "cv2": ours.local_coefficient_of_variation,
        }.items():
            equal(
                f"{name} of {kind} trains, as {form}",
                lambda name=name, trains=trains: [
                    getattr(statistics, name)(statistics.isi(x)) for x in trains
                ],
                lambda measure=measure, x=spikes: measure(x, reduction="none"),
                2e-6,
            )
        equal(
            f"synchrony of {kind} trains, as {form}",
            lambda population=population: pyspike.spike_sync(
                [pyspike.SpikeTrain(x, [0, STOP]) for x in population]
            ),
            lambda x=spikes: ours.spike_train_synchrony(x),
        )
        pair = (
            (padded(population[:1]), padded(population[1:2]))
            if form == "times"
            else (grid[:, :1], grid[:, 1:2])
        )
        for window in (0.3, 2.0, 30.0):
            equal(
                f"tiling of {kind} trains, as {form}, within {window}",
                lambda trains=trains, window=window: [
                    correlation.spike_time_tiling_coefficient(
                        *trains[:2], dt=window * pq.ms
                    )
                ],
                lambda pair=pair, window=window / unit: (
                    ours.spike_time_tiling_coefficient(*pair, window, reduction="none")
                ),
                2e-6,
            )
        equal(
            f"a correlogram of {kind} trains, as {form}",
            lambda trains=trains: (
                correlation.cross_correlation_histogram(
                    *map(binned, trains[:2]), window=[-40, 40]
                )[0].magnitude.T
            ),
            lambda pair=pair, unit=unit: ours.cross_correlogram(*pair, STEP / unit, 40),
        )
    for tau in (0.5, 5.0, 100.0):
        equal(
            f"distances of van Rossum of {kind} trains, tau {tau}",
            lambda trains=trains, tau=tau: dissimilarity.van_rossum_distance(
                trains, tau * pq.ms
            ),
            lambda times=times, tau=tau: ours.pairwise(
                ours.van_rossum_distance, times, tau=tau
            ),
            2e-6,
        )
    for cost in (0.0, 0.4, 50.0):
        equal(
            f"distances of Victor and Purpura of {kind} trains, cost {cost}",
            lambda trains=trains, cost=cost: dissimilarity.victor_purpura_distance(
                trains, cost / pq.ms
            ),
            lambda times=times, cost=cost: ours.pairwise(
                ours.victor_purpura_distance, times, cost=cost
            ),
        )
    equal(
        f"counts of {kind} trains in windows",
        lambda trains=trains: statistics.time_histogram(
            trains, bin_size=5 * pq.ms
        ).magnitude.ravel(),
        lambda times=times: np.sum(times.counts(10), 1),
    )

SILENT = (
    "Where a train has too few spikes to measure, these libraries give NaN or an error."
)
ALONE = [np.array([4.0])]
differs(
    "the variation of one spike",
    lambda: [statistics.cv(statistics.isi(of_elephant(ALONE)[0]))],
    lambda: ours.coefficient_of_variation(padded(ALONE), reduction="none"),
    SILENT,
)
differs(
    "the tiling of a silent train",
    lambda: correlation.spike_time_tiling_coefficient(
        *of_elephant([ALONE[0], np.empty(0)]), dt=1 * pq.ms
    ),
    lambda: ours.spike_time_tiling_coefficient(
        padded(ALONE), ours.SpikeTimes(padded(ALONE).times, np.array([0]), STOP), 1.0
    ),
    "If either train is silent, the result is 0, where Elephant gives NaN",
)
