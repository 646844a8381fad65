import math

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from .._checks import check_positive
from .._typing import Parameter, typed


@typed
def decay_factor(
    time_constant: Parameter, dt: float | int = 1.0
) -> float | Float[Array, "..."]:
    r"""The factor $e^{-dt/\tau}$ by which a leaky quantity decays in one step.

    **Arguments:**

    - `time_constant`: $\tau$, in ms; a number, or an array of any shape.
    - `dt`: the length of a step, in ms.

    **Returns:** a number for a number, an array for an array.

    **Raises:** `ValueError` if a number is not positive.
    """
    check_positive("time_constant", time_constant)
    check_positive("dt", dt)
    if isinstance(time_constant, float | int):
        return math.exp(-dt / time_constant)
    return jnp.exp(-dt / time_constant)


@typed
class TimeConstant(eqx.Module):
    r"""A decay given as a time constant, wherever a cell takes a decay factor:
    `LIF(TimeConstant(20.0))` decays by $e^{-dt/\tau}$ in a step.

    Given as an array, the time constant is learnt, and the factor stays below 1.
    """

    tau: Parameter
    r"""The time constant $\tau$ in ms, positive."""
    dt: float | int = 1.0
    """The length of a step in ms, positive."""

    def __check_init__(self):
        check_positive("tau", self.tau)
        check_positive("dt", self.dt)


Decay = Parameter | TimeConstant


def factor(decay: Decay, dtype) -> Float[Array, "..."]:
    """The decay factor of a step, whichever way it was given."""
    if isinstance(decay, TimeConstant):
        decay = decay_factor(decay.tau, decay.dt)
    return jnp.asarray(decay, dtype)
