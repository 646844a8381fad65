from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Array, Float, Int, PRNGKeyArray

from .._compiled import compiled
from .._module import Module
from .._typing import Fraction, Natural, Parameter
from ..surrogate import AbstractSurrogate, Arctan
from ._base import AbstractCell, State, at_rest, check_state
from ._decay import Decay, as_factor


class AbstractLIF(AbstractCell[State]):
    r"""A leaky integrate-and-fire neuron, on whatever current and threshold.

    In each step the membrane potential $v$ leaks, integrates the current $j$, and is
    reset where it spikes:

    $$u = \beta v + j, \qquad s = H(u - \theta), \qquad
    v \leftarrow \begin{cases}
        u - \theta s & \text{soft reset} \\
        u (1 - s) & \text{hard reset} \\
        u & \text{none}
    \end{cases}$$

    where $\beta$ is `decay` and $\theta$ is `threshold`. The spike differentiates by
    `surrogate`. In the refractory steps after a spike, $v$ stays where the reset left
    it, and nothing spikes. A decay, threshold or other number given as an array, one
    for all neurons or one each, is learnt.

    Potentials and currents are in units of the default threshold.
    """

    decay: Fraction[Decay] = 0.9
    r"""$\beta$, a factor or a [`ngcx.neurons.TimeConstant`][]."""
    threshold: Parameter = 1.0
    r"""$\theta$, above which the neuron spikes."""
    surrogate: AbstractSurrogate = Arctan()
    """How the spike differentiates."""
    reset: Literal["soft", "hard", "none"] = eqx.field(static=True, default="soft")
    """How a spike resets the membrane potential."""
    detach_reset: bool = eqx.field(static=True, default=True)
    """Whether the gradient ignores the reset (not the spike)."""
    refractory_steps: Natural = eqx.field(static=True, default=0)
    """How many steps after a spike the neuron is at rest."""

    def __check_init__(self):
        if self.reset == "hard" and not self.surrogate.binary:
            raise ValueError(
                "`reset` must be 'soft' or 'none' where several spikes are counted; "
                "got 'hard'."
            )

    def _refractory_at_rest(self, shape: tuple[int, ...]):
        return jnp.zeros(shape, jnp.int32) if self.refractory_steps else None

    def _fire(self, v, current, threshold, refractory, key):
        """Integrates, fires and resets: returns `v`, the spikes, and the number of
        refractory steps left (None if there are never any).
        """
        if refractory is None and self.refractory_steps:
            raise ValueError(
                "`state.refractory` must say how many steps are left, as the state of "
                "`init` does; got None."
            )
        u = as_factor(self.decay, current.dtype) * v + current
        spikes = self.surrogate(u, threshold, key=key)
        reset = jax.lax.stop_gradient(spikes) if self.detach_reset else spikes
        if self.reset == "soft":
            u = u - threshold * reset
        elif self.reset == "hard":
            u = u * (1 - reset)
        if refractory is None:
            return u, spikes, None
        active = refractory == 0
        spikes = jnp.where(active, spikes, 0)
        u = jnp.where(active, u, v)
        refractory = jnp.where(
            spikes > 0, self.refractory_steps, jnp.maximum(refractory - 1, 0)
        )
        return u, spikes, refractory


class LIFState(Module):
    """The state of a leaky integrate-and-fire neuron."""

    v: Float[Array, "*shape"]
    """Membrane potential, after the reset."""
    refractory: Int[Array, "*shape"] | None = None
    """Refractory steps left; None if there are never any."""


class LIF(AbstractLIF[LIFState]):
    """A leaky integrate-and-fire neuron: [`ngcx.neurons.AbstractLIF`][] on the input
    current.

    ??? cite "Reference"
        Lapicque, *Recherches quantitatives sur l'excitation électrique des nerfs
        traitée comme une polarisation*, 1907; in this discrete form Neftci, Mostafa and
        Zenke, *Surrogate gradient learning in spiking neural networks*, IEEE Signal
        Processing Magazine 36, 2019.
    """

    # This is not compiled: for every shape there would be one more program of zeros.
    @compiled(jit=False)
    def init(self, shape: tuple[int, ...], dtype: DTypeLike = jnp.float32) -> LIFState:
        """Neurons of that shape with a membrane potential of 0."""
        return LIFState(at_rest(shape, dtype), self._refractory_at_rest(shape))

    @compiled
    def __call__(
        self,
        state: LIFState,
        current: Float[Array, "*shape"],
        *,
        key: PRNGKeyArray | None = None,
    ) -> tuple[LIFState, Float[Array, "*shape"]]:
        """Steps once, and returns the new state and the spikes (0 or 1)."""
        check_state(state.v, current)
        threshold = jnp.asarray(self.threshold, current.dtype)
        v, spikes, refractory = self._fire(
            state.v, current, threshold, state.refractory, key
        )
        return LIFState(v, refractory), spikes
