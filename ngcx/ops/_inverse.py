import jax.numpy as jnp
from jaxtyping import Array, Float

from .._compiled import compiled_function
from .._precision import widened
from .._typing import Scalar
from ._numbers import check_below
from ._threshold import clamp_max, clamp_min


def inverse_logistic(
    x: Float[Array, "*shape"], clip_bound: Scalar = 0.03
) -> Float[Array, "*shape"]:
    r"""The inverse of the logistic function,
    $\ln \frac{p}{1 - p}$ with $p = \min(\max(x, b), 1 - b)$.

    Odd around ½, where it is 0. The derivative is $\frac{1}{p (1 - p)}$ for
    $b \le x \le 1 - b$ and 0 beyond.

    **Arguments:**

    - `x`: probabilities, of any shape.
    - `clip_bound`: $b$, at least 0 and below ½; with 0 the ends give ∓∞.

    **Returns:** an array of the shape and dtype of `x`.

    **Raises:** `ValueError` for a bound out of range.

    ```python
    >>> inverse_logistic(jnp.array([0.0, 0.5, 1.0]))
    Array([-3.4760988,  0.       ,  3.4760988], dtype=float32)

    ```
    """
    check_below("clip_bound", clip_bound, 0.5)
    return _inverse_logistic(x, clip_bound)


@compiled_function()
def _inverse_logistic(x: Float[Array, "*shape"], clip_bound: Scalar):
    wide = widened(x)
    # The lower half serves both, so that the function is odd to the last place; the
    # difference is exact.
    upper = wide >= 0.5
    p = clamp_min(jnp.where(upper, 1 - wide, wide), clip_bound)
    magnitude = _log_ratio(1 - p, p, 1 - 2 * p)
    return jnp.where(upper, magnitude, -magnitude).astype(x.dtype)


def inverse_tanh(
    x: Float[Array, "*shape"], clip_bound: Scalar = 0.0
) -> Float[Array, "*shape"]:
    r"""The inverse of the hyperbolic tangent,
    $\frac{1}{2} \ln \frac{1 + t}{1 - t}$ with $t = \min(\max(x, b - 1), 1 - b)$.

    The derivative is $\frac{1}{1 - t^2}$ for $|x| \le 1 - b$ and 0 beyond.

    **Arguments:**

    - `x`: an array of any shape.
    - `clip_bound`: $b$, at least 0 and below 1; with 0 the ends give ∓∞.

    **Returns:** an array of the shape and dtype of `x`.

    **Raises:** `ValueError` for a bound out of range.

    ```python
    >>> inverse_tanh(jnp.tanh(jnp.array([-2.0, 0.0, 0.5]))).round(4)
    Array([-2. ,  0. ,  0.5], dtype=float32)

    ```
    """
    check_below("clip_bound", clip_bound, 1)
    return _inverse_tanh(x, clip_bound)


@compiled_function()
def _inverse_tanh(x: Float[Array, "*shape"], clip_bound: Scalar):
    wide = widened(x)
    negative = wide < 0
    t = clamp_max(
        jnp.where(negative, -wide, wide), 1 - jnp.asarray(clip_bound, wide.dtype)
    )
    magnitude = _log_ratio(1 + t, 1 - t, 2 * t) / 2
    return jnp.where(negative, -magnitude, magnitude).astype(x.dtype)


def _log_ratio(large, small, difference):
    """`log(large / small)`, given the difference of the two, which may be small."""
    # Logarithms of nearly equal numbers cancel. The argument of log1p is positive: in
    # float64 that of XLA is wrong by 100 units in the last place between -½ and -0.1.
    near = difference < 2 * small
    # The branch not taken gets another input, so that its derivative stays finite.
    ratio = jnp.where(near, difference, 0) / jnp.where(near, small, 1)
    return jnp.where(near, jnp.log1p(ratio), jnp.log(large) - jnp.log(small))
