"""How well scores rank samples: those that are positive before those that are not.

A measure follows from counts of pairs, which are added up in float64, and rounded once.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Integer

from .._compiled import compiled
from .._numerics import mean, ratio
from .._reduction import Reduction, Where, reduce
from ._sums import follows_from, no_sums


@follows_from(no_sums)
@compiled(static=("reduction",))
def roc_auc(
    scores: Float[Array, "*batch samples"],
    labels: Bool[Array, "*batch samples"] | Integer[Array, "*batch samples"],
    *,
    reduction: Reduction = "mean",
    where: Bool[Array, "*batch samples"] | None = None,
) -> Float[Array, "..."]:
    r"""The area under the receiver operating characteristic: how likely a positive
    sample has a higher score than a negative one (Hanley and McNeil, 1982).

    $$\frac{1}{P N} \sum_{i \in \mathrm{pos}} \sum_{j \in \mathrm{neg}}
    [s_i > s_j] + \frac{1}{2} [s_i = s_j]$$

    It is 1 if the scores tell all apart, and 1/2 if they tell nothing. Without a
    positive or without a negative sample it is 1/2 too, where scikit-learn gives NaN.
    It is piecewise constant, so that the gradient is 0.

    For several classes, one against the rest, give `scores.T` and
    `jax.nn.one_hot(labels, classes, dtype=int).T`: the mean is the macro average.

    **Arguments:**

    - `scores`: anything that rises with how positive a sample is; NaN is the lowest.
    - `labels`: positive where True, or above 0.
    - `reduction`: over the batch: `"mean"`, `"sum"` or `"none"`.
    - `where`: the samples that count.

    **Returns:** a scalar, or with `"none"` an array of shape `(*batch,)`, in the dtype
    of `scores`.

    ```python
    >>> roc_auc(jnp.array([0.1, 0.4, 0.35, 0.8]), jnp.array([0, 0, 1, 1]))
    Array(0.75, dtype=float32)

    ```
    """
    with jax.enable_x64(True):
        positive, negative, positives, negatives = _ranked(scores, labels, where)
        # Pairs of equal scores are in the first sum only.
        no_worse = jnp.sum(jnp.where(negative, positives, 0), -1)
        all_positive, all_negative = (
            jnp.sum(x, -1, dtype=float) for x in (positive, negative)
        )
        above = all_negative[..., None] - negatives
        better = jnp.sum(jnp.where(positive, above, 0), -1)
        areas = ratio((no_worse + better) / 2, all_positive * all_negative, 0.5)
        areas = areas.astype(scores.dtype)
    return reduce(areas, reduction)


@follows_from(no_sums)
@compiled(static=("reduction",))
def average_precision(
    scores: Float[Array, "*batch samples"],
    labels: Bool[Array, "*batch samples"] | Integer[Array, "*batch samples"],
    *,
    reduction: Reduction = "mean",
    where: Bool[Array, "*batch samples"] | None = None,
) -> Float[Array, "..."]:
    r"""The mean over the positive samples of the precision at their score, which sums
    up the curve of precision and recall.

    $$\sum_n (R_n - R_{n-1}) P_n$$

    where $P_n$ and $R_n$ are precision and recall if all samples of at least the
    $n$-th highest score are taken for positive. Without a positive sample it is 0, as
    in scikit-learn. It is piecewise constant, so that the gradient is 0.

    **Arguments:**

    - `scores`: anything that rises with how positive a sample is; NaN is the lowest.
    - `labels`: positive where True, or above 0.
    - `reduction`: over the batch: `"mean"`, `"sum"` or `"none"`.
    - `where`: the samples that count.

    **Returns:** a scalar, or with `"none"` an array of shape `(*batch,)`, in the dtype
    of `scores`.

    ```python
    >>> average_precision(jnp.array([0.1, 0.4, 0.35, 0.8]), jnp.array([0, 0, 1, 1]))
    Array(0.8333333, dtype=float32)

    ```
    """
    with jax.enable_x64(True):
        positive, _, positives, negatives = _ranked(scores, labels, where)
        precision = ratio(positives, positives + negatives)
        areas = mean(precision, -1, positive).astype(scores.dtype)
    return reduce(areas, reduction)


def _ranked(scores, labels, where: Where):
    """The samples by falling scores: whether one is positive, whether one is negative,
    and how many of each have at least its score.
    """
    positive = labels > jnp.zeros_like(labels)
    negative = ~positive
    if where is not None:
        positive, negative = positive & where, negative & where
    keys = jnp.where(jnp.isnan(scores), jnp.inf, -scores)
    keys, *flags = jax.lax.sort((keys, positive, negative), num_keys=1)
    axis = keys.ndim - 1
    later = jax.lax.broadcasted_iota(int, keys.shape, axis) + 1
    equals_next = (keys == jnp.roll(keys, -1, -1)) & (later < keys.shape[-1])

    def at_least(flag):
        counts = jnp.cumsum(flag, -1, dtype=float)
        counts = jnp.where(equals_next, jnp.inf, counts)
        return jax.lax.cummin(counts, axis, reverse=True)

    return *flags, *map(at_least, flags)
