"""What follows from a confusion matrix or from a ranking, beside scikit-learn."""

import functools as ft
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given, strategies as st

import ngcx.metrics

from ._comparison import SEEDS, close


# Both take numpy's arrays.
metrics: Any = ngcx.metrics
theirs: Any = sklearn.metrics
CLASSES = {"labels": range(5), "zero_division": 0}
report_of = jax.jit(ft.partial(metrics.classification_report, num_classes=5))


def agrees(report, labels, guesses, rtol, sample_weight=None):
    """Asserts that a report is that of scikit-learn, in which no class is a class."""
    weights = np.ones(len(labels)) if sample_weight is None else sample_weight
    weighted: Any = {"sample_weight": sample_weight}

    def same(got, expected):
        np.testing.assert_allclose(got, expected, rtol=rtol, atol=1e-12)

    table = theirs.confusion_matrix(labels, guesses, labels=range(5), **weighted)
    exactly = np.testing.assert_array_equal if sample_weight is None else same
    exactly(report.confusion, table)
    exactly(report.misses, np.sum(weights[guesses == -1]))
    exactly(report.support, np.bincount(labels, weights, 5))
    for beta in (0.5, 1.0, 2.0):
        for average in (None, "macro", "micro", "weighted"):
            expected = theirs.precision_recall_fscore_support(
                labels, guesses, beta=beta, average=average, **CLASSES, **weighted
            )
            ours = (report.precision, report.recall, report.f_score(beta))
            for one, other in zip(ours, expected[:3], strict=True):
                same(getattr(one, average or "of_classes"), other)
    occurs = np.unique(labels[weights > 0])
    recalls = theirs.recall_score(
        labels, guesses, labels=occurs, average="macro", **weighted
    )
    same(report.balanced_accuracy, recalls)
    same(report.adjusted_accuracy, np.average(labels == guesses, weights=sample_weight))
    kappa = theirs.cohen_kappa_score(
        labels, guesses, replace_undefined_by=0.0, **weighted
    )
    same(report.cohen_kappa, kappa)
    same(report.matthews, theirs.matthews_corrcoef(labels, guesses, **weighted))


@pytest.mark.filterwarnings("ignore")  # They warn where a class is missing.
@given(seed=SEEDS, low=st.integers(-1, 3), high=st.integers(4, 5))
def test_reports(seed, low, high):
    rng = np.random.default_rng(seed)
    labels, guesses = rng.integers(max(low, 0), high, 40), rng.integers(low, high, 40)
    agrees(report_of(guesses, labels), labels, guesses, 1e-6)
    kept = rng.random(40) < 0.8
    report = report_of(guesses, labels, where=kept)
    agrees(report, labels[kept], guesses[kept], 1e-6)


@pytest.mark.filterwarnings("ignore")
@given(seed=SEEDS, unit=st.sampled_from([1.0, 2.0**-100, 2.0**100]))
def test_weighted_reports(seed, unit):
    rng = np.random.default_rng(seed)
    labels, guesses = rng.integers(0, 4, 40), rng.integers(-1, 4, 40)
    weights = rng.permuted(np.arange(40) > 8) * rng.random(40)
    weights, kept = weights.astype(np.float32), rng.random(40) < 0.8
    report = report_of(
        guesses,
        labels,
        sample_weight=np.where(kept, np.float32(unit) * weights, np.nan),
        where=kept,
    )
    sums = ("confusion", "misses", "support")
    report = report._replace(**{n: getattr(report, n) / unit for n in sums})
    agrees(report, labels[kept], guesses[kept], 1e-6, weights[kept].astype(float))


def test_weights_are_neither_counted_nor_streamed():
    labels = np.array([0, 1, 1])
    weights = np.array([0.5, 1.0, 1.25], np.float32)
    for dtype in (jnp.float16, jnp.float32):
        scores = jnp.eye(2, dtype=dtype)[labels]
        report = metrics.classification_report(scores, labels, sample_weight=weights)
        assert report.support.dtype == report.confusion.dtype == dtype
        lines = [line.split() for line in str(report).split("\n")]
        assert [line[-1] for line in lines if line][1:] == ["0.50", "2.25"] + 3 * [
            "2.75"
        ]
    total = metrics.Streaming.init(metrics.classification_report, num_classes=2)
    with pytest.raises(ValueError, match="`sample_weight` is not streamed"):
        total.update(labels, labels, sample_weight=weights)


def test_scores_and_indices_make_the_same_report():
    labels, guesses = np.random.default_rng(0).integers(0, 5, (2, 40))
    scores = metrics.classification_report(jnp.eye(5)[guesses], jnp.eye(5)[labels])
    expected = report_of(guesses, labels)
    for one, other in zip(*map(jax.tree.leaves, (scores, expected)), strict=True):
        np.testing.assert_array_equal(one, other)


def test_reports_are_mapped_over():
    labels, guesses = np.random.default_rng(0).integers(0, 5, (2, 3, 40))
    mapped = jax.vmap(report_of)(guesses, labels)
    each = [report_of(*one) for one in zip(guesses, labels, strict=True)]
    expected = jax.tree.map(lambda *parts: np.stack(parts), *each)
    for one, other in zip(*map(jax.tree.leaves, (mapped, expected)), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_printed_report_reads_like_theirs():
    labels, guesses = np.random.default_rng(0).integers(0, 5, (2, 200))
    expected = theirs.classification_report(labels, guesses).rstrip("\n")
    for dtype in (jnp.float32, jnp.bfloat16):
        report = metrics.classification_report(jnp.eye(5, dtype=dtype)[guesses], labels)
        if dtype == jnp.float32:
            assert str(report) == expected
        assert [line.split()[:1] for line in str(report).split("\n")] == [
            line.split()[:1] for line in expected.split("\n")
        ]
    # What holds no numbers is shown as it is.
    shapes = jax.eval_shape(report_of, guesses, labels)
    assert str(shapes) == repr(shapes)
    traced = []
    jax.jit(lambda x: traced.append(str(report_of(x, x))))(labels)
    assert traced[0].startswith("ClassificationReport(")


rankings = jax.jit(
    lambda scores, labels, where=None, weights=None: [
        measure(scores, labels, reduction="none", sample_weight=weights, where=where)
        for measure in (metrics.roc_auc, metrics.average_precision)
    ]
)


@pytest.mark.filterwarnings("ignore")
@given(seed=SEEDS, ties=st.sampled_from([2, 10, 10**6]))
def test_rankings(seed, ties):
    rng = np.random.default_rng(seed)
    scores = rng.integers(-ties, ties, (2, 30)).astype(np.float32)
    labels = rng.integers(0, 2, (2, 30))
    labels[:, :2] = 0, 1
    kept = rng.random((2, 30)) < 0.7
    kept[:, :2] = True
    for where in (np.ones_like(kept), kept):
        got = rankings(scores, labels, where)
        for row in range(2):
            mine = labels[row][where[row]], scores[row][where[row]]
            close(got[0][row], theirs.roc_auc_score(*mine), np.float32)
            close(got[1][row], theirs.average_precision_score(*mine), np.float32)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("dtype", ["float32", "float64"], indirect=True)
@given(seed=SEEDS, ties=st.sampled_from([2, 10, 10**6]))
def test_weighted_rankings(seed, ties, dtype):
    rng = np.random.default_rng(seed)
    scores = jnp.asarray(rng.integers(-ties, ties, (2, 30)), dtype)
    labels = rng.integers(0, 2, (2, 30))
    labels[:, :2] = 0, 1
    kept = rng.random((2, 30)) < 0.7
    weights = (rng.random((2, 30)) * (rng.random((2, 30)) < 0.9)).astype(np.float32)
    kept[:, :2], weights[:, :2] = True, 0.5
    got = rankings(scores, labels, kept, np.where(kept, weights, np.nan))
    for row in range(2):
        mine = (labels[row], scores[row], weights[row].astype(float))
        *mine, of_mine = (np.asarray(each)[kept[row]] for each in mine)
        for one, measure in zip(
            got, (theirs.roc_auc_score, theirs.average_precision_score), strict=True
        ):
            close(one[row], measure(*mine, sample_weight=of_mine), np.float32)


def test_rankings_of_one_class_and_of_nan():
    scores = jnp.array([0.1, 0.7, 0.4])
    weightless = rankings(scores, jnp.array([0, 1, 1]), None, jnp.zeros(3))
    assert [*map(float, weightless)] == [0.5, 0]
    for labels, areas in ((0, (0.5, 0)), (1, (0.5, 1))):
        np.testing.assert_array_equal(rankings(scores, jnp.full(3, labels)), areas)
    nothing = jnp.zeros(3, bool)
    assert [*map(float, rankings(scores, nothing, nothing))] == [0.5, 0]
    # NaN is the lowest of all, and as low as minus infinity.
    spoilt = jnp.array([jnp.nan, -jnp.inf, 0.0])
    np.testing.assert_array_equal(
        rankings(spoilt, jnp.array([1, 0, 1])),
        [0.75, np.float32(0.5 + 0.5 * 2 / 3)],
    )


@pytest.mark.filterwarnings("ignore")  # They warn of what is always right.
@given(seed=SEEDS)
def test_top_k(seed):
    rng = np.random.default_rng(seed)
    scores = rng.permuted(np.arange(30.0).reshape(5, 6), axis=1).astype(np.float32)
    labels = rng.integers(0, 6, 5)
    for k in (1, 3, 6):
        got = metrics.accuracy(scores, labels, top_k=k)
        expected = theirs.top_k_accuracy_score(labels, scores, k=k, labels=range(6))
        np.testing.assert_allclose(got, expected)
    assert metrics.accuracy(labels, labels, top_k=3) == 1


def test_top_k_of_ties_and_of_no_class():
    scores = jnp.array([[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [2.0, 2.0, 2.0]])
    scores = jnp.concatenate([scores, jnp.array([[jnp.nan, 1.0, 2.0], [3, 2, 1]])])
    labels = jnp.array([0, 1, 0, 1, -1])
    for k, expected in (
        (1, [1, 0, 0, 0, 0]),
        (2, [1, 1, 0, 0, 0]),
        (9, [1, 1, 0, 0, 0]),
    ):
        got = metrics.accuracy(scores, labels, top_k=k, reduction="none")
        np.testing.assert_array_equal(got, expected)
    assert metrics.accuracy(scores, labels + 4, top_k=9) == 0


@given(seed=SEEDS, bins=st.sampled_from([1, 4]), rows=st.sampled_from([0, 30]))
def test_calibration_is_that_of_its_definition(seed, bins, rows):
    rng = np.random.default_rng(seed)
    probabilities = rng.dirichlet(np.ones(3), rows).astype(np.float32)
    labels, kept = rng.integers(0, 3, rows), rng.random(rows) < 0.8
    sure, right = (
        probabilities.max(-1)[kept],
        (probabilities.argmax(-1) == labels)[kept],
    )
    expected = 0.0
    for low in np.arange(bins) / bins:
        inside = (sure > low) & (sure <= low + 1 / bins)
        if inside.any():
            gap = abs(sure[inside].mean(dtype=float) - right[inside].mean())
            expected += gap * inside.mean()
    score = ft.partial(metrics.expected_calibration_error, bins=bins)
    np.testing.assert_allclose(score(probabilities, labels, where=kept), expected, 1e-6)
    total = metrics.Streaming.init(score)
    for part in np.array_split(np.arange(rows), 2):
        total = total.update(probabilities[part], labels[part], where=kept[part])
    np.testing.assert_allclose(total.compute(), expected, 1e-6)
    with pytest.raises(ValueError, match="`probabilities` must hold a score of each"):
        score(probabilities[:, :1], labels)


shares_of = jax.jit(
    lambda predictions, targets, where: [
        measure(predictions, targets, reduction="none", where=where)
        for measure in (metrics.r_squared, metrics.explained_variance)
    ]
)


@given(seed=SEEDS, offset=st.sampled_from([0.0, 1e4]))
def test_r_squared(seed, offset):
    rng = np.random.default_rng(seed)
    targets = offset + rng.normal(size=(2, 9, 4))
    targets[..., 2:] = 0.1
    predictions = targets + 0.7 * rng.normal(size=targets.shape)
    predictions[..., 3] = 0.1
    predictions, targets = (x.astype(np.float32) for x in (predictions, targets))
    kept = rng.permuted(np.arange(18) < 12).reshape(2, 9)
    for where in (kept | True, kept):
        rows = [x[where].astype(float) for x in (targets, predictions)]
        expected = [
            measure(*rows, multioutput="raw_values")
            for measure in (theirs.r2_score, theirs.explained_variance_score)
        ]
        got = shares_of(predictions, targets, where)
        np.testing.assert_allclose(got, expected, 1e-6, 1e-7)


slopes_of = jax.jit(
    lambda rows, where: [
        jax.grad(lambda rows, measure=measure: measure(*rows, where=where))(rows)
        for measure in (metrics.r_squared, metrics.explained_variance)
    ]
)


def test_shares_of_variance_have_gradients_in_predictions_and_targets():
    rows = np.random.default_rng(0).normal(size=(2, 9, 2)).astype(np.float32)
    where = np.arange(9) < 7
    got = slopes_of(rows, where)
    with jax.enable_x64(True):
        expected = slopes_of(rows.astype(float), where)
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-7)
    assert np.all(np.any(np.asarray(got) != 0, (2, 3)))


def test_weights_have_no_gradients():
    labels, guesses = np.random.default_rng(0).integers(0, 5, (2, 40))

    @jax.grad
    def slopes(weights):
        report = report_of(guesses, labels, sample_weight=weights)
        areas = rankings(0 * weights, labels > 2, None, weights)
        return report.cohen_kappa + report.confusion[0, 0] + sum(areas)

    np.testing.assert_array_equal(slopes(jnp.ones(40)), 0)


def test_r_squared_of_extremes_learns():
    for dtype, size in ((jnp.float32, 3e38), (jnp.float32, 1e-37), (jnp.float16, 6e4)):
        targets = jnp.array([[-1.0], [1.0]], dtype) * jnp.asarray(size, dtype)
        value, gradient = jax.value_and_grad(metrics.r_squared)(0 * targets, targets)
        assert value == 0 and np.all(np.isfinite(gradient))
        assert metrics.r_squared(targets, targets) == 1
        assert metrics.r_squared(-targets, targets) == -3
    with jax.enable_x64(True):
        large = jnp.array([[-1.7e308], [1.7e308]])
        assert metrics.r_squared(-large, large) == -3


@given(seed=SEEDS, groups=st.integers(1, 4))
def test_parts_of_the_v_measure(seed, groups):
    classes, clusters = np.random.default_rng(seed).integers(0, groups, (2, 15))
    clusters[:] = clusters[0] if seed % 3 == 0 else clusters
    got = parts(classes, clusters)
    close(got[0], theirs.homogeneity_score(classes, clusters), np.float32, 4.0)
    close(got[1], theirs.completeness_score(classes, clusters), np.float32, 4.0)
    whole = theirs.normalized_mutual_info_score(classes, clusters)
    close(got[2], whole, np.float32, 4.0)


parts = jax.jit(
    lambda classes, clusters: [
        metrics.v_measure(classes, clusters, beta=0.0),
        metrics.v_measure(clusters, classes, beta=0.0),
        metrics.v_measure(classes, clusters),
    ]
)


@pytest.mark.thorough
def test_a_million_samples_are_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    size = 1_000_000
    # Little more than chance is right.
    labels, guesses = rng.integers(0, 5, (2, size))
    guesses[: size // 100] = labels[: size // 100]
    agrees(report_of(guesses, labels), labels, guesses, 1e-6)
    weights = rng.random(size).astype(np.float32)
    report = report_of(guesses, labels, sample_weight=weights)
    agrees(report, labels, guesses, 1e-6, weights.astype(float))
    truth = labels > 2
    for scores in (rng.normal(size=size) + truth, rng.integers(0, 99, size) + truth):
        scores = scores.astype(np.float32)
        for mine in (None, weights):
            got = rankings(scores, truth, None, mine)
            for one, measure in zip(
                got, (theirs.roc_auc_score, theirs.average_precision_score), strict=True
            ):
                expected = measure(truth, scores, sample_weight=mine)
                close(one, expected, np.float32)
    targets = 100 + rng.normal(size=(size, 1)).astype(np.float32)
    noise = rng.normal(size=(size, 1)).astype(np.float32)
    for predictions in (
        targets + noise / 10,
        targets.mean() + 0 * targets + noise / 99,
    ):
        predictions = predictions.astype(np.float32)
        expected = theirs.r2_score(targets.astype(float), predictions.astype(float))
        np.testing.assert_allclose(
            metrics.r_squared(predictions, targets), expected, rtol=1e-6
        )
    scores = rng.normal(size=(size, 6)).astype(np.float32)
    got = metrics.accuracy(scores, labels, top_k=2)
    expected = theirs.top_k_accuracy_score(labels, scores, k=2, labels=range(6))
    np.testing.assert_allclose(got, expected, rtol=1e-6)


def test_the_f_score_of_a_large_beta_is_the_recall():
    report = metrics.classification_report(
        jnp.array([0, 1, 1, 2]), jnp.array([0, 1, 2, 2]), num_classes=4
    )
    for beta, expected in [(0.0, report.precision), (1e30, report.recall)]:
        score = report.f_score(beta).of_classes
        np.testing.assert_allclose(score, expected.of_classes, rtol=1e-6)
