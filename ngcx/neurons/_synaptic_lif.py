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


class SynapticLIFState(Module):
    """The state of a current-based leaky integrate-and-fire neuron.

    **Attributes:**

    - `v`: membrane potential, after the reset, unless that is delayed.
    - `current`: synaptic current.
    - `refractory`: how many refractory steps are left; None for neurons that are never
        refractory.
    - `pending`: what the reset subtracts at the next step; None if the reset is not
        delayed.
    """

    v: Float[Array, "*shape"]
    current: Float[Array, "*shape"]
    refractory: Int[Array, "*shape"] | None = None
    pending: Float[Array, "*shape"] | None = None


class SynapticLIF(AbstractCell[SynapticLIFState]):
    r"""A leaky integrate-and-fire neuron behind a leaky synapse:

    $$i \leftarrow \alpha i + j, \qquad u = \beta v + i, \qquad s = H(u - \theta),
    \qquad v \leftarrow \begin{cases}
        u - \theta s & \text{\texttt{SoftReset}} \\
        u (1 - s) & \text{\texttt{HardReset}} \\
        u & \text{\texttt{NoReset}}
    \end{cases}$$

    where $\alpha$ is `synaptic_decay`, $\beta$ is `decay`, $\theta$ is `threshold` and
    $j$ is the input. Everything else is as in [`ngcx.neurons.LIF`][].

    **Arguments:**

    - `decay`: $\beta$, a factor or a [`ngcx.neurons.TimeConstant`][].
    - `threshold`: $\theta$, above which the neuron spikes.
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
    - `synaptic_decay`: $\alpha$, a factor or a [`ngcx.neurons.TimeConstant`][].

    **See also:** [`ngcx.neurons.LIF`][], whose current lasts one step.

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
    threshold: Learnt = 1.0
    surrogate: AbstractSurrogate = Arctan()
    reset: AbstractReset = SoftReset()
    refractory_steps: Natural = eqx.field(static=True, default=0)
    refractory_leak: bool = eqx.field(static=True, default=False)
    refractory_spikes: bool = eqx.field(static=True, default=False)
    v_rest: Learnt = 0.0
    scale_input: bool = eqx.field(static=True, default=False)
    synaptic_decay: Fraction[Decay] = 0.8

    def __check_init__(self):
        check_neuron(self)

    # This is not compiled: for every shape there would be one more program of zeros.
    @compiled(jit=False)
    def init(self, shape: Shape, dtype: DTypeLike = jnp.float32) -> SynapticLIFState:
        """Neurons of that shape with the membrane potential `v_rest` and no current."""
        neuron = neuron_at_rest(self, shape, dtype)
        return SynapticLIFState(current=at_rest(shape, dtype), **neuron)

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
        fired, spikes = fire(self, state, current, threshold, key)
        return SynapticLIFState(current=stored(current, x.dtype), **fired), spikes

    def _current(self, state, x):
        decay = as_factor(self.synaptic_decay, wide_dtype(x.dtype))
        return decay * widened(state.current) + widened(x)

    def observe(
        self, state: SynapticLIFState, x: Float[Array, "*shape"]
    ) -> dict[str, Array]:
        """What else `watch` can see: the potential that decides whether the neuron
        spikes."""
        return {"u": integrated(self, state, self._current(state, x)).astype(x.dtype)}
