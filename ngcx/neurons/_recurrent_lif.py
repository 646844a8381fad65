from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Array, Float, Int, PRNGKeyArray

from .._compiled import compiled
from .._module import Module
from ._base import at_rest, check_state
from ._lif import AbstractLIF


class RecurrentLIFState(Module):
    """The state of a layer of recurrent leaky integrate-and-fire neurons."""

    v: Float[Array, "*batch neurons"]
    """Membrane potential, after the reset."""
    spikes: Float[Array, "*batch neurons"]
    """The spikes of the last step."""
    refractory: Int[Array, "*batch neurons"] | None = None
    """Refractory steps left; None if there are never any."""


class RecurrentLIF(AbstractLIF[RecurrentLIFState]):
    r"""A layer of leaky integrate-and-fire neurons that hear each other's last spikes:
    [`ngcx.neurons.AbstractLIF`][] on the current $j + s W$, where $j$ is the input, $s$
    the spikes of the step before, and $W$ is `weight`.

    Neurons are along the last axis.
    """

    weight: Float[Array, "neurons neurons"] = eqx.field(kw_only=True)
    """The connections from each neuron (row) to each neuron (column)."""
    weight_fields: ClassVar[tuple[str, ...]] = ("weight",)

    # This is not compiled: for every shape there would be one more program of zeros.
    @compiled(jit=False)
    def init(
        self, shape: tuple[int, ...], dtype: DTypeLike = jnp.float32
    ) -> RecurrentLIFState:
        """Neurons of that shape with a membrane potential of 0 and no spikes."""
        zeros = at_rest(shape, dtype)
        return RecurrentLIFState(zeros, zeros, self._refractory_at_rest(shape))

    @compiled
    def __call__(
        self,
        state: RecurrentLIFState,
        current: Float[Array, "*batch neurons"],
        *,
        key: PRNGKeyArray | None = None,
    ) -> tuple[RecurrentLIFState, Float[Array, "*batch neurons"]]:
        """Steps once, and returns the new state and the spikes (0 or 1)."""
        check_state(state.v, current)
        threshold = jnp.asarray(self.threshold, current.dtype)
        heard = state.spikes @ self.weight.astype(current.dtype)
        v, spikes, refractory = self._fire(
            state.v, current + heard, threshold, state.refractory, key
        )
        return RecurrentLIFState(v, spikes, refractory), spikes
