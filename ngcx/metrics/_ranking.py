"""How well scores rank samples: those that are positive before those that are not.

A measure follows from counts of pairs, which are added up in float64, and rounded once.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Integer

from .._compiled import compiled
from .._numerics import mean, ratio
from .._reduction import Reduction, reduce
from ._sums import follows_from, no_sums


Scores = Float[Array, "*batch samples"]
Labels = Bool[Array, "*batch samples"] | Integer[Array, "*batch samples"]
Kept = Bool[Array, "*batch samples"] | None


@follows_from(no_sums)
@compiled(static=("reduction",))
def roc_auc(
    scores: Scores, labels: Labels, *, reduction: Reduction = "mean", where: Kept = None
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
    >>> import jax.numpy as jnp
    >>> from ngcx.metrics import roc_auc
    >>> roc_auc(jnp.array([0.1, 0.4, 0.35, 0.8]), jnp.array([0, 0, 1, 1]))
    Array(0.75, dtype=float32)

    ```
    """
    with jax.enable_x64(True):
        positive, negative, *counts = _ranked(scores, labels, where)
        # Equal scores are in both rates, which half of each pair is taken of.
        true_rate, false_rate = (ratio(count, count[..., -1:]) for count in counts)
        better = mean(true_rate, -1, negative) + (1 - mean(false_rate, -1, positive))
        areas = (better / 2).astype(scores.dtype)
    return reduce(areas, reduction)


@follows_from(no_sums)
@compiled(static=("reduction",))
def average_precision(
    scores: Scores, labels: Labels, *, reduction: Reduction = "mean", where: Kept = None
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

    ??? cite "Reference"
        Davis and Goadrich, *The relationship between precision-recall and ROC curves*,
        ICML 2006.

    ```python
    >>> import jax.numpy as jnp
    >>> from ngcx.metrics import average_precision
    >>> average_precision(jnp.array([0.1, 0.4, 0.35, 0.8]), jnp.array([0, 0, 1, 1]))
    Array(0.8333333, dtype=float32)

    ```
    """
    with jax.enable_x64(True):
        positive, _, positives, negatives = _ranked(scores, labels, where)
        precision = ratio(positives, positives + negatives)
        areas = mean(precision, -1, positive).astype(scores.dtype)
    return reduce(areas, reduction)


def _ranked(scores, labels, where: Kept):
    """The samples by falling scores: whether one is positive, whether one is negative,
    and how many of each have at least its score.
    """
    positive = labels > jnp.zeros_like(labels)
    # A positive and a negative sample are counted at once, in the halves of an integer.
    one = jnp.where(positive, 1 << 32, 1)
    one = one if where is None else jnp.where(where, one, 0)
    keys = jnp.where(jnp.isnan(scores), jnp.inf, -scores)
    keys = jnp.where(keys == 0, 0, keys)  # of either sign
    if keys.dtype.itemsize <= 4:
        # XLA sorts integers alone many times faster than floats with something else.
        # These are ordered as the floats are, with two bits more for what is counted.
        bits = jax.lax.bitcast_convert_type(keys.astype(jnp.float32), jnp.int32)
        bits = jnp.where(bits < 0, bits ^ jnp.iinfo(jnp.int32).max, bits).astype(int)
        kind = jnp.where(one > 1, 2, one)
        keys = jax.lax.sort(4 * bits + kind, is_stable=False)
        keys, kind = keys >> 2, keys & 3
        one = jnp.where(kind > 1, 1 << 32, kind)
    else:
        keys, one = jax.lax.sort((keys, one), num_keys=1)
    # Around the end, this holds only if all are equal.
    equals_next = keys == jnp.roll(keys, -1, -1)
    counts = jnp.cumsum(one, -1)
    counts = jnp.where(equals_next, counts[..., -1:], counts)
    counts = jax.lax.cummin(counts, counts.ndim - 1, reverse=True)
    halves = (counts >> 32).astype(float), (counts & (2**32 - 1)).astype(float)
    return one > 1, one == 1, *halves
