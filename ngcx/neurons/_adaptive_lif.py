import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Array, Float, Int, PRNGKeyArray

from .._compiled import compiled
from .._module import Module
from .._typing import Fraction, Parameter
from ._base import at_rest, check_state
from ._decay import Decay, as_factor
from ._lif import AbstractLIF


class AdaptiveLIFState(Module):
    """The state of an adaptive leaky integrate-and-fire neuron."""

    v: Float[Array, "*shape"]
    """Membrane potential, after the reset."""
    adaptation: Float[Array, "*shape"]
    """Trace of the past spikes."""
    refractory: Int[Array, "*shape"] | None = None
    """Refractory steps left; None if there are never any."""


class AdaptiveLIF(AbstractLIF[AdaptiveLIFState]):
    r"""A leaky integrate-and-fire neuron whose threshold rises with its own spikes:
    [`ngcx.neurons.AbstractLIF`][] with the threshold $\theta + \kappa a$, where the
    adaptation $a \leftarrow \rho a + s$ follows the spikes; $\kappa$ is
    `adaptation_strength` and $\rho$ is `adaptation_decay`.

    ??? cite "Reference"
        Bellec, Salaj, Subramoney, Legenstein and Maass, *Long short-term memory and
        learning-to-learn in networks of spiking neurons*, NeurIPS 2018.
    """

    adaptation_decay: Fraction[Decay] = 0.95
    r"""$\rho$, a factor or a [`ngcx.neurons.TimeConstant`][]."""
    adaptation_strength: Parameter = 0.1
    r"""$\kappa$, by how much a spike raises the threshold."""

    # This is not compiled: for every shape there would be one more program of zeros.
    @compiled(jit=False)
    def init(
        self, shape: tuple[int, ...], dtype: DTypeLike = jnp.float32
    ) -> AdaptiveLIFState:
        """Neurons of that shape with a membrane potential and adaptation of 0."""
        zeros = at_rest(shape, dtype)
        return AdaptiveLIFState(zeros, zeros, self._refractory_at_rest(shape))

    @compiled
    def __call__(
        self,
        state: AdaptiveLIFState,
        current: Float[Array, "*shape"],
        *,
        key: PRNGKeyArray | None = None,
    ) -> tuple[AdaptiveLIFState, Float[Array, "*shape"]]:
        """Steps once, and returns the new state and the spikes (0 or 1)."""
        check_state(state.v, current)
        threshold = jnp.asarray(self.threshold, current.dtype)
        strength = jnp.asarray(self.adaptation_strength, current.dtype)
        threshold = threshold + strength * state.adaptation
        v, spikes, refractory = self._fire(
            state.v, current, threshold, state.refractory, key
        )
        decay = as_factor(self.adaptation_decay, current.dtype)
        adaptation = decay * state.adaptation + spikes
        return AdaptiveLIFState(v, adaptation, refractory), spikes
