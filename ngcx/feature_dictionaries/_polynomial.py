import itertools
from collections import Counter

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from .._typing import Count
from ._base import AbstractLibrary, finite_beside_zero


class PolynomialLibrary(AbstractLibrary):
    """All monomials of the variables up to a total degree.

    The columns come in graded order: by degree, and within a degree lexicographically,
    so for (x, y) and order 2: 1, x, y, x², x y, y².

    `library(x)` has them along the last axis; `library.names(["x", "y"])` returns their
    names. Factors are multiplied from left to right, in float32 at least. If they
    overflow on the way, the product is infinite, or 0 if a 0 follows. A column costs
    one product, whatever its degree is.

    **Arguments:**

    - `order`: the highest total degree.
    - `include_bias`: whether the first column is 1.
    - `interaction_only`: whether each variable occurs at most once in a monomial.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> from ngcx.feature_dictionaries import PolynomialLibrary
        >>> library = PolynomialLibrary(order=2)
        >>> library.names(["x", "y"])
        ('1', 'x', 'y', 'x^2', 'x y', 'y^2')
        >>> library(jnp.array([[2.0, 3.0]]))
        Array([[1., 2., 3., 4., 6., 9.]], dtype=float32)

        ```
    """

    order: Count = eqx.field(static=True)
    include_bias: bool = eqx.field(static=True, default=True)
    interaction_only: bool = eqx.field(static=True, default=False)

    def _columns(self, x):
        if x.shape[-1] == 0:
            raise ValueError(f"`x` must have at least one variable; got {x.shape}.")
        variables = x.shape[-1]
        columns = jnp.ones_like(x[..., :1])
        blocks = [columns[..., : int(self.include_bias)]]
        places: dict[tuple[int, ...], int] = {(): 0}
        # Each monomial is one of a degree less, times a variable: two gathers and one
        # product for all of a degree, whatever their number is.
        for degree in range(1, self.order + 1):
            chosen = list(self._monomials(variables, degree))
            before = np.array([places[monomial[:-1]] for monomial in chosen], int)
            last = np.array([monomial[-1] for monomial in chosen], int)
            columns, factors = columns[..., before], x[..., last]
            columns = finite_beside_zero(columns, factors) * factors
            blocks.append(columns)
            places = {monomial: i for i, monomial in enumerate(chosen)}
        return jnp.concatenate(blocks, axis=-1)

    def _names(self, variables):
        if self.include_bias:
            yield "1"
        for degree in range(1, self.order + 1):
            for monomial in self._monomials(len(variables), degree):
                factors = [
                    variables[i] if power == 1 else f"{variables[i]}^{power}"
                    for i, power in Counter(monomial).items()
                ]
                yield " ".join(factors)

    def _monomials(self, variables: int, degree: int):
        """The variables that each one multiplies, in lexicographical order."""
        chosen = (
            itertools.combinations
            if self.interaction_only
            else itertools.combinations_with_replacement
        )
        return chosen(range(variables), degree)
