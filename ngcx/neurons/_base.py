import abc
import functools as ft
from typing import Generic, TypeVar

import jax
import jax.numpy as jnp
import jax.random as jr
from jax.typing import DTypeLike
from jaxtyping import Array, Float, PRNGKeyArray

from .._compiled import compiled
from .._module import Module
from .._typing import Natural
from ._decay import TimeConstant
from ._segments import in_segments


State = TypeVar("State")


class AbstractCell(Module, Generic[State]):
    """A neuron, or a layer of them, that turns input currents into output through time.

    The state is a pytree; a cell stores nothing. `cell(state, current)` is one step,
    `cell.run(currents)` steps through a leading time axis in one `lax.scan`.
    """

    @abc.abstractmethod
    def init(self, shape: tuple[int, ...], dtype: DTypeLike = jnp.float32) -> State:
        """The state at rest of an array of neurons of that shape."""

    @abc.abstractmethod
    def __call__(
        self,
        state: State,
        current: Float[Array, "*shape"],
        *,
        key: PRNGKeyArray | None = None,
    ) -> tuple[State, Float[Array, "*shape"]]:
        """Steps once: takes the state and the input current, returns the new state and
        the output, which has the shape and dtype of `current`. `key` decides what is
        random, if anything is.
        """

    @compiled(static=("unroll", "checkpoint"))
    def run(
        self,
        currents: Float[Array, "time *shape"],
        state: State | None = None,
        *,
        key: PRNGKeyArray | None = None,
        unroll: Natural = 1,
        checkpoint: bool = False,
    ) -> tuple[State, Float[Array, "time *shape"]]:
        r"""Steps through time.

        Compute the currents of all time steps first, in one matrix product for the
        whole layer: it does not depend on the state, so it need not be in the loop.

        **Arguments:**

        - `currents`: input currents, time first.
        - `state`: where to start; the state at rest if not given.
        - `key`: gives each step a key of its own, for escape noise.
        - `unroll`: how many steps a turn of the compiled loop takes.
        - `checkpoint`: whether reverse mode computes steps again rather than storing
            them: time is cut into $\sqrt T$ segments, of which it keeps the first
            states only.

        **Returns:** the final state, and the output of every step, time first.
        """
        if state is None:
            state = varying(self.init(currents.shape[1:], currents.dtype), currents)
        keys = None if key is None else jr.split(key, currents.shape[0])
        run = ft.partial(scan, self, unroll=unroll)
        if checkpoint:
            return in_segments(run, state, (currents, keys))
        return run(state, (currents, keys))


def at_rest(shape: tuple[int, ...], dtype) -> Float[Array, "..."]:
    """Zeros, for the state of so many neurons."""
    if not jnp.issubdtype(dtype, jnp.floating):
        raise ValueError(f"`dtype` must be a floating-point dtype; got {dtype}.")
    if min(shape, default=0) < 0:
        raise ValueError(f"`shape` must have no negative size; got {shape}.")
    return jnp.zeros(shape, dtype)


def varying(state, inputs):
    """The same state, which differs between the devices of a `jax.shard_map` where the
    inputs do: a loop refuses a state that starts to differ in it.
    """
    return jax.tree.map(
        lambda leaf: leaf + jnp.zeros_like(inputs, leaf.dtype, leaf.shape), state
    )


def check_state(v, current):
    """Refuses another number of neurons, which might broadcast, or another dtype."""
    if v.shape != current.shape or v.dtype != current.dtype:
        raise ValueError(
            f"`state` must have the shape and dtype of the current, {current.dtype}"
            f"{list(current.shape)}; got {v.dtype}{list(v.shape)}."
        )


def scan(cell, state, inputs, unroll: int = 1):
    """Steps a cell through `inputs`, the currents and keys of all time steps."""
    cell = _with_factors(cell)
    return jax.lax.scan(
        lambda state, now: cell(state, now[0], key=now[1]),
        state,
        inputs,
        unroll=unroll,
    )


def _with_factors(cell):
    """Replaces time constants by factors once, and not in every step."""

    def is_time_constant(node):
        return isinstance(node, TimeConstant)

    return jax.tree.map(
        lambda node: node.factor() if is_time_constant(node) else node,
        cell,
        is_leaf=is_time_constant,
    )
