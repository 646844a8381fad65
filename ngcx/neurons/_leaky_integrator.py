import equinox as eqx
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Array, Float, PRNGKeyArray

from .._checks import check_fraction
from .._compiled import compiled
from .._typing import typed
from ._base import AbstractCell, at_rest, check_state
from ._decay import Decay, factor


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

    decay: Decay = 0.9
    """From 0 to 1, or a [`ngcx.neurons.TimeConstant`][]."""

    def __check_init__(self):
        check_fraction("decay", self.decay)

    @typed
    def init(
        self, shape: tuple[int, ...], dtype: DTypeLike = jnp.float32
    ) -> LeakyIntegratorState:
        """Neurons of that shape with a membrane potential of 0."""
        return LeakyIntegratorState(at_rest(shape, dtype))

    @compiled
    def __call__(
        self,
        state: LeakyIntegratorState,
        current: Float[Array, "*shape"],
        *,
        key: PRNGKeyArray | None = None,
    ) -> tuple[LeakyIntegratorState, Float[Array, "*shape"]]:
        """Steps once, and returns the new state and the membrane potential; nothing is
        random.
        """
        del key
        check_state(state.v, current)
        v = factor(self.decay, current.dtype) * state.v + current
        return LeakyIntegratorState(v), v
