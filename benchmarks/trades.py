# pyright: reportMissingImports=false
"""This measures 100,000 samples, rows, spikes or pixels with ngcx, and with the library
that is usual in the field: scikit-learn, Elephant, PySpike or scipy.
"""

import importlib.util
from typing import Any

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import scipy.ndimage
import sklearn.metrics
import sklearn.mixture
import sklearn.neighbors

import ngcx.metrics
from ngcx.analysis import KNNProbe
from ngcx.density import GaussianMixture
from ngcx.filters import gaussian_blur

from ._measure import Table, compare


SIZE = 100_000
metrics: Any = ngcx.metrics  # takes numpy's arrays
theirs: Any = sklearn.metrics
Pairs = dict[str, tuple[str, Any, Any]]


def main():
    random = np.random.default_rng(0)
    yield table("Scores of 100,000 samples", scores(random))
    if importlib.util.find_spec("elephant"):
        yield table("Spike trains of 100,000 spikes, or as many steps", trains(random))
    yield table("100,000 rows or pixels", models(random))


def table(title, pairs: Pairs) -> Table:
    rows = []
    for name, (library, ours, peer) in pairs.items():
        contenders = {
            f"{name}: ngcx": lambda ours=ours: jax.block_until_ready(ours()),
            f"{name}: {library}": peer,
        }
        rows += compare(name, contenders, rounds=5).rows
    return Table(title, rows)


def scores(random) -> Pairs:
    positive = random.random(SIZE) < 0.3
    values = (random.normal(size=SIZE) + positive).astype(np.float32)
    labels, guesses = random.integers(0, 10, (2, SIZE))
    targets = random.normal(size=(SIZE, 1)).astype(np.float32)
    predictions = targets + 0.3 * random.normal(size=(SIZE, 1)).astype(np.float32)
    shares = random.dirichlet(np.ones(10), SIZE).astype(np.float32)
    x, y, a, b, p, t, s = map(
        jnp.asarray, (values, positive, labels, guesses, predictions, targets, shares)
    )
    pairs = {
        "area under the ROC curve": (
            lambda: metrics.roc_auc(x, y),
            lambda: theirs.roc_auc_score(positive, values),
        ),
        "average precision": (
            lambda: metrics.average_precision(x, y),
            lambda: theirs.average_precision_score(positive, values),
        ),
        "macro F-score of 10 classes": (
            lambda: metrics.classification_report(b, a, num_classes=10).f_score(),
            lambda: theirs.f1_score(labels, guesses, average="macro"),
        ),
        "accuracy of the top 3": (
            lambda: metrics.accuracy(s, a, top_k=3),
            lambda: theirs.top_k_accuracy_score(labels, shares, k=3),
        ),
        "R²": (
            lambda: metrics.r_squared(p, t),
            lambda: theirs.r2_score(targets, predictions),
        ),
        "adjusted Rand index": (
            lambda: metrics.adjusted_rand_index(a, b),
            lambda: theirs.adjusted_rand_score(labels, guesses),
        ),
        "adjusted mutual information": (
            lambda: metrics.adjusted_mutual_information(a, b),
            lambda: theirs.adjusted_mutual_info_score(labels, guesses),
        ),
        "V-measure": (
            lambda: metrics.v_measure(a, b),
            lambda: theirs.v_measure_score(labels, guesses),
        ),
    }
    return {name: ("scikit-learn", *calls) for name, calls in pairs.items()}


def trains(random) -> Pairs:
    import elephant.spike_train_correlation as correlation
    import elephant.spike_train_dissimilarity as dissimilarity
    import elephant.statistics as statistics
    import neo
    import pyspike
    import quantities as pq

    def drawn(neurons, spikes):
        times = np.sort(random.uniform(0, 1000, (neurons, spikes)), 1)
        each = [neo.SpikeTrain(row * pq.ms, t_stop=1000 * pq.ms) for row in times]
        count = jnp.full(neurons, spikes)
        return metrics.SpikeTimes(jnp.asarray(times), count, 1000.0), each, times

    many, many_trains, _ = drawn(100, SIZE // 100)
    few, few_trains, few_times = drawn(20, 100)
    # Elephant compares all pairs of spikes at once, which limits their number.
    one, one_train, _ = drawn(1, 2_000)
    other, other_train, _ = drawn(1, 2_000)
    spikes = [pyspike.SpikeTrain(row, [0, 1000]) for row in few_times]
    grid = jnp.asarray(random.random((SIZE // 50, 50)) < 0.02, jnp.float32)
    steps = [
        neo.SpikeTrain(np.flatnonzero(row) * pq.ms, t_stop=len(row) * pq.ms)
        for row in np.asarray(grid).T
    ]

    def each(name, trains):
        measure = getattr(statistics, name)
        return lambda: [measure(statistics.isi(train)) for train in trains]

    return {
        "coefficients of variation of 100 trains": (
            "Elephant",
            lambda: metrics.coefficient_of_variation(many, reduction="none"),
            each("cv", many_trains),
        ),
        "coefficients of variation of a grid of 50 neurons": (
            "Elephant, from times",
            lambda: metrics.coefficient_of_variation(grid, reduction="none"),
            each("cv", steps),
        ),
        "local variations of 100 trains": (
            "Elephant",
            lambda: metrics.local_variation(many, reduction="none"),
            each("lv", many_trains),
        ),
        "CV2 of 100 trains": (
            "Elephant",
            lambda: metrics.local_coefficient_of_variation(many, reduction="none"),
            each("cv2", many_trains),
        ),
        "tiling coefficient of two trains of 2,000 spikes": (
            "Elephant",
            lambda: metrics.spike_time_tiling_coefficient(one, other, 0.05),
            lambda: correlation.spike_time_tiling_coefficient(
                one_train[0], other_train[0], dt=0.05 * pq.ms
            ),
        ),
        "distances of van Rossum of 20 trains of 100 spikes": (
            "Elephant",
            lambda: metrics.pairwise(metrics.van_rossum_distance, few, tau=10.0),
            lambda: dissimilarity.van_rossum_distance(few_trains, 10 * pq.ms),
        ),
        "distances of Victor and Purpura of 20 trains of 100 spikes": (
            "Elephant",
            lambda: metrics.pairwise(metrics.victor_purpura_distance, few, cost=0.1),
            lambda: dissimilarity.victor_purpura_distance(few_trains, 0.1 / pq.ms),
        ),
        "synchrony of 20 trains of 100 spikes": (
            "PySpike",
            lambda: metrics.spike_train_synchrony(few),
            lambda: pyspike.spike_sync(spikes),
        ),
    }


def models(random) -> Pairs:
    rows = random.normal(size=(SIZE, 8)).astype(np.float32)
    rows += 3 * random.integers(0, 2, (SIZE, 1)).astype(np.float32)
    labels = random.integers(0, 3, SIZE).astype(np.int32)
    images = random.random((10, 100, 100), np.float32)
    x, y, pixels, key = *map(jnp.asarray, (rows, labels, images)), jr.key(0)
    start = {"weights_init": np.full(4, 0.25), "means_init": rows[:4]}
    here: Any = {name: jnp.asarray(each, x.dtype) for name, each in start.items()}
    there: Any = start
    mixture = sklearn.mixture.GaussianMixture(
        4, covariance_type="diag", max_iter=10, tol=0, **there
    )
    neighbors = sklearn.neighbors.KNeighborsClassifier(5, algorithm="brute")
    neighbors.fit(rows, labels)
    fitted, _ = KNNProbe(5).fit(key, x, y)
    return {
        "10 iterations of a mixture of 4 diagonal Gaussians": (
            "scikit-learn",
            lambda: GaussianMixture.fit(
                key, x, 4, covariance="diagonal", max_iter=10, tol=-1.0, **here
            ),
            lambda: mixture.fit(rows),
        ),
        "5 neighbours of 500 rows among all": (
            "scikit-learn",
            lambda: fitted(x[:500]),
            lambda: neighbors.predict_proba(rows[:500]),
        ),
        "a blur of 10 images": (
            "scipy",
            lambda: gaussian_blur(pixels, 2.0, radius=6),
            lambda: scipy.ndimage.gaussian_filter(
                images, 2.0, axes=(1, 2), radius=6, mode="nearest"
            ),
        ),
    }
