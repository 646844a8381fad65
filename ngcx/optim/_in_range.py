from typing import Any, TypeVar, cast

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.tree_util as jtu

from .._annotations import ranges_of
from .._compiled import compiled
from .._module import Module, hints
from .._typing import Positive


Model = TypeVar("Model")


# This is not compiled: it belongs into the training step, which is.
@compiled(jit=False)
def in_range(model: Model, floor: Positive[float | int] = 1e-3) -> Model:
    """Puts learnt hyper-parameters back into the ranges that their modules state: the
    decay of a cell into [0, 1], and a time constant or a width above 0.

    A step of an optimiser may push them out of these ranges, where no gradient leads
    back.

    **Arguments:**

    - `model`: any pytree of modules, after an update.
    - `floor`: the least value for parameters that must be positive, in their own units:
        `floor=1.0` for time constants of 1 ms and more.

    **Returns:** the model, with the nearest values that are allowed.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> from ngcx import neurons, optim
        >>> cell = neurons.LIF(decay=jnp.array([0.5, 1.25]))
        >>> print(optim.in_range(cell).decay)
        [0.5 1. ]

        ```
    """

    def mended(tree):
        return jax.tree.map(
            lambda node: of_module(node) if isinstance(node, Module) else node,
            tree,
            is_leaf=lambda node: isinstance(node, Module),
        )

    def of_module(module):
        fields, treedef = jtu.tree_flatten_with_path(
            module, is_leaf=lambda node: node is not module
        )
        annotations = hints(cast(Any, type(module)))
        return jtu.tree_unflatten(
            treedef,
            [nearest(value, annotations.get(path[0].name)) for path, value in fields],
        )

    def nearest(value, annotation):
        if not eqx.is_inexact_array(value):
            return mended(value)
        for must in ranges_of(annotation):
            low = floor if must.low == 0 and not must.test(0) else must.low
            value = jnp.clip(value, low, must.high)
        return value

    return mended(model)
