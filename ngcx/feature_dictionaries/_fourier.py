import math
from collections.abc import Sequence

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from .._compiled import compiled
from .._module import Module
from .._numerics import widened
from .._typing import Count, Positive, Scalar


class FourierLibrary(Module):
    r"""Sines and cosines of each variable, $\sin(2 \pi k x / P)$ and
    $\cos(2 \pi k x / P)$ for $k = 1, \dots, n$.

    The columns come frequency by frequency: all sines, then all cosines.

    !!! example

        ```python
        >>> FourierLibrary(num_frequencies=1, period=1.0).names(["x", "y"])
        ('sin(1 x)', 'sin(1 y)', 'cos(1 x)', 'cos(1 y)')

        ```
    """

    num_frequencies: Count = eqx.field(static=True)
    """$n$."""
    period: Positive[Scalar] = 2 * math.pi
    """$P$, that of the lowest frequency."""

    @compiled
    def __call__(
        self, x: Float[Array, "*batch variables"]
    ) -> Float[Array, "*batch features"]:
        """The value of each column, for each row of variables."""
        wide = widened(x)
        period = jnp.asarray(self.period, wide.dtype)
        # The remainder is exact, so that many turns cost no accuracy.
        turns = jnp.fmod(wide, period) / period
        columns = []
        for k in range(1, self.num_frequencies + 1):
            angles = turns * jnp.asarray(2 * math.pi * k, wide.dtype)
            columns += [jnp.sin(angles), jnp.cos(angles)]
        return jnp.concatenate(columns, -1).astype(x.dtype)

    # Names are made on the host.
    @compiled(jit=False)
    def names(self, variables: Sequence[str]) -> tuple[str, ...]:
        """What the columns are; the factor counts the periods."""
        return tuple(
            f"{function}({k} {variable})"
            for k in range(1, self.num_frequencies + 1)
            for function in ("sin", "cos")
            for variable in variables
        )
