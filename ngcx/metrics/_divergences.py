import functools as ft

import jax
import jax.numpy as jnp
from jax.lax import stop_gradient
from jaxtyping import Array, Bool, Float, Integer

from .._compiled import compiled
from .._numerics import (
    divergence,
    floored,
    weighted_log,
    weighted_log1p,
    wide_dtype,
    widened,
)
from .._reduction import Reduction, filled, reduce
from ._sums import follows_from, mean_of_scores


# The least probability is the smallest number of the dtype, so the dtype must stay.
FLOORED = follows_from(ft.partial(mean_of_scores, own_dtype=True))


@FLOORED
@compiled(static=("reduction",))
def binary_cross_entropy(
    probabilities: Float[Array, "*batch features"],
    targets: Float[Array, "*batch features"],
    *,
    reduction: Reduction = "mean",
    where: Bool[Array, "*batch"] | None = None,
) -> Float[Array, "..."]:
    r"""The binary cross-entropy of each row, in nats: the negative log-likelihood of
    independent Bernoulli variables.

    $$-\sum_d x_d \ln p_d + (1 - x_d) \ln (1 - p_d)$$

    A probability of 0 counts as the smallest normal number of the dtype, and so does
    the complement of a probability of 1. So the worst prediction costs a finite amount
    (87 in float32, 9.7 in float16) and keeps its gradient.

    **Arguments:**

    - `probabilities`: $p$, that a feature is 1.
    - `targets`: $x$, 0 or 1, or anything in between.
    - `reduction`: over the rows: `"mean"`, `"sum"` or `"none"`.
    - `where`: the rows that count.

    **Returns:** a scalar, or with `"none"` one value per row, in the dtype of
    `probabilities`.

    **See also:** [`ngcx.losses.binary_cross_entropy`][], which takes logits, and is the
    one to train with.

    ??? cite "Reference"
        Good, *Rational decisions*, Journal of the Royal Statistical Society B 1952.

    ```python
    >>> import jax.numpy as jnp
    >>> from ngcx.metrics import binary_cross_entropy
    >>> binary_cross_entropy(jnp.array([[0.5, 0.5]]), jnp.array([[1.0, 0.0]]))
    Array(1.3862944, dtype=float32)

    ```
    """
    dtype = probabilities.dtype
    p = filled(widened(probabilities), where)
    x = filled(targets.astype(p.dtype), where)
    of_ones = weighted_log(x, floored(p, dtype))
    features = of_ones + weighted_log1p(1 - x, -p, dtype)
    return reduce(-jnp.sum(features, -1), reduction, where).astype(dtype)


@FLOORED
@compiled(static=("reduction",))
def categorical_nll(
    probabilities: Float[Array, "*batch classes"],
    targets: Float[Array, "*batch classes"] | Integer[Array, "*batch"],
    *,
    reduction: Reduction = "mean",
    where: Bool[Array, "*batch"] | None = None,
) -> Float[Array, "..."]:
    r"""The negative log-likelihood $-\sum_c t_c \ln p_c$ of each row, in nats.

    A probability of 0 counts as the smallest normal number of the dtype, so the worst
    prediction costs a finite amount (87 in float32, 9.7 in float16) and keeps its
    gradient here. But a softmax that was rounded to 0 has no gradient, so train on
    logits, with [`ngcx.losses.cross_entropy`][].

    **Arguments:**

    - `probabilities`: $p$, each row a distribution; see `ngcx.activations.Softmax`.
    - `targets`: $t$, one-hot or soft rows, or class indices. An index that is not a
        class counts as one of probability 0.
    - `reduction`: over the rows: `"mean"`, `"sum"` or `"none"`.
    - `where`: the rows that count.

    **Returns:** a scalar, or with `"none"` one value per row, in the dtype of
    `probabilities`.

    **Raises:** `ValueError` for probabilities of a single class.

    ??? cite "Reference"
        Good, *Rational decisions*, Journal of the Royal Statistical Society B 1952.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> from ngcx.metrics import categorical_nll
        >>> p = jnp.array([[0.5, 0.5], [0.1, 0.9]])
        >>> print(categorical_nll(p, jnp.array([0, 1])).round(1))
        0.4

        ```
    """
    dtype = probabilities.dtype
    if probabilities.shape[-1] == 1:
        raise ValueError(
            "`probabilities` must hold one number for each class; got one column, of "
            f"shape {probabilities.shape}.\nFor the probability of one of two classes, "
            "use `binary_cross_entropy`."
        )
    p = filled(widened(probabilities), where)
    if jnp.issubdtype(targets.dtype, jnp.floating):
        weights = filled(targets.astype(p.dtype), where)
        rows = -jnp.sum(weighted_log(weights, floored(p, dtype)), axis=-1)
    else:
        # Negative indices would count from the end.
        targets = targets.astype(int)
        indices = jnp.where(targets < 0, p.shape[-1], targets)[..., None]
        chosen = jnp.take_along_axis(p, indices, axis=-1, mode="fill", fill_value=0)
        chosen = floored(chosen[..., 0], dtype)
        rows = -weighted_log(jnp.ones_like(chosen), chosen)
    return reduce(rows, reduction, where).astype(dtype)


@FLOORED
@compiled(static=("reduction",))
def kl_divergence(
    probabilities: Float[Array, "*batch classes"],
    targets: Float[Array, "*batch classes"],
    *,
    reduction: Reduction = "mean",
    where: Bool[Array, "*batch"] | None = None,
) -> Float[Array, "..."]:
    r"""The Kullback-Leibler divergence of a prediction from the truth, in nats.

    $$\mathrm{KL}(p \,\|\, \hat{p})
    = \sum_c p_c \ln \frac{p_c}{\hat{p}_c} - p_c + \hat{p}_c$$

    is summed over the classes of a row. The last two terms add up to 0, since both are
    distributions. With them, no term is negative, and no digits are lost where the two
    distributions nearly agree. A class of true probability 0 adds nothing. A predicted
    probability of 0 counts as the smallest normal number of the dtype, so that the
    divergence is finite, as is its gradient.

    **Arguments:**

    - `probabilities`: $\hat{p}$, each row a distribution.
    - `targets`: $p$, likewise.
    - `reduction`: over the rows: `"mean"`, `"sum"` or `"none"`.
    - `where`: the rows that count.

    **Returns:** a scalar, or with `"none"` one value per row, in the dtype of
    `probabilities`.

    ??? cite "Reference"
        Kullback and Leibler, *On information and sufficiency*, The Annals of
        Mathematical Statistics 1951.

    ```python
    >>> import jax.numpy as jnp
    >>> from ngcx.metrics import kl_divergence
    >>> kl_divergence(jnp.array([[0.5, 0.5]]), jnp.array([[1.0, 0.0]]))
    Array(0.6931472, dtype=float32)

    ```
    """
    dtype = probabilities.dtype
    predicted = filled(widened(probabilities), where)
    true = filled(targets.astype(predicted.dtype), where)
    classes = divergence(true, floored(true, dtype), floored(predicted, dtype))
    rows = jnp.sum(classes, -1)
    return reduce(rows, reduction, where).astype(dtype)


@compiled(static=("reduction",))
def gaussian_kl_divergence(
    mean1: Float[Array, "*batch dim"],
    covariance1: Float[Array, "*batch dim dim"],
    mean2: Float[Array, "*batch dim"],
    covariance2: Float[Array, "*batch dim dim"],
    *,
    reduction: Reduction = "mean",
    where: Bool[Array, "*batch"] | None = None,
) -> Float[Array, "..."]:
    r"""The Kullback-Leibler divergence of two Gaussians, in nats.

    $$\mathrm{KL}(\mathcal{N}_1 \,\|\, \mathcal{N}_2) = \frac{1}{2} \Big(
    \ln \frac{\det \Sigma_2}{\det \Sigma_1} + \mathrm{tr}(\Sigma_2^{-1} \Sigma_1)
    + z^\top \Sigma_2^{-1} z - D \Big), \qquad z = \mu_2 - \mu_1$$

    It is computed from Cholesky factors, without any inverse.

    **Arguments:**

    - `mean1`, `covariance1`: $\mu_1$ and $\Sigma_1$.
    - `mean2`, `covariance2`: $\mu_2$ and $\Sigma_2$. Both covariances are symmetric and
        positive definite.
    - `reduction`: over the batch: `"mean"`, `"sum"` or `"none"`.
    - `where`: the pairs of Gaussians that count.

    **Returns:** a scalar, or with `"none"` an array of shape `(*batch,)`, in the dtype
    of `mean1`. Infinite where a covariance is not positive definite, or is NaN, with
    gradient 0.

    ??? cite "Reference"
        Kullback and Leibler, *On information and sufficiency*, The Annals of
        Mathematical Statistics 1951.

    ```python
    >>> import jax.numpy as jnp
    >>> from ngcx.metrics import gaussian_kl_divergence
    >>> gaussian_kl_divergence(jnp.zeros(2), jnp.eye(2), jnp.ones(2), jnp.eye(2))
    Array(1., dtype=float32)

    ```
    """
    dtype = mean1.dtype
    wide = wide_dtype(dtype)
    mean1, mean2 = (filled(x.astype(wide), where) for x in (mean1, mean2))
    # Both are factored together, because on few cores two calls of LAPACK at once may
    # block each other.
    covariances = jnp.stack([x.astype(wide) for x in (covariance1, covariance2)])
    identity = jnp.eye(mean1.shape[-1], dtype=wide)
    covariances = filled(covariances, where, (-2, -1), identity)
    # What has no Cholesky factor is no density. Another is factored in its place, or
    # the gradient would be NaN.
    factors = jnp.linalg.cholesky(stop_gradient(covariances))
    density = ~jnp.isnan(factors).any((0, -2, -1))
    covariances = filled(covariances, density, (-2, -1), identity)
    factor1, factor2 = jnp.linalg.cholesky(covariances)
    # All four terms are those of M = L2^-1 L1 and y = L2^-1 z, where S = L L^T.
    both = jnp.concatenate([factor1, (mean2 - mean1)[..., None]], axis=-1)
    solved = jax.lax.linalg.triangular_solve(factor2, both, left_side=True, lower=True)
    diagonal = jnp.diagonal(solved, axis1=-2, axis2=-1)
    # The terms are m^2 - 1 - 2 ln m for the diagonal, and squares elsewhere: none is
    # negative.
    excess = diagonal - 1
    terms = jnp.sum(excess * (excess + 2) - 2 * jnp.log(diagonal), -1)
    diagonal_mask = jnp.eye(*solved.shape[-2:], dtype=bool)
    elsewhere = jnp.where(jnp.broadcast_to(diagonal_mask, solved.shape), 0, solved)
    rows = (terms + jnp.sum(jnp.square(elsewhere), (-2, -1))) / 2
    return reduce(jnp.where(density, rows, jnp.inf), reduction, where).astype(dtype)
