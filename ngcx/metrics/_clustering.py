"""How far two partitions of the same samples agree.

All measures follow from how many samples share the class of a sample, its cluster, and
both; so labels may be any integers, and no table of classes by clusters is needed.

What agrees by chance is taken off in each of them, and little may remain of numbers of
pairs. So all of it is computed in float64, and rounded once.
"""

import functools as ft
import math

import jax
import jax.numpy as jnp
from jax.scipy.special import gammaln
from jaxtyping import Array, Bool, Float, Integer

from .._compiled import compiled
from .._numerics import log_ratio, mean, ratio, root
from .._reduction import Reduction, reduce
from .._trees import varying
from .._typing import NonNegative, Scalar


@compiled(static=("reduction",))
def adjusted_rand_index(
    classes: Integer[Array, "*batch samples"],
    clusters: Integer[Array, "*batch samples"],
    *,
    reduction: Reduction = "mean",
    where: Bool[Array, "*batch samples"] | None = None,
) -> Float[Array, "..."]:
    r"""The Rand index of two partitions, corrected for chance (Hubert and Arabie,
    1985): 1 if they agree, 0 on average if they are independent, and down to -1/2 if
    they agree less than by chance.

    $$\frac{2 (tp \cdot tn - fn \cdot fp)}
    {(tp + fn)(fn + tn) + (tp + fp)(fp + tn)}$$

    counts pairs of samples: in the same class and the same cluster ($tp$), in the same
    class only ($fn$), in the same cluster only ($fp$), and in neither ($tn$). If no
    pair is in only one of them, as with a single sample, it is 1.

    **Arguments:**

    - `classes`: true labels, any integers.
    - `clusters`: predicted labels, any integers.
    - `reduction`: over the batch: `"mean"`, `"sum"` or `"none"`.
    - `where`: the samples that count.

    **Returns:** a scalar, or with `"none"` an array of shape `(*batch,)`, in the
    default float dtype.

    ```python
    >>> import jax.numpy as jnp
    >>> from ngcx.metrics import adjusted_rand_index
    >>> adjusted_rand_index(jnp.array([0, 0, 1, 1]), jnp.array([-1, -1, 7, 7]))
    Array(1., dtype=float32)

    ```
    """

    def index(same_class, same_cluster, same_both, kept):
        tp, fn, fp = _pairs(same_class, same_cluster, same_both, kept)
        size = jnp.sum(kept, dtype=int)
        neither = size - same_class - same_cluster + same_both
        tn = _total(neither, kept)
        below = (tp + fn) * (fn + tn) + (tp + fp) * (fp + tn)
        above = 2 * (tp * tn - fn * fp)
        return jnp.where(below > 0, jnp.clip(ratio(above, below), -0.5, 1), 1)

    return reduce(_by_sizes(index, classes, clusters, where), reduction)


@compiled(static=("reduction",))
def fowlkes_mallows_index(
    classes: Integer[Array, "*batch samples"],
    clusters: Integer[Array, "*batch samples"],
    *,
    reduction: Reduction = "mean",
    where: Bool[Array, "*batch samples"] | None = None,
) -> Float[Array, "..."]:
    r"""The geometric mean of the precision and the recall of pairs (Fowlkes and
    Mallows, 1983), from 0 to 1.

    $$\sqrt{\frac{tp}{tp + fp} \cdot \frac{tp}{tp + fn}}$$

    counts pairs of samples: in the same class and the same cluster ($tp$), in the same
    class only ($fn$), and in the same cluster only ($fp$). Without any pair in both, as
    with a single sample, it is 0.

    **Arguments:**

    - `classes`: true labels, any integers.
    - `clusters`: predicted labels, any integers.
    - `reduction`: over the batch: `"mean"`, `"sum"` or `"none"`.
    - `where`: the samples that count.

    **Returns:** a scalar, or with `"none"` an array of shape `(*batch,)`, in the
    default float dtype.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> from ngcx.metrics import fowlkes_mallows_index
        >>> classes, clusters = jnp.array([0, 0, 1, 1]), jnp.array([5, 5, 5, 7])
        >>> print(fowlkes_mallows_index(classes, clusters).round(2))
        0.41

        ```
    """

    def index(*sizes):
        tp, fn, fp = _pairs(*sizes)
        return root(ratio(tp, tp + fp)) * root(ratio(tp, tp + fn))

    return reduce(_by_sizes(index, classes, clusters, where), reduction)


@compiled(static=("reduction",))
def v_measure(
    classes: Integer[Array, "*batch samples"],
    clusters: Integer[Array, "*batch samples"],
    *,
    beta: NonNegative[Scalar] = 1.0,
    reduction: Reduction = "mean",
    where: Bool[Array, "*batch samples"] | None = None,
) -> Float[Array, "..."]:
    r"""The harmonic mean of homogeneity and completeness (Rosenberg and Hirschberg,
    2007), from 0 to 1.

    $$\frac{(1 + \beta) \, h \, c}{\beta h + c}, \qquad
    h = 1 - \frac{H(C \mid K)}{H(C)}, \qquad c = 1 - \frac{H(K \mid C)}{H(K)}$$

    with the entropies $H$ of classes $C$ and clusters $K$. $h$ is 1 if every cluster
    holds one class only, and $c$ is 1 if every class is in one cluster only; both are 1
    where the entropy is 0, as with a single sample. If both are 0, so is the measure.

    It is the mutual information, normalised by the arithmetic mean of both entropies,
    as is scikit-learn's `normalized_mutual_info_score`. With $\beta = 0$ it is $h$
    alone; `v_measure(clusters, classes, beta=0)` is $c$.

    **Arguments:**

    - `classes`: true labels, any integers.
    - `clusters`: predicted labels, any integers.
    - `beta`: $\beta$, how much more completeness counts than homogeneity.
    - `reduction`: over the batch: `"mean"`, `"sum"` or `"none"`.
    - `where`: the samples that count.

    **Returns:** a scalar, or with `"none"` an array of shape `(*batch,)`, in the
    default float dtype.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> from ngcx.metrics import v_measure
        >>> print(v_measure(jnp.array([0, 0, 1, 1]), jnp.array([5, 5, 5, 7])).round(2))
        0.34

        ```
    """

    def measure(same_class, same_cluster, same_both, kept):
        weight = jnp.asarray(beta, float)
        size = jnp.sum(kept, dtype=int)

        def known(part, given):
            entropy = _entropy(part, size, kept)
            left = _entropy(same_both, given, kept)
            # Rounding may leave more than there is.
            return jnp.where(entropy > 0, jnp.maximum(1 - ratio(left, entropy), 0), 1)

        homogeneity = known(same_class, same_cluster)
        completeness = known(same_cluster, same_class)
        return ratio(
            (1 + weight) * homogeneity * completeness,
            weight * homogeneity + completeness,
            homogeneity,
        )

    return reduce(_by_sizes(measure, classes, clusters, where), reduction)


@compiled(static=("reduction",))
def adjusted_mutual_information(
    classes: Integer[Array, "*batch samples"],
    clusters: Integer[Array, "*batch samples"],
    *,
    reduction: Reduction = "mean",
    where: Bool[Array, "*batch samples"] | None = None,
) -> Float[Array, "..."]:
    r"""The mutual information of two partitions, corrected for chance (Vinh, Epps and
    Bailey, 2010): 1 if they agree, 0 on average if they are independent.

    $$\frac{I(C; K) - \mathrm{E}[I]}{\frac{1}{2} (H(C) + H(K)) - \mathrm{E}[I]}$$

    with the entropies $H$ of classes $C$ and clusters $K$, and the mean $\mathrm{E}[I]$
    over all partitions with groups of the same sizes. With a single sample it is 1. The
    time that it takes grows with the number of classes times the number of clusters.

    **Arguments:**

    - `classes`: true labels, any integers.
    - `clusters`: predicted labels, any integers.
    - `reduction`: over the batch: `"mean"`, `"sum"` or `"none"`.
    - `where`: the samples that count.

    **Returns:** a scalar, or with `"none"` an array of shape `(*batch,)`, in the
    default float dtype.

    ```python
    >>> import jax.numpy as jnp
    >>> from ngcx.metrics import adjusted_mutual_information
    >>> adjusted_mutual_information(jnp.array([0, 0, 1, 1]), jnp.array([0, 0, 1, 2]))
    Array(0.5714286, dtype=float32)

    ```
    """

    def index(same_class, same_cluster, same_both, kept):
        size = jnp.sum(kept, dtype=int)
        of_classes, of_clusters = (
            _entropy(part, size, kept) for part in (same_class, same_cluster)
        )
        left = _entropy(same_both, same_cluster, kept)
        expected = _expected_information(same_class, same_cluster, kept)
        most = (of_classes + of_clusters) / 2
        agree = (same_class == same_both) & (same_cluster == same_both)
        score = ratio(of_classes - left - expected, most - expected)
        return jnp.where(jnp.all(agree | ~kept), 1, score)

    return reduce(_by_sizes(index, classes, clusters, where), reduction)


def _expected_information(same_class, same_cluster, kept):
    """The mean of the mutual information over all partitions into groups so large."""
    size = jnp.sum(kept, dtype=int)
    log_factorial = gammaln(jnp.arange(kept.size + 1.0) + 1)
    # Each group is once for each of its samples, and so found by steps of its size.
    rows, columns = (
        jnp.append(-jnp.sort(jnp.where(kept, -same, 0)), 0)
        for same in (same_class, same_cluster)
    )
    block, whole = jnp.arange(256), size.astype(float)

    def of_pair(a, b):
        """The terms of all numbers of samples that two groups may share."""
        alone = log_factorial[a] + log_factorial[b] - log_factorial[size]
        alone = alone + log_factorial[size - a] + log_factorial[size - b]
        mean = (a * b).astype(float) / whole
        # The chance of what is further away than this is below all rounding.
        spread = (12 * jnp.sqrt(mean) + 40).astype(int)
        middle = mean.astype(int)
        first = jnp.maximum(jnp.maximum(1, a + b - size), middle - spread)
        last = jnp.minimum(jnp.minimum(a, b), middle + spread)

        def some(state):
            start, total = state
            shared = jnp.minimum(start + block, last)
            rest = a - shared, b - shared, size - a - b + shared
            log_chance = alone - sum(log_factorial[x] for x in (shared, *rest))
            share = shared.astype(float) / whole
            terms = share * jnp.log(share * whole / mean) * jnp.exp(log_chance)
            terms = jnp.where(start + block <= last, terms, 0)
            return start + block.size, total + jnp.sum(terms)

        start = varying((first, 0.0 * mean), rows, columns)
        return jax.lax.while_loop(lambda state: state[0] <= last, some, start)[1]

    def of_row(state):
        def of_column(state):
            j, total = state
            return j + columns[j], total + of_pair(rows[i], columns[j])

        i, total = state
        start = varying((0, total), rows, columns)
        _, total = jax.lax.while_loop(
            lambda state: columns[state[0]] > 0, of_column, start
        )
        return i + rows[i], total

    start = varying((0, 0.0), rows, columns)
    return jax.lax.while_loop(lambda state: rows[state[0]] > 0, of_row, start)[1]


def _by_sizes(measure, classes, clusters, where):
    """`measure` of how many samples share the class, the cluster, and both of each."""
    *batch, samples = classes.shape
    kept = jnp.ones(classes.shape, bool) if where is None else where

    @jax.vmap
    def one(classes, clusters, kept):
        sizes = ft.partial(_group_sizes, kept)
        return measure(sizes(classes), sizes(clusters), sizes(classes, clusters), kept)

    # The number is written out: JAX cannot tell -1 where there are no samples.
    shape = (math.prod(batch), samples)
    classes, clusters, kept = (x.reshape(shape) for x in (classes, clusters, kept))
    with jax.enable_x64(True):
        rows, height = _places(classes)
        columns, width = _places(clusters)
        # A table of as many cells as there are samples is made faster than they are
        # sorted.
        fits = (height > 0) & (height <= samples) & (width > 0) & (width <= samples)
        sizes = jax.lax.cond(
            jnp.all(fits & (height * width <= samples)),
            lambda: jax.vmap(_counted)(kept, rows, columns, rows * width + columns),
            lambda: jax.vmap(_sorted)(kept, classes, clusters),
        )
        agreement = jax.vmap(measure)(*sizes, kept).reshape(batch)
    return agreement.astype(jnp.result_type(float))


def _places(labels):
    """Labels from 0 on, and how many there may be; below 0 if that overflows."""
    labels, far = labels.astype(int), 2**62
    lowest = jnp.min(labels, -1, keepdims=True, initial=far)
    highest = jnp.max(labels, -1, keepdims=True, initial=-far)
    return labels - lowest, highest - lowest + 1


def _counted(kept, *places):
    """How many kept samples are at the same place, for each sample."""
    counts = (
        jnp.zeros(kept.shape, int).at[each].add(kept.astype(int)) for each in places
    )
    return [count[each] for count, each in zip(counts, places, strict=True)]


def _sorted(kept, classes, clusters):
    """How many kept samples share the class, the cluster, and both."""
    each = (classes,), (clusters,), (classes, clusters)
    return [_group_sizes(kept, *labels) for labels in each]


def _group_sizes(kept, *labels):
    """How many kept samples have the same labels, for each sample."""
    order = jnp.arange(kept.size)
    for label in labels:
        order = order[_argsort(label[order])]
    in_order = (label[order] for label in labels)
    changes = [label != jnp.roll(label, 1) for label in in_order]
    groups = jnp.cumsum(ft.reduce(jnp.logical_or, changes), dtype=int)
    group = jnp.zeros_like(groups).at[order].set(groups)
    counts = jax.ops.segment_sum(kept.astype(int), group, kept.size + 1)
    return counts[group]


def _argsort(labels):
    """The order of the labels, in which equal ones stay as they are."""
    if labels.dtype.itemsize > 4:
        return jnp.argsort(labels)
    # XLA sorts integers alone many times faster than with something else.
    packed = (labels.astype(int) << 32) + jnp.arange(labels.size)
    return jax.lax.sort(packed, is_stable=False) & (2**32 - 1)


def _total(counts, kept):
    return jnp.sum(jnp.where(kept, counts, 0).astype(float))


def _pairs(same_class, same_cluster, same_both, kept):
    # These are differences of integers, so that nothing cancels.
    return (
        _total(same_both - 1, kept),
        _total(same_class - same_both, kept),
        _total(same_cluster - same_both, kept),
    )


def _entropy(part, whole, kept):
    """The mean of -ln(part / whole) over the samples."""
    ratios = (jnp.where(kept, x, 1).astype(float) for x in (part, whole))
    return mean(-log_ratio(*ratios), where=kept)
