from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .._compiled import compiled
from .._typing import Parameter, typed
from ..surrogate import AbstractSurrogate, Arctan
from ._base import AbstractCell, check_decay


@typed
class LIFState(eqx.Module):
    """The state of a leaky integrate-and-fire neuron."""

    v: Float[Array, "*shape"]
    """Membrane potential, after the reset."""


@typed
class LIF(AbstractCell[LIFState]):
    r"""A leaky integrate-and-fire neuron.

    In each step the membrane potential $v$ leaks, integrates the current $j$, and is
    reset where it spikes:

    $$u = \beta v + j, \qquad s = H(u - \theta), \qquad
    v \leftarrow \begin{cases}
        u - \theta s & \text{soft reset} \\
        u (1 - s) & \text{hard reset} \\
        u & \text{none}
    \end{cases}$$

    where $\beta$ is `decay` and $\theta$ is `threshold`. The spike differentiates by
    `surrogate`. A `decay` or `threshold` given as an array, one for all neurons or one
    each, is learnt.

    ??? cite "Reference"
        Lapicque, *Recherches quantitatives sur l'excitation électrique des nerfs
        traitée comme une polarisation*, 1907; in this discrete form Neftci, Mostafa and
        Zenke, *Surrogate gradient learning in spiking neural networks*, IEEE Signal
        Processing Magazine 36, 2019.
    """

    decay: Parameter = 0.9
    """From 0 to 1; `decay_factor` computes it from a time constant."""
    threshold: Parameter = 1.0
    surrogate: AbstractSurrogate = Arctan()
    reset: Literal["soft", "hard", "none"] = eqx.field(static=True, default="soft")
    detach_reset: bool = eqx.field(static=True, default=True)
    """Whether the gradient ignores the reset (not the spike)."""

    def __check_init__(self):
        check_decay(self.decay)

    def init(self, shape: tuple[int, ...], dtype=jnp.float32) -> LIFState:
        """Neurons of that shape with a membrane potential of 0."""
        return LIFState(jnp.zeros(shape, dtype))

    @compiled
    def __call__(
        self, state: LIFState, current: Float[Array, "*shape"]
    ) -> tuple[LIFState, Float[Array, "*shape"]]:
        """Steps once, and returns the new state and the spikes (0 or 1)."""
        decay = jnp.asarray(self.decay, current.dtype)
        threshold = jnp.asarray(self.threshold, current.dtype)
        v = decay * state.v + current
        spikes = self.surrogate(v, threshold)
        reset = jax.lax.stop_gradient(spikes) if self.detach_reset else spikes
        if self.reset == "soft":
            v = v - threshold * reset
        elif self.reset == "hard":
            v = v * (1 - reset)
        return LIFState(v), spikes
