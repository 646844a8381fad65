import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Real

from .._compiled import compiled
from .._typing import Count, Parameter, Scalar


@compiled(static=("size",))
def eye_wrapped(
    size: Count, shift: int | Int[Array, ""], values: Parameter = 1.0
) -> Float[Array, "size size"]:
    r"""A matrix of zeros, except for one diagonal that wraps around.

    $$M_{ij} = \begin{cases}
        v_i & j \equiv i + k \pmod N \\ 0 & \text{otherwise}
    \end{cases}$$

    **Arguments:**

    - `size`: $N$.
    - `shift`: $k$, to the right; any integer.
    - `values`: $v$, one number, or `size` numbers from the first row to the last.

    **Returns:** a matrix of the dtype of `values`, or of the default float dtype for
    integers.

    **Raises:** `ValueError` for values of another shape.

    ```python
    >>> from ngcx.ops import eye_wrapped
    >>> eye_wrapped(3, 1)
    Array([[0., 1., 0.],
           [0., 0., 1.],
           [1., 0., 0.]], dtype=float32)

    ```
    """
    diagonal = _floating(values)
    if diagonal.shape not in ((), (size,)):
        raise ValueError(
            f"`values` must be a number or have shape ({size},); got {diagonal.shape}."
        )
    return jnp.roll(jnp.diag(jnp.broadcast_to(diagonal, (size,))), shift, axis=1)


@compiled(static=("block_shape",))
def block_matrix(
    connectivity: Real[Array, "*batch rows columns"]
    | Bool[Array, "*batch rows columns"],
    block_shape: tuple[int, int],
    *,
    inhibition: Scalar = -1.0,
    excitation: Scalar = 1.0,
) -> Float[Array, "..."]:
    r"""A matrix with a block of lateral connections wherever two groups of neurons are
    connected.

    $$M = [C > 0] \otimes B, \qquad B_{ij} = \begin{cases}
        a_\text{exc} & i = j \\ a_\text{inh} & i \ne j
    \end{cases}$$

    **Arguments:**

    - `connectivity`: $C$; a positive entry places a block, any other one zeros.
    - `block_shape`: rows and columns of $B$.
    - `inhibition`: $a_\text{inh}$, off the diagonal of each block. A negative number
        inhibits.
    - `excitation`: $a_\text{exc}$, on the diagonal of each block.

    **Returns:** matrices of shape `(*batch, rows * block_shape[0], columns *
    block_shape[1])`, in the dtype of `connectivity`, or in the default one for integers
    and booleans.

    **Raises:** `ValueError` for an empty block.

    ```python
    >>> import jax.numpy as jnp
    >>> from ngcx.ops import block_matrix
    >>> block_matrix(jnp.eye(2), (2, 2))
    Array([[ 1., -1.,  0.,  0.],
           [-1.,  1.,  0.,  0.],
           [ 0.,  0.,  1., -1.],
           [ 0.,  0., -1.,  1.]], dtype=float32)

    ```
    """
    height, width = block_shape
    if height < 1 or width < 1:
        raise ValueError(f"`block_shape` must be positive; got {block_shape}.")
    connectivity = _floating(connectivity)
    dtype = connectivity.dtype
    excitation, inhibition = (jnp.asarray(a, dtype) for a in (excitation, inhibition))
    block = jnp.where(jnp.eye(height, width, dtype=bool), excitation, inhibition)
    connected = jnp.repeat(connectivity > 0, height, axis=-2)
    connected = jnp.repeat(connected, width, axis=-1)
    blocks = jnp.broadcast_to(jnp.tile(block, connectivity.shape[-2:]), connected.shape)
    return jnp.where(connected, blocks, 0)


def _floating(values):
    dtype = jnp.result_type(values)
    return jnp.asarray(values, dtype if jnp.issubdtype(dtype, jnp.floating) else float)
