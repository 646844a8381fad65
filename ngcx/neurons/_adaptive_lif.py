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
    check_neuron,
    check_step,
    fire,
    integrated,
    neuron_at_rest,
    stored,
)
from ._frozen import Learnt, as_array
from ._reset import AbstractReset, SoftReset


class AdaptiveLIFState(Module):
    """The state of an adaptive leaky integrate-and-fire neuron.

    **Attributes:**

    - `v`: membrane potential, after the reset, unless that is delayed.
    - `adaptation`: trace of the past spikes.
    - `refractory`: how many refractory steps are left; None for neurons that are never
        refractory.
    - `pending`: what the reset subtracts at the next step; None if the reset is not
        delayed.
    """

    v: Float[Array, "*shape"]
    adaptation: Float[Array, "*shape"]
    refractory: Int[Array, "*shape"] | None = None
    pending: Float[Array, "*shape"] | None = None


class AdaptiveLIF(AbstractCell[AdaptiveLIFState]):
    r"""A leaky integrate-and-fire neuron whose threshold rises with its own spikes:

    $$u = \beta v + j, \qquad s = H(u - \theta'), \qquad \theta' = \theta + \kappa a,
    \qquad a \leftarrow \rho a + s, \qquad v \leftarrow \begin{cases}
        u - \theta' s & \text{\texttt{SoftReset}} \\
        u (1 - s) & \text{\texttt{HardReset}} \\
        u & \text{\texttt{NoReset}}
    \end{cases}$$

    where $\beta$ is `decay`, $\theta$ is `threshold`, $\kappa$ is
    `adaptation_strength`, $\rho$ is `adaptation_decay` and $j$ is the current.
    Everything else is as in [`ngcx.neurons.LIF`][].

    **Arguments:**

    - `decay`: $\beta$, a factor or a [`ngcx.neurons.TimeConstant`][].
    - `threshold`: $\theta$, above which a neuron that is not adapted spikes.
    - `surrogate`: how the spike differentiates.
    - `reset`: how a spike resets the membrane potential, and when: a
        [`ngcx.neurons.SoftReset`][], [`ngcx.neurons.HardReset`][] or
        [`ngcx.neurons.NoReset`][].
    - `refractory_steps`: how many steps after a spike the neuron is at rest.
    - `refractory_leak`: whether the potential decays during the refractory steps,
        without input, instead of staying where the reset left it. **Elsewhere:**
        ngc-learn `LIFCell`.
    - `refractory_spikes`: whether the output stays 1 in the refractory steps.
        **Elsewhere:** ngc-learn `SLIFCell(sticky_spikes=True)`.
    - `v_rest`: the potential that a neuron decays to, and starts from: $u =
        v_\text{rest} + \beta (v - v_\text{rest}) + j$. **Elsewhere:** Norse `v_leak`,
        ngc-learn `v_rest`, SpikingJelly `v_reset`.
    - `scale_input`: whether the current is scaled by $1 - \beta$, as in $\tau \dot v =
        v_\text{rest} - v + j$: a constant current $j$ then takes the potential to
        $v_\text{rest} + j$, whatever the decay. **Elsewhere:** SpikingJelly
        `decay_input=True`, its default, Norse and ngc-learn.
    - `adaptation_decay`: $\rho$, a factor or a [`ngcx.neurons.TimeConstant`][].
    - `adaptation_strength`: $\kappa$, by how much a spike raises the threshold.

    **See also:** [`ngcx.neurons.LIF`][], whose threshold stays.

    ??? cite "Reference"
        Bellec, Salaj, Subramoney, Legenstein and Maass, *Long short-term memory and
        learning-to-learn in networks of spiking neurons*, NeurIPS 2018.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> from ngcx.neurons import AdaptiveLIF
        >>> cell = AdaptiveLIF(decay=0.5, adaptation_strength=0.5)
        >>> print(cell.run(jnp.full((6, 1), 1.25))[1][:, 0])
        [1. 0. 1. 0. 1. 0.]

        ```
    """

    decay: Fraction[Decay] = 0.9
    threshold: Learnt = 1.0
    surrogate: AbstractSurrogate = Arctan()
    reset: AbstractReset = SoftReset()
    refractory_steps: Natural = eqx.field(static=True, default=0)
    refractory_leak: bool = eqx.field(static=True, default=False)
    refractory_spikes: bool = eqx.field(static=True, default=False)
    v_rest: Learnt = 0.0
    scale_input: bool = eqx.field(static=True, default=False)
    adaptation_decay: Fraction[Decay] = 0.95
    adaptation_strength: Learnt = 0.1

    def __check_init__(self):
        check_neuron(self)

    # This is not compiled: for every shape there would be one more program of zeros.
    @compiled(jit=False)
    def init(self, shape: Shape, dtype: DTypeLike = jnp.float32) -> AdaptiveLIFState:
        """Neurons of that shape with the membrane potential `v_rest`, not adapted."""
        neuron = neuron_at_rest(self, shape, dtype)
        return AdaptiveLIFState(adaptation=at_rest(shape, dtype), **neuron)

    @compiled
    def __call__(
        self,
        state: AdaptiveLIFState,
        x: Float[Array, "*shape"],
        *,
        key: PRNGKeyArray | None = None,
    ) -> tuple[AdaptiveLIFState, Float[Array, "*shape"]]:
        """Steps once with the current `x`; returns the new state and the spikes."""
        check_step(self, state.v, x)
        wide = wide_dtype(x.dtype)
        strength = as_array(self.adaptation_strength, wide)
        adaptation = widened(state.adaptation)
        threshold = as_array(self.threshold, wide) + strength * adaptation
        fired, spikes = fire(self, state, x, threshold, key)
        decay = as_factor(self.adaptation_decay, wide)
        adaptation = stored(decay * adaptation + widened(spikes), x.dtype)
        return AdaptiveLIFState(adaptation=adaptation, **fired), spikes

    def observe(
        self, state: AdaptiveLIFState, x: Float[Array, "*shape"]
    ) -> dict[str, Array]:
        """What else `watch` can see: the potential that decides whether the neuron
        spikes."""
        return {"u": integrated(self, state, x).astype(x.dtype)}
