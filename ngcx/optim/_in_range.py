from typing import Any, TypeVar, cast

import equinox as eqx
import jax.numpy as jnp
import jax.tree_util as jtu

from .._checks import ranges_of
from .._compiled import compiled
from .._module import Module, hints
from .._typing import Positive


Model = TypeVar("Model")


# This is not compiled: it belongs into the training step, which is.
@compiled(jit=False)
def in_range(model: Model, floor: Positive[float | int] = 1e-3) -> Model:
    """Puts learnt hyper-parameters back into the ranges that their modules state: the
    decay of a cell into [0, 1], a time constant or a width above 0.

    A step of an optimiser may push them out, and there no gradient leads back.

    **Arguments:**

    - `model`: any pytree of modules, after an update.
    - `floor`: the least value of what must be positive, in its own units: `floor=1.0`
        for time constants of 1 ms and more.

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

    def nearest(path, leaf):
        owner = model
        for key in path[:-1]:
            owner = _child(owner, key)
        if not isinstance(owner, Module) or not eqx.is_inexact_array(leaf):
            return leaf
        for must in ranges_of(hints(cast(Any, type(owner))).get(path[-1].name)):
            low = floor if must.low == 0 and not must.test(0) else must.low
            leaf = jnp.clip(leaf, low, must.high)
        return leaf

    return jtu.tree_map_with_path(nearest, model)


def _child(node, key):
    if isinstance(key, jtu.GetAttrKey):
        return getattr(node, key.name)
    return node[key.idx if isinstance(key, jtu.SequenceKey) else key.key]
