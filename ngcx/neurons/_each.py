from typing import Any

import jax
import jax.numpy as jnp
import jax.random as jr
from jax.typing import DTypeLike
from jaxtyping import PRNGKeyArray, PyTree

from .._compiled import compiled
from ._base import AbstractCell, Shape, alike
from ._layers import Pointwise, check_layer, lift
from ._shared import is_shared, places
from ._states import started
from ._visits import AllTime, whole


class Each(AbstractCell[PyTree]):
    """The same layer for each item along the first axis of the input of a step, such as
    the tokens of a sequence. It is a cell itself, in which every item has its own
    state.

    **Arguments:**

    - `layer`: a cell, layer or function.

    !!! example

        ```python
        >>> import equinox as eqx
        >>> import jax.numpy as jnp
        >>> import jax.random as jr
        >>> from ngcx.neurons import Each, LIF, Stack
        >>> tokens = jnp.ones((4, 7, 3))  # time, tokens, features
        >>> stack = Stack(Each(eqx.nn.Linear(3, 5, key=jr.key(0))), LIF())
        >>> print(stack.run(tokens)[1].shape)
        (4, 7, 5)

        ```
    """

    layer: Any

    def __check_init__(self):
        check_layer(0, self.layer)
        if whole(lift(self.layer)):
            raise ValueError(
                "`layer` must not be one that sees all of the time at once."
            )

    @compiled(jit=False)
    def init(self, shape: Shape, dtype: DTypeLike = jnp.float32) -> PyTree:
        """The states at rest of all items."""
        x = alike(shape, dtype)
        if any(not leaf.shape for leaf in jax.tree.leaves(x)):
            raise ValueError("`shape` must have the axis of the items first; got ().")
        number = jax.tree.leaves(x)[0].shape[0]
        item = jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape[1:], a.dtype), x)
        is_array = isinstance(item, jax.ShapeDtypeStruct)
        cell = lift(self.layer)
        state = cell.init(item.shape, item.dtype) if is_array else cell.init(item)
        return jax.tree.map(
            lambda node: (
                node
                if is_shared(node)
                else jnp.broadcast_to(node, (number, *node.shape))
            ),
            state,
            is_leaf=is_shared,
        )

    @compiled
    def __call__(
        self, state: PyTree, x: PyTree, *, key: PRNGKeyArray | None = None
    ) -> tuple[PyTree, PyTree]:
        """Takes one step; item i has the key `fold_in(key, i)`."""
        like = jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape, a.dtype), x)
        state = started(self.init(like), state)
        cell, number = lift(self.layer), jax.tree.leaves(x)[0].shape[0]
        keys = None
        if key is not None:
            keys = jax.vmap(jr.fold_in, (None, 0))(key, jnp.arange(number))
        axes = places(state)
        step = jax.vmap(
            lambda state, x, key: cell(state, x, key=key),
            in_axes=(axes, 0, 0),
            out_axes=(axes, 0),
        )
        return step(state, x, keys)

    def _through_time(self, time: AllTime, state, xs):
        cell = lift(self.layer)
        if not isinstance(cell, Pointwise):
            return time.scan(self, state, xs)

        def layer(x, key):
            return self(None, x, key=key)[1]

        keys = None if cell._is_constant else time.keys()
        return None, time.apply_layer(layer, xs, keys, convolves=cell._convolves)
