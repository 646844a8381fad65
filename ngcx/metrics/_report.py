"""What follows from a confusion matrix."""

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float, Int

from .._compiled import compiled
from .._numerics import mean, power_of_two, ratio, root
from .._typing import NonNegative, Scalar


class Averages(NamedTuple):
    """A score of each class, and its means over the classes, as scikit-learn names
    them.

    **Attributes:**

    - `of_classes`: the score of each class (`average=None`).
    - `macro`: the mean over all classes, even those that never occur.
    - `micro`: the score of the sums over the classes.
    - `weighted`: the mean over the classes, weighted by how often each occurs.
    """

    of_classes: Float[Array, " classes"]
    macro: Float[Array, ""]
    micro: Float[Array, ""]
    weighted: Float[Array, ""]


class ClassificationReport(NamedTuple):
    """The result of [`ngcx.metrics.classification_report`][]. Printed, it looks like
    the report of scikit-learn.

    **Arguments:**

    - `confusion`: how many rows of each class (first axis) were predicted as each class
        (second axis). If rows have weights, it holds sums of weights, and so do
        `misses` and `support`.
    - `precision`: right predictions / predictions of the class.
    - `recall`: right predictions / rows of the class.
    - `misses`: how many rows predict nothing.
    - `accuracy`: right predictions / rows that predict something.
    - `adjusted_accuracy`: right predictions / rows: a miss counts as wrong.
    - `balanced_accuracy`: the mean of the recall over the classes that occur.
    - `cohen_kappa`: how many rows are right, of those that are not right by chance
        (Cohen, 1960).
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

    confusion: Int[Array, "classes classes"] | Float[Array, "classes classes"]
    precision: Averages
    recall: Averages
    misses: Int[Array, ""] | Float[Array, ""]
    accuracy: Float[Array, ""]
    adjusted_accuracy: Float[Array, ""]
    balanced_accuracy: Float[Array, ""]
    cohen_kappa: Float[Array, ""]
    matthews: Float[Array, ""]
    support: Int[Array, " classes"] | Float[Array, " classes"]
    prevalence: Float[Array, " classes"]

    @compiled
    def f_score(self, beta: NonNegative[Scalar] = 1.0) -> Averages:
        r"""The weighted harmonic mean of precision and recall (van Rijsbergen, 1979).

        $$F_\beta = \frac{(1 + \beta^2) P R}{\beta^2 P + R}$$

        is 0 where precision and recall are both 0.

        **Arguments:**

        - `beta`: $\beta$, how many times as much the recall counts as the precision.

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
        rows = jnp.sum(self.support).item()
        whole = ".0f" if isinstance(rows, int) else ".2f"
        line = ("{:>12} " + 3 * " {:>9.2f}" + f" {{:>9{whole}}}").format
        table = np.asarray([*of_classes, self.support], float).T
        return "\n".join(
            [
                " " * 14 + "precision    recall  f1-score   support",
                "",
                *(line(i, *row) for i, row in enumerate(table)),
                "",
                f"{'accuracy':>12} {self.adjusted_accuracy:>30.2f} {rows:>9{whole}}",
                line("macro avg", *map(float, macro), rows),
                line("weighted avg", *map(float, weighted), rows),
            ]
        )


def _averages(of_classes, micro, weights) -> Averages:
    return Averages(of_classes, mean(of_classes), micro, jnp.sum(of_classes * weights))


def report_of(totals, dtype: Any) -> ClassificationReport:
    """The report that counts make, its ratios in `dtype`."""
    table, misses, support = totals
    # What agrees by chance is taken off, and little may remain.
    with jax.enable_x64(True):
        wide = table.rounded(jnp.float64)
        # Products of weights are within range in this unit.
        wide = wide * power_of_two(jnp.max(wide, initial=0))
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
        sums = {"confusion": table, "misses": misses, "support": support}
        if not table.is_count:
            sums = {n: total.rounded(float).astype(dtype) for n, total in sums.items()}
    if table.is_count:
        sums = {name: total.counted() for name, total in sums.items()}
    sums["confusion"] = sums["confusion"][:-1, :-1]
    return ClassificationReport(**sums, **scores)
