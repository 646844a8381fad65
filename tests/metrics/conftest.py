"""Every metric that scores rows, with arguments to score."""

import functools as ft
from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
import pytest

from ngcx import metrics


class Case(NamedTuple):
    metric: Callable
    arguments: Callable  # called with a generator and the leading shape
    scores: tuple[int, ...] = ()  # axes of a score after the leading ones
    differentiable: bool = True

    def draw(self, seed, dtype, batch=(6,)):
        """Draws the arguments, floats in the given dtype."""
        drawn = self.arguments(np.random.default_rng(seed), batch)
        return [
            jnp.asarray(x, dtype if np.issubdtype(x.dtype, np.floating) else jnp.int32)
            for x in drawn
        ]


def simplex(rng, batch):
    # Numbers stay above the smallest normal one of float16, which stands for less.
    return (rng.dirichlet(np.ones(4), batch) + 0.01) / 1.04


def two(draw):
    return lambda rng, batch: [draw(rng, batch), draw(rng, batch)]


def normal(rng, batch):
    return rng.normal(size=(*batch, 5))


def trains(rng, batch):
    return (rng.random((*batch, 12, 3)) < 0.4).astype(float)


def gaussians(rng, batch):
    factors = rng.normal(size=(2, *batch, 3, 3))
    covariances = factors @ factors.swapaxes(-1, -2) + np.eye(3)
    means = rng.normal(size=(2, *batch, 3))
    return [means[0], covariances[0], means[1], covariances[1]]


def one(draw):
    return lambda rng, batch: [draw(rng, batch)]


def labels(rng, batch):
    return rng.integers(-1, 3, (*batch, 8))


CASES = {
    "accuracy": Case(
        metrics.accuracy,
        lambda rng, batch: [simplex(rng, batch), rng.integers(0, 4, batch)],
        differentiable=False,
    ),
    "binary_cross_entropy": Case(metrics.binary_cross_entropy, two(simplex)),
    "categorical_nll": Case(metrics.categorical_nll, two(simplex)),
    "categorical_nll of indices": Case(
        metrics.categorical_nll,
        lambda rng, batch: [simplex(rng, batch), rng.integers(0, 4, batch)],
    ),
    "kl_divergence": Case(metrics.kl_divergence, two(simplex)),
    "gaussian_kl_divergence": Case(metrics.gaussian_kl_divergence, gaussians),
    "mean_absolute_error": Case(metrics.mean_absolute_error, two(normal)),
    "mean_squared_error": Case(metrics.mean_squared_error, two(normal)),
    "sum of squared errors": Case(
        ft.partial(metrics.mean_squared_error, feature_reduction="sum"), two(normal)
    ),
    "sparsity": Case(
        ft.partial(metrics.sparsity, tolerance=0.5), one(normal), differentiable=False
    ),
    "hoyer_sparsity": Case(metrics.hoyer_sparsity, one(normal)),
    "gini_index": Case(metrics.gini_index, one(normal)),
    "excess_kurtosis": Case(metrics.excess_kurtosis, one(normal)),
    "workload_entropy": Case(metrics.workload_entropy, one(trains)),
    "firing_rate": Case(metrics.firing_rate, one(trains), (3,)),
    "fano_factor": Case(metrics.fano_factor, one(trains), (3,)),
    "pearson_correlation": Case(metrics.pearson_correlation, two(trains), (3,)),
    "coefficient_of_variation": Case(
        metrics.coefficient_of_variation, one(trains), (3,), differentiable=False
    ),
    "local_variation": Case(
        metrics.local_variation, one(trains), (3,), differentiable=False
    ),
    "local_coefficient_of_variation": Case(
        metrics.local_coefficient_of_variation,
        one(trains),
        (3,),
        differentiable=False,
    ),
    "spike_time_tiling_coefficient": Case(
        ft.partial(metrics.spike_time_tiling_coefficient, window=1.0),
        two(trains),
        (3,),
        differentiable=False,
    ),
    "van_rossum_distance": Case(
        ft.partial(metrics.van_rossum_distance, tau=5.0), two(trains), (3,)
    ),
    "victor_purpura_distance": Case(
        ft.partial(metrics.victor_purpura_distance, cost=0.3),
        two(trains),
        (3,),
        differentiable=False,
    ),
    "spike_train_synchrony": Case(
        metrics.spike_train_synchrony, one(trains), differentiable=False
    ),
    "adjusted_mutual_information": Case(
        metrics.adjusted_mutual_information, two(labels), differentiable=False
    ),
    "adjusted_rand_index": Case(
        metrics.adjusted_rand_index, two(labels), differentiable=False
    ),
    "fowlkes_mallows_index": Case(
        metrics.fowlkes_mallows_index, two(labels), differentiable=False
    ),
    "v_measure": Case(metrics.v_measure, two(labels), differentiable=False),
}


@pytest.fixture(params=CASES)
def case(request):
    return CASES[request.param]


MASKING = CASES | {
    "root_mean_squared_error": Case(metrics.root_mean_squared_error, two(normal)),
    # Its leading axes are trials, so that only neurons can be masked.
    "breadth_of_tuning_curve": Case(
        lambda responses, where=None: metrics.breadth_of_tuning_curve(
            responses.T, where=where
        ),
        lambda rng, batch: [rng.random((*batch, 12))],
    ),
}


@pytest.fixture(params=MASKING)
def masking_case(request):
    return MASKING[request.param]
