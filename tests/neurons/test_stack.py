"""Networks: containers, what they compile to, and their errors."""

import functools as ft
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from ngcx.neurons import (
    LIF,
    Delay,
    LeakyIntegrator,
    Parallel,
    Recurrent,
    Residual,
    Stack,
)

from ._networks import IMAGES, X, dense


# Containers.


def test_a_stack_of_stacks_equals_the_flat_one():
    flat = dense()
    layers = flat.layers
    nested = Stack(Stack(*layers[:2]), Stack(layers[2], Stack(*layers[3:5])), layers[5])
    (flat_state, expected), (state, got) = (
        each.run(X, batched=True) for each in (flat, nested)
    )
    np.testing.assert_array_equal(got, expected)
    for one, other in zip(*map(jax.tree.leaves, (state, flat_state)), strict=True):
        np.testing.assert_array_equal(one, other)
    sequential = Stack(eqx.nn.Sequential([*layers[:2], layers[2]]), *layers[3:])
    np.testing.assert_array_equal(sequential.run(X, batched=True)[1], expected)


def test_a_stack_is_each_layer_in_turn():
    first, lif, _, second, *_ = stack = dense()
    spikes = lif.run(jax.vmap(jax.vmap(first))(X), batched=True)[1]
    expected = jax.vmap(jax.vmap(second))(jnp.tanh(spikes))
    _, out = stack[:4].run(X, batched=True)
    np.testing.assert_allclose(out, expected, rtol=1e-5, atol=1e-6)
    assert len(stack) == 6 and stack[-1] == LeakyIntegrator() and len(stack[1:]) == 5


def test_branches_combine_in_their_order():
    slow, fast, x = LeakyIntegrator(0.5), LeakyIntegrator(0.25), X[..., :3]
    outs = [cell.run(x, batched=True)[1] for cell in (slow, fast)]
    _, both = Parallel(slow, fast).run(x, batched=True)
    jax.tree.map(np.testing.assert_array_equal, both, tuple(outs))
    _, got = Parallel(slow, fast, combine=jnp.subtract).run(x, batched=True)
    np.testing.assert_array_equal(got, outs[0] - outs[1])
    _, got = Residual(fast, jnp.subtract).run(x, batched=True)
    np.testing.assert_array_equal(got, x - outs[1])
    _, got = Residual(fast, jnp.subtract, slow).run(x, batched=True)
    np.testing.assert_array_equal(got, outs[0] - outs[1])


def test_feedback_may_be_a_matrix_a_layer_a_function_or_a_cell():
    weight, x = jr.normal(jr.key(0), (4, 4)), X[..., :4]
    linear = eqx.nn.Linear(4, 4, use_bias=False, key=jr.key(0))
    linear = eqx.tree_at(lambda each: each.weight, linear, weight.T)
    outs = [
        Recurrent(LIF(), feedback).run(x, batched=True)[1]
        for feedback in (weight, linear, Stack(jax.lax.stop_gradient, linear))
    ]
    np.testing.assert_array_equal(outs[0], outs[1])
    np.testing.assert_array_equal(outs[0], outs[2])
    delayed = Recurrent(LeakyIntegrator(0.0), Delay(2)).run(jnp.eye(7)[:, :1])[1]
    np.testing.assert_array_equal(delayed[:, 0], [1, 0, 0, 1, 0, 0, 1])
    conv = eqx.nn.Conv2d(1, 1, 3, padding=1, key=jr.key(0))
    assert Recurrent(LIF(), conv).run(IMAGES, batched=True)[1].shape == IMAGES.shape
    with pytest.raises(ValueError, match=r"`combine` must return the shape and dtype"):
        Recurrent(LIF(), linear, lambda x, y: (x + y)[:2]).run(x, batched=True)


def test_pytrees_and_integers_flow():
    stack = Stack(
        eqx.nn.Embedding(9, 4, key=jr.key(0)),
        Parallel(LIF(), LeakyIntegrator()),
        lambda pair: {"both": pair[0] + pair[1]},
        lambda named: named["both"],
    )
    _, out = stack.run(jnp.arange(6).reshape(3, 2), batched=True)
    assert out.shape == (3, 2, 4)
    state = stack.init(jax.ShapeDtypeStruct((), jnp.int32))
    assert state[1][0].v.shape == (4,)
    two = Stack(lambda pair: pair["a"] + pair["b"], LIF())
    assert two.run({"a": X, "b": X}, batched=True)[1].shape == X.shape


class Doubled(eqx.nn.Linear):
    def __init__(self, key):
        super().__init__(3, 2, key=key)

    def __call__(self, x, *, key=None):
        return 2 * super().__call__(x)


def test_linear_layers_with_scalars_or_of_ones_own():
    inputs = X[:, 0, :3]
    for layer in (eqx.nn.Linear(3, "scalar", key=jr.key(0)), Doubled(jr.key(0))):
        _, out = Stack(layer).run(inputs)
        np.testing.assert_allclose(out, jax.vmap(layer)(inputs), rtol=1e-6)
    scalar = eqx.nn.Linear("scalar", 2, key=jr.key(0))
    assert Stack(scalar, LeakyIntegrator()).run(inputs[:, 0])[1].shape == (9, 2)


class Holder(eqx.Module):
    cell: LIF

    def __call__(self, x):
        return x


LINEAR = eqx.nn.Linear(3, 3, key=jr.key(0))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Stack(LIF(), 3), r"Layer 1 \(int\) must be a cell, a layer or a func"),
        (lambda: Stack(Holder(LIF())), r"Layer 0 \(Holder\) holds a LIF, whose state"),
        (lambda: Residual(Holder(LIF())), r"Layer 0 \(Holder\) holds a LIF"),
        (lambda: Stack(lambda x: LINEAR(x)), None),
        (
            lambda: (lambda layer: Stack(lambda x: layer(x)))(LINEAR),
            "hides arrays of a",
        ),
        (lambda: Stack(ft.partial(jnp.dot, jnp.eye(3))), "hides arrays of a"),
        (lambda: Parallel(LIF(), LINEAR.__call__), None),  # which is a pytree
    ],
)
def test_a_layer_that_would_lose_something_is_an_error(make, message):
    if message is None:  # a global is not closed over
        make()
        return
    with pytest.raises(TypeError, match=message) as caught:
        make()
    assert len(str(caught.value).splitlines()) <= 3


def test_errors_name_the_layer_by_number_and_class():
    inner = Stack(jnp.tanh, eqx.nn.Linear(7, 3, key=jr.key(0)))
    for stack, name in (
        (Stack(LIF(), inner), r"Layer 1.1 \(Linear\)"),
        (Stack(Residual(inner)), r"Layer 0.0.1 \(Linear\)"),
        (Stack(LIF(), Parallel(LIF(), inner)), r"Layer 1.1.1 \(Linear\)"),
        (Stack(LIF(), LIF(jnp.ones(7))), r"Layer 1 \(LIF\): `decay` must be"),
        (Stack(eqx.nn.Conv2d(1, 2, 3, key=jr.key(0))), r"Layer 0 \(Conv2d\)"),
    ):
        with pytest.raises((TypeError, ValueError), match=name):
            stack.run(X, batched=True)
        with pytest.raises((TypeError, ValueError), match=name):
            stack.init((6,))


# What a stack compiles to.


def operations(program) -> dict[str, int]:
    """How many of each there are, those of programs within it too."""
    counts: dict[str, int] = {}
    for each in program.eqns:
        name = each.primitive.name
        inner = [
            getattr(value, "jaxpr", value)
            for value in each.params.values()
            if hasattr(value, "eqns") or hasattr(value, "jaxpr")
        ]
        if not inner:
            counts[name] = counts.get(name, 0) + 1
        for further in inner:
            for key, number in operations(further).items():
                counts[key] = counts.get(key, 0) + number
    return counts


def test_a_stack_does_what_one_writes_by_hand():
    linear: Any = eqx.nn.Linear(6, 5, key=jr.key(0))
    lif = LIF()
    stack = Stack(linear, lif)

    def by_hand(x):
        x = x.reshape(-1, 6) @ linear.weight.T + linear.bias[None]
        x = x.reshape(9, 8, 5)

        def step(v, x):
            u = 0.9 * v + x
            spikes = lif.surrogate(u, 1.0)
            return u - spikes, spikes

        return jax.lax.scan(step, jnp.zeros((8, 5)), x)[1]

    np.testing.assert_allclose(
        stack.run(X, batched=True)[1], jax.jit(by_hand)(X), rtol=1e-5, atol=1e-6
    )
    got, expected = (
        operations(jax.make_jaxpr(function)(X).jaxpr)
        for function in (lambda x: stack.run(x, batched=True)[1], by_hand)
    )
    for heavy in ("dot_general", "exp", "gt", "transpose", "gather", "while", "sort"):
        assert got.get(heavy, 0) == expected.get(heavy, 0), heavy


def loops(program):
    """The scans of a program, those of programs within it too."""
    for each in program.eqns:
        if each.primitive.name == "scan":
            yield each
        elif "jaxpr" in each.params:
            inner = each.params["jaxpr"]
            yield from loops(getattr(inner, "jaxpr", inner))


def test_linear_layers_are_one_product_outside_the_loop():
    stack = dense()[:4]
    program = jax.make_jaxpr(lambda x: stack.run(x)[1])(X[:, 0])
    (loop,) = loops(program)
    assert "dot_general" not in str(loop)
    assert str(program).count("dot_general[") == 2


def test_a_large_batch_takes_all_layers_through_a_step_before_the_next(monkeypatch):
    monkeypatch.setattr(jax, "device_count", lambda: 1)
    keys = jr.split(jr.key(0), 3)
    linear: Any = eqx.nn.Linear(20, 128, key=keys[0])
    last: Any = eqx.nn.Linear(128, 3, key=keys[1])
    x = jr.normal(keys[2], (4, 512, 20))

    def together(layers, x):
        return Stack(*layers).run(x, batched=True)[1]

    def nested(layers, x):
        return Stack(Stack(*layers[:2]), *layers[2:]).run(x, batched=True)[1]

    def in_turn(layers, x):
        for linear, cell in zip(layers[::2], layers[1::2], strict=True):
            x = cell.run(jax.vmap(jax.vmap(linear))(x), batched=True)[1]
        return x

    layers = (linear, LIF(), last, LeakyIntegrator())
    outs, gradients = [], []
    for run in (together, nested, in_turn):
        program = jax.make_jaxpr(ft.partial(run, layers))(x)
        inside = [str(loop).count("dot_general[") for loop in loops(program)]
        assert sum(inside) == (0 if run is in_turn else 2)
        value = eqx.filter_jit(lambda layers, x, run=run: jnp.sin(run(layers, x)))
        outs.append(value(layers, x))
        total = eqx.filter_grad(lambda layers, x, run=run: jnp.sum(run(layers, x) ** 2))
        gradients.append(jax.tree.leaves(eqx.filter_jit(total)(layers, x)))
    for out, gradient in zip(outs, gradients, strict=True):
        np.testing.assert_allclose(out, outs[-1], rtol=1e-5, atol=1e-5)
        for one, other in zip(gradient, gradients[-1], strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-3)


def test_other_values_run_the_same_program():
    @eqx.filter_jit
    @eqx.debug.assert_max_traces(max_traces=1)
    def run(stack, x):
        return stack.run(x, batched=True)[1]

    outs = [run(dense(key), X) for key in jr.split(jr.key(3), 3)]
    assert np.any(outs[0] != outs[1])


def test_layers_are_named_in_the_program():
    stack = Stack(dense(), Residual(LIF()))
    compiled = jax.jit(lambda x: stack.run(x, batched=True)[1]).lower(X).compile()
    text = compiled.as_text() or ""
    for name in ("0.Stack", "0.Linear", "1.LIF", "4.Recurrent", "1.Residual"):
        assert name in text, name


def training_memory(steps: int, **options) -> int:
    """Bytes of intermediate values of a training step (128, 784-256-10)."""
    keys = jr.split(jr.key(0), 2)
    stack = Stack(
        eqx.nn.Linear(784, 256, key=keys[0]),
        LIF(),
        eqx.nn.Linear(256, 10, key=keys[1]),
        LIF(),
    )
    weights, rest = eqx.partition(stack, eqx.is_array)

    def loss(weights, inputs):
        stack = eqx.combine(weights, rest)
        return jnp.mean(stack.run(inputs, batched=True, **options)[1])

    inputs = jax.ShapeDtypeStruct((steps, 128, 784), jnp.float32)
    compiled = jax.jit(jax.grad(loss)).lower(weights, inputs).compile()
    memory: Any = compiled.memory_analysis()
    return memory.temp_size_in_bytes


def test_checkpoints_take_a_third_of_the_memory():
    assert training_memory(2000, checkpoint=True) < training_memory(2000) / 3
