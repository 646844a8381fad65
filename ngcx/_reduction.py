"""The mean or the sum of scores, and which of them count."""

from typing import Any, Literal

import jax.numpy as jnp
from jaxtyping import Array, Bool

from ._numerics import mean


Reduction = Literal["mean", "sum", "none"]
Where = Bool[Array, "..."] | None


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
