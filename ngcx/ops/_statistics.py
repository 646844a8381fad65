import functools as ft
from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
import jax.tree_util as jtu
from jax.lax import stop_gradient
from jaxtyping import Array, Float, Int, PyTree

from .._compiled import compiled
from .._integers import beyond_32_bits, is_beyond_32_bits
from .._numerics import divided, rescaled, root, wide_dtype


class TensorStats(NamedTuple):
    """The result of [`ngcx.ops.tensor_stats`][]. Each field is an array of shape `()`.

    **Attributes:**

    - `mean`: the mean of the finite entries.
    - `std`: their (population) standard deviation.
    - `magnitude`: the largest of their absolute values.
    - `nan_count`: how many entries are NaN.
    - `inf_count`: how many are infinite.
    - `size`: how many entries there are altogether.
    - `minimum`, `maximum`: the smallest and the largest of the finite entries.
    """

    mean: Float[Array, ""]
    std: Float[Array, ""]
    magnitude: Float[Array, ""]
    minimum: Float[Array, ""]
    maximum: Float[Array, ""]
    nan_count: Int[Array, ""]
    inf_count: Int[Array, ""]
    size: Int[Array, ""]


def _check_numbers(tree):
    for path, leaf in jtu.tree_leaves_with_path(tree):
        name = "tree" + jtu.keystr(path)
        if is_beyond_32_bits(leaf):
            raise ValueError(beyond_32_bits(f"`{name}`", leaf))
        if not _is_real(leaf):
            raise TypeError(
                f"`{name}` must be an array of real numbers; got "
                f"{eqx.tree_pformat(leaf)}. "
                "Select with `eqx.filter(tree, eqx.is_array)`."
            )


def _is_real(leaf):
    if not eqx.is_array_like(leaf):
        return False
    dtype = jnp.result_type(leaf)
    return any(
        jnp.issubdtype(dtype, kind) for kind in (bool, jnp.integer, jnp.floating)
    )


@compiled(before=_check_numbers)
def tensor_stats(tree: PyTree) -> TensorStats:
    """Statistics over all entries of all arrays in a tree, such as a model's weights.

    The entries are pooled, so each counts the same, whichever array it is in. The
    statistics are those of the finite entries, and NaN if there are none.

    **Arguments:**

    - `tree`: an array, or any pytree of arrays and numbers; they need not agree in
        shape or dtype, and may be integers or booleans. Give `eqx.filter(model,
        eqx.is_array)` to leave out everything but the arrays of a model.

    **Returns:** a [`ngcx.ops.TensorStats`][], in float64 if the tree holds any (or,
    with 64-bit mode on, any integers) and in float32 otherwise.

    **Raises:** `ValueError` if there are no entries, `TypeError` if something is not a
    real number.

    ```python
    >>> import jax.numpy as jnp
    >>> from ngcx.ops import tensor_stats
    >>> stats = tensor_stats({"weight": jnp.ones((2, 2)), "count": jnp.array([3, 5])})
    >>> print(stats.mean, stats.maximum, stats.size)
    2.0 5.0 6

    ```
    """
    leaves = [jnp.asarray(leaf).ravel() for leaf in jtu.tree_leaves(tree)]
    size = sum(leaf.size for leaf in leaves)
    if size == 0:
        raise ValueError("`tree` must hold at least one number; got none.")
    dtypes = [
        wide_dtype(leaf.dtype)
        if jnp.issubdtype(leaf.dtype, jnp.floating)
        else jnp.result_type(float)
        for leaf in leaves
    ]
    dtype = max(dtypes, key=lambda dtype: dtype.itemsize)
    leaves = [leaf.astype(dtype) for leaf in leaves]
    finite = [jnp.isfinite(leaf) for leaf in leaves]

    def pooled(combine, reduce, function, **options):
        parts = [
            reduce(function(leaf), where=where, **options)
            for leaf, where in zip(leaves, finite, strict=True)
        ]
        return ft.reduce(combine, parts)

    count = sum(jnp.sum(where) for where in finite)
    divisor = jnp.maximum(count, 1).astype(dtype)
    minimum = pooled(jnp.minimum, jnp.min, lambda x: x, initial=jnp.inf)
    maximum = pooled(jnp.maximum, jnp.max, lambda x: x, initial=-jnp.inf)
    # Distances from the minimum are taken in units of the range: no sum or square
    # overflows, and equal entries deviate by exactly 0. The range may overflow, but
    # half of it does not.
    low = stop_gradient(minimum) / 2
    half_range = stop_gradient(maximum) / 2 - low
    _, unit = rescaled(half_range, ())

    def average(function):
        return pooled(jnp.add, jnp.sum, function) / divisor

    centre = average(lambda x: divided(x / 2 - low, unit))
    variance = average(lambda x: jnp.square(divided(x / 2 - low, unit) - centre))
    statistics = (
        2 * low + unit * centre + unit * centre,
        unit * (2 * root(variance)),  # no more than half a range
        jnp.maximum(-minimum, maximum),
        minimum,
        maximum,
    )
    return TensorStats(
        *(jnp.where(count > 0, value, jnp.nan) for value in statistics),
        nan_count=jnp.asarray(sum(jnp.sum(jnp.isnan(leaf)) for leaf in leaves)),
        inf_count=jnp.asarray(sum(jnp.sum(jnp.isinf(leaf)) for leaf in leaves)),
        size=jnp.asarray(size, jnp.asarray(count).dtype),
    )
