from typing import Annotated

import jax.numpy as jnp
from jaxtyping import Array, Float

from .._compiled import compiled
from .._numerics import widened
from .._typing import Must, Scalar
from ._threshold import clamp_max, clamp_min


BelowHalf = Annotated[
    Scalar, Must("0 or more and below 0.5", lambda value: 0 <= value < 0.5)
]
BelowOne = Annotated[
    Scalar, Must("0 or more and below 1", lambda value: 0 <= value < 1)
]


@compiled
def inverse_logistic(
    x: Float[Array, "*shape"], clip_bound: BelowHalf = 0.03
) -> Float[Array, "*shape"]:
    r"""The inverse of the logistic function,
    $\ln \frac{p}{1 - p}$ with $p = \min(\max(x, b), 1 - b)$.

    It is odd around ½, where it is 0. The derivative is $\frac{1}{p (1 - p)}$ for
    $b \le x \le 1 - b$ and 0 beyond.

    **Arguments:**

    - `x`: probabilities, of any shape.
    - `clip_bound`: $b$; with 0 the ends give ∓∞.

    **Returns:** an array of the shape and dtype of `x`.

    ??? cite "Reference"
        Berkson, *Application of the logistic function to bio-assay*, Journal of the
        American Statistical Association 1944.

    ```python
    >>> import jax.numpy as jnp
    >>> from ngcx.ops import inverse_logistic
    >>> inverse_logistic(jnp.array([0.0, 0.5, 1.0]))
    Array([-3.4760988,  0.       ,  3.4760988], dtype=float32)

    ```
    """
    wide = widened(x)
    # The lower half serves both, so that the function is odd to the last place; the
    # difference is exact.
    upper = wide >= 0.5
    p = clamp_min(jnp.where(upper, 1 - wide, wide), clip_bound)
    magnitude = _log_ratio(1 - p, p, 1 - 2 * p)
    return jnp.where(upper, magnitude, -magnitude).astype(x.dtype)


@compiled
def inverse_tanh(
    x: Float[Array, "*shape"], clip_bound: BelowOne = 0.0
) -> Float[Array, "*shape"]:
    r"""The inverse of the hyperbolic tangent,
    $\frac{1}{2} \ln \frac{1 + t}{1 - t}$ with $t = \min(\max(x, b - 1), 1 - b)$.

    The derivative is $\frac{1}{1 - t^2}$ for $|x| \le 1 - b$ and 0 beyond.

    **Arguments:**

    - `x`: an array of any shape.
    - `clip_bound`: $b$; with 0 the ends give ∓∞.

    **Returns:** an array of the shape and dtype of `x`.

    ??? cite "Reference"
        Fisher, *On the "probable error" of a coefficient of correlation deduced from a
        small sample*, Metron 1921.

    ```python
    >>> import jax.numpy as jnp
    >>> from ngcx.ops import inverse_tanh
    >>> inverse_tanh(jnp.tanh(jnp.array([-2.0, 0.0, 0.5]))).round(4)
    Array([-2. ,  0. ,  0.5], dtype=float32)

    ```
    """
    wide = widened(x)
    negative = wide < 0
    t = clamp_max(
        jnp.where(negative, -wide, wide), 1 - jnp.asarray(clip_bound, wide.dtype)
    )
    magnitude = _log_ratio(1 + t, 1 - t, 2 * t) / 2
    return jnp.where(negative, -magnitude, magnitude).astype(x.dtype)


def _log_ratio(large, small, difference):
    """`log(large / small)`, given the difference of the two, which may be small.

    `log_ratio` of `_numerics` takes the difference itself; but 1 + t and 1 - t are
    rounded, and that of a small t would be lost.
    """
    # Logarithms of nearly equal numbers cancel.
    near = difference < 2 * small
    # The branch not taken gets another input, so that its derivative stays finite.
    excess = jnp.where(near, difference, 0) / jnp.where(near, small, 1)
    return jnp.where(near, jnp.log1p(excess), jnp.log(large) - jnp.log(small))
