from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given, strategies as st

from ngcx import activations, optim
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
    rates = np.broadcast_to(eta, len(gradients))
    for rate, gradient in zip(rates, gradients, strict=True):
        phi = theta - rate * gradient
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


RULES = {"sgd": optim.sgd, "nag": optim.nag, "adam": optim.adam}


def updates_of(rule, gradients):
    """What the rule says at each step, in one compiled loop."""

    def step(state, gradient):
        updates, state = rule.update({"w": gradient}, state, {"w": gradient})
        return state, updates["w"]

    return jax.lax.scan(step, rule.init({"w": gradients[0]}), gradients)[1]


@pytest.mark.parametrize("kind", ["float16", "bfloat16"])
@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("scheduled", [False, True])
def test_half_precisions_add_up_in_float32(name, kind, scheduled, standard_promotion):
    # All dtypes hold these numbers, though not the squares of some.
    random = np.random.default_rng(0)
    gradients = random.choice([0, 1, 1, 2.0**-10], (2000, 8)).astype("f4")
    gradients[:, 0], gradients[:, 1] = 0, 1
    eta = optax.linear_schedule(1e-3, 1e-4, 2000) if scheduled else 1e-3
    options = {"mu": 0.999} if name == "nag" else {}
    rule = RULES[name](eta, **options)
    wide = updates_of(rule, jnp.asarray(gradients))
    narrow = updates_of(rule, jnp.asarray(gradients, kind))
    assert narrow.dtype == kind and wide.dtype == jnp.float32
    # Another fusion may round the last bit of float32 differently.
    np.testing.assert_allclose(
        np.asarray(narrow, "f4"), wide, **tolerance(jnp.dtype(kind), 1)
    )
    assert np.isfinite(np.asarray(narrow, "f4")).all() and not narrow[:, 0].any()


@pytest.mark.parametrize("name", RULES)
def test_a_schedule_is_the_rate_of_each_step(name, dtype, standard_promotion):
    schedule = optax.piecewise_constant_schedule(0.5, {1: 0.5, 4: 0.25})
    gradients = np.random.default_rng(0).normal(size=(6, 3)).astype(dtype)
    rule = optim.create(name, eta=schedule)
    got = np.asarray(updates_of(rule, jnp.asarray(gradients)), float)
    wide = gradients.astype(float)
    rates = np.asarray([schedule(step) for step in range(6)], float)
    if name == "nag":
        path = nag_by_hand(np.zeros(3), wide, rates, 0.9)
        expected = np.diff(np.stack([np.zeros(3), *path]), axis=0)
    else:
        # What is scheduled here is a factor.
        unit = np.asarray(updates_of(RULES[name](1.0), jnp.asarray(gradients)), float)
        expected = rates[:, None] * unit
    rtol = 20 * tolerance(dtype)["rtol"]
    np.testing.assert_allclose(got, expected, rtol, rtol)


FRACTIONS = (-0.1, 1.5, float("nan"), float("inf"))
RANGES = {
    ("sgd", "eta"): (-0.1, float("nan")),
    ("nag", "eta"): (-0.1, float("nan")),
    ("adam", "eta"): (-0.1, float("nan")),
    ("nag", "mu"): FRACTIONS,
    ("adam", "beta1"): (*FRACTIONS, 1),
    ("adam", "beta2"): (*FRACTIONS, 1),
    ("adam", "eps"): (-1e-8, 0, float("nan")),
}


@pytest.mark.parametrize(("name", "argument"), RANGES)
def test_numbers_out_of_range_are_errors(name, argument):
    for value in RANGES[name, argument]:
        for kind in (float, np.float32, np.float64):
            with pytest.raises(ValueError, match=f"`{argument}` must be"):
                RULES[name](**{argument: kind(value)})
            with pytest.raises(ValueError, match=f"`{argument}` must be"):
                optim.create(name, **{argument: kind(value)})  # pyright: ignore[reportArgumentType]


def test_numbers_of_numpy(standard_promotion):
    for name in RULES:
        etas: Any = (np.float32(0.5), np.float64(0.5), np.float16(0.5))
        for eta in etas:
            for rule in (RULES[name](eta), optim.create(name, eta=eta)):
                got = updates_of(rule, jnp.ones((2, 1)))
                expected = updates_of(RULES[name](0.5), jnp.ones((2, 1)))
                np.testing.assert_array_equal(got, expected)


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
    params = eqx.filter(model, eqx.is_inexact_array)
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


@pytest.mark.parametrize("name", RULES)
def test_masks_and_counts_of_a_model_are_not_trained(name, standard_promotion):
    groups = jnp.array([[1, 1, 0, 0], [0, 0, 1, 1]], bool)
    winners = activations.KWTA(1, groups=groups)
    linear = eqx.nn.Linear(4, 4, key=jax.random.key(0))
    model = eqx.nn.Sequential([linear, winners]), {"epoch": jnp.asarray(3)}
    rule = RULES[name](0.1)
    state = rule.init(eqx.filter(model, eqx.is_inexact_array))
    gradients = eqx.filter_grad(lambda model: jnp.sum(model[0](jnp.ones(4))))(model)
    trained = eqx.apply_updates(model, rule.update(gradients, state, model)[0])
    changed = jax.tree.map(lambda x, y: bool(jnp.any(x != y)), trained, model)
    assert changed[0][0].weight and not changed[0][1].groups
    assert not changed[1]["epoch"]


def test_local_rules_descend_too(standard_promotion):
    """Updates that are no gradients: Hebbian growth of a weight matrix."""
    weights, rule = jnp.zeros((2, 2)), optim.sgd(0.5)
    state = rule.init(weights)
    before, after = jnp.asarray([1.0, 0.0]), jnp.asarray([0.0, 1.0])
    updates, _ = rule.update(-jnp.outer(before, after), state)
    grown = optax.apply_updates(weights, updates)
    np.testing.assert_array_equal(grown, [[0, 0.5], [0, 0]])


SCHEDULES = {
    "cosine": optax.cosine_decay_schedule(0.1, 50),
    "warm-up": optax.warmup_cosine_decay_schedule(0.0, 0.1, 10, 50),
    "exponential": optax.exponential_decay(0.1, 10, 0.5),
    "steps": optax.piecewise_constant_schedule(0.1, {10: 0.5, 30: 0.1}),
    "linear": optax.linear_schedule(0.1, 0.0, 50),
    "one number": 0.1,
}


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("dtype", ["float32", "float64"], indirect=True)
def test_schedules_are_those_of_optax_to_the_last_bit(
    schedule, dtype, standard_promotion
):
    gradients = jax.random.normal(jax.random.key(0), (60, 5), dtype)
    eta = SCHEDULES[schedule]
    for ours, theirs in (
        (optim.sgd(eta), optax.sgd(eta)),
        (optim.adam(eta, 0.8, 0.99, 1e-7), optax.adam(eta, 0.8, 0.99, 1e-7)),
    ):
        np.testing.assert_array_equal(
            updates_of(ours, gradients), updates_of(theirs, gradients)
        )
