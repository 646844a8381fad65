"""How well scores rank samples: those that are positive before those that are not.

A measure follows from counts of pairs, or from their weights, which are added up in
float64, and rounded once.
"""

import jax
import jax.numpy as jnp
from jax.lax import stop_gradient
from jaxtyping import Array, Bool, Float, Integer

from .._compiled import compiled
from .._numerics import power_of_two, ratio
from .._reduction import Reduction, filled, reduce
from ._sums import follows_from, no_sums


Scores = Float[Array, "*batch samples"]
Labels = Bool[Array, "*batch samples"] | Integer[Array, "*batch samples"]
Kept = Bool[Array, "*batch samples"] | None
Weights = Float[Array, "*batch samples"] | None


@follows_from(no_sums)
@compiled(static=("reduction",))
def roc_auc(
    scores: Scores,
    labels: Labels,
    *,
    reduction: Reduction = "mean",
    sample_weight: Weights = None,
    where: Kept = None,
) -> Float[Array, "..."]:
    r"""The area under the receiver operating characteristic: the probability that a
    positive sample has a higher score than a negative one (Hanley and McNeil, 1982).

    $$\frac{1}{P N} \sum_{i \in \mathrm{pos}} \sum_{j \in \mathrm{neg}}
    [s_i > s_j] + \frac{1}{2} [s_i = s_j]$$

    It is 1 if the scores separate the two kinds, and 1/2 if they tell nothing. Without
    a positive or without a negative sample it is 1/2 too, where scikit-learn gives NaN.
    It is piecewise constant, so its gradient is 0.

    For several classes, one against the rest, give `scores.T` and
    `jax.nn.one_hot(labels, classes, dtype=int).T`: the mean is the macro average.

    **Arguments:**

    - `scores`: anything that rises with how positive a sample is; NaN is the lowest.
    - `labels`: positive where True, or above 0.
    - `reduction`: over the batch: `"mean"`, `"sum"` or `"none"`.
    - `sample_weight`: how much each sample counts, 0 or more, without a gradient; once
        if not given.
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
        positive, negative, *sums = _ranked(scores, labels, where, sample_weight)
        # Equal scores are in both rates, which half of each pair is taken of.
        true_rate, false_rate = (ratio(each, each[..., -1:]) for each in sums)
        better = _mean(true_rate, negative) + (1 - _mean(false_rate, positive))
        areas = (better / 2).astype(scores.dtype)
    return reduce(areas, reduction)


@follows_from(no_sums)
@compiled(static=("reduction",))
def average_precision(
    scores: Scores,
    labels: Labels,
    *,
    reduction: Reduction = "mean",
    sample_weight: Weights = None,
    where: Kept = None,
) -> Float[Array, "..."]:
    r"""The mean over the positive samples of the precision at their score, which sums
    up the curve of precision and recall.

    $$\sum_n (R_n - R_{n-1}) P_n$$

    where $P_n$ and $R_n$ are precision and recall if all samples of at least the $n$-th
    highest score are taken for positive. Without a positive sample it is 0, as in
    scikit-learn. It is piecewise constant, so its gradient is 0.

    **Arguments:**

    - `scores`: anything that rises with how positive a sample is; NaN is the lowest.
    - `labels`: positive where True, or above 0.
    - `reduction`: over the batch: `"mean"`, `"sum"` or `"none"`.
    - `sample_weight`: how much each sample counts, 0 or more, without a gradient; once
        if not given.
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
        positive, _, *sums = _ranked(scores, labels, where, sample_weight)
        precision = ratio(sums[0], sums[0] + sums[1])
        areas = _mean(precision, positive).astype(scores.dtype)
    return reduce(areas, reduction)


def _ranked(scores, labels, where: Kept, sample_weight: Weights):
    """The samples by falling scores: how much one counts as positive, how much as
    negative, and the sums of both over all that have at least its score.
    """
    positive = labels > jnp.zeros_like(labels)
    keys = jnp.where(jnp.isnan(scores), jnp.inf, -scores)
    keys = jnp.where(keys == 0, 0, keys)  # of either sign
    if sample_weight is not None:
        return _weighed(keys, positive, filled(stop_gradient(sample_weight), where, ()))
    # A positive and a negative sample are counted at once, in the halves of an integer.
    one = jnp.where(positive, 1 << 32, 1)
    one = one if where is None else jnp.where(where, one, 0)
    if keys.dtype.itemsize <= 4:
        # XLA sorts integers alone many times faster than floats with something else.
        # There are two bits more for what is counted.
        kind = jnp.where(one > 1, 2, one)
        keys = jax.lax.sort(4 * _ordered_bits(keys) + kind, is_stable=False)
        keys, kind = keys >> 2, keys & 3
        one = jnp.where(kind > 1, 1 << 32, kind)
    else:
        keys, one = jax.lax.sort((keys, one), num_keys=1)
    counts = _up_to_equals(jnp.cumsum(one, -1), keys)
    halves = (counts >> 32).astype(float), (counts & (2**32 - 1)).astype(float)
    return (one > 1).astype(float), (one == 1).astype(float), *halves


def _weighed(keys, positive, weights):
    # Sums are within range in this unit, which cancels.
    weights = weights.astype(float)
    weights = weights * power_of_two(jnp.max(weights, -1, keepdims=True, initial=0))
    if keys.dtype.itemsize <= 4:
        bits = _ordered_bits(keys) << 31
        packed = bits + jax.lax.broadcasted_iota(int, bits.shape, bits.ndim - 1)
        order = jax.lax.sort(packed, is_stable=False) & (2**31 - 1)
    else:
        order = jnp.argsort(keys, -1)
    keys, positive, weights = (
        jnp.take_along_axis(each, order, -1) for each in (keys, positive, weights)
    )
    each = jnp.where(positive, weights, 0), jnp.where(positive, 0, weights)
    return *each, *(_up_to_equals(jnp.cumsum(x, -1), keys) for x in each)


def _ordered_bits(keys):
    """Integers of 32 bits that are ordered as the floats are."""
    bits = jax.lax.bitcast_convert_type(keys.astype(jnp.float32), jnp.int32)
    return jnp.where(bits < 0, bits ^ jnp.iinfo(jnp.int32).max, bits).astype(int)


def _up_to_equals(sums, keys):
    """Cumulative sums along sorted keys, each as it is at the last of equal keys."""
    # Around the end, this holds only if all are equal.
    equals_next = keys == jnp.roll(keys, -1, -1)
    sums = jnp.where(equals_next, sums[..., -1:], sums)
    return jax.lax.cummin(sums, sums.ndim - 1, reverse=True)


def _mean(values, weights):
    return ratio(jnp.sum(values * weights, -1), jnp.sum(weights, -1))
