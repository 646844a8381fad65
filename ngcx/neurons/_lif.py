import equinox as eqx
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Array, Float, Int, PRNGKeyArray

from .._compiled import compiled
from .._module import Module
from .._numerics import wide_dtype
from .._typing import Fraction, Natural
from ..surrogate import AbstractSurrogate, Arctan
from ._base import AbstractCell, Shape
from ._decay import Decay
from ._fire import check_neuron, check_step, fire, integrated, neuron_at_rest
from ._frozen import Learnt, as_array
from ._reset import AbstractReset, SoftReset


class LIFState(Module):
    """The state of a leaky integrate-and-fire neuron.

    **Attributes:**

    - `v`: membrane potential, after the reset, unless that is delayed.
    - `refractory`: how many refractory steps are left; None for neurons that are never
        refractory.
    - `pending`: what the reset subtracts at the next step; None if the reset is not
        delayed.
    """

    v: Float[Array, "*shape"]
    refractory: Int[Array, "*shape"] | None = None
    pending: Float[Array, "*shape"] | None = None


class LIF(AbstractCell[LIFState]):
    r"""A leaky integrate-and-fire neuron.

    In each step the membrane potential $v$ leaks, integrates the current $j$, and is
    reset where it spikes:

    $$u = \beta v + j, \qquad s = H(u - \theta), \qquad
    v \leftarrow \begin{cases}
        u - \theta s & \text{\texttt{SoftReset}} \\
        u (1 - s) & \text{\texttt{HardReset}} \\
        u & \text{\texttt{NoReset}}
    \end{cases}$$

    where $\beta$ is `decay` and $\theta$ is `threshold`. The output is the spikes $s$,
    which differentiate by `surrogate`. In the refractory steps after a spike, $v$ stays
    where the reset left it, and nothing spikes. A decay, threshold or potential given
    as an array, one for all neurons or one each, is learnt; see
    [`ngcx.neurons.Frozen`][] for arrays that are not. `watch` also sees `u`, the
    potential $u$ that decides whether the neuron spikes.

    `decay=1.0` makes an integrate-and-fire neuron. "Your cell in ngcx", in the
    documentation, says which options reproduce the neurons of other libraries, spike by
    spike.

    Potentials and currents are in units of the default threshold.

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

    **See also:** [`ngcx.neurons.LeakyIntegrator`][], which never spikes, for a
    read-out; [`ngcx.neurons.SynapticLIF`][], whose current fades slowly;
    [`ngcx.neurons.AdaptiveLIF`][], whose threshold rises with its spikes.

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
    threshold: Learnt = 1.0
    surrogate: AbstractSurrogate = Arctan()
    reset: AbstractReset = SoftReset()
    refractory_steps: Natural = eqx.field(static=True, default=0)
    refractory_leak: bool = eqx.field(static=True, default=False)
    refractory_spikes: bool = eqx.field(static=True, default=False)
    v_rest: Learnt = 0.0
    scale_input: bool = eqx.field(static=True, default=False)

    def __check_init__(self):
        check_neuron(self)

    # This is not compiled: for every shape there would be one more program of zeros.
    @compiled(jit=False)
    def init(self, shape: Shape, dtype: DTypeLike = jnp.float32) -> LIFState:
        """Neurons of that shape with the membrane potential `v_rest`."""
        return LIFState(**neuron_at_rest(self, shape, dtype))

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
        fired, spikes = fire(self, state, x, threshold, key)
        return LIFState(**fired), spikes

    def observe(self, state: LIFState, x: Float[Array, "*shape"]) -> dict[str, Array]:
        """What else `watch` can see: the potential that decides whether the neuron
        spikes."""
        return {"u": integrated(self, state, x).astype(x.dtype)}
