import functools as ft
import math
from typing import Any, NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Integer

from .._compiled import compiled
from .._numerics import mean, ratio, wide_dtype
from .._reduction import Reduction, reduce
from .._typing import Count
from ._sums import Sums, Total, follows_from, mean_of_scores


# Its scores are 0 or 1, and are counted.
@follows_from(
    ft.partial(mean_of_scores, scores_to_terms=lambda scores: scores.astype(int))
)
@compiled(static=("reduction",))
def accuracy(
    predictions: Float[Array, "*batch classes"] | Integer[Array, "*batch"],
    targets: Float[Array, "*batch classes"] | Integer[Array, "*batch"],
    *,
    reduction: Reduction = "mean",
    where: Bool[Array, "*batch"] | None = None,
) -> Float[Array, "..."]:
    """The fraction of rows whose largest score is at the target class.

    A row in which no score stands out (all equal, or any NaN) predicts nothing, and
    counts as wrong.

    **Arguments:**

    - `predictions`: scores, such as logits, probabilities or spike counts; or class
        indices.
    - `targets`: one-hot rows (or any scores: the largest counts), or class indices.
    - `reduction`: `"mean"`, `"sum"` (the number of right rows) or `"none"` (1 for a
        right row, 0 for a wrong one).
    - `where`: the rows that count.

    **Returns:** a scalar, or with `"none"` one value a row, in the dtype of
    `predictions`, or in the default float dtype if those are indices.
    """
    predicted = _winners("predictions", predictions)
    target = _winners("targets", targets)
    right = (predicted == target) & _are_classes(predictions, predicted)
    right &= _are_classes(targets, target)
    dtype = _float_dtype(predictions)
    # float16 counts to 2,048 only.
    return reduce(right.astype(wide_dtype(dtype)), reduction, where).astype(dtype)


class ClassificationReport(NamedTuple):
    """What [`ngcx.metrics.classification_report`][] finds."""

    confusion: Int[Array, "classes classes"]
    """How many rows of each class (first axis) were predicted as each (second)."""
    precision: Float[Array, ""]
    """The mean over the classes of right predictions / predictions of the class."""
    recall: Float[Array, ""]
    """The mean over the classes of right predictions / rows of the class."""
    misses: Int[Array, ""]
    """How many rows predict nothing."""
    accuracy: Float[Array, ""]
    """Right predictions / rows that predict something."""
    adjusted_accuracy: Float[Array, ""]
    """Right predictions / rows: a miss counts as wrong."""


def _counts(metric) -> Sums:
    """The report follows from a table of counts."""
    fixed = getattr(metric, "keywords", {})

    def zeros(dtype, **options):
        classes = (fixed | options).get("num_classes")
        if not isinstance(classes, int):
            raise ValueError(
                "`num_classes` must be given for a report, as an integer; got "
                f"{classes!r}."
            )
        return _with_misses(jnp.zeros((classes + 1, classes + 1), int))

    def of_batch(dtype, *batch, **options):
        return _with_misses(_table(*batch, **(fixed | options)))

    return Sums(zeros, of_batch, _report)


def _with_misses(table):
    return table, jnp.sum(table[:, -1], dtype=int)


@follows_from(_counts)
@compiled(static=("num_classes",))
def classification_report(
    predictions: Float[Array, "*batch classes"] | Integer[Array, "*batch"],
    targets: Float[Array, "*batch classes"] | Integer[Array, "*batch"],
    *,
    num_classes: Count | None = None,
    where: Bool[Array, "*batch"] | None = None,
) -> ClassificationReport:
    """The confusion matrix of a classifier, and the scores that follow from it.

    A row in which no score stands out (all equal, or any NaN) predicts nothing: a miss.
    So does an index that is no class. Misses are in no column of the confusion matrix,
    but count as rows of their class in the recall and the adjusted accuracy. A row
    whose target is no class is in no row of the matrix, and is not right.

    A ratio to 0 is 0, so that a class which is never predicted has precision 0, and one
    that never occurs recall 0; both count in the means over all classes.

    **Arguments:**

    - `predictions`: scores, such as logits, probabilities or spike counts; or class
        indices.
    - `targets`: one-hot rows (or any scores: the largest counts), or class indices.
    - `num_classes`: how many classes there are; needed if both are indices.
    - `where`: the rows that count.

    **Returns:** a [`ngcx.metrics.ClassificationReport`][], its ratios in the dtype of
    `predictions`, or in the default float dtype if those are indices.

    **Raises:** `ValueError` if the number of classes is not known, or is another.

    ```python
    >>> scores = jnp.array([[0.1, 0.9], [0.8, 0.2], [0.5, 0.5]])
    >>> report = classification_report(scores, jnp.array([1, 1, 0]))
    >>> print(report.confusion, report.misses, report.accuracy)
    [[0 0]
     [1 1]] 1 0.5

    ```
    """
    table = _table(predictions, targets, num_classes=num_classes, where=where)
    totals = map(Total.of, _with_misses(table))
    return _report(totals, _float_dtype(predictions))


def _are_classes(labels, winners):
    # Beyond the largest integer, an unsigned one is negative as a winner.
    return (labels if jnp.issubdtype(labels.dtype, jnp.integer) else winners) >= 0


def _winners(name, scores):
    """The index of the largest score of each row; -1 where none stands out."""
    if jnp.issubdtype(scores.dtype, jnp.integer):
        return scores.astype(int)
    # The best of several blocks is found first, and the winner within it then: XLA's
    # maximum is an order of magnitude faster than its argmax, of which two short ones
    # remain.
    *batch, classes = scores.shape
    if classes == 1:
        raise ValueError(
            f"`{name}` must hold a score of each class; got one column, of shape "
            f"{scores.shape}.\nClass indices are `{name}[..., 0].astype(int)`, those "
            f"of one score `({name}[..., 0] > 0.5).astype(int)`."
        )
    if classes == 0:
        return jnp.full(batch, -1)
    size = max(d for d in range(1, math.isqrt(classes) + 1) if classes % d == 0)
    blocks = scores.reshape(*batch, classes // size, size)
    best = jnp.argmax(jnp.max(blocks, -1), -1)[..., None]
    block = jnp.take_along_axis(blocks, best[..., None], -2)[..., 0, :]
    winners = (best * size)[..., 0] + jnp.argmax(block, -1)
    # Any comparison with NaN is false, so a row that holds one predicts nothing.
    stands_out = jnp.max(scores, -1) > jnp.min(scores, -1)
    return jnp.where(stands_out, winners, -1).astype(int)


def _float_dtype(predictions):
    floating = jnp.issubdtype(predictions.dtype, jnp.floating)
    return predictions.dtype if floating else jnp.result_type(float)


def _table(predictions, targets, *, num_classes=None, where=None):
    """Counts rows by class and prediction; the last of either is that of none."""
    known = {
        labels.shape[-1]
        for labels in (predictions, targets)
        if jnp.issubdtype(labels.dtype, jnp.floating)
    } | ({num_classes} if num_classes is not None else set())
    if len(known) != 1:
        raise ValueError(
            "`num_classes` must be the number of scores a row, and given for class "
            f"indices; got {num_classes}, with predictions of shape "
            f"{predictions.shape} and targets of shape {targets.shape}."
        )
    (classes,) = known

    def index(name, labels):
        winners = _winners(name, labels).ravel()
        return jnp.where((winners >= 0) & (winners < classes), winners, classes)

    cells = index("targets", targets) * (classes + 1)
    cells += index("predictions", predictions)
    count = 1 if where is None else where.ravel().astype(int)
    table = jnp.zeros((classes + 1) ** 2, int).at[cells].add(count)
    return table.reshape(classes + 1, classes + 1)


def _report(totals, dtype: Any) -> ClassificationReport:
    """The report that counts make, its ratios in `dtype`."""
    table, misses = totals
    wide = table.rounded(wide_dtype(dtype))
    right = jnp.diagonal(wide)[:-1]
    wrong = wide - jnp.diag(jnp.append(right, 0))

    def share(right, wrong):
        # No more than 1, since a rounded sum is no less than either part.
        return ratio(right, right + wrong)

    all_right, all_wrong = jnp.sum(right), jnp.sum(wrong[:, :-1])
    return ClassificationReport(
        confusion=table.counted()[:-1, :-1],
        precision=mean(share(right, jnp.sum(wrong, 0)[:-1])).astype(dtype),
        recall=mean(share(right, jnp.sum(wrong, 1)[:-1])).astype(dtype),
        misses=misses.counted(),
        accuracy=share(all_right, all_wrong).astype(dtype),
        adjusted_accuracy=share(all_right, jnp.sum(wrong)).astype(dtype),
    )
