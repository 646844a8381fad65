import equinox as eqx
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Array, Float, Int, PRNGKeyArray

from .._compiled import compiled
from .._module import Module
from .._numerics import wide_dtype, widened
from .._typing import Fraction, Natural
from ..surrogate import AbstractSurrogate, Arctan
from ._base import AbstractCell, Shape, at_rest
from ._decay import Decay, as_factor
from ._fire import (
    Reset,
    check_reset,
    check_step,
    fire,
    integrated,
    refractory_at_rest,
)
from ._frozen import Learnt, as_array


class SynapticLIFState(Module):
    """The state of a current-based leaky integrate-and-fire neuron."""

    v: Float[Array, "*shape"]
    """Membrane potential, after the reset."""
    current: Float[Array, "*shape"]
    """Synaptic current."""
    refractory: Int[Array, "*shape"] | None = None
    """Refractory steps left; None if there are never any."""


class SynapticLIF(AbstractCell[SynapticLIFState]):
    r"""A leaky integrate-and-fire neuron behind a leaky synapse:

    $$i \leftarrow \alpha i + j, \qquad u = \beta v + i, \qquad s = H(u - \theta),
    \qquad v \leftarrow \begin{cases}
        u - \theta s & \text{soft reset} \\
        u (1 - s) & \text{hard reset} \\
        u & \text{none}
    \end{cases}$$

    where $\alpha$ is `synaptic_decay`, $\beta$ is `decay`, $\theta$ is `threshold` and
    $j$ is the input. All else is as in [`ngcx.neurons.LIF`][].

    ??? cite "Reference"
        Zenke and Ganguli, *SuperSpike*, Neural Computation 30, 2018.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> from ngcx.neurons import SynapticLIF
        >>> cell = SynapticLIF(decay=0.5, synaptic_decay=0.5)
        >>> print(cell.run(jnp.full((5, 1), 0.5))[1][:, 0])
        [0. 0. 1. 1. 1.]

        ```
    """

    decay: Fraction[Decay] = 0.9
    r"""$\beta$, a factor or a [`ngcx.neurons.TimeConstant`][]."""
    threshold: Learnt = 1.0
    r"""$\theta$, above which the neuron spikes."""
    surrogate: AbstractSurrogate = Arctan()
    """How the spike differentiates."""
    reset: Reset = eqx.field(static=True, default="soft")
    """How a spike resets the membrane potential."""
    detach_reset: bool = eqx.field(static=True, default=True)
    """Whether the gradient ignores the reset (not the spike)."""
    refractory_steps: Natural = eqx.field(static=True, default=0)
    """How many steps after a spike the neuron is at rest."""
    synaptic_decay: Fraction[Decay] = 0.8
    r"""$\alpha$, a factor or a [`ngcx.neurons.TimeConstant`][]."""

    def __check_init__(self):
        check_reset(self)

    # This is not compiled: for every shape there would be one more program of zeros.
    @compiled(jit=False)
    def init(self, shape: Shape, dtype: DTypeLike = jnp.float32) -> SynapticLIFState:
        """Neurons of that shape with a membrane potential and current of 0."""
        v, current = at_rest(shape, dtype), at_rest(shape, dtype)
        return SynapticLIFState(v, current, refractory_at_rest(self, v))

    @compiled
    def __call__(
        self,
        state: SynapticLIFState,
        x: Float[Array, "*shape"],
        *,
        key: PRNGKeyArray | None = None,
    ) -> tuple[SynapticLIFState, Float[Array, "*shape"]]:
        """Steps once with the input `x`; returns the new state and the spikes."""
        check_step(self, state.v, x)
        current = self._current(state, x)
        threshold = as_array(self.threshold, current.dtype)
        v, spikes, refractory = fire(self, state, current, threshold, key)
        return SynapticLIFState(v, current.astype(x.dtype), refractory), spikes

    def _current(self, state, x):
        decay = as_factor(self.synaptic_decay, wide_dtype(x.dtype))
        return decay * widened(state.current) + widened(x)

    def observe(
        self, state: SynapticLIFState, x: Float[Array, "*shape"]
    ) -> dict[str, Array]:
        """What else `watch` can see: the potential before the reset."""
        return {"u": integrated(self, state.v, self._current(state, x)).astype(x.dtype)}
