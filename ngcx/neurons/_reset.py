import abc
from typing import TYPE_CHECKING, cast

import equinox as eqx
import jax
from jaxtyping import Array, Float

from .._module import Module
from ._frozen import Learnt, as_array


class AbstractReset(Module):
    r"""How a spike resets the membrane potential.

    It acts at once, on the potential $u$ that made the neuron spike. If it is
    `delayed`, it acts on the potential of the next step, after the decay and the input
    of that step. (A reset at the next step but before the decay gives the same spikes
    as one that acts at once.) A reset of your own has the field `delayed` and the two
    methods.

    !!! example "A reset that leaves a share of the potential"

        ```python
        >>> import jax.numpy as jnp
        >>> from ngcx.neurons import LIF, AbstractReset
        >>> class Share(AbstractReset):
        ...     share: float = 0.5
        ...     delayed = False
        ...
        ...     def taken(self, spikes, threshold):
        ...         return (1 - self.share) * spikes
        ...
        ...     def apply(self, u, taken):
        ...         return u * (1 - taken)
        >>> print(LIF(1.0, reset=Share()).run(jnp.ones((4, 1)))[1][:, 0])
        [0. 1. 1. 1.]

        ```
    """

    if TYPE_CHECKING:
        # Annotated, it would pass for the first argument of every final class.
        delayed = cast(bool, ...)
    else:
        delayed: eqx.AbstractVar[bool]
        """Whether it acts at the next step."""

    @abc.abstractmethod
    def taken(
        self, spikes: Float[Array, "*shape"], threshold: Float[Array, "*#shape"]
    ) -> Float[Array, "*shape"]:
        """What the spikes of a step subtract from the potential. A cell with a delayed
        reset remembers it until the next step.

        **Arguments:**

        - `spikes`: the spikes of the step, in the dtype to compute in.
        - `threshold`: the threshold that the potential exceeded.

        **Returns:** an array of the shape of `spikes`.
        """

    @abc.abstractmethod
    def apply(
        self, u: Float[Array, "*shape"], taken: Float[Array, "*shape"]
    ) -> Float[Array, "*shape"]:
        """The potential after the reset.

        **Arguments:**

        - `u`: the potential before the reset.
        - `taken`: what `taken` returned.

        **Returns:** an array of the shape of `u`.
        """


class SoftReset(AbstractReset):
    r"""Subtracts the threshold for each spike: $v \leftarrow u - \theta s$.

    The part of the potential above the threshold is kept.

    **Elsewhere:** snnTorch `reset_mechanism="subtract"`, its default, with
    `SoftReset(delayed=True)`, unless `reset_delay=False` is given; Spyx
    `SoftReset(delayed=True, detach=False)`; SpikingJelly `v_reset=None`, Norse
    `LIFBoxCell(reset_method=reset_subtract)` and sinabs, `SoftReset(detach=False)`.

    **Arguments:**

    - `delayed`: whether it acts at the next step, after the decay: $u_t = \beta u_{t-1}
        + j_t - \theta s_{t-1}$, where $v_t = u_t$.
    - `detach`: whether the gradient ignores the reset (not the spike).
    - `by`: what is subtracted for a spike; if None, the threshold that was exceeded.
        Bellec's LSNN subtracts the threshold of a neuron that is not adapted.

    **See also:** [`ngcx.neurons.HardReset`][] and [`ngcx.neurons.NoReset`][].

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> from ngcx.neurons import LIF, SoftReset
        >>> state, spikes = LIF(1.0, reset=SoftReset()).run(jnp.full((3, 1), 0.75))
        >>> print(spikes[:, 0], state.v)
        [0. 1. 1.] [0.25]

        ```
    """

    delayed: bool = eqx.field(static=True, default=False)
    detach: bool = eqx.field(static=True, default=True)
    by: Learnt | None = None

    def taken(self, spikes, threshold):
        if self.by is not None:
            threshold = as_array(self.by, spikes.dtype)
        return threshold * _detached(self, spikes)

    def apply(self, u, taken):
        return u - taken


class HardReset(AbstractReset):
    r"""Sets the potential of a neuron that spikes to the value `to`: $v \leftarrow u (1
    - s) + v_\text{to} s$.

    If it is delayed, it also wipes out the input of the step after a spike.

    **Elsewhere:** snnTorch `reset_mechanism="zero"`, with `delayed=True`, unless
    `reset_delay=False` is given; SpikingJelly `v_reset=0.0`, its default, and Norse
    `LIFCell`, with `detach=False`; ngc-learn `LIFCell`; SpyTorch, with `delayed=True`.

    **Arguments:**

    - `to`: the potential after a spike.
    - `delayed`: whether it acts at the next step, after the decay:
        $u_t = (\beta u_{t-1} + j_t)$ $(1 - s_{t-1})$ $+\, v_\text{to} s_{t-1}$, where
        $v_t = u_t$.
    - `detach`: whether the gradient ignores the reset (not the spike).

    **See also:** [`ngcx.neurons.SoftReset`][] and [`ngcx.neurons.NoReset`][].

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> from ngcx.neurons import LIF, HardReset
        >>> cell = LIF(1.0, reset=HardReset(to=-0.5))
        >>> state, spikes = cell.run(jnp.full((3, 1), 0.75))
        >>> print(spikes[:, 0], state.v)
        [0. 1. 0.] [0.25]

        ```
    """

    to: Learnt = 0.0
    delayed: bool = eqx.field(static=True, default=False)
    detach: bool = eqx.field(static=True, default=True)

    def taken(self, spikes, threshold):
        del threshold
        return _detached(self, spikes)

    def apply(self, u, taken):
        kept = u * (1 - taken)
        return kept if is_zero(self.to) else kept + as_array(self.to, u.dtype) * taken


class NoReset(AbstractReset):
    r"""Leaves the potential as it is: $v \leftarrow u$.

    **Elsewhere:** snnTorch `reset_mechanism="none"`.

    **See also:** [`ngcx.neurons.SoftReset`][] and [`ngcx.neurons.HardReset`][].

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> from ngcx.neurons import LIF, NoReset
        >>> state, spikes = LIF(1.0, reset=NoReset()).run(jnp.full((3, 1), 0.75))
        >>> print(spikes[:, 0], state.v)
        [0. 1. 1.] [2.25]

        ```
    """

    delayed = False

    def taken(self, spikes, threshold):
        del threshold
        return spikes

    def apply(self, u, taken):
        del taken
        return u


def _detached(reset, spikes):
    return jax.lax.stop_gradient(spikes) if reset.detach else spikes


def is_zero(value: Learnt) -> bool:
    """Whether a parameter is the number 0, so that a step need not compute with it."""
    return isinstance(value, float | int) and value == 0
