from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given, strategies as st

from ngcx import optim
from ngcx.testing import tolerance


def run(rule, start, gradients):
    params: Any = jnp.asarray(start)
    state = rule.init(params)
    path = []
    for gradient in gradients:
        updates, state = rule.update(jnp.asarray(gradient, params.dtype), state, params)
        params = optax.apply_updates(params, updates)
        path.append(params)
    return path


def nag_by_hand(start, gradients, eta, mu):
    theta, previous, path = np.asarray(start, np.float64), None, []
    for gradient in gradients:
        phi = theta - eta * gradient
        theta = phi if previous is None else phi + mu * (phi - previous)
        previous = phi
        path.append(theta)
    return path


@given(seed=st.integers(0, 999), mu=st.floats(0, 1), eta=st.floats(1e-3, 1))
def test_nag_is_the_loop_of_its_formula(seed, mu, eta, dtype, standard_promotion):
    gradients = np.random.default_rng(seed).normal(size=(12, 3)).astype(dtype)
    got = run(optim.nag(eta, mu), jnp.zeros(3, dtype), gradients)
    expected = nag_by_hand(np.zeros(3), gradients.astype(float), eta, mu)
    assert got[-1].dtype == dtype
    rtol = 12 * tolerance(dtype)["rtol"]
    scale = np.abs(expected).max()
    np.testing.assert_allclose(np.asarray(got, float), expected, rtol, rtol * scale)


def test_known_trajectories(standard_promotion):
    ones = np.ones(3)
    for rule, expected in (
        (optim.nag(0.1), (0.9, 0.71, 0.439)),
        (optim.sgd(0.1), (0.9, 0.8, 0.7)),
        (optim.adam(0.1), (0.9, 0.8, 0.7)),
    ):
        np.testing.assert_allclose(run(rule, 1.0, ones), expected, rtol=1e-5)


def test_by_name_and_compiled(standard_promotion):
    model = eqx.nn.MLP(3, 1, 4, 1, key=jax.random.key(0))
    params = eqx.filter(model, eqx.is_array)
    for name, hyperparameters in (
        ("sgd", {"eta": 0.1}),
        ("nag", {"eta": jnp.asarray(0.1), "mu": 0.5}),
        ("adam", {"eta": 0.1, "beta1": 0.8}),
    ):
        rule = optim.create(name, **hyperparameters)
        gradients = jax.tree.map(jnp.ones_like, params)
        updates, state = jax.jit(rule.update)(gradients, rule.init(params), params)
        updates, state = jax.jit(rule.update)(gradients, state, params)
        assert all(np.all(leaf < 0) for leaf in jax.tree.leaves(updates))
    with pytest.raises(ValueError, match="`name` must be one of .* mean 'adam'"):
        optim.create("adan")
    with pytest.raises(TypeError, match="`eta` of"):
        optim.sgd("fast")  # pyright: ignore[reportArgumentType]


def test_local_rules_descend_too(standard_promotion):
    """Updates that are no gradients: Hebbian growth of a weight matrix."""
    weights, rule = jnp.zeros((2, 2)), optim.sgd(0.5)
    state = rule.init(weights)
    before, after = jnp.asarray([1.0, 0.0]), jnp.asarray([0.0, 1.0])
    updates, _ = rule.update(-jnp.outer(before, after), state)
    grown = optax.apply_updates(weights, updates)
    np.testing.assert_array_equal(grown, [[0, 0.5], [0, 0]])
