import math

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from .._compiled import compiled
from .._module import Module
from .._numerics import wide_dtype
from .._typing import Parameter, Positive


# This is not compiled, because it gives a number for a number.
@compiled(jit=False)
def decay_factor(
    time_constant: Positive[Parameter], dt: Positive[float | int] = 1.0
) -> float | Float[Array, "..."]:
    r"""The factor $e^{-dt/\tau}$ by which a leaky quantity decays in one step.

    **Arguments:**

    - `time_constant`: $\tau$, in ms; a number, or an array of any shape.
    - `dt`: the length of a step, in ms.

    **Returns:** a number for a number, an array for an array.
    """
    if isinstance(time_constant, float | int):
        return math.exp(-dt / time_constant)
    dtype = jnp.result_type(time_constant, 1.0)
    return jnp.exp(-dt / time_constant.astype(wide_dtype(dtype))).astype(dtype)


class TimeConstant(Module):
    r"""A decay given as a time constant, wherever a cell takes a decay factor:
    `LIF(TimeConstant(20.0))` decays by $e^{-dt/\tau}$ in a step.

    Given as an array, the time constant is learnt, and the factor stays below 1.
    """

    tau: Positive[Parameter]
    r"""The time constant $\tau$ in ms."""
    dt: Positive[float | int] = eqx.field(static=True, default=1.0)
    """The length of a step in ms."""

    def factor(self) -> float | Float[Array, "..."]:
        r"""Computes $e^{-dt/\tau}$, a number or an array; in float32 for a half
        precision, in which it may round to 1.
        """
        if isinstance(self.tau, float | int):
            return decay_factor(self.tau, self.dt)
        wide = wide_dtype(jnp.result_type(self.tau, 1.0))
        return decay_factor(self.tau.astype(wide), self.dt)


Decay = Parameter | TimeConstant


def as_factor(decay: Decay, dtype) -> Float[Array, "..."]:
    """The decay factor of a step, whichever way it was given."""
    if isinstance(decay, TimeConstant):
        decay = decay.factor()
    return jnp.asarray(decay, dtype)
