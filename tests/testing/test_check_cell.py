"""`check_cell` finds each planted fault, and names what it is."""

from typing import Any

import jax
import jax.numpy as jnp
import jax.random as jr
import pytest

from ngcx.neurons import AbstractCell, LeakyIntegrator, Shared
from ngcx.testing import check_cell


pytestmark = pytest.mark.in_turn(2)


class Steps(AbstractCell):
    """A right one."""

    decay: jax.Array

    def init(self, shape, dtype=jnp.float32) -> Any:
        return jnp.zeros(shape, dtype)

    def __call__(self, state, x, *, key=None):
        state = self.decay * state + x
        return state, state


class Trace(Steps):
    """A right one, with a form over all of the time."""

    def over_time(self, state, inputs, *, keys, valid):
        if valid is None:
            valid = jnp.ones(len(inputs), bool)

        def step(state, now):
            x, there = now
            new = self.decay * state + x
            return jnp.where(there, new, state), new

        return jax.lax.scan(step, state, (inputs, valid))


class WrongOverTime(Trace):
    def over_time(self, state, inputs, *, keys, valid):
        state, out = super().over_time(state, inputs, keys=keys, valid=valid)
        return state, 1.001 * out


class ForgetsTheStart(Trace):
    def over_time(self, state, inputs, *, keys, valid):
        return super().over_time(0 * state, inputs, keys=keys, valid=valid)


class IgnoresTheEnd(Trace):
    def over_time(self, state, inputs, *, keys, valid):
        return super().over_time(state, inputs, keys=keys, valid=None)


class SeesThePadding(Trace):
    """The last step decides what the others are divided by."""

    def over_time(self, state, inputs, *, keys, valid):
        state, out = super().over_time(state, inputs, keys=keys, valid=valid)
        return state, out + (0 if valid is None else jnp.where(valid[-1], 0, 1e-3))


class NoGradient(Trace):
    def over_time(self, state, inputs, *, keys, valid):
        inputs = jax.lax.stop_gradient(inputs)
        return super().over_time(state, inputs, keys=keys, valid=valid)


class InfiniteGradient(Steps):
    def __call__(self, state, x, *, key=None):
        return state, state + x + jnp.sqrt(0 * x)


class Widens(Trace):
    def __call__(self, state, x, *, key=None):
        state = self.decay * state + x
        return state, state.astype(jnp.float32)


class GrowingState(Trace):
    def __call__(self, state, x, *, key=None):
        return state.astype(jnp.float32), x


class OneBuffer(Steps):
    def init(self, shape, dtype=jnp.float32):
        zeros = jnp.zeros(shape, dtype)
        return zeros, zeros

    def __call__(self, state, x, *, key=None):
        return (state[0] + x, state[1]), x


class LendsItsArray(Steps):
    def init(self, shape, dtype=jnp.float32):
        return {"weight": Shared(self.decay), "v": jnp.zeros(shape, dtype)}

    def __call__(self, state, x, *, key=None):
        return state | {"v": state["v"] + x}, x


class OtherKeys(Trace):
    """The same key for all steps."""

    def __call__(self, state, x, *, key: Any = None):
        return state, x + jr.uniform(key, x.shape, x.dtype)

    def over_time(self, state, inputs, *, keys, valid):
        return state, inputs + jr.uniform(keys[0], inputs.shape, inputs.dtype)


def test_finds_nothing_where_nothing_is_wrong():
    check_cell(Trace(jnp.array(0.5)))
    check_cell(LeakyIntegrator(), jnp.ones((5, 3)), batched=False)


@pytest.mark.in_turn(4)
@pytest.mark.parametrize(
    ("cell", "message"),
    [
        (WrongOverTime, r"WrongOverTime \(float32\): run, the outputs"),
        (ForgetsTheStart, r"in pieces, the (state|outputs)"),
        (IgnoresTheEnd, r"with `lengths`, the state"),
        (SeesThePadding, r"with `lengths`, the outputs"),
        (NoGradient, r"run, the gradient"),
        (Widens, r"Widens \(float16\): the dtype of an output is float32"),
        (GrowingState, r"the state after a step is .*float32.* and at rest .*float16"),
        (OtherKeys, r"run, the outputs"),
        (InfiniteGradient, r"the gradient.* is not finite"),
        (OneBuffer, "cannot be donated, since two of its leaves share"),
        (LendsItsArray, "cannot be donated, since .* shares it with the cell"),
    ],
)
def test_finds_a_planted_fault(cell, message):
    with pytest.raises(AssertionError, match=message):
        check_cell(cell(jnp.array(0.5)), jr.normal(jr.key(0), (6, 3, 2)))


def test_takes_pytrees_and_integers():
    class Sum(AbstractCell):
        def init(self, shape, dtype=jnp.float32):
            return jnp.zeros(jax.tree.leaves(shape)[1].shape)

        def __call__(self, state, x, *, key=None):
            state = state + x["a"].astype(jnp.float32) * x["b"]
            return state, {"sum": state, "a": x["a"]}

    inputs = {"a": jnp.arange(15).reshape(5, 3), "b": jnp.ones((5, 3))}
    check_cell(Sum(), inputs)
