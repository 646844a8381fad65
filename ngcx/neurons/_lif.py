import equinox as eqx
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Array, Float, Int, PRNGKeyArray

from .._compiled import compiled
from .._module import Module
from .._numerics import wide_dtype
from .._typing import Fraction, Natural
from ..surrogate import AbstractSurrogate, Arctan
from ._base import AbstractCell, Shape, at_rest
from ._decay import Decay
from ._fire import (
    Reset,
    check_reset,
    check_step,
    fire,
    integrated,
    refractory_at_rest,
)
from ._frozen import Learnt, as_array


class LIFState(Module):
    """The state of a leaky integrate-and-fire neuron."""

    v: Float[Array, "*shape"]
    """Membrane potential, after the reset."""
    refractory: Int[Array, "*shape"] | None = None
    """Refractory steps left; None if there are never any."""


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

    where $\beta$ is `decay` and $\theta$ is `threshold`. The output is the spikes $s$,
    which differentiate by `surrogate`. In the refractory steps after a spike, $v$ stays
    where the reset left it, and nothing spikes. A decay or threshold given as an array,
    one for all neurons or one each, is learnt; see [`ngcx.neurons.Frozen`][] for arrays
    that are not. `watch` also sees $u$, as `u`.

    Potentials and currents are in units of the default threshold.

    ??? cite "Reference"
        Lapicque, *Recherches quantitatives sur l'excitation électrique des nerfs
        traitée comme une polarisation*, 1907; in this discrete form Neftci, Mostafa and
        Zenke, *Surrogate gradient learning in spiking neural networks*, IEEE Signal
        Processing Magazine 36, 2019.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> from ngcx.neurons import LIF
        >>> state, spikes = LIF(decay=0.5).run(jnp.full((5, 1), 0.75))
        >>> print(spikes[:, 0], state.v)
        [0. 1. 0. 1. 0.] [0.828125]

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

    def __check_init__(self):
        check_reset(self)

    # This is not compiled: for every shape there would be one more program of zeros.
    @compiled(jit=False)
    def init(self, shape: Shape, dtype: DTypeLike = jnp.float32) -> LIFState:
        """Neurons of that shape with a membrane potential of 0."""
        v = at_rest(shape, dtype)
        return LIFState(v, refractory_at_rest(self, v))

    @compiled
    def __call__(
        self,
        state: LIFState,
        x: Float[Array, "*shape"],
        *,
        key: PRNGKeyArray | None = None,
    ) -> tuple[LIFState, Float[Array, "*shape"]]:
        """Steps once with the current `x`; returns the new state and the spikes."""
        check_step(self, state.v, x)
        threshold = as_array(self.threshold, wide_dtype(x.dtype))
        v, spikes, refractory = fire(self, state, x, threshold, key)
        return LIFState(v, refractory), spikes

    def observe(self, state: LIFState, x: Float[Array, "*shape"]) -> dict[str, Array]:
        """What else `watch` can see: the potential before the reset."""
        return {"u": integrated(self, state.v, x).astype(x.dtype)}
