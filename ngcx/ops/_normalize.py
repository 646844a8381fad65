"""Scales of vectors: norms, and arrays divided by them.

Each function divides by the largest magnitude first, so that nothing over- or
underflows. The result does not depend on that scale, so its gradient is left out.
"""

from typing import Literal

import jax.numpy as jnp
from jax.lax import stop_gradient
from jaxtyping import Array, Float

from .._checks import check_non_negative
from .._compiled import compiled_function
from .._precision import widened
from .._typing import Parameter, Scalar
from ._numbers import divided, magnitude


@compiled_function(static=("axis", "keepdims"))
def chebyshev_norm(
    x: Float[Array, "*shape"], *, axis: int = -1, keepdims: bool = False
) -> Float[Array, "..."]:
    r"""The largest magnitude, $\max_i |x_i|$, along an axis; 0 of nothing.

    **Arguments:**

    - `x`: an array of any shape.
    - `axis`: the axis of the vectors.
    - `keepdims`: whether that axis stays, of length 1.

    **Returns:** an array of the dtype of `x`, without `axis`.

    ```python
    >>> chebyshev_norm(jnp.array([[1.0, -3.0], [0.0, 2.0]]))
    Array([3., 2.], dtype=float32)

    ```
    """
    return jnp.max(magnitude(x), axis, keepdims=keepdims, initial=0)


def normalize_matrix(
    x: Float[Array, "*batch rows columns"],
    norm: Scalar = 1.0,
    *,
    order: float | int = 1,
    axis: Literal[0, 1] = 0,
) -> Float[Array, "*batch rows columns"]:
    r"""Scales each column, or each row, to a given norm: $c \, x / \lVert x \rVert_p$.

    $$\lVert x \rVert_p = \Big(\sum_i |x_i|^p\Big)^{1/p}, \qquad
    \lVert x \rVert_\infty = \max_i |x_i|$$

    A vector of zeros stays one, with gradient 0; so does one of subnormal numbers.

    **Arguments:**

    - `x`: matrices, such as weights.
    - `norm`: $c$, the norm of each vector of the result; 0 or more.
    - `order`: $p$, 1 or more, or `math.inf`.
    - `axis`: 0 for columns, 1 for rows.

    **Returns:** an array of the shape and dtype of `x`.

    **Raises:** `ValueError` for a negative norm, or an order below 1.

    ```python
    >>> normalize_matrix(jnp.array([[3.0, 0.0], [4.0, 0.0]]), order=2)
    Array([[0.6, 0. ],
           [0.8, 0. ]], dtype=float32)

    ```
    """
    check_non_negative("norm", norm)
    return _normalize_matrix(x, norm, order=order, axis=axis)


@compiled_function(static=("order", "axis"))
def _normalize_matrix(
    x: Float[Array, "*batch rows columns"],
    norm: Scalar,
    *,
    order: float | int,
    axis: Literal[0, 1],
):
    return _scaled_to_norm(x, norm, order, axis - 2)


def normalize_block_matrix(
    matrix: Float[Array, "*batch rows columns"],
    block_shape: tuple[int, int],
    *,
    order: float | int = 2,
    axis: Literal[0, 1] = 0,
    norm: Scalar = 1.0,
) -> Float[Array, "*batch rows columns"]:
    r"""Scales each column, or each row, of every block to a given norm.

    As [`ngcx.ops.normalize_matrix`][] on each block by itself.

    **Arguments:**

    - `matrix`: matrices made of equal blocks; see [`ngcx.ops.block_matrix`][].
    - `block_shape`: rows and columns of a block.
    - `order`: of the norm, 1 or more, or `math.inf`.
    - `axis`: 0 for the columns of a block, 1 for its rows.
    - `norm`: the norm of each vector of the result; 0 or more.

    **Returns:** an array of the shape and dtype of `matrix`.

    **Raises:** `ValueError` for a negative norm, an order below 1, or blocks that do
    not fill the matrix.
    """
    check_non_negative("norm", norm)
    return _normalize_block_matrix(
        matrix, norm, block_shape=block_shape, order=order, axis=axis
    )


@compiled_function(static=("block_shape", "order", "axis"))
def _normalize_block_matrix(
    matrix: Float[Array, "*batch rows columns"],
    norm: Scalar,
    *,
    block_shape: tuple[int, int],
    order: float | int,
    axis: Literal[0, 1],
):
    *batch, rows, columns = matrix.shape
    height, width = block_shape
    if height < 1 or width < 1 or rows % height or columns % width:
        raise ValueError(
            f"`block_shape` must divide the shape ({rows}, {columns}) of `matrix`; got "
            f"{block_shape}."
        )
    shape = (*batch, rows // height, height, columns // width, width)
    blocks = _scaled_to_norm(matrix.reshape(shape), norm, order, (-3, -1)[axis])
    return blocks.reshape(matrix.shape)


def _scaled_to_norm(x, norm, order, axis):
    if not order >= 1:
        raise ValueError(f"`order` must be 1 or more, or infinity; got {order}.")
    wide = widened(x)
    largest = stop_gradient(chebyshev_norm(wide, axis=axis, keepdims=True))
    dead = largest < jnp.finfo(wide.dtype).tiny
    unit = divided(wide, jnp.where(dead, 1, largest))
    sizes = magnitude(unit)
    # All of these are 1 or more, unless dead. Beyond 1 / eps a norm is the largest
    # magnitude to the last place, and powers of numbers just below 1 would underflow.
    if order > 1 / jnp.finfo(wide.dtype).eps:
        length = jnp.max(sizes, axis, keepdims=True, initial=0)
    elif order == 1:
        length = jnp.sum(sizes, axis, keepdims=True)
    else:
        total = jnp.sum(sizes**order, axis, keepdims=True)
        # The derivative of a root is infinite at 0, so the dead get another input.
        length = jnp.where(dead, 1, total) ** (1 / order)
    length = jnp.where(dead, 1, length)
    norm = jnp.asarray(norm, wide.dtype)
    return jnp.where(dead, 0, unit / length * norm).astype(x.dtype)


@compiled_function(static=("axis",))
def layer_normalize(
    x: Float[Array, "*shape"],
    shift: Parameter = 0.0,
    scale: Parameter = 1.0,
    *,
    axis: int = -1,
) -> Float[Array, "*shape"]:
    r"""Standardises each sample by itself: $a \frac{x - \mu}{\sigma} + b$.

    $\mu$ and $\sigma$ are the mean and the (population) standard deviation along one
    axis. There is no floor under $\sigma$: tiny and huge samples come out alike. A
    constant sample gives $b$, with gradient 0.

    **Arguments:**

    - `x`: samples, along `axis`.
    - `shift`: $b$, a number or an array that broadcasts to the shape of `x`.
    - `scale`: $a$, likewise.
    - `axis`: the axis of the features.

    **Returns:** an array of the shape and dtype of `x`.

    ```python
    >>> layer_normalize(jnp.array([[0.0, 1.0, 2.0], [10.0, 20.0, 30.0]])).round(4)
    Array([[-1.2247,  0.    ,  1.2247],
           [-1.2247,  0.    ,  1.2247]], dtype=float32)

    ```
    """
    if x.size == 0:
        return x
    # Halves, because the distance of two numbers may overflow; and distances to an
    # entry, because those of nearly equal numbers are exact.
    half = widened(x) / 2
    lowest = stop_gradient(jnp.min(half, axis, keepdims=True))
    distance = half - lowest
    furthest = stop_gradient(jnp.max(distance, axis, keepdims=True))
    dead = furthest < jnp.finfo(half.dtype).tiny
    unit = divided(distance, jnp.where(dead, 1, furthest))
    centred = unit - jnp.mean(unit, axis, keepdims=True)
    variance = jnp.mean(jnp.square(centred), axis, keepdims=True)
    # sqrt'(0) is infinite, so a constant sample gets another input.
    deviation = jnp.sqrt(jnp.where(dead, 1, variance))
    shift, scale = (
        jnp.broadcast_to(jnp.asarray(value, half.dtype), x.shape)
        for value in (shift, scale)
    )
    standard = jnp.where(dead, 0, centred / deviation)
    return (standard * scale + shift).astype(x.dtype)
