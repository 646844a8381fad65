"""New weights for a model, whose layers say which of their fields are weights."""

import functools as ft
import itertools as it
import re
import zlib
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, NamedTuple, Protocol, TypeAlias

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jax.tree_util import GetAttrKey, tree_flatten_with_path
from jaxtyping import Array, PRNGKeyArray, PyTree

from .._compiled import compiled
from .._numerics import widened
from ._base import AbstractInitializer
from ._from_jax import FromJax


Predicate: TypeAlias = Callable[[str, Array], bool]
# A function of a leaf's path and the leaf, a pattern of paths, or a type of layers.
Rule: TypeAlias = Predicate | str | type


class WeightLayout(NamedTuple):
    """How a layer stores a weight, for `ngcx.init.Reinitializable`.

    The default is that of `x @ weight`: two axes, (in, out).

    **Attributes:**

    - `out_first`: whether the axes are (out, in, *receptive field), as in Equinox and
        PyTorch, and not (*receptive field, in, out), as in JAX and Flax.
    - `gates`: how many weights lie side by side along the axis of the outputs.
    - `field_axes`: how many axes the receptive field has, or the name of the layer's
        attribute that holds this number. Further axes in front belong to an ensemble.
    """

    out_first: bool = False
    gates: int = 1
    field_axes: int | str = 0


WeightFields: TypeAlias = tuple[str, ...] | Mapping[str, WeightLayout]


class Reinitializable(Protocol):
    """A layer that says which of its fields are weights, so that
    [`ngcx.init.reinitialize`][] finds them. The class attribute is enough; a layer need
    not derive from this class.

    !!! example

        ```python
        >>> import equinox as eqx
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from typing import ClassVar
        >>> from ngcx.init import Constant, WeightLayout, reinitialize
        >>> class Bilinear(eqx.Module):
        ...     left: jax.Array  # (in, out), as in x @ left
        ...     right: jax.Array
        ...     weight_fields: ClassVar = ("left", "right")
        >>> layer = Bilinear(jnp.zeros((3, 2)), jnp.zeros((3, 2)))
        >>> layer = reinitialize(layer, Constant(0.5), jax.random.key(0))
        >>> print(layer.left[0], layer.right[0])
        [0.5 0.5] [0.5 0.5]
        >>> class Convolution(eqx.Module):
        ...     kernel: jax.Array  # (out, in, height, width)
        ...     weight_fields: ClassVar = {
        ...         "kernel": WeightLayout(out_first=True, field_axes=2)
        ...     }

        ```
    """

    weight_fields: ClassVar[WeightFields]
    """The names of the fields, if each stores (in, out); otherwise a mapping of them to
    a [`ngcx.init.WeightLayout`][]."""


# Equinox's own layers, described as a layer describes itself.
_EQUINOX: Mapping[type, WeightFields] = {
    eqx.nn.Linear: {"weight": WeightLayout(out_first=True)},
    eqx.nn.Conv: {"weight": WeightLayout(True, field_axes="num_spatial_dims")},
    eqx.nn.ConvTranspose: {"weight": WeightLayout(True, field_axes="num_spatial_dims")},
    eqx.nn.GRUCell: dict.fromkeys(("weight_ih", "weight_hh"), WeightLayout(True, 3)),
    eqx.nn.LSTMCell: dict.fromkeys(("weight_ih", "weight_hh"), WeightLayout(True, 4)),
}


# This is not compiled: a walk over the model is not, and each draw compiles by itself.
@compiled(jit=False)
def reinitialize(
    model: PyTree,
    initializer: Callable | None,
    key: PRNGKeyArray,
    where: Predicate | Mapping[Rule, Callable] | None = None,
    *,
    report: Callable[[str], Any] | None = None,
) -> PyTree:
    """Gives the weights of an Equinox model new values.

    The initializer is asked for weights of shape (*receptive field, in, out), so that
    its default axes fit, and the result is brought into the shape of the layer. The
    gates of a recurrent cell are drawn one by one, and so are the members of an
    ensemble that `eqx.filter_vmap` made. The key of a leaf depends only on its path, so
    a further layer does not change the weights of the others.

    In `eqx.nn.WeightNorm`, the norms become those of the drawn weights, so that the
    weight itself follows the law. `eqx.nn.SpectralNorm` divides the drawn weights by
    their largest singular value.

    **Arguments:**

    - `model`: any pytree of modules. A layer of your own takes part if it has a class
        attribute `weight_fields`, as [`ngcx.init.Reinitializable`][] describes.
    - `initializer`: draws the new values. It may be an initializer of ngcx or of
        `jax.nn.initializers`, or any function of (key, shape, dtype); None if `where`
        gives one for every leaf.
    - `key`: decides the draw.
    - `where`: which leaves to draw. If not given, the weights of `eqx.nn.Linear` (and
        so of `MultiheadAttention`), `Conv`, `ConvTranspose`, `GRUCell` and `LSTMCell`,
        and those that a layer names in its `weight_fields`. Instead, it may be a
        function of a leaf and its path, such as `".layers[0].bias"`, that says which
        leaves to draw. Or it may be a mapping of rules to initializers: the first rule
        that fits a leaf chooses its initializer, and `initializer` draws the remaining
        weights. A rule is such a function, or a pattern for the path in which `*`
        matches anything, such as `"*.bias"`, or a type, for the weights within layers
        of that type.
    - `report`: is called with a line for each leaf that is drawn, such as
        `".layers[0].weight (8, 4): HeNormal()"`. For example, give `print`, or the
        `append` of a list.

    **Returns:** the model with new values, of the same shapes and dtypes.

    **Raises:** `ValueError` if nothing is drawn; `TypeError` if an initializer returns
    anything but an array of the shape that it was asked for.

    !!! example

        ```python
        >>> import equinox as eqx
        >>> import jax.random as jr
        >>> from ngcx.init import Constant, HeNormal, reinitialize
        >>> mlp = eqx.nn.MLP(4, 2, width_size=8, depth=1, key=jr.key(0))
        >>> rules = {"*.bias": Constant(0.0)}
        >>> mlp = reinitialize(mlp, HeNormal(), jr.key(1), rules, report=print)
        .layers[0].weight (8, 4): HeNormal()
        .layers[0].bias (8,): Constant(value=0.0)
        .layers[1].weight (2, 8): HeNormal()
        .layers[1].bias (2,): Constant(value=0.0)

        ```

        A layer of your own says which of its fields are weights:

        ```python
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from typing import ClassVar
        >>> class Projection(eqx.Module):
        ...     matrix: jax.Array  # (in, out), as in x @ matrix
        ...     weight_fields: ClassVar[tuple[str, ...]] = ("matrix",)
        >>> layer = Projection(jnp.zeros((2, 3)))
        >>> print(reinitialize(layer, Constant(0.5), jr.key(1)).matrix)
        [[0.5 0.5 0.5]
         [0.5 0.5 0.5]]

        ```
    """
    if isinstance(where, type):
        raise TypeError(f"`where` must be a function or a mapping; got {where}.")
    leaves, treedef = tree_flatten_with_path(model)
    drawn = {}
    for path, leaf in leaves:
        if not eqx.is_inexact_array(leaf):
            continue
        name = jax.tree_util.keystr(path)
        layout = _layout(model, path)
        chosen = _choose(model, path, leaf, layout is not None, initializer, where)
        if chosen is None:
            continue
        chosen = chosen if isinstance(chosen, AbstractInitializer) else FromJax(chosen)
        # Checksums are the same in every process, while hashes are not.
        leaf_key = jr.fold_in(key, zlib.crc32(name.encode()))
        if report is not None:
            report(f"{name} {leaf.shape}: {chosen}")
        if layout is None:
            drawn[path] = chosen(leaf_key, leaf.shape, leaf.dtype)
        else:
            drawn[path] = _drawn(*layout, chosen, leaf_key, leaf)
    if not drawn:
        raise ValueError(
            "`where` must choose some floating-point array; it chose none."
        )
    for path, norms in leaves:
        weight = _normalized(model, path)
        if weight in drawn and path not in drawn:
            drawn[weight], drawn[path] = _directions(drawn[weight], norms)
    new = [drawn.get(path, leaf) for path, leaf in leaves]
    return jax.tree_util.tree_unflatten(treedef, new)


def _choose(model, path, leaf, is_weight, initializer, where):
    """The initializer for a leaf, or None."""
    name = jax.tree_util.keystr(path)

    def fits(rule: Rule) -> bool:
        if isinstance(rule, type):
            *layers, _ = it.accumulate(path, _child, initial=model)
            return is_weight and any(isinstance(each, rule) for each in layers)
        if isinstance(rule, str):
            pattern = ".*".join(map(re.escape, rule.split("*")))
            return re.fullmatch(pattern, name) is not None
        return rule(name, leaf)

    if isinstance(where, Mapping):
        for rule, other in where.items():
            if fits(rule):
                return other
    elif where is not None:
        return initializer if fits(where) else None
    return initializer if is_weight else None


def _layout(model, path) -> tuple[WeightLayout, int] | None:
    """How the weight at that path is stored, and the number of its axes; None if it is
    not known as a weight.
    """
    if not path or not isinstance(path[-1], GetAttrKey):
        return None
    *above, last = path
    layer = ft.reduce(_child, above, model)
    known = (fields for kind, fields in _EQUINOX.items() if isinstance(layer, kind))
    fields = getattr(layer, "weight_fields", None)
    fields = next(known, ()) if fields is None else fields
    if not isinstance(fields, Mapping):
        fields = dict.fromkeys(fields, WeightLayout())
    if last.name not in fields:
        return None
    layout = fields[last.name]
    axes = layout.field_axes
    return layout, 2 + (getattr(layer, axes) if isinstance(axes, str) else axes)


def _normalized(model, path):
    """The path of the weight whose norms are at that path, if any are."""
    *above, last = path or (None,)
    if last != GetAttrKey("g"):
        return None
    layer = ft.reduce(_child, above, model)
    if not isinstance(layer, eqx.nn.WeightNorm):
        return None
    return (*above, GetAttrKey("layer"), GetAttrKey(layer.weight_name))


def _directions(weight, norms):
    """A weight as directions and norms, which have an axis of size 1 for each that they
    add up, also in an ensemble.
    """
    axes = [axis for axis, size in enumerate(norms.shape) if size == 1]
    squares = jnp.square(widened(weight))
    new = jnp.sqrt(jnp.sum(squares, axes, keepdims=True)).astype(norms.dtype)
    # A weight of 0 has no direction, and 0 / 0 would be NaN: any one will do.
    return jnp.where(new == 0, jnp.ones_like(weight), weight), new


def _child(node, entry):
    # JAX knows every kind of container.
    children, _ = tree_flatten_with_path(node, is_leaf=lambda child: child is not node)
    return dict(children)[(entry,)]


def _drawn(layout: WeightLayout, rank: int, initializer, key, leaf):
    """New values for a weight, member by member of an ensemble.

    The axes of an ensemble that `eqx.filter_vmap` made come before the `rank` axes of a
    weight, and are no receptive field.
    """
    if leaf.ndim > rank:
        keys = jr.split(key, leaf.shape[0])
        return jax.vmap(ft.partial(_drawn, layout, rank, initializer))(keys, leaf)
    shape = leaf.shape
    if layout.out_first:
        outputs, inputs, *field = shape
        shape = (*field, inputs, outputs)
    shape = (*shape[:-1], shape[-1] // layout.gates)
    keys = [key] if layout.gates == 1 else jr.split(key, layout.gates)
    draws = [initializer(each, shape, leaf.dtype) for each in keys]
    if layout.out_first:
        draws = [jnp.moveaxis(draw, (-1, -2), (0, 1)) for draw in draws]
    return jnp.concatenate(draws, 0 if layout.out_first else -1)
