import functools as ft
import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Bool, Float, Int, Integer

from .._compiled import compiled
from .._numerics import mean, ratio, root, wide_dtype
from .._reduction import Reduction, reduce
from .._typing import Count, NonNegative, Scalar
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
    """The fraction of rows whose largest score, or one of whose `top_k` largest, is at
    the target class.

    A row in which no score stands out (all equal, or any NaN) predicts nothing, and
    counts as wrong. Of equal scores, those of the first classes are the largest.

    **Arguments:**

    - `predictions`: scores, such as logits, probabilities or spike counts; or class
        indices.
    - `targets`: one-hot rows (or any scores: the largest counts), or class indices.
    - `top_k`: how many classes the scores of a row may name; indices name one.
    - `reduction`: `"mean"`, `"sum"` (the number of right rows) or `"none"` (1 for a
        right row, 0 for a wrong one).
    - `where`: the rows that count.

    **Returns:** a scalar, or with `"none"` one value a row, in the dtype of
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


class Averages(NamedTuple):
    """A score of each class, and its means over the classes, as scikit-learn names
    them.

    **Attributes:**

    - `of_classes`: the score of each class (`average=None`).
    - `macro`: the mean over all classes, also those that never occur.
    - `micro`: the score of the sums over the classes.
    - `weighted`: the mean over the classes, weighted by how often each occurs.
    """

    of_classes: Float[Array, " classes"]
    macro: Float[Array, ""]
    micro: Float[Array, ""]
    weighted: Float[Array, ""]


class ClassificationReport(NamedTuple):
    """What [`ngcx.metrics.classification_report`][] finds. Printed, it reads like that
    of scikit-learn.

    **Arguments:**

    - `confusion`: how many rows of each class (first axis) were predicted as each
        (second).
    - `precision`: right predictions / predictions of the class.
    - `recall`: right predictions / rows of the class.
    - `misses`: how many rows predict nothing.
    - `accuracy`: right predictions / rows that predict something.
    - `adjusted_accuracy`: right predictions / rows: a miss counts as wrong.
    - `balanced_accuracy`: the mean of the recall over the classes that occur.
    - `cohen_kappa`: how much of what is not right by chance is right (Cohen, 1960).
    - `matthews`: the correlation of predictions and targets (Matthews, 1975; Gorodkin,
        2004).
    - `support`: how many rows each class has.
    - `prevalence`: the share of each class in the rows that have one.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> from ngcx.metrics import classification_report
        >>> scores = jnp.eye(3)[jnp.array([0, 1, 1, 2])]
        >>> report = classification_report(scores, jnp.array([0, 1, 2, 2]))
        >>> print(report.accuracy, report.recall.of_classes)
        0.75 [1.  1.  0.5]

        ```
    """

    confusion: Int[Array, "classes classes"]
    precision: Averages
    recall: Averages
    misses: Int[Array, ""]
    accuracy: Float[Array, ""]
    adjusted_accuracy: Float[Array, ""]
    balanced_accuracy: Float[Array, ""]
    cohen_kappa: Float[Array, ""]
    matthews: Float[Array, ""]
    support: Int[Array, " classes"]
    prevalence: Float[Array, " classes"]

    @compiled
    def f_score(self, beta: NonNegative[Scalar] = 1.0) -> Averages:
        r"""The weighted harmonic mean of precision and recall (van Rijsbergen, 1979).

        $$F_\beta = \frac{(1 + \beta^2) P R}{\beta^2 P + R}$$

        is 0 where both are.

        **Arguments:**

        - `beta`: $\beta$, how many times more the recall counts than the precision.

        **Returns:** the score of each class, and the means over the classes.
        """
        beta = jnp.asarray(beta, self.precision.macro.dtype)
        # The square of the smaller of beta and its inverse does not overflow.
        square = jnp.square(jnp.minimum(beta, ratio(jnp.ones_like(beta), beta)))
        more, less = 1 / (1 + square), square / (1 + square)
        of_precision = jnp.where(beta > 1, more, less)
        of_recall = jnp.where(beta > 1, less, more)

        def score(precision, recall):
            mixed = of_precision * precision + of_recall * recall
            return ratio(precision * recall, mixed)

        of_classes = score(self.precision.of_classes, self.recall.of_classes)
        micro = score(self.precision.micro, self.recall.micro)
        return _averages(of_classes, micro, self.prevalence)

    def __str__(self) -> str:
        array = isinstance(self.support, jax.Array | np.ndarray)
        if not array or isinstance(self.support, Tracer) or self.support.ndim != 1:
            return repr(self)
        scores = self.precision, self.recall, self.f_score()
        of_classes, macro, _, weighted = zip(*scores, strict=True)
        rows = int(jnp.sum(self.support))
        line = ("{:>12} " + 3 * " {:>9.2f}" + " {:>9}").format
        table = np.asarray([*of_classes, self.support], float).T
        return "\n".join(
            [
                " " * 14 + "precision    recall  f1-score   support",
                "",
                *(line(i, *row, int(count)) for i, (*row, count) in enumerate(table)),
                "",
                f"{'accuracy':>12} {self.adjusted_accuracy:>30.2f} {rows:>9}",
                line("macro avg", *map(float, macro), rows),
                line("weighted avg", *map(float, weighted), rows),
            ]
        )


def _averages(of_classes, micro, weights) -> Averages:
    return Averages(of_classes, mean(of_classes), micro, jnp.sum(of_classes * weights))


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

    def of_batch(dtype, *batch, **options):
        return _counts_of(_table(*batch, **(fixed | options)))

    return Sums(zeros, of_batch, _report)


def _counts_of(table):
    """The table, the rows that predict nothing, and those of each class."""
    misses, support = jnp.sum(table[:, -1], dtype=int), jnp.sum(table[:-1], 1)
    return table, misses, support


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
    that never occurs recall 0; both count in the means over all classes, as with
    `labels=range(num_classes), zero_division=0` in scikit-learn. The balanced accuracy
    leaves out classes that never occur. Cohen's kappa and Matthews' correlation are 0
    where only one class occurs and is predicted; there scikit-learn has a kappa of NaN.
    For these two, no class is a further class.

    **Arguments:**

    - `predictions`: scores, such as logits, probabilities or spike counts; or class
        indices.
    - `targets`: one-hot rows (or any scores: the largest counts), or class indices.
    - `num_classes`: how many classes there are; needed if both are indices.
    - `where`: the rows that count.

    **Returns:** a [`ngcx.metrics.ClassificationReport`][], its ratios in the dtype of
    `predictions`, or in the default float dtype if those are indices.

    **Raises:** `ValueError` if the number of classes is not known, or is another.

    **See also:** [`ngcx.metrics.accuracy`][] alone.

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
    table = _table(predictions, targets, num_classes=num_classes, where=where)
    totals = map(Total.of, _counts_of(table))
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
    table, misses, support = totals
    # What agrees by chance is taken off, and little may remain.
    with jax.enable_x64(True):
        wide = table.rounded(jnp.float64)
        right, predicted, rows = jnp.diagonal(wide), jnp.sum(wide, 0), jnp.sum(wide, 1)
        size, all_right = jnp.sum(rows), jnp.sum(right[:-1])
        # The sums of the classes are no less than any part, so that no ratio exceeds 1.
        in_classes, as_classes = jnp.sum(rows[:-1]), jnp.sum(predicted[:-1])
        recall = ratio(right, rows)[:-1]
        prevalence = ratio(rows[:-1], in_classes)
        # A product of matrices is of float32 when JAX maps over it without x64.
        chance = jnp.sum(rows * predicted)
        above_chance = size * jnp.sum(right) - chance
        spreads = (
            root(jnp.square(size) - jnp.sum(jnp.square(x))) for x in (rows, predicted)
        )
        accuracy = ratio(all_right, as_classes)
        scores = {
            "precision": _averages(ratio(right, predicted)[:-1], accuracy, prevalence),
            "recall": _averages(recall, ratio(all_right, in_classes), prevalence),
            "accuracy": accuracy,
            "adjusted_accuracy": ratio(all_right, size),
            "balanced_accuracy": mean(recall, where=rows[:-1] > 0),
            "cohen_kappa": ratio(above_chance, jnp.square(size) - chance),
            "matthews": ratio(above_chance, math.prod(spreads)),
            "prevalence": prevalence,
        }
        scores = jax.tree.map(lambda score: score.astype(dtype), scores)
    return ClassificationReport(
        confusion=table.counted()[:-1, :-1],
        misses=misses.counted(),
        support=support.counted(),
        **scores,
    )
