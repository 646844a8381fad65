import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, PRNGKeyArray

from .._compiled import compiled_function
from .._precision import widened
from .._typing import Scalar
from ._numbers import check_below


def dropout(
    key: PRNGKeyArray, x: Float[Array, "*shape"], rate: Scalar = 0.0
) -> tuple[Float[Array, "*shape"], Float[Array, "*shape"]]:
    r"""Keeps each entry with probability $1 - r$, scaled to keep the expected value.

    $$y = m \cdot \frac{x}{1 - r}, \qquad m \sim \mathrm{Bernoulli}(1 - r)$$

    A dropped entry is 0, whatever it was: NaN and infinity are dropped as well.

    **Arguments:**

    - `key`: a key of `jax.random`; the same key drops the same entries.
    - `x`: an array of any shape.
    - `rate`: $r$, at least 0 and below 1. The range of an array is not checked; 1 drops
        everything.

    **Returns:** $y$ and the binary mask $m$, each of the shape and dtype of `x`.

    **Raises:** `ValueError` for a number out of range.
    """
    check_below("rate", rate, 1)
    # Of a Python number the complement is exact to the last place of the dtype.
    keep = 1 - rate if isinstance(rate, int | float) else None
    return _dropout(key, x, rate, keep)


@compiled_function()
def _dropout(
    key: PRNGKeyArray, x: Float[Array, "*shape"], rate: Scalar, keep: Scalar | None
):
    wide = widened(x)
    keep = jnp.asarray(1 - rate if keep is None else keep, wide.dtype)
    mask = jr.bernoulli(key, keep, x.shape)
    # If nothing is kept, the unused branch must not divide by 0: its gradient is NaN.
    scaled = wide / jnp.where(keep > 0, keep, 1)
    return jnp.where(mask, scaled, 0).astype(x.dtype), mask.astype(x.dtype)
