"""Libraries of functions of one's own, and libraries made of others."""

import inspect
import itertools
from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._compiled import compiled
from ._base import AbstractLibrary, finite_beside_zero


class FunctionLibrary(AbstractLibrary):
    """Any functions of one variable, or of several.

    The columns come function by function: one for every variable, or for every two if
    the function takes two, and so on. Only arguments without a default count.

    `library(x)` has the columns along the last axis; half precisions are computed in
    float32 and rounded once. `library.names(["x", "y"])` returns their names.

    **Arguments:**

    - `functions`: the functions. They may be modules with parameters.
    - `labels`: their names.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> from ngcx.feature_dictionaries import FunctionLibrary
        >>> def gap(x, y):
        ...     return jnp.abs(x - y)
        >>> library = FunctionLibrary(tanh=jnp.tanh, gap=gap)
        >>> library.names(["x", "y", "z"])
        ('tanh(x)', 'tanh(y)', 'tanh(z)', 'gap(x, y)', 'gap(x, z)', 'gap(y, z)')
        >>> print(library(jnp.array([0.0, 1.0, 3.0])).round(2))
        [0.   0.76 1.   1.   3.   2.  ]

        ```
    """

    functions: tuple[Callable, ...]
    labels: tuple[str, ...] = eqx.field(static=True)

    # A constructor runs on the host.
    @compiled(jit=False)
    def __init__(self, **functions: Callable):
        """**Arguments:**

        - `functions`: the functions by their names. They must be elementwise. Each is
            called with all of its columns at once, as one array for each of its
            arguments.
        """
        self.functions = tuple(functions.values())
        self.labels = tuple(functions)

    def _columns(self, x):
        blocks = [x[..., :0]]
        for label, function in zip(self.labels, self.functions, strict=True):
            chosen = _chosen(function, x.shape[-1])
            values = jnp.asarray(function(*(x[..., which] for which in chosen.T)))
            if values.shape != (*x.shape[:-1], len(chosen)):
                raise ValueError(f"`{label}` must be elementwise; got {values.shape}.")
            blocks.append(values)
        return jnp.concatenate(blocks, axis=-1)

    def _names(self, variables):
        for label, function in zip(self.labels, self.functions, strict=True):
            for which in _chosen(function, len(variables)):
                yield f"{label}({', '.join(variables[int(i)] for i in which)})"


class ConcatenatedLibrary(AbstractLibrary):
    """The columns of several libraries, one after the other.

    `library(x)` has them along the last axis; `library.names(["x", "y"])` returns their
    names.

    **Arguments:**

    - `libraries`: the libraries in their order.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> from ngcx.feature_dictionaries import FourierLibrary, PolynomialLibrary
        >>> from ngcx.feature_dictionaries import ConcatenatedLibrary
        >>> library = ConcatenatedLibrary((PolynomialLibrary(1), FourierLibrary(1)))
        >>> print(library.names(["x"]), library(jnp.ones(1)).shape)
        ('1', 'x', 'sin(1 x)', 'cos(1 x)') (4,)

        ```
    """

    libraries: tuple[AbstractLibrary, ...]

    def _columns(self, x):
        blocks = [x[..., :0], *(library(x) for library in self.libraries)]
        return jnp.concatenate(blocks, axis=-1)

    def _names(self, variables):
        return itertools.chain(*(each.names(variables) for each in self.libraries))


class ProductLibrary(AbstractLibrary):
    """Products of columns, one from each of several libraries. The columns of the last
    library change fastest.

    `library(x)` has them along the last axis; half precisions are computed in float32
    and rounded once. `library.names(["x", "y"])` returns their names.

    **Arguments:**

    - `libraries`: the libraries in their order.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> from ngcx.feature_dictionaries import FourierLibrary, PolynomialLibrary
        >>> from ngcx.feature_dictionaries import ProductLibrary
        >>> library = ProductLibrary((PolynomialLibrary(1), FourierLibrary(1)))
        >>> print(library.names(["x"]), library(jnp.ones(1)).shape)
        ('sin(1 x)', 'cos(1 x)', 'x sin(1 x)', 'x cos(1 x)') (4,)

        ```
    """

    libraries: tuple[AbstractLibrary, ...]

    def _columns(self, x):
        columns = jnp.ones_like(x, shape=(*x.shape[:-1], 1))
        for library in self.libraries:
            old, new = columns[..., :, None], library(x)[..., None, :]
            products = finite_beside_zero(old, new) * finite_beside_zero(new, old)
            columns = jax.lax.collapse(products, x.ndim - 1)
        return columns

    def _names(self, variables):
        factors = (library.names(variables) for library in self.libraries)
        for names in itertools.product(*factors):
            yield " ".join(name for name in names if name != "1") or "1"


def _chosen(function: Callable, variables: int) -> np.ndarray:
    """The variables of each column of a function, a row each."""
    parameters = inspect.signature(function).parameters.values()
    taken = sum(each.default is each.empty for each in parameters)
    rows = list(itertools.combinations(range(variables), taken))
    return np.array(rows, int).reshape(len(rows), taken)
