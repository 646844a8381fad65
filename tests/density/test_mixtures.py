"""What holds of every mixture."""

import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import jax.tree_util as jtu
import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings, strategies as st
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from ngcx.data import DataLoader
from ngcx.density import (
    BernoulliMixture,
    Bernoullis,
    ExponentialMixture,
    Exponentials,
    GaussianMixture,
    Gaussians,
    Mixture,
)
from ngcx.testing import tolerance

from ._families import COMPONENTS, FEATURES, ROWS, assert_same, draw, fit, fitted


pytestmark = pytest.mark.in_turn(6)


def parameters(mixture):
    """In numpy: weights, and what each family calls its own."""
    leaves = jtu.tree_leaves(mixture)
    if isinstance(mixture.components, Gaussians):
        leaves[2] = mixture.components.covariances
    return [np.asarray(leaf, float) for leaf in leaves]


def oracle_log_joint(mixture, x):
    """In float64 with scipy."""
    x = np.asarray(x, float)
    weights, first, *rest = parameters(mixture)
    columns = []
    for k in range(mixture.num_components):
        if isinstance(mixture.components, Bernoullis):
            column = scipy.stats.bernoulli.logpmf(x, first[k]).sum(1)
        elif isinstance(mixture.components, Exponentials):
            column = scipy.stats.expon.logpdf(x, scale=1 / first[k]).sum(1)
        else:
            covariance = (
                rest[0][k] * np.eye(x.shape[1]) if rest[0].ndim < 3 else rest[0][k]
            )
            column = scipy.stats.multivariate_normal(first[k], covariance).logpdf(x)
        columns.append(math.log(weights[k]) + column)
    return np.stack(columns, 1)


def check_density(name, seed, dtype):
    x = draw(name, seed, dtype=dtype)
    mixture, result = fit(name, x, seed)
    joint = oracle_log_joint(mixture, x)
    expected = scipy.special.logsumexp(joint, 1)
    # Relative to the terms that are summed up, which cancel. Where there is a matrix,
    # its parameters too are known to a rounding only, which its inverse magnifies.
    eps = float(jnp.finfo(mixture.weights.dtype).eps)
    condition = np.linalg.cond(parameters(mixture)[2]).max() if name == "full" else 1
    limit = (64 * eps * condition + tolerance(dtype)["rtol"]) * np.abs(joint).max(1)
    got = mixture.log_prob(x)
    assert got.dtype == dtype and mixture.weights.dtype == result.log_likelihood.dtype
    assert np.all(np.abs(np.asarray(got, float) - expected) <= limit)
    share = mixture.responsibilities(x)
    assert share.dtype == dtype
    np.testing.assert_allclose(
        np.asarray(share, float), np.exp(joint - expected[:, None]), atol=limit.max()
    )
    # Before they are rounded to a half precision, which may leave several largest.
    wide = dtype if jnp.finfo(dtype).bits > 16 else jnp.float32
    unrounded = mixture.responsibilities(x.astype(wide))
    np.testing.assert_array_equal(mixture.predict(x), np.argmax(unrounded, 1))


@given(seed=st.integers(0, 999))
@settings(max_examples=10)
def test_densities_are_those_of_scipy(name, seed):
    check_density(name, seed, jnp.dtype("float32"))


def test_densities_of_every_dtype(dtype):
    check_density("diagonal", 0, dtype)


@given(seed=st.integers(0, 9999))
@settings(max_examples=25)
def test_the_likelihood_never_falls(name, seed):
    x = draw(name, seed)
    _, result = fit(name, x, seed, tol=0.0)
    trace = np.asarray(result.log_likelihood, float)
    assert np.all(np.isfinite(trace))
    eps = np.finfo(np.float32).eps
    assert np.min(np.diff(trace)) >= -16 * eps * (FEATURES + np.max(np.abs(trace)))


@given(seed=st.integers(0, 999))
@settings(max_examples=5)
def test_rows_of_weight_0_are_not_there_and_weight_2_is_twice(family, seed):
    x, mixture = draw(family, 0), fitted(family)
    weight = jnp.asarray(np.random.default_rng(seed).integers(0, 3, ROWS), jnp.float32)
    got = mixture.em_step(jnp.where(weight[:, None] > 0, x, jnp.nan), weight)
    repeated = np.repeat(np.asarray(x), np.asarray(weight, int), 0)
    # One shape, so that it compiles once.
    padding = np.zeros((2 * ROWS - len(repeated), FEATURES))
    filled = jnp.asarray(np.concatenate([repeated, padding]), jnp.float32)
    ones = jnp.asarray(np.arange(2 * ROWS) < len(repeated), jnp.float32)
    assert_same(got, mixture.em_step(filled, ones))


def test_sums_over_devices(family):
    x, mixture = draw(family, 0), fitted(family)
    mesh = Mesh(np.asarray(jax.devices()), ("data",))
    everywhere, by_row = PartitionSpec(), PartitionSpec("data")
    step = jax.jit(
        jax.shard_map(
            lambda mixture, x: mixture.em_step(x, axis_name="data"),
            mesh=mesh,
            in_specs=(everywhere, by_row),
            out_specs=everywhere,
        )
    )
    assert_same(step(mixture, x), mixture.em_step(x))
    # An empty component starts again at one row, the same on all devices.
    lost = Mixture(jnp.asarray([0.5, 0.5, 0.0]), mixture.components)
    again = step(lost, x)
    assert_same(again, lost.em_step(x))
    assert np.min(again[0].weights) > 0.01
    # `fit` follows where its data are.
    sharded = jax.device_put(x, NamedSharding(mesh, by_row))
    assert_same(fit(family, sharded)[0], fit(family, x)[0], ulps=1 << 14)


def test_mixtures_are_made_of_parameters_on_each_device():
    weights, means = jnp.array([0.25, 0.75]), jnp.array([[0.0, 1.0], [2.0, 3.0]])
    covariances: Any = {
        "full": jnp.stack([jnp.eye(2)] * 2),
        "diagonal": jnp.ones((2, 2)),
        "spherical": jnp.ones(2),
        "tied": jnp.eye(2),
    }

    def scores(x):
        mixtures = {
            name: GaussianMixture.from_parameters(weights, means, each, covariance=name)
            for name, each in covariances.items()
        }
        return {name: mixture.log_prob(x) for name, mixture in mixtures.items()}

    rows = PartitionSpec("data")
    mesh = Mesh(np.asarray(jax.devices()), ("data",))
    x = jr.normal(jr.key(0), (16, 2))
    sharded = jax.shard_map(scores, mesh=mesh, in_specs=rows, out_specs=rows)
    assert_same(jax.jit(sharded)(x), scores(x))


def test_statistics_add_up(name):
    x, mixture = draw(name, 0), fitted(name)
    parts = [mixture.statistics(part) for part in (x[:32], x[32:])]
    total = jtu.tree_map(jnp.add, *parts)
    assert_same(total, mixture.statistics(x))
    assert_same(mixture.maximize(total), mixture.em_step(x)[0])


def test_steps_over_batches_reach_the_fit(family):
    x, start = draw(family, 1), fitted(family)
    best = fit(family, x)[0]
    loader = DataLoader(x, 32)

    @jax.jit
    def run(mixture, state):
        def step(carry, i):
            mixture, state = carry
            batch, state = loader.next(state)
            size = (i + 2.0) ** -0.7
            return (mixture.em_step(batch, step_size=size)[0], state), None

        steps = jnp.arange(400, dtype=jnp.float32)
        return jax.lax.scan(step, (mixture, state), steps)[0][0]

    likelihoods = [
        float(jnp.mean(mixture.log_prob(x)))
        for mixture in (start, run(start, loader.init(jr.key(1))), best)
    ]
    # The noise of batches is not that of rounding; nor need both end at one maximum.
    assert likelihoods[1] > likelihoods[0] + 0.9 * (likelihoods[2] - likelihoods[0])


def test_a_step_of_size_0_changes_nothing(name):
    x, mixture = draw(name, 0), fitted(name)
    assert_same(mixture.em_step(x, step_size=0.0)[0], mixture)


@pytest.mark.parametrize("step_size", [0.1, 1.0])
def test_data_of_no_weight_change_nothing(name, step_size):
    x, mixture = draw(name, 0), fitted(name)
    nothing = jnp.zeros(ROWS)
    got, log_likelihood = mixture.em_step(x, nothing, step_size=step_size)
    for same in (got, mixture.maximize(mixture.statistics(x, nothing))):
        jtu.tree_map(np.testing.assert_array_equal, same, mixture)
    assert log_likelihood == 0
    # What is not known is not nothing.
    broken, unknown = mixture.em_step(x * jnp.nan, step_size=step_size)
    assert np.isnan(unknown) and np.all(np.isnan(broken.weights))
    gradient = jax.grad(
        lambda weight: jnp.sum(mixture.em_step(x, weight, step_size=step_size)[1])
    )(nothing)
    assert np.all(np.isfinite(gradient))


def test_a_step_without_data_keeps_parameters_beyond_the_floor():
    certain = BernoulliMixture.from_parameters(jnp.ones(1), jnp.asarray([[1.0, 0.0]]))
    got, _ = certain.em_step(jnp.ones((2, 2)), jnp.zeros(2))
    np.testing.assert_array_equal(got.components.probabilities, [[1, 0]])


def test_samples_are_those_of_the_density(name):
    mixture = fitted(name)
    number = 40_000
    samples, labels = mixture.sample(jr.key(1), number)
    assert samples.shape == (number, FEATURES) and samples.dtype == jnp.float32
    weights = np.asarray(mixture.weights, float)
    frequency = np.bincount(labels, minlength=COMPONENTS) / number
    error = np.sqrt(weights * (1 - weights) / number)
    assert np.all(np.abs(frequency - weights) <= 5 * error + 1e-9)
    # In no order: the first half is like the second.
    halves = np.asarray(labels).reshape(2, -1)
    assert abs(np.mean(halves[0]) - np.mean(halves[1])) < 0.05
    # The M-step of the samples gives the mixture back.
    again = mixture.maximize(mixture.statistics(samples))
    assert_close_moments(again, mixture, number)
    one, only = mixture.sample(jr.key(2), number, component=1)
    assert np.all(np.asarray(only) == 1)
    mean, variance = component_moments(mixture, 1)
    np.testing.assert_array_less(
        np.abs(np.mean(one, 0) - mean), 5 * np.sqrt(variance / number) + 1e-5
    )
    draw_one = jax.jit(lambda k: mixture.sample(jr.key(2), number, k))
    assert_same(draw_one(jnp.asarray(1))[0], one)
    # What is out of range and not known before counts as the nearest in range.
    for k, label in ((-1, 0), (7, COMPONENTS - 1)):
        assert np.all(np.asarray(draw_one(jnp.asarray(k))[1]) == label)
    for k in (-1, COMPONENTS):
        with pytest.raises(ValueError, match=f"`component` must be 0 .*; got {k}"):
            mixture.sample(jr.key(2), 2, component=k)


def component_moments(mixture, k):
    _, first, *rest = parameters(mixture)
    if isinstance(mixture.components, Bernoullis):
        return first[k], first[k] * (1 - first[k])
    if isinstance(mixture.components, Exponentials):
        return 1 / first[k], 1 / first[k] ** 2
    covariance = rest[0][k]
    return first[k], np.diag(covariance) if covariance.ndim == 2 else covariance


def assert_close_moments(one, other, number):
    for k in range(COMPONENTS):
        mean, variance = component_moments(one, k)
        expected, spread = component_moments(other, k)
        count = number * float(other.weights[k])
        error = np.sqrt(spread / count)
        assert np.all(np.abs(mean - expected) <= 6 * error + 1e-5)
        np.testing.assert_allclose(
            variance, spread, rtol=12 / np.sqrt(count), atol=1e-3
        )


@pytest.mark.thorough
def test_compiles_once_for_all_values_and_maps():
    traces = []

    @jax.jit
    def run(key, x, tol):
        traces.append(None)
        result = ExponentialMixture.fit(key, x, COMPONENTS, tol=tol, max_iter=3)[1]
        return result.log_likelihood

    x = jnp.stack([draw("exponential", seed) for seed in (0, 1)])
    both = [run(jr.key(i), x[i], jnp.asarray(0.1 * i)) for i in (0, 1)]
    assert len(traces) == 1
    mapped = jax.vmap(lambda i, x: run(jr.key(i), x, 0.1 * i.astype(x.dtype)))(
        jnp.arange(2), x
    )
    assert_same(mapped, jnp.stack(both), ulps=4096)


@pytest.mark.parametrize("half", ["float16", "bfloat16"])
def test_predictions_are_those_before_rounding(half):
    shares = jnp.asarray([0.4999, 0.5001])
    mixture = BernoulliMixture.from_parameters(shares, jnp.full((2, 1), 0.5))
    x = jnp.ones((1, 1), half)
    assert mixture.responsibilities(x).tolist() == [[0.5, 0.5]]
    assert mixture.predict(x).tolist() == [1]


def test_weights_may_be_traced_where_rows_are_not():
    x = draw("exponential", 0)

    @jax.jit
    def fit(weight):
        return ExponentialMixture.fit(
            jr.key(0), x, COMPONENTS, sample_weight=weight, max_iter=3
        )[0]

    assert np.all(np.isfinite(fit(jnp.ones(ROWS)).components.rates))


def test_gradients_are_finite(family):
    x, mixture = draw(family, 0), fitted(family)
    outside = jnp.full_like(x, -1)
    for rows in (x, outside):
        value, (of_mixture, of_x) = jax.value_and_grad(
            lambda mixture, x: jnp.sum(jnp.maximum(mixture.log_prob(x), -1e30)),
            (0, 1),
        )(mixture, rows)
        for leaf in jtu.tree_leaves((value, of_mixture, of_x)):
            assert np.all(np.isfinite(leaf))


@pytest.mark.thorough
def test_more_starts_are_no_worse_and_a_fit_goes_on():
    x = draw("exponential", 3)
    ends = [
        ExponentialMixture.fit(
            jr.key(0), x, COMPONENTS, n_init=n, max_iter=50, init="random"
        )
        for n in (1, 4)
    ]
    assert ends[1][1].log_likelihood[-1] >= ends[0][1].log_likelihood[-1] - 1e-4
    mixture, result = ends[1]
    assert result.converged and result.iterations < 50
    trace = result.log_likelihood
    np.testing.assert_allclose(trace[-1], jnp.mean(mixture.log_prob(x)), rtol=1e-4)
    on, further = mixture.fit_more(x, max_iter=50, tol=0.01)
    assert further.iterations == 1 and further.converged
    assert_same(on, mixture.em_step(x)[0])


def test_information_criteria(name):
    x, mixture = draw(name, 0), fitted(name)
    free = {"full": 9, "diagonal": 6, "spherical": 4}.get(name, 3) * COMPONENTS + 2
    assert mixture.num_parameters == free
    total = np.sum(np.asarray(mixture.log_prob(x), float))
    np.testing.assert_allclose(
        mixture.bic(x), free * math.log(ROWS) - 2 * total, rtol=1e-5
    )
    np.testing.assert_allclose(mixture.aic(x), 2 * (free - total), rtol=1e-5)


def test_one_iteration_that_gains_too_little_has_converged(name):
    x, mixture = draw(name, 0), fitted(name)
    for max_iter in (1, 2, 50):
        result = mixture.fit_more(x, max_iter=max_iter, tol=1.0)[1]
        assert result.converged and result.iterations == 1
    # One iteration that gains more is not enough.
    far = eqx.tree_at(lambda each: each.weights, mixture, jnp.array([0.98, 0.01, 0.01]))
    gain = jnp.diff(far.fit_more(x, max_iter=1, tol=0.0)[1].log_likelihood)[0]
    assert gain > 0
    for tol, converged in ((gain / 2, False), (gain * 2, True)):
        assert far.fit_more(x, max_iter=1, tol=tol)[1].converged == converged


def test_a_row_with_nan_is_of_no_component(name):
    x, mixture = draw(name, 0), fitted(name)
    broken = x.at[1, 0].set(jnp.nan)
    labels = mixture.predict(broken)
    assert labels[1] == -1 and jnp.isnan(mixture.log_prob(broken)[1])
    np.testing.assert_array_equal(
        jnp.delete(labels, 1), mixture.predict(x)[jnp.r_[0, 2 : len(x)]]
    )


def test_a_fit_may_be_traced_over_data_that_are_known():
    x = draw("exponential", 3)
    one, _ = ExponentialMixture.fit(jr.key(0), x, 2)
    fit = jax.jit(lambda key: ExponentialMixture.fit(key, x, 2)[0])
    assert_same(fit(jr.key(0)), one)
    negative = -x
    with pytest.raises(ValueError, match="finite numbers of 0 or more"):
        jax.jit(lambda key: ExponentialMixture.fit(key, negative, 2)[0])(jr.key(0))
