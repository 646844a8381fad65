"""Networks go through JAX: donated, mapped, sharded, exported, saved."""

import pickle

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from jax.sharding import Mesh, NamedSharding, PartitionSpec as P

from ngcx import io
from ngcx.neurons import (
    LIF,
    BatchNorm,
    Delay,
    Dropout,
    Each,
    HardReset,
    LeakyIntegrator,
    Residual,
    SoftReset,
    Stack,
)

from ._networks import IMAGES, X, convolutional, dense


pytestmark = pytest.mark.in_turn(2)


def test_a_state_is_donated():
    stack = Stack(*dense(), Dropout(0.5), Delay(2), Each(LIF()))
    step = jax.jit(lambda *args, key: stack(*args, key=key), donate_argnums=0)
    state = stack.init((6,))
    expected = stack.run(X[:3, 0], key=jr.key(0))[1]
    for t in range(3):
        old, (state, out) = state, step(state, X[t, 0], key=jr.fold_in(jr.key(0), t))
        assert all(leaf.is_deleted() for leaf in jax.tree.leaves(old))
        np.testing.assert_allclose(out, expected[t], rtol=1e-5, atol=1e-6)


def test_members_of_an_ensemble_are_made_and_run_together():
    keys = jr.split(jr.key(5), 3)
    ensemble = eqx.filter_vmap(dense)(keys)
    outs = eqx.filter_vmap(
        lambda stack, x: stack.run(x, batched=True)[1], in_axes=(eqx.if_array(0), None)
    )(ensemble, X)
    for key, out in zip(keys, outs, strict=True):
        alone = dense(key).run(X, batched=True)[1]
        np.testing.assert_allclose(out, alone, rtol=1e-4, atol=1e-5)


def test_a_stack_is_edited_pickled_and_saved(tmp_path):
    stack = dense()
    edited = eqx.tree_at(lambda s: s[0].weight, stack, replace_fn=jnp.negative)
    np.testing.assert_array_equal(edited[0].weight, -stack[0].weight)
    hard = eqx.tree_at(lambda s: s.layers[1], stack, LIF(reset=HardReset()))
    assert hard[1].reset == HardReset() and stack[1].reset == SoftReset()
    expected = stack.run(X, batched=True)
    again = pickle.loads(pickle.dumps(stack))
    io.serialize(tmp_path / "stack", stack)
    loaded = io.deserialize(tmp_path / "stack", dense(jr.key(9)))
    for other in (again, loaded):
        jax.tree.map(
            np.testing.assert_array_equal, other.run(X, batched=True), expected
        )


def sharded(x, axis=1):
    spec = P(*(None,) * axis, "batch")
    return jax.device_put(x, NamedSharding(Mesh(jax.devices(), "batch"), spec))


@pytest.mark.parametrize("make", [dense, convolutional])
def test_a_sharded_batch_is_not_gathered(make):
    stack, x = make(), X if make is dense else IMAGES

    arrays, others = eqx.partition(stack, eqx.is_array)

    @jax.jit
    @jax.value_and_grad
    def program(arrays, x):
        stack = eqx.combine(arrays, others)
        return jnp.mean(jnp.square(stack.run(x, batched=True)[1]))

    text = program.lower(arrays, sharded(x)).compile().as_text() or ""
    assert "all-gather" not in text and "all-reduce" in text
    got, expected = program(arrays, sharded(x)), program(arrays, x)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5),
        got,
        expected,
    )


@pytest.mark.parametrize("checkpoint", [False, True])
@pytest.mark.parametrize("make", [dense, convolutional])
def test_under_shard_map(make, checkpoint):
    x = X if make is dense else IMAGES
    stack = make()

    def run(x):
        return stack.run(x, batched=True, checkpoint=checkpoint)[1]

    spec, mesh = P(None, "batch"), Mesh(jax.devices(), "batch")
    mapped = jax.shard_map(run, mesh=mesh, in_specs=spec, out_specs=spec)
    np.testing.assert_allclose(jax.jit(mapped)(x), run(x), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("how", [("time",), ()])
def test_statistics_over_all_devices_are_those_of_one(how):
    def made(*more):
        return convolutional(norm=(BatchNorm(3, over=(*how, "batch", *more)),))

    expected, outs = made().run(IMAGES, batched=True)
    state, there = made().run(sharded(IMAGES), batched=True)
    np.testing.assert_allclose(there, outs, rtol=1e-4, atol=1e-5)

    def run(x):
        state, outs = made("devices").run(x, batched=True)
        return state[1], outs

    spec, mesh = P(None, "devices"), Mesh(jax.devices(), "devices")
    mapped = jax.shard_map(run, mesh=mesh, in_specs=spec, out_specs=(P(), spec))
    shared, there = jax.jit(mapped)(IMAGES)
    np.testing.assert_allclose(there, outs, rtol=1e-4, atol=1e-5)
    for statistics in (state[1], shared):
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6),
            statistics,
            expected[1],
        )


@pytest.mark.parametrize("checkpoint", [False, True])
def test_symbolic_batch_time_and_neurons_are_exported(checkpoint):
    stack = Stack(LIF(), Residual(Delay(2)), Dropout(0.0), LeakyIntegrator(0.5))
    # A segment of a checkpoint has a length of its own, so that time is a number there.
    sizes = "16, batch, n" if checkpoint else "time, batch, n"
    shape = jax.export.symbolic_shape(sizes)

    def run(x):
        return stack.run(x, batched=True, checkpoint=checkpoint)[1]

    exported = jax.export.export(jax.jit(run))(jax.ShapeDtypeStruct(shape, jnp.float32))
    for sizes in ((16, 3, 5), (16, 1, 2)):
        x = 2 * jr.normal(jr.key(0), sizes)
        np.testing.assert_allclose(exported.call(x), run(x), rtol=1e-5, atol=1e-6)
