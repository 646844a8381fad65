from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Real

from .._compiled import compiled
from .._typing import Parameter


@compiled
def binarize(
    x: Float[Array, "*shape"], threshold: Parameter = 0.5
) -> Float[Array, "*shape"]:
    r"""Gives 1 where $x \ge \theta$, 0 where $x < \theta$, and NaN where either is NaN.

    Its derivative is 0. For a step through which a network can learn, see
    `ngcx.surrogate`.

    **Arguments:**

    - `x`: an array of any shape.
    - `threshold`: $\theta$, rounded to the dtype of `x`: a number, or an array that
        broadcasts to the shape of `x`.

    **Returns:** an array of the shape and dtype of `x`.

    ```python
    >>> import jax.numpy as jnp
    >>> from ngcx.ops import binarize
    >>> binarize(jnp.array([0.2, 0.5, 0.8]))
    Array([0., 1., 1.], dtype=float32)

    ```
    """
    threshold = jnp.broadcast_to(jnp.asarray(threshold, x.dtype), x.shape)
    one, zero, nan = (jnp.asarray(value, x.dtype) for value in (1, 0, jnp.nan))
    return jnp.where(x >= threshold, one, jnp.where(x < threshold, zero, nan))


def _number(bound, x) -> Any:
    """A Python integer is brought within the range of an integer `x` before it is
    traced, since JAX takes none beyond 32 bits.
    """
    dtype = jnp.result_type(x)
    integers = jnp.issubdtype(dtype, jnp.integer)
    if not integers or not isinstance(bound, int) or isinstance(bound, bool):
        return bound
    limits = jnp.iinfo(dtype)
    # The result is numpy's, because JAX would refuse the largest of uint32 again.
    return np.asarray(min(max(bound, limits.min), limits.max), limits.dtype)


@compiled(before=lambda x, minimum: {"minimum": _number(minimum, x)})
def clamp_min(x: Real[Array, "*shape"], minimum: Parameter) -> Real[Array, "*shape"]:
    r"""$\max(x, m)$, with derivative 1 for $x \ge m$ and 0 below.

    At the bound itself, `x` and its gradient pass through; the gradient of
    `jnp.maximum` is halved there. NaN stays NaN.

    **Arguments:**

    - `x`: an array of any shape, integers included.
    - `minimum`: $m$, in the dtype of `x`: a number, or an array that broadcasts to the
        shape of `x`. If `x` holds integers, the bound must be an integer; beyond the
        range of their dtype, it counts as the end of the range.

    **Returns:** an array of the shape and dtype of `x`.

    **Raises:** `TypeError` for integers with a bound that is not an integer.

    ```python
    >>> import jax.numpy as jnp
    >>> from ngcx.ops import clamp_min
    >>> clamp_min(jnp.array([-2.0, 0.0, 3.0]), 0)
    Array([0., 0., 3.], dtype=float32)

    ```
    """
    minimum = _bound("minimum", minimum, x)
    # Only NaN differs from itself.
    return jnp.where((x >= minimum) | (x != x), x, minimum)


@compiled(before=lambda x, maximum: {"maximum": _number(maximum, x)})
def clamp_max(x: Real[Array, "*shape"], maximum: Parameter) -> Real[Array, "*shape"]:
    r"""$\min(x, m)$, with derivative 1 for $x \le m$ and 0 above.

    At the bound itself, `x` and its gradient pass through; the gradient of
    `jnp.minimum` is halved there. NaN stays NaN.

    **Arguments:**

    - `x`: an array of any shape, integers included.
    - `maximum`: $m$, in the dtype of `x`: a number, or an array that broadcasts to the
        shape of `x`. If `x` holds integers, the bound must be an integer; beyond the
        range of their dtype, it counts as the end of the range.

    **Returns:** an array of the shape and dtype of `x`.

    **Raises:** `TypeError` for integers with a bound that is not an integer.

    ```python
    >>> import jax.numpy as jnp
    >>> from ngcx.ops import clamp_max
    >>> clamp_max(jnp.array([2, 5], jnp.int8), 300)
    Array([2, 5], dtype=int8)

    ```
    """
    maximum = _bound("maximum", maximum, x)
    return jnp.where((x <= maximum) | (x != x), x, maximum)


def _bound(name, bound, x):
    bound = jnp.asarray(bound)
    if jnp.issubdtype(x.dtype, jnp.integer):
        if not jnp.issubdtype(bound.dtype, jnp.integer):
            raise TypeError(
                f"`{name}` must be an integer for `x` of {x.dtype}; got {bound.dtype}."
            )
        # A cast would wrap: 300 is 44 in int8.
        own, target = jnp.iinfo(bound.dtype), jnp.iinfo(x.dtype)
        ends = max(own.min, target.min), min(own.max, target.max)
        bound = jnp.clip(bound, *(np.asarray(end, bound.dtype) for end in ends))
    return jnp.broadcast_to(bound.astype(x.dtype), x.shape)


@compiled(static=("axis",))
def one_hot_argmax(x: Float[Array, "*shape"], axis: int = -1) -> Float[Array, "*shape"]:
    r"""Gives 1 at the first largest entry along an axis, $i = \arg\max_j x_j$, and 0
    elsewhere.

    Where no entry stands out (all equal, or any NaN), none is chosen: the result is all
    zeros, and [`ngcx.metrics.accuracy`][] counts it as wrong.

    **Arguments:**

    - `x`: scores, such as probabilities or spike counts.
    - `axis`: the axis of the classes.

    **Returns:** an array of the shape and dtype of `x`.

    ```python
    >>> import jax.numpy as jnp
    >>> from ngcx.ops import one_hot_argmax
    >>> one_hot_argmax(jnp.array([[0.1, 0.9], [0.5, 0.5]]))
    Array([[0., 1.],
           [0., 0.]], dtype=float32)

    ```
    """
    if x.size == 0:
        return x
    largest, smallest = (f(x, axis, keepdims=True) for f in (jnp.max, jnp.min))
    winner = jnp.argmax(x, axis, keepdims=True)
    position = jnp.arange(x.shape[axis]).reshape(
        [-1 if i == axis % x.ndim else 1 for i in range(x.ndim)]
    )
    # Any comparison with NaN is false.
    return ((position == winner) & (largest > smallest)).astype(x.dtype)
