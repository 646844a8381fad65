import math

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .._compiled import compiled
from .._module import Module
from .._numerics import wide_dtype
from .._typing import Parameter, Positive
from ._frozen import Learnt, as_array, thawed


# This is not compiled, because it gives a number for a number.
@compiled(jit=False)
def decay_factor(
    time_constant: Positive[Parameter], dt: Positive[float | int] = 1.0
) -> float | Float[Array, "..."]:
    r"""The factor $e^{-dt/\tau}$ by which a leaky quantity decays in one step.

    **Arguments:**

    - `time_constant`: $\tau$, in ms; a number, or an array of any shape.
    - `dt`: the length of a step, in ms.

    **Returns:** a number if both are numbers, and else an array.

    **See also:** [`ngcx.neurons.TimeConstant`][], which a cell takes instead of a
    factor, and which can be learnt.

    !!! example

        ```python
        >>> from ngcx.neurons import decay_factor
        >>> print(round(decay_factor(20.0), 3), round(decay_factor(20.0, dt=0.1), 3))
        0.951 0.995

        ```
    """
    if isinstance(time_constant, float | int):
        return math.exp(-dt / time_constant)
    dtype = jnp.result_type(time_constant, 1.0)
    # Below a thousandth of a step nothing is left of the factor, whose derivative would
    # be 0 times infinity. A time constant that was learnt and has passed 0 ends there.
    tau = jnp.maximum(time_constant.astype(wide_dtype(dtype)), dt / 1000)
    return jnp.exp(-dt / tau).astype(dtype)


class TimeConstant(Module):
    r"""A decay given as a time constant. Use it wherever a cell takes a decay factor:
    `LIF(TimeConstant(20.0))` decays by $e^{-dt/\tau}$ in a step, or by $1 - dt/\tau$
    with `euler=True`.

    If it is given as an array, the time constant is learnt, and the factor stays below
    1.

    **Arguments:**

    - `tau`: the time constant $\tau$ in ms.
    - `dt`: the length of a step in ms.
    - `euler`: whether the decay is that of a step of Euler's method, $1 - dt/\tau$, for
        which `dt` is at most $\tau$; a learnt time constant that has fallen below `dt`
        counts as `dt`, and [`ngcx.optim.in_range`][] with `floor=dt` puts it back
        there. **Elsewhere:** SpikingJelly, Norse and ngc-learn.

    **See also:** [`ngcx.neurons.decay_factor`][], which computes the same factor as a
    number.

    !!! example

        ```python
        >>> from ngcx.neurons import TimeConstant
        >>> print(TimeConstant(20.0).factor(), TimeConstant(20.0, euler=True).factor())
        0.951229424500714 0.95

        ```
    """

    tau: Positive[Learnt]
    dt: Positive[float | int] = eqx.field(static=True, default=1.0)
    euler: bool = eqx.field(static=True, default=False)

    def __check_init__(self):
        if self.euler and isinstance(self.tau, float | int) and self.tau < self.dt:
            raise ValueError(
                f"`tau` must be at least `dt`, {self.dt}, with `euler=True`; got "
                f"{self.tau}."
            )

    def factor(self) -> float | Float[Array, "..."]:
        r"""Computes $e^{-dt/\tau}$, or $1 - dt/\tau$ with `euler=True`, a number or an
        array; in float32 for a half precision, in which it may round to 1.
        """
        tau = thawed(self.tau)
        if not isinstance(tau, float | int):
            tau = tau.astype(wide_dtype(jnp.result_type(tau, 1.0)))
            if self.euler:
                tau = jnp.maximum(tau, self.dt)
        return 1 - self.dt / tau if self.euler else decay_factor(tau, self.dt)


Decay = Learnt | TimeConstant


def as_factor(decay: Decay, dtype) -> Float[Array, "..."]:
    """The decay factor of a step, whichever way it was given. One that was learnt and
    has left its range counts as 0 or 1, since a potential must not grow by itself.
    """
    decay = (
        decay.factor() if isinstance(decay, TimeConstant) else as_array(decay, dtype)
    )
    return jnp.clip(jnp.asarray(decay, dtype), 0, 1)


def with_factors(cell):
    """Replaces time constants by factors once, and not in every step."""

    def is_time_constant(node):
        return isinstance(node, TimeConstant)

    return jax.tree.map(
        lambda node: node.factor() if is_time_constant(node) else node,
        cell,
        is_leaf=is_time_constant,
    )
