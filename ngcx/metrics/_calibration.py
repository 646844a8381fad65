import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Integer

from .._compiled import compiled
from .._numerics import magnitude, ratio, wide_dtype
from .._typing import Count
from ._classification import rightly_named
from ._sums import Sums, follows_from


BINS = 15


def _gaps(metric) -> Sums:
    """How much each bin is too sure, summed over its rows, and how many rows count."""
    fixed = getattr(metric, "keywords", {})

    def zeros(dtype, **options):
        bins = (fixed | options).get("bins", BINS)
        return jnp.zeros(bins, wide_dtype(dtype)), jnp.zeros((), int)

    def of_batch(dtype, *batch, **options):
        gaps, count = _gaps_of(*batch, **(fixed | options))
        return gaps.astype(wide_dtype(dtype)), count

    def result(totals, dtype):
        gaps, count = (each.rounded(wide_dtype(dtype)) for each in totals)
        return ratio(jnp.sum(magnitude(gaps)), count).astype(dtype)

    return Sums(zeros, of_batch, result)


@follows_from(_gaps)
@compiled(static=("bins",))
def expected_calibration_error(
    probabilities: Float[Array, "*batch classes"],
    targets: Float[Array, "*batch classes"] | Integer[Array, "*batch"],
    *,
    bins: Count = BINS,
    where: Bool[Array, "*batch"] | None = None,
) -> Float[Array, ""]:
    r"""How much the confidence of a classifier differs from how often it is right
    (Naeini et al., 2015; Guo et al., 2017), from 0 to 1.

    $$\sum_b \frac{|B_b|}{N} \, \lvert \mathrm{acc}(B_b) - \mathrm{conf}(B_b) \rvert$$

    where $B_b$ are the rows whose largest probability is in the $b$-th of `bins`
    intervals of equal length, open below and closed above. $\mathrm{conf}$ is the mean
    of these probabilities, and $\mathrm{acc}$ the share of rows in which they are at
    the target. Without any row, the result is 0.

    **Arguments:**

    - `probabilities`: the probability of each class, from 0 to 1. A row in which no
        class stands out predicts nothing, and is wrong.
    - `targets`: one-hot rows (or any scores: the largest counts), or class indices.
    - `bins`: how many intervals there are.
    - `where`: the rows that count.

    **Returns:** a scalar in the dtype of `probabilities`.

    ```python
    >>> import jax.numpy as jnp
    >>> from ngcx.metrics import expected_calibration_error
    >>> probabilities = jnp.array([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3]])
    >>> expected_calibration_error(probabilities, jnp.array([0, 1, 1]))
    Array(0.33333334, dtype=float32)

    ```
    """
    gaps, count = _gaps_of(probabilities, targets, bins=bins, where=where)
    with jax.enable_x64(True):
        error = ratio(jnp.sum(magnitude(gaps)), count.astype(float))
        return error.astype(probabilities.dtype)


def _gaps_of(probabilities, targets, *, bins=BINS, where=None):
    right = rightly_named("probabilities", probabilities, targets)
    kept = jnp.ones(right.shape, bool) if where is None else where
    # Sums of so many rows are rounded once.
    with jax.enable_x64(True):
        sure = jnp.max(probabilities.astype(float), -1)
        sure = jnp.where(kept, sure, 0)
        index = jnp.clip(jnp.ceil(bins * sure).astype(int) - 1, 0, bins - 1)
        gaps = jnp.where(kept, sure - right.astype(float), 0)
        gaps = jnp.zeros(bins).at[index.ravel()].add(gaps.ravel())
    return gaps, jnp.sum(kept, dtype=int)
