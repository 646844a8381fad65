"""Stacks of cells and layers: layer by layer and step by step, the same numbers."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from jax.sharding import Mesh, PartitionSpec

from ngcx.activations import Tanh
from ngcx.neurons import (
    LIF,
    LeakyIntegrator,
    RecurrentLIF,
    layerwise,
    stepwise,
)
from ngcx.surrogate import Sigmoid


def dense(key):
    keys = jr.split(key, 3)
    return [
        eqx.nn.Linear(6, 5, key=keys[0]),
        LIF(jnp.full(5, 0.9)),
        Tanh(),
        eqx.nn.Linear(5, 4, use_bias=False, key=keys[1]),
        RecurrentLIF(surrogate=Sigmoid(), weight=0.3 * jr.normal(keys[2], (4, 4))),
        LeakyIntegrator(),
    ]


def convolutional(key):
    return eqx.nn.Sequential(
        [
            eqx.nn.Conv2d(1, 3, 3, key=key),
            eqx.nn.Lambda(jax.nn.relu),
            LIF(threshold=0.1),
            eqx.nn.AvgPool2d(2),
            eqx.nn.Lambda(jnp.ravel),
        ]
    )


SHAPES = {dense: (6,), convolutional: (1, 6, 6)}
# A way to run a stack, and whether it has checkpoints; all are to give the numbers of
# `layerwise` without any. Each takes seconds to compile, so that not every stack runs
# in every way with and without a key.
STEPS, SEGMENTS, BOTH = (stepwise, False), (layerwise, True), (stepwise, True)


@pytest.mark.parametrize(
    ("make", "seed", "ways"),
    [
        (dense, None, [STEPS, SEGMENTS, BOTH]),
        (dense, 5, [BOTH]),
        (convolutional, None, [STEPS]),
    ],
)
def test_both_runners_give_the_same_numbers(make, seed, ways):
    stack = make(jr.key(0))
    inputs = 2 * jr.normal(jr.key(1), (11, *SHAPES[make]))
    key = None if seed is None else jr.key(seed)

    @eqx.filter_jit
    def outcome(stack, runner, checkpoint):
        @eqx.filter_value_and_grad(has_aux=True)
        def total(stack):
            states, out = runner(stack, inputs, key=key, checkpoint=checkpoint)
            return jnp.sum(jnp.sin(out)), (states, out)

        return total(stack)

    expected = outcome(stack, layerwise, False)
    for runner, checkpoint in ways:
        got = outcome(stack, runner, checkpoint)
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5),
            got,
            expected,
        )
    assert np.any(np.asarray(expected[0][1][1]) != 0)


def test_layerwise_is_each_layer_in_turn():
    first, lif, _, second, *_ = stack = dense(jr.key(0))
    inputs = jr.normal(jr.key(1), (7, 6))
    x = lif.run(jax.vmap(first)(inputs))[1]
    expected = jax.vmap(second)(jnp.tanh(x))
    _, out = layerwise(stack[:4], inputs)
    np.testing.assert_allclose(out, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("runner", [layerwise, stepwise])
def test_a_stack_goes_on_where_it_stopped(runner):
    stack, inputs = dense(jr.key(0)), jr.normal(jr.key(1), (10, 6))
    states, first = runner(stack, inputs[:4])
    assert states[0] is None
    _, second = runner(stack, inputs[4:], states)
    together = runner(stack, inputs)[1]
    np.testing.assert_allclose(jnp.concatenate([first, second]), together, rtol=1e-5)


@pytest.mark.parametrize("runner", [layerwise, stepwise])
def test_a_batch_is_mapped(runner):
    stack, inputs = dense(jr.key(0)), jr.normal(jr.key(1), (10, 3, 6))
    mapped = jax.vmap(lambda x: runner(stack, x), in_axes=1, out_axes=(0, 1))(inputs)
    for checkpoint in (False, True):
        batched = runner(stack, inputs, batched=True, checkpoint=checkpoint)
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5),
            batched,
            mapped,
        )
    again = runner(stack, inputs, batched[0], batched=True)[1]
    assert again.shape == (10, 3, 4)


@pytest.mark.parametrize("runner", [layerwise, stepwise])
def test_under_shard_map(runner):
    stack, inputs = dense(jr.key(0)), 2 * jr.normal(jr.key(1), (9, 8, 6))
    mesh, spec = Mesh(jax.devices(), "batch"), PartitionSpec(None, "batch")

    def run(inputs):
        return runner(stack, inputs, batched=True)[1]

    mapped = jax.shard_map(run, mesh=mesh, in_specs=spec, out_specs=spec)
    np.testing.assert_allclose(mapped(inputs), run(inputs), rtol=1e-5, atol=1e-5)


class Doubled(eqx.nn.Linear):
    def __init__(self, key):
        super().__init__(3, 2, key=key)

    def __call__(self, x, *, key=None):
        return 2 * super().__call__(x)


@pytest.mark.parametrize("runner", [layerwise, stepwise])
def test_linear_layers_with_scalars_or_of_ones_own(runner):
    inputs = jr.normal(jr.key(1), (7, 3))
    for layer in (
        eqx.nn.Linear(3, "scalar", key=jr.key(0)),
        Doubled(jr.key(0)),
    ):
        _, out = runner([layer], inputs)
        np.testing.assert_allclose(out, jax.vmap(layer)(inputs), rtol=1e-6)
    scalar = eqx.nn.Linear("scalar", 2, key=jr.key(0))
    _, out = runner([scalar, LeakyIntegrator()], inputs[:, 0])
    assert out.shape == (7, 2)


def test_samples_of_a_batch_draw_independently():
    stack, inputs = [LIF(surrogate=Sigmoid(1.0))], jnp.zeros((50, 2, 3))
    _, spikes = layerwise(stack, inputs, key=jr.key(0), batched=True)
    assert np.any(spikes[:, 0] != spikes[:, 1])
    again = stepwise(stack, inputs, key=jr.key(0), batched=True, checkpoint=True)[1]
    np.testing.assert_array_equal(spikes, again)


def loops(program):
    """The scans of a program, those of programs within it too."""
    for each in program.eqns:
        if each.primitive.name == "scan":
            yield each
        elif "jaxpr" in each.params:
            yield from loops(each.params["jaxpr"])


def test_linear_layers_are_one_product_outside_the_loop():
    stack = dense(jr.key(0))[:4]
    program = jax.make_jaxpr(lambda x: layerwise(stack, x)[1])(jnp.ones((10, 6)))
    (loop,) = loops(program)
    assert "dot_general" not in str(loop)
    assert str(program).count("dot_general[") == 2


def training_memory(steps: int, **options) -> int:
    """Bytes of intermediate values of a training step (128, 784-256-10)."""
    keys = jr.split(jr.key(0), 2)
    stack = [
        eqx.nn.Linear(784, 256, key=keys[0]),
        LIF(),
        eqx.nn.Linear(256, 10, key=keys[1]),
        LIF(),
    ]
    weights, rest = eqx.partition(stack, eqx.is_array)

    def loss(weights, inputs):
        stack = eqx.combine(weights, rest)
        return jnp.mean(layerwise(stack, inputs, batched=True, **options)[1])

    inputs = jax.ShapeDtypeStruct((steps, 128, 784), jnp.float32)
    compiled = jax.jit(jax.grad(loss)).lower(weights, inputs).compile()
    memory: Any = compiled.memory_analysis()
    return memory.temp_size_in_bytes


def test_checkpoints_take_a_third_of_the_memory():
    assert training_memory(2000, checkpoint=True) < training_memory(2000) / 3


def test_a_stack_that_does_not_fit_is_an_error():
    with pytest.raises(TypeError, match="dot_general|shape"):
        layerwise(dense(jr.key(0)), jnp.ones((10, 7)))
