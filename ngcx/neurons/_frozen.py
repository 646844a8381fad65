from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from .._module import Module
from .._typing import Parameter
from .._words import in_words, is_traceable


class Frozen(Module):
    """Arrays that nothing trains: a constant for each neuron, or a whole layer.

    Use it wherever a cell takes an array, and among the layers of a
    [`ngcx.neurons.Stack`][]. Its floating-point arrays are kept as integers of the same
    bits, so that they are not parameters for `eqx.filter_grad`, to an optimiser that is
    given `eqx.filter(model, eqx.is_inexact_array)` (weight decay included), or to
    [`ngcx.init.reinitialize`][]. They are still traced, so other values run the same
    program.

    **Attributes:**

    - `bits`: the pytree, with integers in place of floating-point numbers.
    - `dtypes`: the dtype of each leaf that was floating-point.

    !!! example

        ```python
        >>> import equinox as eqx
        >>> import jax.numpy as jnp
        >>> from ngcx.neurons import LIF, Frozen
        >>> cell = LIF(threshold=Frozen(jnp.array([1.0, 2.0, 3.0])))
        >>> print(eqx.filter(cell, eqx.is_inexact_array).threshold.value)
        None
        >>> print(cell.threshold.value)
        [1. 2. 3.]

        ```
    """

    bits: PyTree
    dtypes: tuple[str | None, ...] = eqx.field(static=True)

    def __init__(self, value: PyTree):
        """
        **Arguments:**

        - `value`: an array, a layer, or any pytree.
        """
        leaves, treedef = jax.tree.flatten(value)
        for leaf in leaves:
            if isinstance(leaf, np.ndarray) and not is_traceable(leaf):
                raise TypeError(
                    "`value` of `Frozen` must hold arrays of numbers in the order of "
                    f"bytes of this machine; got {in_words(leaf)}."
                )
        leaves = [
            jnp.asarray(leaf) if isinstance(leaf, np.ndarray) else leaf
            for leaf in leaves
        ]
        inexact = [eqx.is_inexact_array(leaf) for leaf in leaves]
        self.dtypes = tuple(
            leaf.dtype.name if is_float else None
            for leaf, is_float in zip(leaves, inexact, strict=True)
        )
        bits = [
            _as_bits(leaf) if is_float else leaf
            for leaf, is_float in zip(leaves, inexact, strict=True)
        ]
        self.bits = jax.tree.unflatten(treedef, bits)

    @property
    def value(self) -> Any:
        """What was frozen."""
        leaves, treedef = jax.tree.flatten(self.bits)
        if len(leaves) < len(self.dtypes):  # a filter has taken the arrays away
            return None
        return jax.tree.unflatten(treedef, map(_from_bits, leaves, self.dtypes))

    def __call__(self, *args, **kwargs) -> Any:
        """Calls what was frozen, a layer or a function."""
        return self.value(*args, **kwargs)


def _as_bits(array):
    width = array.dtype.itemsize * 8
    return jax.lax.bitcast_convert_type(array, f"uint{width}")


def _from_bits(bits, dtype):
    return bits if dtype is None else jax.lax.bitcast_convert_type(bits, dtype)


# A number is a constant, an array is learnt, unless it is frozen.
Learnt = Parameter | Frozen


def thawed(value: Any) -> Any:
    return value.value if isinstance(value, Frozen) else value


def as_array(value: Learnt, dtype):
    return jnp.asarray(thawed(value), dtype)
