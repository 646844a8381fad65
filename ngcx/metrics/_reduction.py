from typing import Any, Literal

import jax.numpy as jnp
from jaxtyping import Array, Bool


Reduction = Literal["mean", "sum", "none"]
Where = Bool[Array, "..."] | None


def mean(values, axis=None, where: Where = None):
    """The mean of the values that `where` keeps; 0 of none."""
    if where is not None:
        values = jnp.where(where, values, 0)
    size = values.size if axis is None else values.shape[axis]
    count = size if where is None else jnp.sum(where, axis, dtype=int)
    # A power of two, so exact; with it no sum of finite values overflows.
    share = jnp.asarray(0.5 ** max(size - 1, 0).bit_length(), values.dtype)
    divisor = jnp.maximum(jnp.asarray(count, values.dtype), 1) * share
    return jnp.sum(values * share, axis) / divisor


def filled(x, where: Where, axes: Any = -1, filler: Any = 0):
    """`x` with the filler for samples that are masked. `axes` are those of a sample.

    Masking the scores alone leaves a gradient of 0 times that of a formula, which is
    NaN where the formula is.
    """
    if where is None:
        return x
    return jnp.where(jnp.expand_dims(where, axes), x, filler)


def reduce(scores, reduction: Reduction, where: Where = None):
    """The mean or the sum of the scores, or the scores themselves; 0 where masked."""
    if where is not None:
        scores = jnp.where(where, scores, 0)
    if reduction == "mean":
        return mean(scores, where=where)
    if reduction == "sum":
        return jnp.sum(scores)
    return scores
