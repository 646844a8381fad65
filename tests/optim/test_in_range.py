"""Learnt hyper-parameters are put back into the ranges of their fields."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, strategies as st

from ngcx import surrogate
from ngcx.neurons import LIF, AdaptiveLIF, Stack, TimeConstant
from ngcx.optim import in_range


class Unnamed:
    """A container that JAX knows, but not the names of what it holds."""

    def __init__(self, content):
        self.content = content


jax.tree_util.register_pytree_node(
    Unnamed, lambda box: ((box.content,), None), lambda _, parts: Unnamed(*parts)
)
CONTAINERS = {
    "alone": (lambda cell: cell, lambda tree: tree),
    "a list": (lambda cell: [None, cell], lambda tree: tree[1]),
    "a dictionary": (lambda cell: {"a": (cell,)}, lambda tree: tree["a"][0]),
    "a stack": (lambda cell: Stack(jnp.tanh, cell), lambda tree: tree[1]),
    "an unnamed node": (Unnamed, lambda tree: tree.content),
}


@pytest.mark.parametrize(("put", "take"), CONTAINERS.values(), ids=CONTAINERS)
def test_modules_are_found_in_any_container(put, take):
    cell = LIF(decay=jnp.array([-0.5, 0.5, 1.5]), threshold=jnp.array(-2.0))
    mended = take(in_range(put(cell)))
    np.testing.assert_array_equal(mended.decay, [0, 0.5, 1])
    assert mended.threshold == -2  # any threshold is allowed


@given(decay=st.lists(st.integers(-40, 40), min_size=3, max_size=3))
def test_what_is_allowed_stays_and_the_rest_is_nearest(decay):
    decay = np.asarray(decay, np.float32) / 20
    cell = AdaptiveLIF(decay=jnp.asarray(decay), adaptation_decay=0.5)
    once = in_range(cell)
    np.testing.assert_array_equal(once.decay, np.clip(decay, 0, 1))
    assert once.adaptation_decay == 0.5
    assert eqx.tree_equal(once, in_range(once))


def test_what_must_be_positive_stays_above_a_floor(dtype):
    below = jnp.asarray([-3.0, 0.0, 5.0], dtype)
    models = (
        (TimeConstant(below), lambda model: model.tau),
        (LIF(TimeConstant(below)), lambda model: model.decay.tau),
        (LIF(surrogate=surrogate.Sigmoid(below)), lambda model: model.surrogate.alpha),
    )
    for model, value in models:
        mended = value(in_range(model, floor=0.5))
        assert mended.dtype == dtype
        np.testing.assert_array_equal(mended, np.asarray([0.5, 0.5, 5.0], dtype))


def test_a_large_step_of_a_training_ends_in_range():
    target, inputs = 0.75, jnp.ones((10, 3))

    @eqx.filter_jit
    def step(cell):
        def loss(cell):
            return jnp.sum((cell.run(inputs)[0].v - target) ** 2)

        gradient = eqx.filter_grad(loss)(cell)
        updates = jax.tree.map(lambda g: -100 * g, gradient)
        return in_range(eqx.apply_updates(cell, updates)), updates

    cell = LIF(decay=jnp.array([0.2, 0.5, 0.9]), threshold=50.0)
    mended, updates = step(cell)
    assert (jnp.abs(updates.decay) > 1).any()
    assert ((mended.decay >= 0) & (mended.decay <= 1)).all()
    assert jnp.isfinite(mended.run(inputs)[0].v).all()
