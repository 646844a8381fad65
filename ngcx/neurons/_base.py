import abc
import math
from typing import Generic, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .._checks import check_positive
from .._compiled import compiled
from .._typing import Parameter, typed


State = TypeVar("State")


class AbstractCell(eqx.Module, Generic[State]):
    """A neuron, or a layer of them, that turns input currents into output through time.

    The state is a pytree; a cell stores nothing. `cell(state, current)` is one step,
    `cell.run(currents)` steps through a leading time axis in one `lax.scan`.
    """

    @abc.abstractmethod
    def init(self, shape: tuple[int, ...], dtype=jnp.float32) -> State:
        """The state at rest of an array of neurons of that shape."""

    @abc.abstractmethod
    def __call__(
        self, state: State, current: Float[Array, "*shape"]
    ) -> tuple[State, Float[Array, "*shape"]]:
        """Steps once: takes the state and the input current, returns the new state and
        the output, which has the shape and dtype of `current`.
        """

    @compiled
    def run(
        self, currents: Float[Array, "time *shape"], state: State | None = None
    ) -> tuple[State, Float[Array, "time *shape"]]:
        """Steps through time.

        Compute the currents of all time steps first, in one matrix product for the
        whole layer: it does not depend on the state, so it need not be in the loop.

        **Arguments:**

        - `currents`: input currents, time first.
        - `state`: where to start; at rest if not given.

        **Returns:** the final state, and the output of every step, time first.
        """
        if state is None:
            state = self.init(currents.shape[1:], currents.dtype)
        # A lambda, because `scan` hashes its function and arrays have no hash.
        return jax.lax.scan(
            lambda state, current: self(state, current), state, currents
        )


def check_decay(decay: Parameter):
    if isinstance(decay, int | float) and not 0 <= decay <= 1:
        raise ValueError(f"`decay` must be from 0 to 1; got {decay}.")


@typed
def decay_factor(time_constant: float | int, dt: float | int = 1.0) -> float:
    r"""The factor $e^{-dt/\tau}$ by which a leaky quantity decays in one step.

    **Arguments:**

    - `time_constant`: $\tau$, in ms.
    - `dt`: the length of a step, in ms.

    **Raises:** `ValueError` if either is not positive.
    """
    check_positive("time_constant", time_constant)
    check_positive("dt", dt)
    return math.exp(-dt / time_constant)
