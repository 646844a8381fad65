import jax.numpy as jnp
from jaxtyping import Array, Float

from .._compiled import compiled_function
from .._precision import widened
from .._typing import Scalar
from ._interval import check_below


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

    >>> inverse_logistic(jnp.array([0.0, 0.5, 1.0]))
    Array([-3.4760988,  0.       ,  3.4760988], dtype=float32)
    """
    check_below("clip_bound", clip_bound, 0.5)
    return _inverse_logistic(x, clip_bound)


@compiled_function()
def _inverse_logistic(x: Float[Array, "*shape"], clip_bound: Scalar):
    p = widened(x)
    bound = jnp.asarray(clip_bound, p.dtype)
    p = _clip(p, bound, 1 - bound)
    # Two logarithms of nearly ½ cancel; near the middle 2 artanh(2p - 1) is exact, and
    # clipping it keeps the infinite derivatives at its ends out of the gradient.
    t = jnp.clip(2 * p - 1, -0.5, 0.5)
    middle = jnp.log1p(t) - jnp.log1p(-t)
    outer = jnp.log(p) - jnp.log1p(-p)
    return jnp.where(jnp.abs(p - 0.5) < 0.25, middle, outer).astype(x.dtype)


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

    >>> inverse_tanh(jnp.tanh(jnp.array([-2.0, 0.0, 0.5])))
    Array([-2. ,  0. ,  0.5], dtype=float32)
    """
    check_below("clip_bound", clip_bound, 1)
    return _inverse_tanh(x, clip_bound)


@compiled_function()
def _inverse_tanh(x: Float[Array, "*shape"], clip_bound: Scalar):
    t = widened(x)
    end = 1 - jnp.asarray(clip_bound, t.dtype)
    t = _clip(t, -end, end)
    # The two terms have one sign, so nothing cancels, in the derivative neither.
    return ((jnp.log1p(t) - jnp.log1p(-t)) / 2).astype(x.dtype)


def _clip(x, low, high):
    # The gradient of jnp.clip is halved at its bounds.
    return jnp.where(x < low, low, jnp.where(x > high, high, x))
