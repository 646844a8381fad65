"""A linear probe reaches the minimum of its loss, in all units."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
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


CLASS_WEIGHT = np.array([1.0, 4.0, 0.5])


@pytest.mark.parametrize("weight", ["balanced", CLASS_WEIGHT])
def test_class_weights_are_those_of_scikit_learn(weight):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(500, 4)).astype(np.float32)
    noisy = x[:, :3] + rng.normal(size=(500, 3)) + [0, 1, 2]
    y = np.argmax(noisy, -1)
    options: Any = {}
    if not isinstance(weight, str):
        options["class_weight"] = jnp.asarray(weight)
    fitted, result = LinearProbe(l1=0.0, l2=1e-2).fit(
        KEY, x, y, **{"class_weight": weight, **options}
    )
    known: Any = weight if isinstance(weight, str) else dict(enumerate(weight))
    # The strength is that of the mean loss, of which the weights have the mean 1.
    total = 500 if isinstance(weight, str) else weight[y].sum()
    oracle = sklearn.linear_model.LogisticRegression(
        C=100 / total, tol=1e-8, class_weight=known
    )
    standard = (x - x.mean(0, dtype=float)) / x.std(0, dtype=float)
    oracle.fit(standard, y)
    assert result.converged
    np.testing.assert_allclose(fitted(x), oracle.predict_proba(standard), atol=5e-3)


WRONG: list[Any] = [
    (LinearProbe(), Y, jnp.ones(2), "`class_weight` must be a finite number"),
    (LinearProbe(), Y, jnp.full(3, jnp.nan), "`class_weight` must be a finite number"),
    (
        LinearProbe(),
        Y,
        jnp.array([1, -1, 1.0]),
        "`class_weight` must be a finite number",
    ),
    (LinearProbe("regression"), X, "balanced", "and None for regression"),
]


@pytest.mark.parametrize(("recipe", "y", "weight", "message"), WRONG)
def test_wrong_class_weights_are_errors(recipe, y, weight, message):
    with pytest.raises(ValueError, match=message):
        recipe.fit(KEY, X, y, class_weight=weight)


def test_strengths_are_swept_in_one_program():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 4)).astype(np.float32)
    y = (x[:, 0] + rng.normal(size=60) > 0).astype(np.int32)
    traces = []

    @eqx.filter_jit
    @eqx.filter_vmap
    def sweep(l2):
        traces.append(None)
        return LinearProbe(num_classes=2, l2=l2).fit(KEY, x, y)[0]

    strengths = jnp.array([1e-3, 0.1, 3.0])
    swept = sweep(strengths)
    sweep(2 * strengths)
    assert len(traces) == 1
    arrays, constants = eqx.partition(swept, eqx.is_array)
    for i, l2 in enumerate(strengths):
        alone, _ = LinearProbe(num_classes=2, l2=l2).fit(KEY, x, y)
        one = eqx.combine(jax.tree.map(lambda leaf, i=i: leaf[i], arrays), constants)
        np.testing.assert_allclose(one(x), alone(x), atol=1e-3)
