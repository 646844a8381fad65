import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from .._compiled import compiled
from .._typing import Parameter, typed
from ._base import AbstractCell, check_decay


@typed
class LeakyIntegratorState(eqx.Module):
    """The state of a leaky integrator."""

    v: Float[Array, "*shape"]
    """Membrane potential."""


@typed
class LeakyIntegrator(AbstractCell[LeakyIntegratorState]):
    r"""A neuron that never spikes: its output is its membrane potential,
    $v \leftarrow \beta v + j$, where $\beta$ is `decay` and $j$ the current.

    The usual readout of a spiking network. A `decay` given as an array is learnt.
    """

    decay: Parameter = 0.9
    """From 0 to 1; `decay_factor` computes it from a time constant."""

    def __check_init__(self):
        check_decay(self.decay)

    def init(self, shape: tuple[int, ...], dtype=jnp.float32) -> LeakyIntegratorState:
        """Neurons of that shape with a membrane potential of 0."""
        return LeakyIntegratorState(jnp.zeros(shape, dtype))

    @compiled
    def __call__(
        self, state: LeakyIntegratorState, current: Float[Array, "*shape"]
    ) -> tuple[LeakyIntegratorState, Float[Array, "*shape"]]:
        """Steps once, and returns the new state and the membrane potential."""
        v = jnp.asarray(self.decay, current.dtype) * state.v + current
        return LeakyIntegratorState(v), v
