"""Against scikit-learn and float64, and where the reference is wrong."""

from typing import Any

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
import sklearn.mixture
from hypothesis import given, settings, strategies as st
from jax.test_util import check_grads

from ngcx._numerics import wide_dtype
from ngcx.density import (
    BernoulliMixture,
    Bernoullis,
    ExponentialMixture,
    GaussianMixture,
    Gaussians,
    Mixture,
)


pytestmark = pytest.mark.in_turn(6)


ROWS, FEATURES, COMPONENTS, ITERATIONS = 200, 4, 3, 15
SHAPES = {
    "full": "full",
    "tied": "tied",
    "diagonal": "diag",
    "spherical": "spherical",
}


def clusters(seed, apart=3.0):
    rng = np.random.default_rng(seed)
    group = rng.integers(0, COMPONENTS, ROWS)
    shape = rng.normal(size=(COMPONENTS, FEATURES, FEATURES)) / 2 + np.eye(FEATURES)
    noise = rng.normal(size=(ROWS, FEATURES))
    centers = apart * rng.normal(size=(COMPONENTS, FEATURES))
    return centers[group] + np.einsum("nd,nde->ne", noise, shape[group])


def start_of(x, covariance="full"):
    """Weights, means and covariances."""
    shared = np.cov(x.T)
    shapes = {
        "full": shared,
        "diagonal": np.diag(shared),
        "spherical": np.mean(np.diag(shared)),
    }
    return (
        np.full(COMPONENTS, 1 / COMPONENTS),
        x[:COMPONENTS],
        shared if covariance == "tied" else np.stack([shapes[covariance]] * COMPONENTS),
    )


def ours(x, start, covariance: Any = "full", dtype="float32", floor=1e-6):
    with jax.enable_x64(dtype == "float64"):
        weights, means, covariances = (jnp.asarray(array, dtype) for array in start)
        mixture = GaussianMixture.from_parameters(
            weights,
            means,
            covariances,
            covariance,
            covariance_floor=floor,
        )
        fitted, result = mixture.fit_more(
            jnp.asarray(x, dtype), max_iter=ITERATIONS, tol=-1.0
        )
        gaussians = fitted.components
        arrays = (fitted.weights, gaussians.means, gaussians.covariances)
        return [np.asarray(array, float) for array in arrays], result


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("covariance", list(SHAPES))
@given(seed=st.integers(0, 999))
@settings(max_examples=8)
def test_equals_scikit_learn_from_the_same_start(covariance, seed):
    x = clusters(seed).astype(np.float32).astype(float)
    start = start_of(x, covariance)
    square = covariance in ("full", "tied")
    precision = np.linalg.inv(start[2]) if square else 1 / start[2]
    oracle: Any = sklearn.mixture.GaussianMixture(
        COMPONENTS,
        covariance_type=SHAPES[covariance],
        tol=0,
        reg_covar=0,
        max_iter=ITERATIONS,
        weights_init=start[0],
        means_init=start[1],
        precisions_init=precision,
    ).fit(x)
    expected = (oracle.weights_, oracle.means_, oracle.covariances_)
    # There is no floor in scikit-learn.
    got, result = ours(x, start, covariance, "float64", floor=1e-12)
    for one, other in zip(got, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-7, atol=1e-7)
    np.testing.assert_allclose(result.log_likelihood[-1], oracle.score(x), rtol=1e-9)
    single, result = ours(x, start, covariance, floor=1e-12)
    for one, other in zip(single, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(result.log_likelihood[-1], oracle.score(x), rtol=1e-4)


@given(
    seed=st.integers(0, 999),
    scales=st.lists(st.integers(-20, 20), min_size=FEATURES, max_size=FEATURES),
    offset=st.sampled_from([0.0, 1000.0]),
    apart=st.sampled_from([3.0, 100.0, 1000.0]),
)
@settings(max_examples=25)
def test_bad_scales_cost_no_accuracy(seed, scales, offset, apart):
    group = np.random.default_rng(seed).integers(0, COMPONENTS, ROWS)  # of `clusters`
    size = np.exp2(np.asarray(scales, float))
    # What float32 can hold, so that both see the same data.
    x = ((clusters(seed, apart) + offset) * size).astype(np.float32).astype(float)
    rows = [x[group == k] for k in range(COMPONENTS)]
    variance = np.mean([each.var(0) for each in rows], 0)
    # Beside each cluster and too wide. From a start that has to be broken up, rounding
    # would decide which way, in float64 as well.
    start = [
        np.full(COMPONENTS, 1 / COMPONENTS),
        np.stack([each.mean(0) for each in rows]) + np.sqrt(variance) / 2,
        np.stack([np.diag(4 * variance)] * COMPONENTS),
    ]
    start = [array.astype(np.float32).astype(float) for array in start]
    (weights, means, covariances), result = ours(x, start)
    expected, wide = ours(x, start, dtype="float64")
    deviation = np.sqrt(np.einsum("kdd->kd", expected[2]))
    np.testing.assert_allclose(weights, expected[0], atol=1e-4)
    # Means are known to their rounding, which is relative to where they are.
    resolution = np.finfo(np.float32).eps * np.abs(expected[1])
    assert np.all(np.abs(means - expected[1]) <= 4 * resolution + 1e-4 * deviation)
    outer = deviation[:, :, None] * deviation[:, None]
    np.testing.assert_allclose((covariances - expected[2]) / outer, 0, atol=3e-4)
    np.testing.assert_allclose(
        result.log_likelihood[-1], wide.log_likelihood[-1], rtol=1e-5, atol=3e-4
    )


@pytest.mark.parametrize("exponent", [-110, 112])
def test_the_unit_of_positive_data_does_not_matter(exponent):
    rows = np.random.default_rng(0).exponential(size=(300, 4)) * 10.0 ** np.arange(4)
    x, unit = rows.astype(np.float32), np.exp2(np.float32(exponent))

    @jax.jit
    def fit(x):
        mixture, result = ExponentialMixture.fit(jr.key(0), x, 3, max_iter=10)
        return mixture, result, mixture.em_step(x, step_size=0.5)

    (plain, result, (step, _)), (other, scaled, (same_step, _)) = fit(x), fit(x * unit)
    np.testing.assert_allclose(other.weights, plain.weights, atol=1e-4)
    np.testing.assert_allclose(
        other.components.rates * unit, plain.components.rates, rtol=1e-3
    )
    np.testing.assert_allclose(
        same_step.components.rates * unit, step.components.rates, rtol=1e-3
    )
    volume = 4 * exponent * np.log(2)
    np.testing.assert_allclose(
        scaled.log_likelihood + volume, result.log_likelihood, atol=1e-3
    )


@pytest.mark.parametrize("exponent", [-100, -70, 70, 120])
@pytest.mark.parametrize("covariance", list(SHAPES))
def test_the_unit_of_the_data_does_not_matter(covariance, exponent):
    x = clusters(0).astype(np.float32)
    unit = np.exp2(np.float32(exponent))
    fit = jax.jit(
        lambda x: GaussianMixture.fit(
            jr.key(0), x, COMPONENTS, covariance=covariance, max_iter=10
        )
    )
    (plain, result), (other, scaled) = fit(x), fit(x * unit)
    np.testing.assert_allclose(other.weights, plain.weights, atol=1e-4)
    ours, theirs = other.components, plain.components
    np.testing.assert_allclose(ours.means / unit, theirs.means, atol=1e-3)
    np.testing.assert_allclose(ours.scales / unit, theirs.scales, atol=1e-3)
    volume = FEATURES * exponent * np.log(2)
    np.testing.assert_allclose(
        scaled.log_likelihood + volume, result.log_likelihood, atol=1e-3
    )


def test_one_component_is_the_moments_of_the_data():
    # DE-01, and DE-02: clusters far apart.
    rng = np.random.default_rng(0)
    x = rng.normal(0, 0.5, (1000, 2)) + rng.choice([-5, 5], (1000, 1))
    x = x.astype(np.float32)
    ones, rows = jnp.ones(1), jnp.asarray(x)
    one, _ = GaussianMixture.from_parameters(
        ones, jnp.ones((1, 2)), 9 * jnp.eye(2)[None]
    ).em_step(rows)
    np.testing.assert_allclose(one.components.means[0], x.mean(0), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(
        one.components.covariances[0], np.cov(x.T, ddof=0), rtol=1e-4
    )
    two, _ = GaussianMixture.fit(jr.key(0), rows, 2)
    np.testing.assert_allclose(np.sort(two.components.means[:, 0]), [-5, 5], atol=0.1)
    half = jnp.full((1, 2), 0.5)
    binary = (x > 0).astype(np.float32)
    p, _ = BernoulliMixture.from_parameters(ones, half).em_step(jnp.asarray(binary))
    np.testing.assert_allclose(p.components.probabilities[0], binary.mean(0), rtol=1e-6)
    rates, _ = ExponentialMixture.from_parameters(ones, half).em_step(jnp.abs(rows))
    np.testing.assert_allclose(
        rates.components.rates[0], 1 / np.abs(x).mean(0), rtol=1e-5
    )


@pytest.mark.thorough
def test_far_rows_and_many_features_are_finite():
    # DE-03.
    normal = GaussianMixture.from_parameters(
        jnp.ones(1), jnp.zeros((1, 2)), jnp.eye(2)[None]
    )
    got = normal.log_prob(jnp.full((1, 2), 100.0))
    np.testing.assert_allclose(got, -1e4 - np.log(2 * np.pi), rtol=1e-6)
    rng = np.random.default_rng(0)
    x = jnp.asarray(rng.random((40, 784)) < 0.5, jnp.float32)
    mixture, result = BernoulliMixture.fit(jr.key(0), x, 3, max_iter=5)
    assert np.all(np.isfinite(result.log_likelihood))
    assert np.all(np.isfinite(mixture.responsibilities(1 - x)))


def test_samples_have_the_covariance():
    # DE-05.
    target = jnp.asarray([[[4.0, 1.9], [1.9, 1.0]]])
    mixture = GaussianMixture.from_parameters(jnp.ones(1), jnp.zeros((1, 2)), target)
    x, _ = mixture.sample(jr.key(0), 50_000)
    np.testing.assert_allclose(np.cov(np.asarray(x).T), target[0], rtol=0.05)


def test_certain_probabilities():
    # DE-08.
    mixture = BernoulliMixture.from_parameters(jnp.ones(1), jnp.asarray([[1.0, 0.0]]))
    assert mixture.log_prob(jnp.asarray([[1.0, 0.0]]))[0] == 0
    assert mixture.log_prob(jnp.asarray([[0.0, 0.0]]))[0] < -80


def test_exponentials_over_the_whole_line():
    # DE-10.
    mixture = ExponentialMixture.from_parameters(
        jnp.asarray([1.0, 3.0]), jnp.asarray([[4.0], [1.0]])
    )
    got = mixture.log_prob(jnp.asarray([[0.0], [1e4], [-1.0]]))
    assert got[2] == -np.inf
    np.testing.assert_allclose(got[:2], [np.log(1.75), np.log(0.75) - 1e4], rtol=1e-6)


def test_given_parameters_are_kept():
    weights, means, covariances = start_of(clusters(0))
    arrays = (jnp.asarray(a, jnp.float32) for a in (2 * weights, means, covariances))
    doubled, centers, matrices = arrays
    mixture = GaussianMixture.from_parameters(
        doubled, centers, matrices, covariance_floor=1e-3
    )
    np.testing.assert_allclose(mixture.weights, weights, rtol=1e-6)
    np.testing.assert_allclose(
        mixture.components.covariances, covariances, rtol=1e-4, atol=1e-5
    )
    assert mixture.components.covariance_floor == 1e-3
    with pytest.raises(ValueError, match="`covariances` must have the shape"):
        GaussianMixture.from_parameters(doubled, centers, matrices, "diagonal")
    with pytest.raises(ValueError, match="`covariance_floor` must be positive"):
        Gaussians(centers, matrices, covariance_floor=0.0)
    with pytest.raises(ValueError, match="`scales` must have the shape"):
        Gaussians(centers, matrices, "spherical")
    with pytest.raises(ValueError, match="`probability_floor` must be"):
        Bernoullis(centers, probability_floor=0.5)


LARGE = {"float16": 40_000, "bfloat16": 3e38, "float32": 3e38, "float64": 1.7e308}


@pytest.mark.parametrize("kind", ["full", "bernoulli", "exponential"])
def test_given_parameters_of_every_dtype(dtype, kind):
    wide = wide_dtype(dtype)
    weights = jnp.asarray([1, 0.75], dtype) * jnp.asarray(LARGE[dtype.name], dtype)
    first = jnp.asarray([[0.25, 0.5], [0.75, 0.5]], dtype)
    if kind == "full":
        squares = jnp.asarray([[[4, 1], [1, 2]]] * 2, dtype)
        mixture = GaussianMixture.from_parameters(weights, first, squares)
        np.testing.assert_allclose(mixture.components.covariances, squares, rtol=1e-6)
    elif kind == "bernoulli":
        mixture = BernoulliMixture.from_parameters(weights, first)
    else:
        mixture = ExponentialMixture.from_parameters(weights, first)
    assert {leaf.dtype for leaf in jax.tree.leaves(mixture)} == {wide}
    expected = np.asarray(weights, np.longdouble)
    expected /= expected.sum()
    np.testing.assert_allclose(mixture.weights, expected.astype(float), rtol=1e-6)
    assert mixture.log_prob(first).dtype == dtype


KINDS = {
    "full": lambda size: size**2 * jnp.asarray([[1, 0.5], [0.5, 1]])[None],
    "diagonal": lambda size: jnp.full((1, 2), size**2),
    "spherical": lambda size: jnp.full(1, size**2),
}


@pytest.mark.parametrize("size", [1e-15, 1e-3, 1.0])
@pytest.mark.parametrize("covariance", list(KINDS))
def test_rows_out_of_reach_are_impossible_and_have_no_gradient(covariance, size):
    mixture = GaussianMixture.from_parameters(
        jnp.ones(2),
        jnp.asarray([[0.0, 0.0], [3.0, 3.0]]),
        jnp.concatenate([KINDS[covariance](size)] * 2),
        covariance,
    )

    def total(mixture, x):
        log_prob = mixture.log_prob(x)
        return jnp.sum(log_prob), log_prob

    gradients = jax.jit(jax.value_and_grad(total, (0, 1), has_aux=True))
    for far in (1e36, 3e38):
        rows = [[far, 0], [0, far], [far, far], [-far, far], [far, far / 2]]
        (_, log_prob), found = gradients(mixture, jnp.asarray(rows))
        assert np.all(np.isneginf(log_prob))
        for leaf in jax.tree.leaves(found):
            np.testing.assert_array_equal(leaf, np.zeros_like(leaf))
    if size == 1:
        rows = jnp.asarray([[0.5, 1.0], [2.0, 4.0], [-1.0, 3.0]])
        check_grads(lambda *args: total(*args)[1], (mixture, rows), 2)
    # The other component changes nothing of a row that only one may reach.
    (_, log_prob), found = gradients(mixture, jnp.zeros((5, 2)))
    for leaf in jax.tree.leaves((log_prob, found)):
        assert np.all(np.isfinite(leaf))


@pytest.mark.parametrize("outside", [False, True])
def test_a_component_of_weight_0_has_no_gradient_but_leaves_that_of_others(outside):
    means = jnp.asarray([[0.25], [0.75]])
    x = jnp.asarray([[2.0 if outside else 1.0]])

    def log_prob(weights):
        mixture = Mixture(weights, Bernoullis(means))
        return jnp.sum(jnp.maximum(mixture.log_prob(x), -1e30))

    got = jax.grad(log_prob)(jnp.asarray([1.0, 0.0]))
    np.testing.assert_allclose(got, [0.0 if outside else 1.0, 0.0])
