import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Array, Float, PRNGKeyArray

from .._compiled import compiled
from .._module import Module
from .._typing import Fraction
from ._base import AbstractCell, at_rest, check_state
from ._decay import Decay, as_factor


class LeakyIntegratorState(Module):
    """The state of a leaky integrator."""

    v: Float[Array, "*shape"]
    """Membrane potential."""


class LeakyIntegrator(AbstractCell[LeakyIntegratorState]):
    r"""A neuron that never spikes: its output is its membrane potential,
    $v \leftarrow \beta v + j$, where $\beta$ is `decay` and $j$ the current.

    The usual readout of a spiking network. A `decay` given as an array is learnt.
    """

    decay: Fraction[Decay] = 0.9
    r"""$\beta$, a factor or a [`ngcx.neurons.TimeConstant`][]."""

    # This is not compiled: for every shape there would be one more program of zeros.
    @compiled(jit=False)
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
        v = as_factor(self.decay, current.dtype) * state.v + current
        return LeakyIntegratorState(v), v
