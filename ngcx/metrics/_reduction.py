from typing import Literal

import jax.numpy as jnp


Reduction = Literal["mean", "sum", "none"]


def reduce(values, reduction: Reduction):
    """The mean or the sum of all scores, or the scores themselves."""
    if reduction == "mean":
        return jnp.mean(values)
    if reduction == "sum":
        return jnp.sum(values)
    return values
