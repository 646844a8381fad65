"""How many dimensions the codes of a representation use.

All measures are ratios that do not depend on the scale of the codes. So the codes are
scaled first, and no square over- or underflows.
"""

from typing import Annotated

import jax.numpy as jnp
from jax.lax import stop_gradient
from jaxtyping import Array, Float

from .._compiled import compiled
from .._numerics import power_of_two, ratio, widened
from .._typing import Must, Scalar


OrNaN = Annotated[Scalar, Must("a number or NaN", lambda value: True)]


@compiled
def participation_ratio(
    codes: Float[Array, "samples features"], *, degenerate: OrNaN = 1.0
) -> Float[Array, ""]:
    r"""The participation ratio of the codes.

    $$\frac{(\sum_i \lambda_i)^2}{\sum_i \lambda_i^2}
    = \frac{(\operatorname{tr} C)^2}{\lVert C \rVert_F^2}$$

    with the eigenvalues $\lambda$ of the covariance $C$. It is 1 if all codes are on a
    line, and the number of features if their variance is the same in all directions
    (Gao et al., 2017).

    **Arguments:**

    - `codes`: one code per row.
    - `degenerate`: the result for codes that are all the same, such as NaN.

    **Returns:** a scalar, in the dtype of `codes`.

    **Raises:** `ValueError` if there are no codes, or no features.

    ```python
    >>> import jax.numpy as jnp
    >>> from ngcx.analysis import participation_ratio
    >>> codes = jnp.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    >>> participation_ratio(codes)
    Array(2., dtype=float32)

    ```
    """
    gram = _smaller_gram(_centered(codes))
    above, below = jnp.square(jnp.trace(gram)), jnp.sum(jnp.square(gram))
    degenerate = jnp.asarray(degenerate, gram.dtype)
    return ratio(above, below, degenerate).astype(codes.dtype)


@compiled
def rankme(codes: Float[Array, "samples features"]) -> Float[Array, ""]:
    r"""The effective rank (Roy and Vetterli, 2007), which RankMe uses to judge the
    quality of a representation (Garrido et al., 2023).

    $$\exp\Bigl(-\sum_i p_i \ln p_i\Bigr), \qquad
    p_i = \frac{\sigma_i}{\sum_j \sigma_j}$$

    with the singular values $\sigma$ of the codes, which are not centred. It lies
    between 1 and the smaller of the numbers of rows and columns; zeros give 1.

    **Arguments:**

    - `codes`: one code per row.

    **Returns:** a scalar, in the dtype of `codes`.

    **Raises:** `ValueError` if there are no codes, or no features.

    ```python
    >>> import jax.numpy as jnp
    >>> from ngcx.analysis import rankme
    >>> print(f"{rankme(1e-7 * jnp.eye(4)):.3f}")
    4.000

    ```
    """
    values = jnp.linalg.svd(_shrunk(codes), compute_uv=False)
    share = ratio(values, jnp.sum(values))
    # ln 0 has an infinite derivative, so the logarithm of 1 is taken for a share of 0.
    entropy = -jnp.sum(share * jnp.log(jnp.where(share > 0, share, 1)))
    return jnp.exp(entropy).astype(codes.dtype)


@compiled
def stable_rank(codes: Float[Array, "samples features"]) -> Float[Array, ""]:
    r"""The stable rank (Rudelson and Vershynin, 2007) of the centred codes $Z$.

    $$\frac{\lVert Z \rVert_F^2}{\sigma_1^2}$$

    with their largest singular value $\sigma_1$. It lies between 1 and their rank;
    codes that are all the same give 1.

    **Arguments:**

    - `codes`: one code per row.

    **Returns:** a scalar, in the dtype of `codes`.

    **Raises:** `ValueError` if there are no codes, or no features.

    ```python
    >>> import jax.numpy as jnp
    >>> from ngcx.analysis import stable_rank
    >>> stable_rank(jnp.array([[2.0, 0.0], [-2.0, 0.0], [0.0, 1.0], [0.0, -1.0]]))
    Array(1.25, dtype=float32)

    ```
    """
    gram = _smaller_gram(_centered(codes))
    largest = jnp.linalg.eigvalsh(gram)[-1]
    return ratio(jnp.trace(gram), largest, 1).astype(codes.dtype)


def _centered(codes):
    """The codes without their mean, and scaled."""
    codes = _shrunk(codes)
    # The difference from the first row is exact where all are alike, however large they
    # are.
    codes = codes - stop_gradient(codes[:1])
    return _shrunk(codes - jnp.mean(codes, 0, keepdims=True))


def _shrunk(codes):
    """The codes times a power of 2, which rounds nothing and makes them less than 1."""
    if codes.size == 0:
        raise ValueError(f"`codes` must not be empty; got shape {codes.shape}.")
    codes = widened(codes)
    return codes * power_of_two(jnp.max(jnp.abs(codes)))


def _smaller_gram(x):
    """The products of all rows, or of all columns, whichever are fewer: but for zeros,
    both have the same eigenvalues.
    """
    return x @ x.T if len(x) < x.shape[1] else x.T @ x
