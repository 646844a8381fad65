import functools as ft
import math

import jax
import jax.numpy as jnp
from jax.lax import stop_gradient
from jaxtyping import Array, Bool, Float, Integer

from .._compiled import compiled
from .._numerics import wide_dtype
from .._reduction import Reduction, filled, reduce
from .._typing import Count
from ._report import ClassificationReport, report_of
from ._sums import Sums, Total, follows_from, mean_of_scores


# Its scores are 0 or 1, and are counted.
@follows_from(
    ft.partial(mean_of_scores, scores_to_terms=lambda scores: scores.astype(int))
)
@compiled(static=("top_k", "reduction"))
def accuracy(
    predictions: Float[Array, "*batch classes"] | Integer[Array, "*batch"],
    targets: Float[Array, "*batch classes"] | Integer[Array, "*batch"],
    *,
    top_k: Count = 1,
    reduction: Reduction = "mean",
    where: Bool[Array, "*batch"] | None = None,
) -> Float[Array, "..."]:
    """The fraction of rows in which the largest score, or one of the `top_k` largest,
    is at the target class.

    A row in which no score stands out (all equal, or any NaN) predicts nothing, and
    counts as wrong. Of equal scores, those of the first classes are the largest.

    **Arguments:**

    - `predictions`: scores, such as logits, probabilities or spike counts; or class
        indices.
    - `targets`: one-hot rows (or any scores: the largest counts), or class indices.
    - `top_k`: how many of the largest scores of a row may be the right one; with
        indices, 1.
    - `reduction`: `"mean"`, `"sum"` (the number of right rows) or `"none"` (1 for a
        right row, 0 for a wrong one).
    - `where`: the rows that count.

    **Returns:** a scalar, or with `"none"` one value per row, in the dtype of
    `predictions`, or in the default float dtype if those are indices.

    **See also:** [`ngcx.metrics.classification_report`][], with precision, recall and
    the confusion matrix.

    ```python
    >>> import jax.numpy as jnp
    >>> from ngcx.metrics import accuracy
    >>> scores = jnp.array([[0.5, 0.2, 0.3], [0.1, 0.3, 0.6]])
    >>> accuracy(scores, jnp.array([2, 0]), top_k=2)
    Array(0.5, dtype=float32)

    ```
    """
    right = rightly_named("predictions", predictions, targets, top_k)
    dtype = _float_dtype(predictions)
    # float16 counts to 2,048 only.
    return reduce(right.astype(wide_dtype(dtype)), reduction, where).astype(dtype)


def rightly_named(name: str, predictions, targets, top_k: int = 1):
    """Which rows of the argument of this name have the class of their target."""
    predicted = _winners(name, predictions)
    target = _winners("targets", targets)
    right = predicted == target
    if top_k > 1 and jnp.issubdtype(predictions.dtype, jnp.floating):
        _, named = jax.lax.top_k(predictions, min(top_k, predictions.shape[-1]))
        right = jnp.any(named.astype(int) == target[..., None], -1)
    return right & _are_classes(predictions, predicted) & _are_classes(targets, target)


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
        return _counts_of(jnp.zeros((classes + 1, classes + 1), int))

    def of_batch(dtype, *batch, sample_weight=None, **options):
        if sample_weight is not None:
            raise ValueError(
                "`sample_weight` is not streamed; call `classification_report` on all "
                "rows together."
            )
        return _counts_of(_table(*batch, **(fixed | options)))

    return Sums(zeros, of_batch, report_of)


def _counts_of(table):
    """The table, the rows that predict nothing, and those of each class."""
    misses, support = jnp.sum(table[:, -1]), jnp.sum(table[:-1], 1)
    return table, misses, support


@follows_from(_counts)
@compiled(static=("num_classes",))
def classification_report(
    predictions: Float[Array, "*batch classes"] | Integer[Array, "*batch"],
    targets: Float[Array, "*batch classes"] | Integer[Array, "*batch"],
    *,
    num_classes: Count | None = None,
    sample_weight: Float[Array, "*batch"] | None = None,
    where: Bool[Array, "*batch"] | None = None,
) -> ClassificationReport:
    """The confusion matrix of a classifier, and the scores that follow from it.

    A row in which no score stands out (all equal, or any NaN) predicts nothing: a miss.
    So does an index that is not a class. Misses are in no column of the confusion
    matrix, but count as rows of their class in the recall and the adjusted accuracy. A
    row whose target is not a class is in no row of the matrix, and is not right.

    A division by 0 gives 0, so a class that is never predicted has the precision 0, and
    one that never occurs has the recall 0. Both count in the means over all classes, as
    with `labels=range(num_classes), zero_division=0` in scikit-learn. The balanced
    accuracy leaves out classes that never occur. Cohen's kappa and Matthews'
    correlation are 0 where only one class occurs and is predicted; scikit-learn gives a
    kappa of NaN there. For these two, rows without a class count as one more class.

    **Arguments:**

    - `predictions`: scores, such as logits, probabilities or spike counts; or class
        indices.
    - `targets`: one-hot rows (or any scores: the largest counts), or class indices.
    - `num_classes`: how many classes there are; needed if predictions and targets are
        both indices.
    - `sample_weight`: how much each row counts, 0 or more, without a gradient; once if
        not given. The report then has sums of weights where it has numbers of rows.
    - `where`: the rows that count.

    **Returns:** a [`ngcx.metrics.ClassificationReport`][], its ratios in the dtype of
    `predictions`, or in the default float dtype if those are indices.

    **Raises:** `ValueError` if the number of classes is not known, or does not fit the
    arrays.

    **See also:** [`ngcx.metrics.accuracy`][], if you need nothing else.

    ```python
    >>> import jax.numpy as jnp
    >>> from ngcx.metrics import classification_report
    >>> scores = jnp.array([[0.1, 0.9], [0.8, 0.2], [0.5, 0.5]])
    >>> report = classification_report(scores, jnp.array([1, 1, 0]))
    >>> print(report.confusion, report.misses, report.accuracy)
    [[0 0]
     [1 1]] 1 0.5
    >>> print(f"{report.f_score(beta=2.0).macro:.3f}")
    0.278
    >>> print(report)
                  precision    recall  f1-score   support
    <BLANKLINE>
               0       0.00      0.00      0.00         1
               1       1.00      0.50      0.67         2
    <BLANKLINE>
        accuracy                           0.33         3
       macro avg       0.50      0.25      0.33         3
    weighted avg       0.67      0.33      0.44         3

    ```
    """
    table = _table(
        predictions,
        targets,
        num_classes=num_classes,
        sample_weight=sample_weight,
        where=where,
    )
    with jax.enable_x64(True):
        totals = [Total.of(each) for each in _counts_of(table)]
    return report_of(totals, _float_dtype(predictions))


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


def _table(predictions, targets, *, num_classes=None, sample_weight=None, where=None):
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
    shape = classes + 1, classes + 1
    if sample_weight is None:
        count = 1 if where is None else where.ravel().astype(int)
        return jnp.zeros(math.prod(shape), int).at[cells].add(count).reshape(shape)
    # Sums of many weights are rounded once.
    with jax.enable_x64(True):
        weights = filled(stop_gradient(sample_weight).astype(float), where, ())
        return jnp.zeros(math.prod(shape)).at[cells].add(weights.ravel()).reshape(shape)
