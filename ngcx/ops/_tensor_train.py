import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .._compiled import compiled
from .._numerics import ratio, rescaled, root, widened
from .._typing import Count


@compiled(static=("bond_dimension",))
def decompose_to_mps(
    weights: Float[Array, "*batch inputs outputs"], bond_dimension: Count = 16
) -> tuple[Float[Array, "*batch 1 inputs bond"], Float[Array, "*batch bond outputs 1"]]:
    r"""Splits a matrix into the two cores of a matrix product state.

    $$W \approx A B, \qquad A = U \sqrt{S}, \qquad B = \sqrt{S} V^\top$$

    where $U S V^\top$ is the singular value decomposition, cut off after the largest
    singular values: no product of that rank is closer to $W$.

    !!! info "Gradients"
        The cores are not differentiable where singular values coincide, or are 0. There
        the gradient leaves out the rotation among them, and is finite.

    **Arguments:**

    - `weights`: $W$.
    - `bond_dimension`: the number of singular values to keep. No more than
        `min(inputs, outputs)` exist.

    **Returns:** the cores, of shapes `(*batch, 1, inputs, bond)` and
    `(*batch, bond, outputs, 1)`, in the dtype of `weights`.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> from ngcx.ops import decompose_to_mps
        >>> left, right = decompose_to_mps(jnp.outer(jnp.arange(3.0), jnp.ones(4)), 1)
        >>> print(left.shape, right.shape)
        (1, 3, 1) (1, 4, 1)
        >>> print((left[0] @ right[..., 0]).round(2)[2])
        [2. 2. 2. 2.]

        ```
    """
    # The cores of W are those of W / c times sqrt(c), for every c, so c needs no
    # gradient; and near 1 the squares of singular values neither over- nor underflow.
    unit, scale = rescaled(widened(weights), (-2, -1))
    u, s, vt = _svd(unit)
    u, s, vt = (
        u[..., :, :bond_dimension],
        s[..., :bond_dimension],
        vt[..., :bond_dimension, :],
    )
    share = root(s) * jnp.sqrt(scale[..., 0])
    left, right = u * share[..., None, :], share[..., :, None] * vt
    dtype = weights.dtype
    return left[..., None, :, :].astype(dtype), right[..., None].astype(dtype)


@jax.custom_jvp
def _svd(w):
    return tuple(jnp.linalg.svd(w, full_matrices=False))


@_svd.defjvp  # pyright: ignore[reportFunctionMemberAccess]
def _(primals, tangents):
    # The formulas are those of Giles, "Collected matrix derivative results for forward
    # and reverse mode algorithmic differentiation" (2008), except that the inverses of
    # 0 are 0; those of `jnp.linalg.svd` make the gradient NaN.
    (w,), (dw,) = primals, tangents
    u, s, vt = _svd(w)
    ut, v = jnp.matrix_transpose(u), jnp.matrix_transpose(vt)
    dp = ut @ dw @ v
    dpt = jnp.matrix_transpose(dp)
    row, column = s[..., None, :], s[..., :, None]
    f = ratio(1, (row - column) * (row + column))
    inverse = ratio(1, row)
    du = u @ (f * (dp * row + column * dpt)) + (dw @ v - u @ dp) * inverse
    dwt = jnp.matrix_transpose(dw)
    dv = v @ (f * (column * dp + dpt * row)) + (dwt @ u - v @ dpt) * inverse
    ds = jnp.diagonal(dp, axis1=-2, axis2=-1)
    return (u, s, vt), (du, ds, jnp.matrix_transpose(dv))
