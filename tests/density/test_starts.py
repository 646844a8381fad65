"""Starts that are given, and parts of mixtures."""

from typing import Any

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
import sklearn.mixture
from hypothesis import given, settings, strategies as st
from scipy.stats import multivariate_normal

from ngcx.density import GaussianMixture

from ._families import COMPONENTS, FEATURES, ROWS, draw, fit, fitted


KEY = jr.key(0)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("covariance", ["tied", "full", "spherical"])
def test_a_start_is_that_of_scikit_learn(covariance):
    x = np.asarray(draw("full", 3), float)
    shared = np.cov(x.T)
    precisions = {
        "tied": np.linalg.inv(shared),
        "full": np.stack([np.linalg.inv(shared)] * COMPONENTS),
        "spherical": 1 / np.full(COMPONENTS, shared.trace() / FEATURES),
    }[covariance]
    start: Any = {
        "weights_init": np.array([0.5, 0.25, 0.25]),
        "means_init": x[:COMPONENTS],
        "precisions_init": precisions,
    }
    oracle: Any = sklearn.mixture.GaussianMixture(
        COMPONENTS, covariance_type=covariance, tol=0, reg_covar=0, max_iter=8, **start
    ).fit(x)
    with jax.enable_x64(True):
        known: Any = {name: jnp.asarray(array) for name, array in start.items()}
        mixture, result = GaussianMixture.fit(
            KEY,
            jnp.asarray(x),
            COMPONENTS,
            covariance=covariance,
            covariance_floor=1e-12,
            max_iter=8,
            tol=-1.0,
            **known,
        )
        assert result.iterations == 8
        ours = (mixture.weights, mixture.components.means)
        theirs = (oracle.weights_, oracle.means_)
        for one, other in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-7, atol=1e-9)
        covariances = mixture.components.covariances
        np.testing.assert_allclose(covariances, oracle.covariances_, rtol=1e-7)
        np.testing.assert_allclose(
            mixture.score(jnp.asarray(x)), oracle.score(x), rtol=1e-9
        )
        # There is a parameter less for each equation between covariances.
        free = oracle._n_parameters()
        assert mixture.num_parameters == free


def test_what_is_not_given_is_as_without():
    x = draw("full", 0)
    means = x[10:13]
    _, result = fit("full", x)
    _, given = GaussianMixture.fit(KEY, x, COMPONENTS, max_iter=30, means_init=means)
    assert given.log_likelihood[-1] > result.log_likelihood[0]
    drawn, other = GaussianMixture.fit(
        KEY, x, COMPONENTS, max_iter=30, weights_init=jnp.full(COMPONENTS, 7.0)
    )
    np.testing.assert_allclose(other.log_likelihood, result.log_likelihood, rtol=1e-5)
    np.testing.assert_allclose(drawn.score(x), result.log_likelihood[-1], rtol=1e-5)


@given(seed=st.integers(0, 99))
@settings(max_examples=5)
def test_labels_are_the_first_m_step(seed):
    x = np.asarray(draw("full", seed), float)
    labels = np.random.default_rng(seed).integers(-1, COMPONENTS, ROWS)
    _, result = start_at_labels(jnp.asarray(x, jnp.float32), jnp.asarray(labels))
    normal: Any = multivariate_normal
    known = [x[labels == k] for k in range(COMPONENTS)]
    counted = sum(map(len, known))
    density = sum(
        len(rows) / counted * normal(rows.mean(0), np.cov(rows.T, ddof=0)).pdf(x)
        for rows in known
    )
    expected = np.mean(np.log(density))
    np.testing.assert_allclose(result.log_likelihood[0], expected, rtol=1e-4)


@pytest.mark.parametrize("label", [-1, 0])
def test_labels_that_name_few_components_leave_none_empty(label):
    x = draw("full", 0)
    mixture, result = start_at_labels(x, jnp.full(ROWS, label))
    assert np.all(np.isfinite(result.log_likelihood))
    assert np.all(np.isfinite(mixture.components.scales))
    assert np.min(mixture.weights) > 0


@jax.jit
def start_at_labels(x, labels):
    return GaussianMixture.fit(KEY, x, COMPONENTS, labels_init=labels, max_iter=20)


WRONG: Any = [
    ({"means_init": jnp.ones((2, FEATURES))}, "`means_init` must be of 3 comp.*got 2"),
    ({"weights_init": jnp.ones(2)}, "`weights_init` must be of 3 components; got 2"),
    ({"weights_init": jnp.zeros(3)}, "`weights_init` must be finite, 0 or more, and"),
    ({"precisions_init": jnp.eye(3)}, r"`precisions_init` must have the shape \(3, 3"),
    (
        {"precisions_init": -jnp.eye(3), "covariance": "tied"},
        "`precisions_init` must be finite and positive definite",
    ),
]


@pytest.mark.parametrize(("options", "message"), WRONG)
def test_wrong_starts_are_errors(options, message):
    with pytest.raises(ValueError, match=message):
        GaussianMixture.fit(KEY, draw("full", 0), COMPONENTS, **options)


def test_a_density_is_that_of_some_features_times_that_of_the_rest(name):
    x, mixture = draw(name, 1), fitted(name)
    features, rest = (2, 0), (1,)

    @jax.jit
    def product(mixture, x):
        known = x[:, jnp.asarray(features)]
        others = jax.vmap(lambda values: mixture.conditional(features, values))(known)
        others = jax.vmap(lambda mixture, row: mixture.log_prob(row[None])[0])(
            others, x[:, jnp.asarray(rest)]
        )
        return mixture.marginal(features).log_prob(known) + others

    np.testing.assert_allclose(
        product(mixture, x), mixture.log_prob(x), rtol=1e-4, atol=1e-4
    )


def test_a_condition_moves_means_and_narrows_covariances():
    mixture = fitted("full")
    means, covariances = (
        np.asarray(each, float)
        for each in (mixture.components.means, mixture.components.covariances)
    )
    given, values = [0, 2], np.array([0.5, -1.0])
    part = mixture.conditional((0, 2), jnp.asarray(values, jnp.float32)).components
    for k in range(COMPONENTS):
        gain = covariances[k][1, given] @ np.linalg.inv(covariances[k][given][:, given])
        mean = means[k, 1] + gain @ (values - means[k, given])
        variance = covariances[k, 1, 1] - gain @ covariances[k][given, 1]
        np.testing.assert_allclose(part.means[k, 0], mean, rtol=1e-3)
        np.testing.assert_allclose(part.covariances[k, 0, 0], variance, rtol=1e-3)


@pytest.mark.parametrize("features", [(), (3,), (-1,), (0, 0), (0, 1, 2)])
def test_features_that_are_none(features):
    mixture: Any = fitted("full")
    with pytest.raises(ValueError, match="`features` must be 1 to 2 different"):
        mixture.conditional(features, jnp.ones(len(features)))
    with pytest.raises(ValueError, match=r"one for each of the 1 `features`; got .*2"):
        mixture.conditional((1,), jnp.ones(2))


def test_the_score_is_the_mean_of_log_likelihoods(family):
    x, mixture = draw(family, 0), fitted(family)
    weight = jnp.asarray(np.random.default_rng(0).uniform(0, 1, ROWS), jnp.float32)
    each = np.asarray(mixture.log_prob(x), float)
    np.testing.assert_allclose(mixture.score(x), each.mean(), rtol=1e-5)
    expected = np.average(each, weights=weight)
    np.testing.assert_allclose(mixture.score(x, weight), expected, rtol=1e-5)
