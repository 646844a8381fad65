import functools as ft
import zlib
from collections.abc import Callable, Mapping

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jax.tree_util import GetAttrKey, tree_flatten_with_path
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from .._typing import typed
from ._base import AbstractInitializer


Predicate = Callable[[str, Array], bool]

# Fields of layers that store (out, in, *receptive field), and how many gates share one.
_OUT_IN = (
    (eqx.nn.Linear, {"weight": 1}),
    (eqx.nn.Conv, {"weight": 1}),
    (eqx.nn.ConvTranspose, {"weight": 1}),
    (eqx.nn.GRUCell, {"weight_ih": 3, "weight_hh": 3}),
    (eqx.nn.LSTMCell, {"weight_ih": 4, "weight_hh": 4}),
)


@typed
def reinitialize(
    model: PyTree,
    initializer: AbstractInitializer | None,
    key: PRNGKeyArray,
    where: Predicate | Mapping[Predicate, AbstractInitializer] | None = None,
) -> PyTree:
    """Gives the weights of an Equinox model new values.

    The initializer is asked for weights of shape (*receptive field, in, out), so that
    its default axes fit, and the result is stored as the layer stores it. The gates of
    a recurrent cell are drawn one by one, and so are the members of an ensemble that
    `eqx.filter_vmap` made. A leaf draws from a key that depends on its path alone, so
    that a further layer does not change what the others get.

    **Arguments:**

    - `model`: any pytree of modules.
    - `initializer`: draws the new values; None if `where` names all of them.
    - `key`: decides the draw.
    - `where`: which leaves to draw. If not given, the weights of `eqx.nn.Linear` (and
        so of `MultiheadAttention`), `Conv`, `ConvTranspose`, `GRUCell` and `LSTMCell`,
        and those of our own cells. A function of a leaf's path, as
        `".layers[0].bias"`, and the leaf says which ones instead. A mapping of such
        functions to initializers goes beyond: the first function that is true of a leaf
        chooses its initializer, and `initializer` draws the remaining weights.

    **Returns:** the model with new values, of the same shapes and dtypes.

    **Raises:** `ValueError` if nothing is drawn.

    !!! example

        ```python
        >>> import equinox as eqx
        >>> import jax.random as jr
        >>> from ngcx.init import Constant, HeNormal
        >>> mlp = eqx.nn.MLP(4, 2, width_size=8, depth=2, key=jr.key(0))
        >>> is_bias = lambda path, leaf: path.endswith("bias")
        >>> mlp = reinitialize(mlp, HeNormal(), jr.key(1), {is_bias: Constant(0.0)})
        >>> print(mlp.layers[-1].bias)
        [0. 0.]

        ```
    """
    leaves, treedef = tree_flatten_with_path(model)
    drawn, new = False, []
    for path, leaf in leaves:
        name = jax.tree_util.keystr(path)
        if eqx.is_inexact_array(leaf):
            layout = _layout(model, path)
            chosen = _choose(name, leaf, layout is not None, initializer, where)
            if chosen is not None:
                # Checksums, unlike hashes, are the same in every process.
                leaf_key = jr.fold_in(key, zlib.crc32(name.encode()))
                leaf = (layout or _as_it_is)(chosen, leaf_key, leaf)
                drawn = True
        new.append(leaf)
    if not drawn:
        raise ValueError(
            "`where` must choose some floating-point array; it chose none."
        )
    return jax.tree_util.tree_unflatten(treedef, new)


def _choose(name, leaf, is_weight, initializer, where):
    """The initializer for a leaf, or None."""
    if isinstance(where, Mapping):
        for predicate, other in where.items():
            if predicate(name, leaf):
                return other
    elif where is not None:
        return initializer if where(name, leaf) else None
    return initializer if is_weight else None


def _layout(model, path):
    """How to draw the weight at that path, or None if it is not known as one."""
    *above, last = path
    if not isinstance(last, GetAttrKey):
        return None
    layer = ft.reduce(_child, above, model)
    # A module names its weights of shape (in, out) itself.
    if last.name in getattr(layer, "_weights", ()):
        return ft.partial(_each, 2, _as_it_is)
    for kind, gates in _OUT_IN:
        if isinstance(layer, kind) and last.name in gates:
            rank = 2 + getattr(layer, "num_spatial_dims", 0)
            return ft.partial(_each, rank, ft.partial(_out_in, gates[last.name]))
    return None


def _child(node, entry):
    # By way of JAX, which knows every kind of container.
    children, _ = tree_flatten_with_path(node, is_leaf=lambda child: child is not node)
    return dict(children)[(entry,)]


def _each(
    rank: int,
    layout: Callable,
    initializer: AbstractInitializer,
    key: PRNGKeyArray,
    leaf: Float[Array, "..."],
):
    """One draw for each member of an ensemble, as `eqx.filter_vmap` makes them: its
    axes come before the `rank` axes of a weight, and are no receptive field.
    """
    if leaf.ndim == rank:
        return layout(initializer, key, leaf)
    keys = jr.split(key, leaf.shape[0])
    draw = ft.partial(_each, rank, layout, initializer)
    return jax.vmap(draw)(keys, leaf)


def _as_it_is(
    initializer: AbstractInitializer, key: PRNGKeyArray, leaf: Float[Array, "..."]
):
    return initializer(key, leaf.shape, leaf.dtype)


def _out_in(
    gates: int,
    initializer: AbstractInitializer,
    key: PRNGKeyArray,
    leaf: Float[Array, "..."],
):
    rows, inputs, *field = leaf.shape
    shape = (*field, inputs, rows // gates)
    keys = [key] if gates == 1 else jr.split(key, gates)
    draws = [initializer(each, shape, leaf.dtype) for each in keys]
    return jnp.concatenate([jnp.moveaxis(draw, (-1, -2), (0, 1)) for draw in draws])
