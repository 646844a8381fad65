"""A linear probe reaches the minimum of its loss, in all units."""

import jax.random as jr
import numpy as np
import optax
import pytest
import sklearn.linear_model

from ngcx.analysis import (
    LinearProbe,
)


pytestmark = [pytest.mark.usefixtures("standard_promotion"), pytest.mark.in_turn(3)]
KEY = jr.key(0)
X, Y = np.ones((6, 2), np.float32), np.array([0, 1, 2, 0, 1, 2])


def scaled(rng, samples, spread, mean):
    """Features that depend on each other, of such spread and mean."""
    mixed = rng.normal(size=(samples, 10)) @ rng.normal(size=(10, 10))
    return (mixed * spread + mean).astype(np.float32)


@pytest.mark.parametrize("x_scale", [(1, 0), (1e-3, 1.0), (1e3, 1e5), (1e-25, 0)])
@pytest.mark.parametrize("y_scale", [(1, 5), (1e3, 0), (1e-6, 0), (1, 1e3)])
def test_least_squares_in_all_units(x_scale, y_scale):
    rng = np.random.default_rng(0)
    x = scaled(rng, 500, *x_scale)
    standard = (x - x.mean(0, dtype=float)) / x.std(0, dtype=float)
    y = standard @ rng.normal(size=(10, 2)) + rng.normal(size=(500, 2))
    y = (y * y_scale[0] + y_scale[1]).astype(np.float32)
    fitted, result = LinearProbe("regression").fit(KEY, x, y)
    assert result.converged
    columns, wide = np.c_[standard, np.ones(500)], y.astype(float)
    best = columns @ np.linalg.lstsq(columns, wide, rcond=None)[0]
    expected = 1 - np.sum((best - wide) ** 2) / np.sum((wide - wide.mean(0)) ** 2)
    np.testing.assert_allclose(fitted.score(x, y), expected, atol=1e-3)


@pytest.mark.parametrize("x_scale", [(1, 0), (1e-3, 1.0), (1e3, 1e5)])
def test_logistic_regression_in_all_units(x_scale):
    rng = np.random.default_rng(0)
    x = scaled(rng, 500, *x_scale)
    standard = (x - x.mean(0, dtype=float)) / x.std(0, dtype=float)
    noisy = standard @ rng.normal(size=(10, 3)) + rng.normal(size=(500, 3))
    y = np.argmax(noisy, -1)
    fitted, result = LinearProbe(l1=0.0, l2=1e-2).fit(KEY, x, y)
    oracle = sklearn.linear_model.LogisticRegression(C=100 / 500, tol=1e-8)
    oracle.fit(standard, y)
    assert result.converged
    np.testing.assert_allclose(fitted(x), oracle.predict_proba(standard), atol=5e-3)


def test_features_and_values_that_are_constant():
    x = np.c_[X, np.full((6, 1), 0.1)].astype(np.float32)
    y = np.full((6, 1), 0.3, np.float32)
    fitted, result = LinearProbe("regression").fit(KEY, x, y)
    assert result.converged
    np.testing.assert_allclose(fitted(x), y, rtol=1e-6)


def test_a_fit_that_was_not_long_enough_says_so():
    x, y = np.random.default_rng(0).normal(size=(60, 4)), Y.repeat(10)
    x = x.astype(np.float32)
    assert not LinearProbe().fit(KEY, x, y, epochs=1)[1].converged
    adam = optax.adam(1e-3)
    _, result = LinearProbe().fit(KEY, x, y, epochs=20, optimizer=adam)
    assert result.epochs == 20 and not result.converged
