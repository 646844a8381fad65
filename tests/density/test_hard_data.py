"""Data that are hard to fit, and arguments that are wrong."""

import jax.numpy as jnp
import jax.random as jr
import jax.tree_util as jtu
import numpy as np
import pytest

from ngcx.density import (
    BernoulliMixture,
    ExponentialMixture,
    GaussianMixture,
    Mixture,
)

from ._families import COMPONENTS, FEATURES, FITS, ROWS, assert_same, draw, fit, fitted


pytestmark = pytest.mark.in_turn(3)


@pytest.mark.parametrize("rows", ["duplicates", "zeros", "far", "huge", "tiny"])
def test_hard_data_stay_finite(name, rows):
    x = np.array(draw(name, 0))
    if rows == "duplicates":
        x[:] = x[0] if name == "bernoulli" else 5.1
    elif rows == "zeros":
        x[:] = 0
    elif rows == "far":
        x[0] = 1 if name == "bernoulli" else 1e4
    elif name != "bernoulli":
        x *= 1e15 if rows == "huge" else 1e-15
    x = jnp.asarray(x)
    mixture, result = fit(name, x)
    for leaf in jtu.tree_leaves((mixture, result, mixture.log_prob(x), mixture.bic(x))):
        assert np.all(np.isfinite(leaf))
    np.testing.assert_allclose(jnp.sum(mixture.responsibilities(x), 1), 1, rtol=1e-5)


def test_a_component_that_lost_its_rows_starts_again(family):
    x, mixture = draw(family, 0), fitted(family)
    lost = Mixture(jnp.asarray([0.4, 0.6, 0.0]), mixture.components)
    # The M-step by itself leaves it alone.
    kept = lost.maximize(lost.statistics(x))
    assert kept.weights[2] == 0
    assert_same(
        jtu.tree_map(lambda leaf: leaf[2], kept),
        jtu.tree_map(lambda leaf: leaf[2], lost),
    )
    again, result = lost.fit_more(x, max_iter=50, tol=0.01)
    assert np.min(again.weights) > 0.01
    assert result.log_likelihood[-1] > result.log_likelihood[0]


def test_wrong_arguments_are_errors(name):
    x, mixture = draw(name, 0), fitted(name)
    support = mixture.components.support

    def fit(x, number=COMPONENTS, **options):
        return FITS[name](jr.key(0), x, number, **options)

    for function in (fit, mixture.fit_more):
        with pytest.raises(ValueError, match="`x` must have a row for each of the 3"):
            function(x[:2])
        with pytest.raises(ValueError, match="`x` must have at least one feature"):
            function(x[:, :0])
        with pytest.raises(ValueError, match=f"`x` must hold {support} only"):
            function(x.at[1, 1].set(jnp.nan))
        for value in (0.0, -1.0, jnp.nan, jnp.inf):
            weight = jnp.zeros(ROWS).at[0].set(value)
            with pytest.raises(ValueError, match="`sample_weight` must be finite"):
                function(x, sample_weight=weight)
        with pytest.raises(ValueError, match="`max_iter` must be 1 or more"):
            function(x, max_iter=0)
    with pytest.raises(ValueError, match="`n_init` must be 1 or more"):
        fit(x, n_init=0)
    with pytest.raises(ValueError, match="`num_components` must be 1 or more"):
        fit(x, 0)
    with pytest.raises(TypeError, match="`init` of `.*fit` must be 'kmeans.*'"):
        fit(x, init="best")
    for function in (mixture.bic, mixture.em_step):
        with pytest.raises(ValueError, match="`x` must have at least one row"):
            function(x[:0])
    with pytest.raises(ValueError, match="`x` must have the 3 features"):
        mixture.log_prob(x[:, :2])
    with pytest.raises(ValueError, match="`step_size` must be from 0 to 1"):
        mixture.em_step(x, step_size=1.5)
    with pytest.raises(ValueError, match="`weights` must be of 3 components; got 2"):
        Mixture(jnp.ones(2), mixture.components)


MADE = {
    "gaussian": lambda weights: GaussianMixture.from_parameters(
        weights, jnp.ones((3, 2)), jnp.ones((3, 2)), "diagonal"
    ),
    "bernoulli": lambda weights: BernoulliMixture.from_parameters(
        weights, jnp.full((3, 2), 0.5)
    ),
    "exponential": lambda weights: ExponentialMixture.from_parameters(
        weights, jnp.ones((3, 2))
    ),
}


@pytest.mark.parametrize("make", MADE.values(), ids=MADE)
def test_weights_count_relative_to_their_sum_if_they_have_one(make):
    for wrong in (0.0, -1.0, jnp.nan, jnp.inf):
        weights = jnp.zeros(3).at[1].set(wrong)
        with pytest.raises(
            ValueError, match="`weights` must be finite, 0 or more, and"
        ):
            make(weights)
    for size in (1e-30, 1.0, 3e38):
        weights = size * jnp.asarray([0.25, 0.5, 1.0])
        np.testing.assert_allclose(make(weights).weights * 7, [1, 2, 4], rtol=1e-6)


def test_rows_count_relative_to_each_other(name):
    x, mixture = draw(name, 0), fitted(name)
    weight = jnp.asarray(np.random.default_rng(0).uniform(0.5, 1, ROWS), jnp.float32)
    for function in (mixture.em_step, lambda *given: _fit_weighted(name, *given)):
        expected = function(x, weight)[0]
        for power in (-60, 120):
            assert_same(function(x, weight * 2.0**power)[0], expected, ulps=1)


def _fit_weighted(name, x, weight):
    return FITS[name](jr.key(0), x, COMPONENTS, max_iter=2, sample_weight=weight)


@pytest.mark.parametrize("wrong", [-1.0, jnp.nan, jnp.inf])
def test_a_step_refuses_weights_that_cannot_be_any(family, wrong):
    weight = jnp.ones(ROWS).at[3].set(wrong)
    with pytest.raises(
        ValueError, match="`sample_weight` must be finite and 0 or more"
    ):
        fitted(family).em_step(draw(family, 0), weight)


def test_a_step_refuses_an_axis_that_is_none(family):
    with pytest.raises(ValueError, match="`axis_name` must be an axis of .*'text'"):
        fitted(family).em_step(draw(family, 0), axis_name="text")


@pytest.mark.parametrize(
    "namespace", [GaussianMixture, BernoulliMixture, ExponentialMixture]
)
def test_what_only_makes_mixtures_says_so(namespace):
    with pytest.raises(TypeError, match=f"`{namespace.__name__}.fit` or `"):
        namespace(3)


LARGEST = float(np.finfo(np.float32).max) / 16.1


def rows_of_all_sizes(rows=ROWS):
    rng, shape = np.random.default_rng(0), (rows, FEATURES)
    signs = rng.choice([-1, 1], shape)
    wide = signs * 2.0 ** rng.uniform(-120, 123, shape)
    return {
        "wide": wide,
        "sparse": np.where(rng.random(shape) < 0.7, 0, wide),
        "largest": signs * LARGEST,
        "equal": np.full(shape, LARGEST),
        "close": LARGEST * (1 - 1e-7 * rng.integers(0, 9, shape)),
        "one far": np.where(np.arange(rows)[:, None] == 3, LARGEST, wide < 1),
        "tiny": 1e-37 * rng.normal(size=shape),
        "landmarks": signs * rng.choice([0, 1e-38, 1, LARGEST / 2, LARGEST], shape),
    }


@pytest.mark.parametrize("name", ["full", "diagonal", "spherical"])
def test_rows_of_all_sizes_give_no_nan(name):
    of_order_1 = fitted(name)
    for kind, x in rows_of_all_sizes().items():
        x = jnp.asarray(x, jnp.float32)
        mixture, result = fit(name, x)
        rose = np.diff(result.log_likelihood)
        assert np.all(rose >= -1e-4 * np.abs(result.log_likelihood[1:]) - 1e-3), kind
        for each in (mixture, of_order_1):
            results = each.log_prob(x), each.responsibilities(x), each.bic(x)
            results += each.statistics(x), each.em_step(x), each.fit_more(x)
            for leaf in jtu.tree_leaves((mixture, result, results)):
                assert not np.any(np.isnan(leaf)), kind


def test_rows_beyond_the_range_are_outside_the_support():
    mixture = fitted("full")
    x = jnp.full((ROWS, FEATURES), 1.0).at[0, 0].set(3e38)
    with pytest.raises(ValueError, match="`x` must hold finite numbers up to a sixtee"):
        fit("full", x)
    assert mixture.log_prob(x)[0] == -jnp.inf and mixture.log_prob(x)[1] > -1e3


def test_a_row_that_is_impossible_moves_nothing(name):
    if name == "bernoulli":
        pytest.skip("no row from 0 to 1 is impossible")
    x, mixture = draw(name, 0), fitted(name)
    far = x.at[0].set(1e37)
    weight = jnp.ones(ROWS).at[0].set(0)
    one, other = mixture.em_step(far), mixture.em_step(x, weight)
    assert_same(one[0], other[0])
    assert one[1] < -1e30 and other[1] > -1e3
    np.testing.assert_allclose(one[1], mixture.score(far), rtol=1e-6)
