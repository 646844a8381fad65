import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Array, Float, Int, PRNGKeyArray

from .._compiled import compiled
from .._module import Module
from .._typing import Fraction
from ._base import at_rest, check_state
from ._decay import Decay, as_factor
from ._lif import AbstractLIF


class SynapticLIFState(Module):
    """The state of a current-based leaky integrate-and-fire neuron."""

    v: Float[Array, "*shape"]
    """Membrane potential, after the reset."""
    current: Float[Array, "*shape"]
    """Synaptic current."""
    refractory: Int[Array, "*shape"] | None = None
    """Refractory steps left; None if there are never any."""


class SynapticLIF(AbstractLIF[SynapticLIFState]):
    r"""A leaky integrate-and-fire neuron behind a leaky synapse:
    [`ngcx.neurons.AbstractLIF`][] on the synaptic current $i \leftarrow \alpha i + j$,
    where $j$ is the input and $\alpha$ is `synaptic_decay`.

    ??? cite "Reference"
        Zenke and Ganguli, *SuperSpike*, Neural Computation 30, 2018.
    """

    synaptic_decay: Fraction[Decay] = 0.8
    r"""$\alpha$, a factor or a [`ngcx.neurons.TimeConstant`][]."""

    # This is not compiled: for every shape there would be one more program of zeros.
    @compiled(jit=False)
    def init(
        self, shape: tuple[int, ...], dtype: DTypeLike = jnp.float32
    ) -> SynapticLIFState:
        """Neurons of that shape with a membrane potential and current of 0."""
        zeros = at_rest(shape, dtype)
        return SynapticLIFState(zeros, zeros, self._refractory_at_rest(shape))

    @compiled
    def __call__(
        self,
        state: SynapticLIFState,
        current: Float[Array, "*shape"],
        *,
        key: PRNGKeyArray | None = None,
    ) -> tuple[SynapticLIFState, Float[Array, "*shape"]]:
        """Steps once, and returns the new state and the spikes (0 or 1)."""
        check_state(state.v, current)
        threshold = jnp.asarray(self.threshold, current.dtype)
        synaptic = (
            as_factor(self.synaptic_decay, current.dtype) * state.current + current
        )
        v, spikes, refractory = self._fire(
            state.v, synaptic, threshold, state.refractory, key
        )
        return SynapticLIFState(v, synaptic, refractory), spikes
