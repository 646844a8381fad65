from typing import Annotated

import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, PRNGKeyArray

from .._compiled import compiled
from .._numerics import widened
from .._typing import Must, Scalar


Rate = Annotated[Scalar, Must("0 or more and below 1", lambda value: 0 <= value < 1)]


# A Python number stays one, so that its complement is taken in double precision: in
# float32 it would lose digits.
@compiled(static=("rate",))
def dropout(
    key: PRNGKeyArray, x: Float[Array, "*shape"], rate: Rate = 0.0
) -> tuple[Float[Array, "*shape"], Float[Array, "*shape"]]:
    r"""Keeps each entry with probability $1 - r$, scaled to keep the expected value.

    $$y = m \cdot \frac{x}{1 - r}, \qquad m \sim \mathrm{Bernoulli}(1 - r)$$

    A dropped entry is 0, whatever it was: NaN and infinity are dropped as well.

    **Arguments:**

    - `key`: a key of `jax.random`; the same key drops the same entries.
    - `x`: an array of any shape.
    - `rate`: $r$. A number is a constant of the program; give a rate that changes
        during training as an array. The range of an array is not checked; 1 drops
        everything.

    **Returns:** $y$ and the binary mask $m$, each of the shape and dtype of `x`.

    **See also:** [`ngcx.neurons.Dropout`][], a layer that keeps one mask for a whole
    sequence.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> import jax.random as jr
        >>> from ngcx.ops import dropout
        >>> y, mask = dropout(jr.key(0), jnp.ones(8), 0.5)
        >>> print(bool((y == 2 * mask).all()))
        True

        ```
    """
    wide = widened(x)
    keep = jnp.asarray(1 - rate, wide.dtype)
    mask = jr.bernoulli(key, keep, x.shape)
    # If nothing is kept, the unused branch must not divide by 0: its gradient is NaN.
    scaled = wide / jnp.where(keep > 0, keep, 1)
    return jnp.where(mask, scaled, 0).astype(x.dtype), mask.astype(x.dtype)
