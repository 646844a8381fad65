"""Scales of vectors: norms, and arrays divided by them.

Each function divides by the largest magnitude first, so that nothing over- or
underflows.
"""

from typing import Annotated, Literal

import jax.numpy as jnp
from jax.lax import stop_gradient
from jaxtyping import Array, Bool, Float

from .._compiled import compiled
from .._numerics import magnitude, ratio, rescaled, widened
from .._reduction import filled
from .._typing import Must, NonNegative, Parameter, Scalar


Order = Annotated[float | int, Must("1 or more, or infinity", lambda value: value >= 1)]


@compiled(static=("axis", "keepdims"))
def chebyshev_norm(
    x: Float[Array, "*shape"], *, axis: int = -1, keepdims: bool = False
) -> Float[Array, "..."]:
    r"""The largest magnitude, $\max_i |x_i|$, along an axis; 0 for an empty axis.

    **Arguments:**

    - `x`: an array of any shape.
    - `axis`: the axis of the vectors.
    - `keepdims`: whether that axis stays, of length 1.

    **Returns:** an array of the dtype of `x`, without `axis`.

    ```python
    >>> import jax.numpy as jnp
    >>> from ngcx.ops import chebyshev_norm
    >>> chebyshev_norm(jnp.array([[1.0, -3.0], [0.0, 2.0]]))
    Array([3., 2.], dtype=float32)

    ```
    """
    return jnp.max(magnitude(x), axis, keepdims=keepdims, initial=0)


@compiled(static=("order", "axis"))
def normalize_matrix(
    x: Float[Array, "*batch rows columns"],
    norm: NonNegative[Scalar] = 1.0,
    *,
    order: Order = 1,
    axis: Literal[0, 1] = 0,
) -> Float[Array, "*batch rows columns"]:
    r"""Scales each column, or each row, to a given norm: $c \, x / \lVert x \rVert_p$.

    $$\lVert x \rVert_p = \Big(\sum_i |x_i|^p\Big)^{1/p}, \qquad
    \lVert x \rVert_\infty = \max_i |x_i|$$

    A vector of zeros stays as it is, with gradient 0, and so does one of subnormal
    numbers.

    **Arguments:**

    - `x`: matrices, such as weights.
    - `norm`: $c$, the norm of each vector of the result.
    - `order`: $p$, which may be `math.inf`.
    - `axis`: 0 for columns, 1 for rows.

    **Returns:** an array of the shape and dtype of `x`.

    ```python
    >>> import jax.numpy as jnp
    >>> from ngcx.ops import normalize_matrix
    >>> normalize_matrix(jnp.array([[3.0, 0.0], [4.0, 0.0]]), order=2)
    Array([[0.6, 0. ],
           [0.8, 0. ]], dtype=float32)

    ```
    """
    return _scaled_to_norm(x, norm, order, axis - 2)


@compiled(static=("block_shape", "order", "axis"))
def normalize_block_matrix(
    matrix: Float[Array, "*batch rows columns"],
    block_shape: tuple[int, int],
    *,
    order: Order = 2,
    axis: Literal[0, 1] = 0,
    norm: NonNegative[Scalar] = 1.0,
) -> Float[Array, "*batch rows columns"]:
    r"""Scales each column, or each row, of every block to a given norm,
    $w \leftarrow \text{norm} \cdot w / \lVert w \rVert$.

    This is [`ngcx.ops.normalize_matrix`][] on each block by itself.

    **Arguments:**

    - `matrix`: matrices made of equal blocks; see [`ngcx.ops.block_matrix`][].
    - `block_shape`: rows and columns of a block.
    - `order`: the order of the norm, which may be `math.inf`.
    - `axis`: 0 for the columns of a block, 1 for its rows.
    - `norm`: the norm of each vector of the result.

    **Returns:** an array of the shape and dtype of `matrix`.

    **Raises:** `ValueError` for blocks that do not fill the matrix.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> from ngcx.ops import normalize_block_matrix
        >>> print(normalize_block_matrix(jnp.full((4, 2), 3.0), (2, 2), order=1))
        [[0.5 0.5]
         [0.5 0.5]
         [0.5 0.5]
         [0.5 0.5]]

        ```
    """
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
    unit, _ = rescaled(widened(x), axis)
    sizes = magnitude(unit)
    largest = jnp.max(sizes, axis, keepdims=True, initial=0)
    # The largest size is 1, or 0 if all are. Beyond 1 / eps a norm is the largest
    # magnitude to the last place, and powers of numbers just below 1 would underflow.
    if order > 1 / jnp.finfo(unit.dtype).eps:
        length = largest
    elif order == 1:
        length = jnp.sum(sizes, axis, keepdims=True)
    else:
        total = jnp.sum(sizes**order, axis, keepdims=True)
        # The derivative of a root is infinite at 0, so zeros get another input.
        length = jnp.where(total == 0, 1, total) ** (1 / order)
    # A vector of zeros stays one, whatever the norm is.
    norm = jnp.where(largest == 0, 0, jnp.asarray(norm, unit.dtype))
    return (ratio(unit, length) * norm).astype(x.dtype)


@compiled(static=("axis",))
def layer_normalize(
    x: Float[Array, "*shape"],
    shift: Parameter = 0.0,
    scale: Parameter = 1.0,
    *,
    axis: int = -1,
    where: Bool[Array, "*shape"] | None = None,
) -> Float[Array, "*shape"]:
    r"""Standardises each sample by itself: $a \frac{x - \mu}{\sigma} + b$.

    $\mu$ and $\sigma$ are the mean and the (population) standard deviation along one
    axis. Nothing is added to $\sigma$, so tiny and huge samples give the same result. A
    constant sample gives $b$, with gradient 0.

    **Arguments:**

    - `x`: samples, along `axis`.
    - `shift`: $b$, a number or an array that broadcasts to the shape of `x`.
    - `scale`: $a$, likewise.
    - `axis`: the axis of the features.
    - `where`: the entries that count. The others are 0, with gradient 0, and so is a
        sample without any entry that counts.

    **Returns:** an array of the shape and dtype of `x`.

    ??? cite "Reference"
        Ba, Kiros and Hinton, *Layer normalization*, arXiv:1607.06450, 2016.

    ```python
    >>> import jax.numpy as jnp
    >>> from ngcx.ops import layer_normalize
    >>> layer_normalize(jnp.array([[0.0, 1.0, 2.0], [10.0, 20.0, 30.0]])).round(4)
    Array([[-1.2247,  0.    ,  1.2247],
           [-1.2247,  0.    ,  1.2247]], dtype=float32)

    ```
    """
    if x.size == 0:
        return x
    # The distance of two numbers may overflow, so halves are taken; and those of nearly
    # equal numbers are exact, so that distances to an entry replace the entries.
    half = filled(widened(x) / 2, where, ())
    known, count = stop_gradient(half), jnp.asarray(x.shape[axis], half.dtype)
    if where is not None:
        count = jnp.maximum(jnp.sum(where, axis, half.dtype, keepdims=True), 1)
    least = jnp.min(known, axis, keepdims=True, initial=jnp.inf, where=where)
    unit, _ = rescaled(filled(half - least, where, ()), axis)
    centred = filled(unit - jnp.sum(unit, axis, keepdims=True) / count, where, ())
    variance = jnp.sum(jnp.square(centred), axis, keepdims=True) / count
    # A constant sample is 0 by now; another variance keeps its gradient 0 as well.
    standard = centred / jnp.sqrt(jnp.where(variance == 0, 1, variance))
    shift, scale = (
        jnp.broadcast_to(jnp.asarray(value, half.dtype), x.shape)
        for value in (shift, scale)
    )
    return filled(standard * scale + shift, where, ()).astype(x.dtype)
