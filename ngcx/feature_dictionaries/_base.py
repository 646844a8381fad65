import abc
from collections.abc import Iterable, Sequence

import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from .._compiled import compiled
from .._module import Module
from .._numerics import widened


class AbstractLibrary(Module):
    """Functions of a few variables: it computes columns, and has their names."""

    @compiled
    def __call__(
        self,
        x: Float[Array, "*batch variables"],
        *,
        key: PRNGKeyArray | None = None,
    ) -> Float[Array, "*batch features"]:
        """The value of each column, for each row `x` of variables.

        Half precisions are computed in float32, and rounded once.
        """
        return self._columns(widened(x)).astype(x.dtype)

    # Names are made on the host.
    @compiled(jit=False)
    def names(self, variables: Sequence[str]) -> tuple[str, ...]:
        """The names of the columns, made from the names of the `variables`."""
        return tuple(self._names(variables))

    @abc.abstractmethod
    def _columns(self, x: Float[Array, "*batch variables"]) -> Float[Array, "..."]:
        """The columns of variables that are no half precision."""

    @abc.abstractmethod
    def _names(self, variables: Sequence[str]) -> Iterable[str]:
        """The names of the columns."""


def finite_beside_zero(
    x: Float[Array, "..."], y: Float[Array, "..."]
) -> Float[Array, "..."]:
    """`x`, or the largest number where it has overflowed and is multiplied by 0."""
    largest = jnp.finfo(x.dtype).max
    return jnp.where(y == 0, jnp.clip(x, -largest, largest), x)
