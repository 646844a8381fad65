import functools as ft
import itertools
import operator
from collections import Counter
from collections.abc import Sequence

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from .._compiled import compiled
from .._module import Module
from .._numerics import widened
from .._typing import Count


class PolynomialLibrary(Module):
    """All monomials of the variables up to a total degree.

    The columns come in graded order: by degree, and within a degree lexicographically,
    so for (x, y) and order 2: 1, x, y, x², x y, y².

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> library = PolynomialLibrary(order=2)
        >>> library.names(["x", "y"])
        ('1', 'x', 'y', 'x^2', 'x y', 'y^2')
        >>> library(jnp.array([[2.0, 3.0]]))
        Array([[1., 2., 3., 4., 6., 9.]], dtype=float32)

        ```
    """

    order: Count = eqx.field(static=True)
    """The highest total degree."""
    include_bias: bool = eqx.field(static=True, default=True)
    """Whether the first column is 1."""
    interaction_only: bool = eqx.field(static=True, default=False)
    """Whether each variable comes at most once in a monomial."""

    @compiled
    def __call__(
        self,
        x: Float[Array, "*batch variables"],
        *,
        key: PRNGKeyArray | None = None,
    ) -> Float[Array, "*batch features"]:
        """The value of each monomial, for each row of variables.

        Factors are multiplied from left to right, in float32 at least: where they
        overflow on the way, the product is infinite, or NaN if a 0 follows.
        """
        if x.shape[-1] == 0:
            raise ValueError(f"`x` must have a variable or more; got {x.shape}.")
        wide = widened(x)
        variables = x.shape[-1]
        monomials = list(self._monomials(variables))
        if self.include_bias:
            monomials.insert(0, ())
        # A 1 stands in for the factors that a monomial has less than the longest. So
        # the columns are products of equally many, each factor of all is one gather,
        # and the size of the program does not depend on the number of columns.
        extended = jnp.append(wide, jnp.ones_like(wide[..., :1]), axis=-1)
        factors = (
            extended[..., np.array(chosen)]
            for chosen in itertools.zip_longest(*monomials, fillvalue=variables)
        )
        return ft.reduce(operator.mul, factors).astype(x.dtype)

    # Names are made on the host.
    @compiled(jit=False)
    def names(self, variables: Sequence[str]) -> tuple[str, ...]:
        """What the columns are, in terms of the names of the variables."""
        names = ["1"] if self.include_bias else []
        for monomial in self._monomials(len(variables)):
            factors = [
                variables[i] if power == 1 else f"{variables[i]}^{power}"
                for i, power in Counter(monomial).items()
            ]
            names.append(" ".join(factors))
        return tuple(names)

    def _monomials(self, variables: int):
        """The variables that each one multiplies, in graded order."""
        chosen = (
            itertools.combinations
            if self.interaction_only
            else itertools.combinations_with_replacement
        )
        for degree in range(1, self.order + 1):
            yield from chosen(range(variables), degree)
