"""scikit-learn: scores of classifiers, of rankings, of regressions and of clusters,
mixtures, and neighbours.
"""

from typing import Any

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import sklearn.metrics as theirs
import sklearn.mixture
import sklearn.neighbors

import ngcx.metrics
from ngcx.analysis import KNNProbe
from ngcx.density import GaussianMixture

from . import differs, equal


ours: Any = ngcx.metrics  # takes numpy's arrays
RANDOM = np.random.default_rng(0)
KEY = jr.key(0)

# Classes
GUESSES = {
    "random": RANDOM.integers(0, 4, (2, 60)),
    "right": np.tile(RANDOM.integers(0, 4, 60), (2, 1)),
    "of one class": np.array([[0] * 9 + [3], [0] * 10]),
    "without a class": RANDOM.choice([0, 2, 3], (2, 60)),
}
for kind, (labels, guesses) in GUESSES.items():
    report = ours.classification_report(guesses, labels, num_classes=4)
    known: Any = {"labels": range(4), "zero_division": 0}
    for beta in (0.5, 1.0, 2.0):
        for average in (None, "macro", "micro", "weighted"):
            score = report.f_score(beta)
            equal(
                f"F-beta, beta {beta}, {average}, of {kind} guesses",
                lambda a=labels, b=guesses, beta=beta, average=average, known=known: (
                    theirs.fbeta_score(a, b, beta=beta, average=average, **known)
                ),
                lambda score=score, average=average: getattr(
                    score, average or "of_classes"
                ),
            )
    for name, score in {
        "accuracy_score": report.adjusted_accuracy,
        "balanced_accuracy_score": report.balanced_accuracy,
        "cohen_kappa_score": report.cohen_kappa,
        "matthews_corrcoef": report.matthews,
    }.items():
        equal(
            f"{name} of {kind} guesses",
            lambda a=labels, b=guesses, name=name: getattr(theirs, name)(a, b),
            lambda score=score: score,
        )
differs(
    "a kappa of one class only",
    lambda: theirs.cohen_kappa_score([1, 1], [1, 1]),
    lambda: (
        ours.classification_report(
            np.array([1, 1]), np.array([1, 1]), num_classes=2
        ).cohen_kappa
    ),
    "If there is only one class, Cohen's kappa is 0 here and NaN there",
)

# Rankings
POSITIVE = RANDOM.random(80) < 0.4
SCORES = {
    "usual": RANDOM.normal(size=80) + POSITIVE,
    "tied": np.round(RANDOM.normal(size=80) + POSITIVE),
    "equal": np.zeros(80),
    "perfect": POSITIVE + 0.0,
    "wrong": -1.0 * POSITIVE,
    "huge": 3e38 * (2 * RANDOM.random(80) - 1),
    "of both zeros": np.where(RANDOM.random(80) < 0.5, 0.0, -0.0),
}
for kind, values in SCORES.items():
    for one, other in (
        (theirs.roc_auc_score, ours.roc_auc),
        (theirs.average_precision_score, ours.average_precision),
    ):
        values = values.astype(np.float32)
        equal(
            f"{one.__name__} of {kind} scores",
            lambda one=one, values=values: one(POSITIVE, values),
            lambda other=other, values=values: other(values, POSITIVE),
        )
differs(
    "the area under a curve of one class",
    lambda: theirs.roc_auc_score([1, 1], [0.2, 0.3]),
    lambda: ours.roc_auc(np.array([0.2, 0.3], np.float32), np.array([1, 1])),
    "the area under a curve is 1/2 here and NaN there",
)
PROBABILITIES = RANDOM.dirichlet(np.ones(4), 60).astype(np.float32)
CLASSES = RANDOM.integers(0, 4, 60)
for k in (1, 2, 3):
    equal(
        f"accuracy of the top {k}",
        lambda k=k: theirs.top_k_accuracy_score(CLASSES, PROBABILITIES, k=k),
        lambda k=k: ours.accuracy(PROBABILITIES, CLASSES, top_k=k),
    )
equal(
    "the Brier score of several classes",
    lambda: theirs.brier_score_loss(CLASSES, PROBABILITIES, scale_by_half=False),
    lambda: ours.mean_squared_error(
        PROBABILITIES, jax.nn.one_hot(CLASSES, 4), feature_reduction="sum"
    ),
)
equal(
    "log_loss",
    lambda: theirs.log_loss(CLASSES, PROBABILITIES),
    lambda: ours.categorical_nll(PROBABILITIES, CLASSES),
)

WEIGHTS = RANDOM.random(60)
weighted = ours.classification_report(
    PROBABILITIES, CLASSES, sample_weight=WEIGHTS.astype(np.float32)
)
for name, score in {
    "balanced_accuracy_score": weighted.balanced_accuracy,
    "cohen_kappa_score": weighted.cohen_kappa,
    "confusion_matrix": weighted.confusion,
    "matthews_corrcoef": weighted.matthews,
}.items():
    equal(
        f"a weighted {name}",
        lambda name=name: getattr(theirs, name)(
            CLASSES, PROBABILITIES.argmax(1), sample_weight=WEIGHTS
        ),
        lambda score=score: score,
    )
for one, other in (
    (theirs.roc_auc_score, ours.roc_auc),
    (theirs.average_precision_score, ours.average_precision),
):
    equal(
        f"a weighted {one.__name__}",
        lambda one=one: one(CLASSES > 1, PROBABILITIES[:, 0], sample_weight=WEIGHTS),
        lambda other=other: other(
            PROBABILITIES[:, 0], CLASSES > 1, sample_weight=WEIGHTS.astype(np.float32)
        ),
    )
equal(
    "a weighted accuracy",
    lambda: theirs.accuracy_score(
        CLASSES, PROBABILITIES.argmax(1), sample_weight=WEIGHTS
    ),
    lambda: jnp.average(
        ours.accuracy(PROBABILITIES, CLASSES, reduction="none"), weights=WEIGHTS
    ),
)

# Regressions
TARGETS = {
    "usual": RANDOM.normal(size=(50, 3)),
    "far from 0": 1e4 + RANDOM.normal(size=(50, 3)),
    "constant": np.full((50, 3), 0.1),
    "huge": 1e37 * RANDOM.normal(size=(50, 3)),
}
for kind, targets in TARGETS.items():
    targets = targets.astype(np.float32)
    spread = max(float(np.std(targets, dtype=float)), 1.0)
    for near, predictions in {
        "near": (targets + 0.3 * spread * RANDOM.normal(size=targets.shape)),
        "equal": targets,
    }.items():
        predictions = predictions.astype(np.float32)
        equal(
            f"r2_score of {kind} targets, {near} predictions",
            lambda y=targets, x=predictions: theirs.r2_score(
                y.astype(float), x.astype(float), multioutput="raw_values"
            ),
            lambda y=targets, x=predictions: ours.r_squared(x, y, reduction="none"),
        )
        equal(
            f"explained_variance_score of {kind} targets, {near} predictions",
            lambda y=targets, x=predictions: theirs.explained_variance_score(
                y.astype(float), x.astype(float), multioutput="raw_values"
            ),
            lambda y=targets, x=predictions: ours.explained_variance(
                x, y, reduction="none"
            ),
        )

# Clusters
PARTITIONS = {
    "random": RANDOM.integers(0, 5, (2, 90)),
    "of one group": np.array([[0] * 9, RANDOM.integers(0, 3, 9)]),
    "of single samples": np.array([np.arange(9), RANDOM.integers(0, 3, 9)]),
    "equal": np.tile(RANDOM.integers(0, 5, 90), (2, 1)),
    "finer": np.stack([np.arange(90) // 30, np.arange(90) // 10]),
}
for kind, (labels, clusters) in PARTITIONS.items():
    for one, other in (
        (theirs.adjusted_rand_score, ours.adjusted_rand_index),
        (theirs.adjusted_mutual_info_score, ours.adjusted_mutual_information),
        (theirs.normalized_mutual_info_score, ours.v_measure),
        (theirs.fowlkes_mallows_score, ours.fowlkes_mallows_index),
    ):
        equal(
            f"{one.__name__} of {kind} partitions",
            lambda one=one, a=labels, b=clusters: one(a, b),
            lambda other=other, a=labels, b=clusters: other(a, b),
        )

# Mixtures: the same steps from the same start
ROWS = RANDOM.normal(size=(200, 3)) + 3 * RANDOM.integers(0, 2, (200, 1))
for covariance, precisions in {
    "full": np.stack([np.eye(3)] * 2),
    "tied": np.eye(3),
    "diagonal": np.ones((2, 3)),
    "spherical": np.ones(2),
}.items():
    start: Any = {
        "weights_init": np.array([0.4, 0.6]),
        "means_init": ROWS[:2],
        "precisions_init": precisions,
    }
    kind: Any = {"diagonal": "diag"}.get(covariance, covariance)
    oracle = sklearn.mixture.GaussianMixture(
        2, covariance_type=kind, tol=0, reg_covar=0, max_iter=8, **start
    ).fit(ROWS)
    with jax.enable_x64(True):
        known = {name: jnp.asarray(array) for name, array in start.items()}
        options: Any = {"covariance": covariance, "max_iter": 8, "tol": -1.0}
        mixture, _ = GaussianMixture.fit(
            KEY, jnp.asarray(ROWS), 2, covariance_floor=1e-12, **options, **known
        )
        for name, one, other in (
            ("means", oracle.means_, mixture.components.means),
            ("weights", oracle.weights_, mixture.weights),
            ("covariances", oracle.covariances_, mixture.components.covariances),
            ("log-likelihood", oracle.score(ROWS), mixture.score(jnp.asarray(ROWS))),
            (
                "responsibilities",
                oracle.predict_proba(ROWS),
                mixture.responsibilities(jnp.asarray(ROWS)),
            ),
        ):
            equal(
                f"{name} of a {covariance} mixture",
                lambda one=one: one,
                lambda other=np.asarray(other): other,
            )

# Neighbours
QUERIES, REFERENCES = RANDOM.normal(size=(2, 40, 5)).astype(np.float32)
LABELS = RANDOM.integers(0, 3, 40).astype(np.int32)
for metric in ("minkowski", "cosine"):
    for weights in ("uniform", "distance"):
        oracle = sklearn.neighbors.KNeighborsClassifier(
            5, metric=metric, weights=weights
        ).fit(REFERENCES, LABELS)
        recipe: Any = KNNProbe(5, metric, weights=weights)
        fitted, _ = recipe.fit(KEY, REFERENCES, LABELS)
        equal(
            f"shares of votes, {metric}, {weights}",
            lambda oracle=oracle: oracle.predict_proba(QUERIES),
            lambda fitted=fitted: fitted(QUERIES),
            1e-4 if metric == "cosine" else 1e-5,
        )
