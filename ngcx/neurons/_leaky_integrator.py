import equinox as eqx
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Array, Float, PRNGKeyArray

from .._compiled import compiled
from .._module import Module
from .._typing import Fraction
from ._base import AbstractCell, Shape
from ._decay import Decay
from ._fire import check_step, leaked, potential_at_rest, stored
from ._frozen import Learnt


class LeakyIntegratorState(Module):
    """The state of a leaky integrator.

    **Attributes:**

    - `v`: membrane potential.
    """

    v: Float[Array, "*shape"]


class LeakyIntegrator(AbstractCell[LeakyIntegratorState]):
    r"""A neuron that never spikes: its output is its membrane potential,
    $v \leftarrow \beta v + j$, where $\beta$ is `decay` and $j$ the current.

    It is the usual read-out of a spiking network. Before a neuron, it is a synapse
    whose current decays. Two of them in a row are an alpha synapse, whose current rises
    and falls: they answer a spike with $(k + 1) \beta^k$ after $k$ steps, and with
    $(\beta^{k+1} - \beta'^{k+1}) / (\beta - \beta')$ where they differ.

    A `decay` given as an array is learnt. In a half precision, the step is computed in
    float32 and the potential is rounded once. With a decay above about 0.997 in
    bfloat16 (0.9995 in float16), the leak in a step is smaller than this rounding, and
    the potential does not change.

    **Arguments:**

    - `decay`: $\beta$, a factor or a [`ngcx.neurons.TimeConstant`][].
    - `v_rest`: the potential that a neuron decays to, and starts from: $v \leftarrow
        v_\text{rest} + \beta (v - v_\text{rest}) + j$. **Elsewhere:** Norse `LICell`,
        `v_leak`.
    - `scale_input`: whether the current is scaled by $1 - \beta$, as in $\tau \dot v =
        v_\text{rest} - v + j$: a constant current $j$ then takes the potential to
        $v_\text{rest} + j$, whatever the decay. **Elsewhere:** Norse `LICell`.

    **See also:** [`ngcx.neurons.LIF`][], which spikes.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> from ngcx.neurons import LeakyIntegrator
        >>> print(LeakyIntegrator(0.5).run(jnp.array([[1.0], [0.0], [2.0]]))[1][:, 0])
        [1.   0.5  2.25]

        ```

    !!! example "A neuron behind an alpha synapse"

        ```python
        >>> from ngcx.neurons import LIF, Stack
        >>> synapse = Stack(LeakyIntegrator(0.5), LeakyIntegrator(0.5))
        >>> print(synapse.run(jnp.array([[1.0], [0.0], [0.0], [0.0]]))[1][:, 0])
        [1.   1.   0.75 0.5 ]
        >>> cell = Stack(*synapse, LIF())

        ```
    """

    decay: Fraction[Decay] = 0.9
    v_rest: Learnt = 0.0
    scale_input: bool = eqx.field(static=True, default=False)

    # This is not compiled: for every shape there would be one more program of zeros.
    @compiled(jit=False)
    def init(
        self, shape: Shape, dtype: DTypeLike = jnp.float32
    ) -> LeakyIntegratorState:
        """Neurons of that shape with the membrane potential `v_rest`."""
        return LeakyIntegratorState(potential_at_rest(self, shape, dtype))

    @compiled
    def __call__(
        self,
        state: LeakyIntegratorState,
        x: Float[Array, "*shape"],
        *,
        key: PRNGKeyArray | None = None,
    ) -> tuple[LeakyIntegratorState, Float[Array, "*shape"]]:
        """Steps once with the current `x`; returns the new state and the membrane
        potential.
        """
        del key
        check_step(self, state.v, x)
        v = stored(leaked(self, state.v, x), x.dtype)
        return LeakyIntegratorState(v), v
