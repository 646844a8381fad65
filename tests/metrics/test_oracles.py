"""Each metric beside scipy, scikit-learn or its formula, in float64 on the host."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
import sklearn.metrics
from hypothesis import given

from ngcx import metrics
from ngcx.testing import tolerance

from ._comparison import SEEDS, WIDE, close, rounded, simplex


pytestmark = pytest.mark.in_turn(3)


@WIDE
@given(seed=SEEDS)
def test_errors(seed, dtype):
    rng = np.random.default_rng(seed)
    predictions, x = rounded(rng.normal(size=(6, 5)), dtype)
    targets, y = rounded(rng.normal(size=(6, 5)), dtype)
    squared = sklearn.metrics.mean_squared_error(y, x)
    absolute = sklearn.metrics.mean_absolute_error(y, x)
    close(metrics.mean_squared_error(predictions, targets), squared, dtype)
    close(metrics.mean_absolute_error(predictions, targets), absolute, dtype)
    close(metrics.root_mean_squared_error(predictions, targets), squared**0.5, dtype)
    roots = np.sqrt(np.mean((x - y) ** 2, 1))
    close(
        metrics.root_mean_squared_error(predictions, targets, reduction="none"),
        roots,
        dtype,
    )
    # The reference sums over the features.
    summed = metrics.mean_squared_error(predictions, targets, feature_reduction="sum")
    close(summed, 5 * squared, dtype)
    summed = metrics.mean_absolute_error(predictions, targets, feature_reduction="sum")
    close(summed, 5 * absolute, dtype)


@WIDE
@given(seed=SEEDS)
def test_cross_entropies(seed, dtype):
    rng = np.random.default_rng(seed)
    bits, p = rounded(rng.uniform(0.001, 0.999, (6, 5)), dtype)
    outcomes = rng.integers(0, 2, (6, 5))
    got = metrics.binary_cross_entropy(
        bits, jnp.asarray(outcomes, dtype), reduction="none"
    )
    expected = -np.sum(np.where(outcomes, np.log(p), np.log1p(-p)), 1)
    close(got, expected, dtype)

    scores, p = simplex(rng, 6, 4, dtype=dtype)
    labels = rng.integers(0, 4, 6)
    expected = -np.log(p[np.arange(6), labels])
    for targets in (jnp.asarray(labels, int), jnp.asarray(np.eye(4)[labels], dtype)):
        close(metrics.categorical_nll(scores, targets), expected.mean(), dtype)


@WIDE
@given(seed=SEEDS)
def test_divergences(seed, dtype):
    rng = np.random.default_rng(seed)
    predicted, q = simplex(rng, 6, 4, dtype=dtype)
    true, p = simplex(rng, 6, 4, dtype=dtype)
    expected = np.sum(scipy.special.rel_entr(p, q), 1)
    terms = np.sum(p * np.abs(np.log(p / q)), 1).max()
    got = metrics.kl_divergence(predicted, true, reduction="none")
    close(got, expected, dtype, terms)

    factors = rng.normal(size=(2, 3, 3))
    means, mu = rounded(rng.normal(size=(2, 3)), dtype)
    covariances, sigma = rounded(
        factors @ factors.swapaxes(1, 2) + 0.5 * np.eye(3), dtype
    )
    z, precision = mu[1] - mu[0], np.linalg.inv(sigma[1])
    expected = 0.5 * (
        np.log(np.linalg.det(sigma[1]) / np.linalg.det(sigma[0]))
        + np.trace(precision @ sigma[0])
        + z @ precision @ z
        - 3
    )
    got = metrics.gaussian_kl_divergence(
        means[0], covariances[0], means[1], covariances[1]
    )
    condition = max(np.linalg.cond(each) for each in sigma)
    np.testing.assert_allclose(got, expected, rtol=tolerance(dtype)["rtol"] * condition)


def test_gaussian_kl_divergence_of_badly_scaled_and_of_no_gaussians():
    zero, small = jnp.zeros(2), jnp.diag(jnp.array([1.0, 1e-14]))
    assert metrics.gaussian_kl_divergence(zero, small, zero, small) == 0
    indefinite = jnp.diag(jnp.array([1.0, -2.0]))
    gradients_of = jax.jit(jax.grad(metrics.gaussian_kl_divergence, (0, 1, 2, 3)))
    for first, second in ((indefinite, jnp.eye(2)), (jnp.eye(2), indefinite)):
        got = metrics.gaussian_kl_divergence(zero, first, zero, second)
        assert got == jnp.inf
        gradients = gradients_of(zero, first, zero, second)
        assert all(np.all(gradient == 0) for gradient in gradients)


@pytest.mark.parametrize("metric", [metrics.kl_divergence, metrics.categorical_nll])
def test_the_worst_prediction_is_finite_and_learns(metric, dtype):
    worst, right = jnp.array([[0.0, 1.0]], dtype), jnp.array([[1.0, 0.0]], dtype)
    value, gradient = jax.jit(jax.value_and_grad(metric))(worst, right)
    largest = -np.log(float(jnp.finfo(dtype).tiny))
    np.testing.assert_allclose(float(value), largest, rtol=1e-2)
    assert gradient[0, 0] < -100 and np.all(np.isfinite(gradient))
    assert metric(right, right) == 0


@pytest.mark.parametrize("index", [-4, -1, 3, 4])
def test_an_index_that_is_no_class_has_probability_0(index, dtype):
    scores = jnp.array([[0.2, 0.3, 0.5]], dtype)
    got = metrics.categorical_nll(scores, jnp.array([index]))
    largest = -np.log(float(jnp.finfo(dtype).tiny))
    np.testing.assert_allclose(float(got), largest, rtol=1e-2)


def test_the_worst_bits_are_finite_and_learn(dtype):
    run = jax.jit(jax.value_and_grad(metrics.binary_cross_entropy))
    for p, x in ((0.0, 1.0), (1.0, 0.0)):
        bits, outcomes = jnp.full((1, 1), p, dtype), jnp.full((1, 1), x, dtype)
        value, gradient = run(bits, outcomes)
        largest = -np.log(float(jnp.finfo(dtype).tiny))
        np.testing.assert_allclose(float(value), largest, rtol=1e-2)
        assert np.isfinite(gradient).all() and np.abs(gradient).max() > 100
        assert metrics.binary_cross_entropy(outcomes, outcomes) == 0


LOGITS = jnp.array([[-50.0, 0.0, 3.0], [0.0, -95.0, 50.0], [1.0, 2.0, -30.0]])


@pytest.mark.parametrize(
    "targets",
    [
        jnp.array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]),
        jnp.array([[0.1, 0.8, 0.1], [0.1, 0.0, 0.9], [0.0, 0.0, 1.0]]),
        jnp.array([1, 2, 2]),
    ],
    ids=["one-hot", "soft", "indices"],
)
@pytest.mark.parametrize("metric", [metrics.kl_divergence, metrics.categorical_nll])
def test_second_derivatives_of_cross_entropies(metric, targets):
    if metric is metrics.kl_divergence and targets.ndim == 1:
        return

    def loss(logits):
        return metric(jax.nn.softmax(logits), targets, reduction="sum")

    p = scipy.special.softmax(np.asarray(LOGITS, float), axis=-1)
    hessians = [np.diag(row) - np.outer(row, row) for row in p]
    direction = np.array([[1.0, 2.0, -1.0]] * 3)
    expected = np.einsum("bij,bj->bi", hessians, direction)

    @jax.jit
    def products(logits, direction):
        return (
            jax.jvp(jax.grad(loss), (logits,), (direction,))[1],
            jax.grad(lambda x: jnp.sum(jax.grad(loss)(x) * direction))(logits),
        )

    for product in products(LOGITS, jnp.asarray(direction, LOGITS.dtype)):
        np.testing.assert_allclose(product, expected, rtol=1e-5, atol=1e-6)


def test_second_derivatives_of_bits():
    logits = jnp.array([[-50.0, 5.0, 0.0], [80.0, -5.0, 20.0], [-50.0, 8.0, 1.0]])
    targets = jnp.array([[0.0, 1.0, 1.0], [1.0, 0.0, 1.0], [0.3, 0.3, 0.3]])

    def loss(logits):
        bits = jax.nn.sigmoid(logits)
        return metrics.binary_cross_entropy(bits, targets, reduction="sum")

    one = jnp.ones_like(logits)
    got = jax.jit(lambda x, v: jax.jvp(jax.grad(loss), (x,), (v,))[1])(logits, one)
    p = scipy.special.expit(np.asarray(logits, float))
    # A sigmoid of float32 leaves that much of the complement.
    np.testing.assert_allclose(got, p * (1 - p), atol=1e-6)


def test_hessians_at_probabilities_of_0():
    bits = jnp.array([0.0, 0.25, 1.0])
    outcomes = jnp.array([0.0, 1.0, 1.0])
    expected = np.diag([0, 16, 1])
    for metric in (metrics.kl_divergence, metrics.categorical_nll):
        got = jax.jit(jax.hessian(metric))(bits, outcomes)
        np.testing.assert_array_equal(got, expected)
    got = jax.jit(jax.hessian(metrics.binary_cross_entropy))(bits, outcomes)
    np.testing.assert_array_equal(got, np.diag([1, 16, 1]))
    # Those in both arguments are finite too.
    both = jax.jit(jax.hessian(metrics.kl_divergence, (0, 1)))(bits, outcomes)
    assert all(np.all(np.isfinite(block)) for row in both for block in row)


def test_second_derivatives_of_the_workload_beside_a_silent_neuron():
    counts = jnp.array([[1.0, 0.0, 2.0, 1.0]])
    hessian = jax.jit(jax.hessian(metrics.workload_entropy))
    got = hessian(counts)[0, :, 0]
    assert np.all(np.isfinite(got))
    active = np.array([0, 2, 3])
    expected = hessian(counts[:, active])[0, :, 0]
    np.testing.assert_allclose(got[active][:, active], expected, rtol=1e-5, atol=1e-6)


def test_bayesian_information_criterion(dtype):
    likelihoods = jnp.array([-50.0, -20.0], dtype)
    got = metrics.bayesian_information_criterion(likelihoods, 3, 100)
    assert got.dtype == dtype
    expected = 3 * np.log(100) - 2 * np.array([-50.0, -20.0])
    np.testing.assert_allclose(np.asarray(got, float), expected, **tolerance(dtype))
    with pytest.raises(ValueError, match="`num_parameters` must be"):
        metrics.bayesian_information_criterion(likelihoods, -1, 100)
    with pytest.raises(ValueError, match="`num_samples` must be .* got 0"):
        metrics.bayesian_information_criterion(likelihoods, 3, 0)


def test_misses_are_no_class():
    # The scores of the second row sum to 0 but point to a class.
    scores = jnp.array([[0.0, 0.0], [1.0, -1.0], [jnp.nan, 1.0], [0.0, 2.0]])
    report = metrics.classification_report(scores, jnp.zeros(4, int))
    assert report.misses == 2
    np.testing.assert_array_equal(report.confusion, [[1, 1], [0, 0]])
    assert (report.accuracy, report.adjusted_accuracy) == (0.5, 0.25)
    assert (report.precision.macro, report.recall.macro) == (0.5, 0.125)
    right = metrics.accuracy(scores, jnp.zeros(4, int), reduction="none")
    np.testing.assert_array_equal(right, [0, 1, 0, 0])


def test_classes_must_be_known():
    indices = jnp.zeros(3, int)
    with pytest.raises(ValueError, match="`num_classes` must be"):
        metrics.classification_report(indices, indices)
    with pytest.raises(ValueError, match="`num_classes` must be .* got 4"):
        metrics.classification_report(jnp.eye(3), indices, num_classes=4)
    # An index that is no class is in no cell, and wrong.
    report = metrics.classification_report(
        jnp.array([0, 1, 7]), jnp.array([0, -1, 1]), num_classes=2
    )
    np.testing.assert_array_equal(report.confusion, [[1, 0], [0, 0]])
    assert report.misses == 1


def test_accuracy_counts_beyond_the_integers_of_half_precision():
    scores = jnp.tile(jnp.array([[1, 0]], jnp.float16), (5000, 1))
    score = metrics.accuracy(scores, jnp.repeat(jnp.array([0, 1]), 2500))
    assert score == 0.5 and score.dtype == jnp.float16


@pytest.mark.parametrize("classes", [2, 7, 12, 100])
def test_the_first_of_the_largest_scores_wins(classes):
    rng = np.random.default_rng(classes)
    scores = rng.integers(0, 4, (50, classes)).astype(np.float32)
    scores[:, -1] = -1  # so that something stands out
    expected = np.full(50, classes > 1)  # one alone has nothing to stand out from
    got = metrics.accuracy(
        jnp.asarray(scores), jnp.asarray(scores.argmax(1)), reduction="none"
    )
    np.testing.assert_array_equal(got, expected)


@WIDE
@given(seed=SEEDS)
def test_sparsities(seed, dtype):
    rng = np.random.default_rng(seed)
    codes, x = rounded(rng.normal(size=(6, 9)) * (rng.random((6, 9)) < 0.7), dtype)
    size, magnitudes = x.shape[1], np.abs(x)
    got = metrics.sparsity(codes, reduction="none")
    np.testing.assert_allclose(got, np.mean(x == 0, 1), rtol=1e-6)
    one, two = magnitudes.sum(1), np.sqrt((x**2).sum(1))
    silent = two == 0
    ratio = np.where(silent, np.sqrt(size), one / np.where(silent, 1, two))
    expected = (np.sqrt(size) - ratio) / (np.sqrt(size) - 1)
    close(metrics.hoyer_sparsity(codes, reduction="none"), expected, dtype)
    pairs = np.abs(magnitudes[:, :, None] - magnitudes[:, None, :]).sum((1, 2))
    expected = pairs / np.where(silent, 1, 2 * size * one)
    close(metrics.gini_index(codes, reduction="none"), expected, dtype)
    constant = np.ptp(x, 1) == 0
    expected = np.where(
        constant, 0, scipy.stats.kurtosis(x + constant[:, None], axis=1)
    )
    got = metrics.excess_kurtosis(codes, reduction="none")
    close(got, np.nan_to_num(expected), dtype, 9.0)


@WIDE
@given(seed=SEEDS)
def test_workload_entropy(seed, dtype):
    rng = np.random.default_rng(seed)
    counts = rng.poisson(0.5, (10, 6))
    got = metrics.workload_entropy(jnp.asarray(counts, dtype))
    total = counts.sum(0)
    expected = scipy.stats.entropy(total, base=2) if total.any() else 0
    close(got, expected, dtype, 6.0)


def test_sparsity_of_nan_and_with_a_tolerance():
    codes = jnp.array([[jnp.nan, 0.0, 0.5, -1.0]])
    assert metrics.sparsity(codes) == 0.25
    assert metrics.sparsity(codes, 0.5) == 0.5
    assert metrics.sparsity(codes, jnp.asarray(1.0)) == 0.75


@WIDE
@given(seed=SEEDS)
def test_rates_and_correlations(seed, dtype):
    rng = np.random.default_rng(seed)
    spikes, x = rounded(rng.poisson(0.6, (20, 4)), dtype)
    close(metrics.firing_rate(spikes, reduction="none"), x.mean(0), dtype)
    in_hertz = metrics.firing_rate(spikes, dt=0.5, reduction="none")
    close(in_hertz, x.mean(0) * 2000, dtype)
    means = x.mean(0)
    fano = x.var(0) / np.where(means, means, 1)
    close(metrics.fano_factor(spikes, reduction="none"), fano, dtype)
    breadth = np.where(means, means**2, 0) / np.where(means, (x**2).mean(0), 1)
    close(metrics.breadth_of_tuning_curve(spikes, reduction="none"), breadth, dtype)
    other, y = rounded(rng.normal(size=(20, 4)), dtype)
    got = metrics.pearson_correlation(spikes, other, reduction="none")
    expected = [
        scipy.stats.pearsonr(a, b)[0] if np.ptp(a) else 0
        for a, b in zip(x.T, y.T, strict=True)
    ]
    close(got, expected, dtype)


@given(seed=SEEDS)
def test_correlations_are_at_most_1_and_learn(seed):
    rng = np.random.default_rng(seed)
    a = jnp.asarray(rng.normal(size=(7, 9)), jnp.float32)
    for sign in (1, -1):
        got = metrics.pearson_correlation(a, sign * a, reduction="none")
        assert np.all(np.abs(got) <= 1)
        np.testing.assert_allclose(got, sign, rtol=1e-6)

    # The derivative at 1 is 0, but a second one there is not.
    step = jnp.asarray(rng.normal(size=a.shape), jnp.float32)
    products = np.sum(changes_of_slopes(a, step) * step, 0)
    assert np.all(products < 0)


@jax.jit
def changes_of_slopes(a, step):
    def slopes(x):
        return jax.grad(lambda b: metrics.pearson_correlation(a, b, reduction="sum"))(x)

    return jax.jvp(slopes, (a,), (step,))[1]


def test_firing_rate_of_many_and_of_no_steps():
    assert metrics.firing_rate(jnp.ones((70_000, 1), jnp.float16)) == 1
    assert metrics.firing_rate(jnp.zeros((0, 3))) == 0


def test_breadth_averages_over_trials_first():
    responses = jnp.array([[[0.0, 1.0], [4.0, 0.0]], [[0.0, 0.0], [4.0, 1.0]]])
    got = metrics.breadth_of_tuning_curve(responses, reduction="none")
    np.testing.assert_allclose(got, [0.5, 1.0])
    # It does not depend on the scale, as std / mean does not.
    assert metrics.breadth_of_tuning_curve(jnp.array([[0.0], [0.4]])) == 0.5
