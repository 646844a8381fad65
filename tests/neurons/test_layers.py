"""What stands between neurons: norms, dropout, delays, gates, and frozen arrays."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
import pytest

from ngcx.init import Constant, reinitialize
from ngcx.neurons import (
    LIF,
    BatchNorm,
    Delay,
    Dropout,
    Each,
    Frozen,
    LeakyIntegrator,
    Recurrent,
    Stack,
    Statistics,
    TimeConstant,
)


X = 3 + 2 * jr.normal(jr.key(0), (5, 4, 2, 3))  # time, batch, channels, space
LENGTHS = jnp.array([5, 1, 3, 4])
VALID = np.arange(5)[:, None] < np.asarray(LENGTHS)[None]


def normalised(x, valid, axes, momentum=0.9):
    """The formula, in float64: outputs and running statistics of one update."""
    x = np.asarray(x, np.float64)
    weight = np.broadcast_to(valid[..., None, None], x.shape).astype(float)
    mean = np.average(x, axes, weight, keepdims=True)
    variance = np.average((x - mean) ** 2, axes, weight, keepdims=True)
    count = weight.sum(axes, keepdims=True)
    unbiased = variance * count / (count - 1)
    y = (x - mean) / np.sqrt(variance + 1e-5) * weight
    return y, mean * (1 - momentum), momentum + (1 - momentum) * unbiased


@pytest.mark.parametrize("lengths", [None, LENGTHS])
def test_batch_norm_over_time_is_its_formula(lengths):
    valid = np.ones_like(VALID) if lengths is None else VALID
    spoilt = jnp.where(valid[..., None, None], X, jnp.nan)
    state, y = BatchNorm(2).run(spoilt, batched=True, lengths=lengths)
    expected, mean, variance = normalised(X, valid, (0, 1, 3))
    np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(state.value.mean, mean.ravel(), rtol=1e-5)
    np.testing.assert_allclose(state.value.variance, variance.ravel(), rtol=1e-5)


@pytest.mark.parametrize("lengths", [None, LENGTHS])
def test_batch_norm_of_each_step_is_its_formula(lengths):
    valid = np.ones_like(VALID) if lengths is None else VALID
    spoilt = jnp.where(valid[..., None, None], X, jnp.nan)
    cell = BatchNorm(2, over=("batch",), momentum=0.75)
    state, y = cell.run(spoilt, batched=True, lengths=lengths)
    mean, variance = np.zeros(2), np.ones(2)
    for t in range(5):
        one = slice(t, t + 1)
        there, m, v = normalised(X[one], valid[one], (0, 1, 3), momentum=0.75)
        np.testing.assert_allclose(y[one], there, rtol=1e-3, atol=1e-4)
        mean, variance = 0.75 * mean + m.ravel(), 0.75 * (variance - 1) + v.ravel()
    np.testing.assert_allclose(state.value.mean, mean, rtol=1e-5)
    np.testing.assert_allclose(state.value.variance, variance, rtol=1e-4)
    # A norm of each step sees no other, so that pieces are the whole.
    first, head = cell.run(spoilt[:2], batched=True, lengths=lengths)
    last, tail = cell.run(spoilt[2:], first, batched=True, lengths=lengths, start=2)
    np.testing.assert_array_equal(jnp.concatenate([head, tail]), y)
    jax.tree.map(np.testing.assert_array_equal, last, state)


def test_batch_norm_in_inference_uses_what_it_has_seen():
    stack = Stack(BatchNorm(2, threshold=0.5), jnp.ravel)
    np.testing.assert_array_equal(stack[0].weight, [0.5, 0.5])
    state, _ = stack.run(X, batched=True)
    live = eqx.nn.inference_mode(stack)
    after, y = live.run(X, stack.rest(state), batched=True)
    seen = state[0].value
    mean, deviation = (
        np.asarray(each)[None, None, :, None]
        for each in (seen.mean, np.sqrt(seen.variance + 1e-5))
    )
    expected = (0.5 * (np.asarray(X) - mean) / deviation).reshape(5, 4, 6)
    np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-6)
    jax.tree.map(np.testing.assert_array_equal, after, state)
    np.testing.assert_allclose(live(stack.rest(state), X[0, 0])[1], y[0, 0], rtol=1e-6)


def test_batch_norm_takes_gradients_through_its_statistics():
    def total(x):
        return jnp.sum(jnp.sin(BatchNorm(2).run(x, batched=True)[1]))

    def by_hand(x):
        mean = x.mean((0, 1, 3), keepdims=True)
        deviation = jnp.sqrt(x.var((0, 1, 3), keepdims=True) + 1e-5)
        return jnp.sum(jnp.sin((x - mean) / deviation))

    got, expected = jax.grad(total)(X), jax.grad(by_hand)(X)
    np.testing.assert_allclose(got, expected, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("inference", [False, True])
def test_a_channel_that_does_not_vary_is_its_bias(inference, dtype):
    norm = eqx.tree_at(
        lambda norm: norm.bias,
        BatchNorm(2, eps=0.0, inference=inference),
        jnp.array([0.5, -1.0]),
    )
    state = norm.init((2,), dtype)
    if inference:
        state = jax.tree.map(jnp.zeros_like, state)
    x = jnp.broadcast_to(jnp.asarray([3.0, 0.0], dtype), (4, 3, 2))

    def total(x):
        return jnp.sum(norm.run(x, state, batched=True)[1].astype(jnp.float32))

    got = np.asarray(norm.run(x, state, batched=True)[1])
    np.testing.assert_array_equal(got, np.broadcast_to([0.5, -1.0], (4, 3, 2)))
    assert jnp.all(jnp.isfinite(jax.jit(jax.grad(total))(x)))


@pytest.mark.parametrize("momentum", [0.0, 0.5, 1.0])
def test_a_variance_out_of_range_makes_nothing_nan(momentum):
    norm = BatchNorm(2, momentum=momentum)
    x = jnp.array([[1e30, -1e30], [0.0, 1.0]])[:, None]

    def total(x, state):
        return jnp.sum(jnp.sin(norm.run(x, state, batched=True)[1]))

    state, y = norm.run(x, norm.init((2,)), batched=True)
    after, _ = norm.run(x, state, batched=True)
    gradient = jax.grad(total)(x, state)
    for each in jax.tree.leaves((state, after, y, gradient)):
        assert jnp.all(jnp.isfinite(each))


def test_what_batch_norm_refuses():
    with pytest.raises(ValueError, match="a single value has no variance"):
        BatchNorm(3, over=("batch",)).run(jnp.ones((5, 3)))
    with pytest.raises(ValueError, match=r'`over` must have "batch" in it'):
        BatchNorm(3, over=("time",))
    with pytest.raises(ValueError, match="must begin with the 3 channels"):
        BatchNorm(3).run(X, batched=True)
    with pytest.raises(ValueError, match=r"Layer 1 \(BatchNorm\).*must see all of it"):
        stack = Stack(jnp.ravel, BatchNorm(6))
        stack(stack.init((2, 3)), X[0, 0])


@pytest.mark.parametrize("mode", ["ema", "batch"])
def test_batch_norm_of_equinox_keeps_its_state(mode):
    axes = ("time", "batch")
    x = X[..., 0]
    layer = eqx.nn.BatchNorm(2, axes, mode=mode)
    stack = Stack(layer, LIF())
    state, _, seen = stack.run(x, batched=True, watch=("0.out",))
    plain, held = eqx.nn.make_with_state(eqx.nn.BatchNorm)(2, axes, mode=mode)
    mapped = jax.vmap(plain, axis_name="batch", in_axes=(0, None), out_axes=(0, None))
    mapped = jax.vmap(mapped, axis_name="time", in_axes=(0, None), out_axes=(0, None))
    expected, held = mapped(x, held)
    np.testing.assert_allclose(seen["0.out"], expected, rtol=1e-5, atol=1e-6)
    for got, there in zip(
        jax.tree.leaves(state[0]), jax.tree.leaves(held), strict=True
    ):
        np.testing.assert_allclose(got, there, rtol=1e-6)
    live = eqx.nn.inference_mode(stack)
    _, _, seen = live.run(x, stack.rest(state), batched=True, watch=("0.out",))
    there, _ = eqx.nn.inference_mode(plain)(x[0, 0], held)
    np.testing.assert_allclose(seen["0.out"][0, 0], there, rtol=1e-5, atol=1e-6)
    with pytest.raises(ValueError, match=r"Layer 0 \(BatchNorm\): `lengths` cannot"):
        stack.run(x, batched=True, lengths=LENGTHS)
    with pytest.raises(ValueError, match="give the layer as it was constructed"):
        Stack(plain, LIF()).run(x, batched=True)


# Dropout, delays, gates.


def test_dropout_keeps_one_mask_a_sequence():
    cell, x = Dropout(0.25), jnp.ones((6, 3, 400))
    state, y = cell.run(x, key=jr.key(0), batched=True)
    np.testing.assert_array_equal(y, jnp.broadcast_to(y[:1], y.shape))
    assert np.any(y[0, 0] != y[0, 1])
    np.testing.assert_allclose(np.unique(y), [0, 4 / 3], rtol=1e-6)
    # Five standard deviations are exceeded once in a million.
    assert abs(np.mean(y[0] == 0) - 0.25) < 5 * np.sqrt(0.25 * 0.75 / 1200)
    begun, head = cell.run(x[:1], key=jr.key(0), batched=True)
    _, tail = cell.run(x[1:], begun, key=jr.key(99), batched=True, start=1)
    np.testing.assert_array_equal(jnp.concatenate([head, tail]), y)
    fresh = cell.run(x, cell.rest(state), key=jr.key(0), batched=True)[1]
    np.testing.assert_array_equal(fresh, y)
    np.testing.assert_array_equal(eqx.nn.inference_mode(cell).run(x)[1], x)
    with pytest.raises(ValueError, match=r"Layer 1 \(Dropout\): `key` must be given"):
        Stack(jnp.sin, Dropout()).run(x[:, 0])
    assert not np.any(Dropout(1.0).run(x, key=jr.key(0), batched=True)[1])


def test_dropout_of_equinox_has_one_mask_a_step():
    stack = Stack(eqx.nn.Dropout(0.5))
    y = stack.run(jnp.ones((6, 100)), key=jr.key(0))[1]
    assert len(np.unique(y, axis=0)) == 6


@pytest.mark.parametrize("delay", [0, 1, 3, np.array([0, 3, 1]), np.array([[2], [0]])])
def test_a_delay_shifts(delay):
    x = np.random.default_rng(0).normal(size=(7, 2, 3)).astype(np.float32)
    expected = np.zeros_like(x)
    for place in np.ndindex(2, 3):
        ago = np.broadcast_to(delay, (2, 3))[place]
        expected[(slice(ago, None), *place)] = x[(slice(0, 7 - ago), *place)]
    given = delay if isinstance(delay, int) else jnp.asarray(delay)
    cell = Delay(given, 3)
    np.testing.assert_array_equal(cell.run(jnp.asarray(x))[1], expected)
    whole = jnp.asarray(x > 0, jnp.int32)  # of any dtype
    assert cell.run(whole)[1].dtype == jnp.int32


def test_what_delay_refuses():
    with pytest.raises(ValueError, match="`max_delay` must be given"):
        Delay(jnp.array([1]))
    with pytest.raises(ValueError, match="at most `max_delay`, 2; got 3"):
        Delay(3, 2)
    with pytest.raises(ValueError, match="`delay` must be 0 or more; got -1"):
        Delay(-1)


@pytest.mark.parametrize("make", [eqx.nn.GRUCell, eqx.nn.LSTMCell])
def test_gated_cells_of_equinox_are_cells(make):
    layer, x = make(3, 4, key=jr.key(0)), jr.normal(jr.key(1), (6, 3))
    _, y = Stack(layer).run(x)
    state = jnp.zeros(4)
    state = (state, state) if make is eqx.nn.LSTMCell else state
    for t in range(6):
        state = layer(x[t], state)
        out = state[0] if isinstance(state, tuple) else state
        np.testing.assert_allclose(y[t], out, rtol=1e-5, atol=1e-6)


def test_each_runs_a_layer_or_a_cell_over_a_further_axis():
    layer, x = eqx.nn.Linear(3, 5, key=jr.key(0)), jr.normal(jr.key(1), (6, 2, 7, 3))
    _, y = Stack(Each(layer)).run(x, batched=True)
    every = jax.vmap(jax.vmap(jax.vmap(layer)))
    np.testing.assert_allclose(y, every(x), rtol=1e-5, atol=1e-6)
    _, y = Each(LIF()).run(x, batched=True)
    np.testing.assert_array_equal(y, LIF().run(x, batched=True)[1])
    with pytest.raises(ValueError, match="must not be one that sees all of the time"):
        Each(BatchNorm(3))


# Frozen arrays.


def test_what_is_frozen_is_not_trained(standard_promotion):
    tau, layer = jnp.array([5.0, 9.0, 20.0]), eqx.nn.Linear(3, 3, key=jr.key(0))
    plain = Stack(layer, LIF(TimeConstant(tau), jnp.full(3, 0.5)), LeakyIntegrator())
    frozen = Stack(
        Frozen(layer),
        LIF(TimeConstant(Frozen(tau)), Frozen(jnp.full(3, 0.5))),
        Recurrent(LeakyIntegrator(jnp.array(0.5)), Frozen(jnp.eye(3))),
        LeakyIntegrator(),
    )
    x = jr.normal(jr.key(1), (9, 3))
    half = eqx.tree_at(lambda s: s.layers[2].feedback, frozen, lambda y: 0 * y)
    half = Stack(*half.layers[:2], half.layers[3])
    np.testing.assert_array_equal(half.run(x)[1], plain.run(x)[1])

    def total(stack):
        return jnp.sum(stack.run(x)[1])

    gradient = eqx.filter_grad(total)(frozen)
    (slope,) = jax.tree.leaves(gradient)
    assert slope.shape == () and slope != 0
    optimiser = optax.adamw(0.1, weight_decay=0.5)
    parameters = eqx.filter(frozen, eqx.is_inexact_array)
    updates, _ = optimiser.update(gradient, optimiser.init(parameters), parameters)
    moved = eqx.apply_updates(frozen, updates)
    assert moved[2].cell.decay != frozen[2].cell.decay
    for place in ((0,), (1,)):
        for old, new in zip(
            jax.tree.leaves(frozen[place[0]]),
            jax.tree.leaves(moved[place[0]]),
            strict=True,
        ):
            np.testing.assert_array_equal(old, new)
    np.testing.assert_array_equal(moved[2].feedback.value, jnp.eye(3))


def test_reinitialize_keeps_what_is_frozen():
    layers = [eqx.nn.Linear(3, 3, key=key) for key in jr.split(jr.key(0), 2)]
    model = Stack(Frozen(layers[0]), Recurrent(LIF(), Frozen(jnp.eye(3))), layers[1])
    new = reinitialize(model, Constant(0.5), jr.key(0))
    np.testing.assert_array_equal(new[0].value.weight, layers[0].weight)
    np.testing.assert_array_equal(new[1].feedback.value, jnp.eye(3))
    assert np.all(new[2].weight == 0.5)


def test_other_frozen_values_run_the_same_program():
    @eqx.filter_jit
    @eqx.debug.assert_max_traces(max_traces=1)
    def run(cell, x):
        return cell.run(x)[1]

    x = jnp.ones((4, 3))
    for value in (0.5, 1.0, 2.0):
        cell = LIF(threshold=Frozen(jnp.full(3, value)))
        np.testing.assert_array_equal(
            run(cell, x), LIF(threshold=jnp.full(3, value)).run(x)[1]
        )


def test_frozen_arrays_of_every_dtype_and_other_values(dtype):
    array = jnp.asarray([0.0, -1.5, np.nan, np.inf], dtype)
    tree = {"a": array, "b": jnp.arange(3), "c": 2.5, "d": "text"}
    frozen = Frozen(tree)
    assert not jax.tree.leaves(eqx.filter(frozen, eqx.is_inexact_array))
    assert frozen.value["a"].dtype == dtype

    def check_same(got):
        got, expected = np.asarray(got, float), np.asarray(array, float)
        np.testing.assert_array_equal(got, expected)

    check_same(frozen.value["a"])
    assert frozen.value["c"] == 2.5 and frozen.value["d"] == "text"
    jitted = jax.jit(lambda each: each.value["a"])(Frozen({"a": array}))
    check_same(jitted)


def test_statistics_are_arrays_of_channels():
    state = BatchNorm(3).init((3, 5, 5))
    assert isinstance(state.value, Statistics) and state.value.mean.shape == (3,)
