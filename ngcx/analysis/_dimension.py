"""How many dimensions the codes of a representation use.

All are ratios that the scale of the codes does not change, so the codes are scaled by a
power of 2 first, which rounds nothing, and no square over- or underflows.
"""

import jax.numpy as jnp
from jax.lax import stop_gradient
from jaxtyping import Array, Float

from .._compiled import compiled_function
from .._precision import widened
from .._typing import Scalar
from ..ops._numbers import shrinking


@compiled_function()
def participation_ratio(
    codes: Float[Array, "samples features"], *, degenerate: Scalar = 1.0
) -> Float[Array, ""]:
    r"""The participation ratio, of the eigenvalues $\lambda$ of the covariance $C$.

    $$\frac{(\sum_i \lambda_i)^2}{\sum_i \lambda_i^2}
    = \frac{(\operatorname{tr} C)^2}{\lVert C \rVert_F^2}$$

    From 1, if all codes are on a line, to the number of features, if their variance is
    the same in all directions (Gao et al., 2017).

    **Arguments:**

    - `codes`: one a row.
    - `degenerate`: the result for codes that are all the same, such as NaN.

    **Returns:** a scalar, in the dtype of `codes`.

    **Raises:** `ValueError` without codes, or features.

    ```python
    >>> codes = jnp.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    >>> participation_ratio(codes)
    Array(2., dtype=float32)

    ```
    """
    gram = _smaller_gram(_centered(codes))
    above, below = jnp.square(jnp.trace(gram)), jnp.sum(jnp.square(gram))
    ratio = _ratio(above, below, jnp.asarray(degenerate, gram.dtype))
    return ratio.astype(codes.dtype)


@compiled_function()
def rankme(codes: Float[Array, "samples features"]) -> Float[Array, ""]:
    r"""The effective rank (Roy and Vetterli, 2007), which RankMe takes for the quality
    of a representation (Garrido et al., 2023).

    $$\exp\Bigl(-\sum_i p_i \ln p_i\Bigr), \qquad
    p_i = \frac{\sigma_i}{\sum_j \sigma_j}$$

    of the singular values $\sigma$ of the codes, which are not centred. From 1 to the
    smaller number of rows and columns; 1 for zeros.

    **Arguments:**

    - `codes`: one a row.

    **Returns:** a scalar, in the dtype of `codes`.

    **Raises:** `ValueError` without codes, or features.

    ```python
    >>> print(f"{rankme(1e-7 * jnp.eye(4)):.3f}")
    4.000

    ```
    """
    values = jnp.linalg.svd(_scaled(widened(codes)), compute_uv=False)
    share = _ratio(values, jnp.sum(values), jnp.zeros((), values.dtype))
    # ln(0) and its derivative are infinite; a share of 0 contributes nothing.
    entropy = -jnp.sum(share * jnp.log(jnp.where(share > 0, share, 1)))
    return jnp.exp(entropy).astype(codes.dtype)


@compiled_function()
def stable_rank(codes: Float[Array, "samples features"]) -> Float[Array, ""]:
    r"""The stable rank (Rudelson and Vershynin, 2007) of the centred codes $Z$.

    $$\frac{\lVert Z \rVert_F^2}{\sigma_1^2}$$

    with their largest singular value $\sigma_1$. From 1 to their rank; 1 for codes that
    are all the same.

    **Arguments:**

    - `codes`: one a row.

    **Returns:** a scalar, in the dtype of `codes`.

    **Raises:** `ValueError` without codes, or features.

    ```python
    >>> stable_rank(jnp.array([[2.0, 0.0], [-2.0, 0.0], [0.0, 1.0], [0.0, -1.0]]))
    Array(1.25, dtype=float32)

    ```
    """
    gram = _smaller_gram(_centered(codes))
    largest = jnp.linalg.eigvalsh(gram)[-1]
    return _ratio(jnp.trace(gram), largest, jnp.ones_like(largest)).astype(codes.dtype)


def _centered(codes):
    codes = _scaled(widened(codes))
    # Against the first row, what all share goes without rounding, however large it is.
    codes = codes - stop_gradient(codes[:1])
    return _scaled(codes - jnp.mean(codes, 0, keepdims=True))


def _scaled(codes):
    """By a power of 2, so that they are less than 1."""
    if codes.size == 0:
        raise ValueError(
            "`codes` must have at least one sample, and one feature; got shape "
            f"{codes.shape}."
        )
    return codes * shrinking(jnp.max(jnp.abs(codes)))


def _smaller_gram(x):
    """Of rows or of columns, whichever are fewer: their eigenvalues differ in zeros."""
    return x @ x.T if len(x) < x.shape[1] else x.T @ x


def _ratio(x, y, degenerate):
    return jnp.where(y > 0, x / jnp.where(y > 0, y, 1), degenerate)
