from collections.abc import Callable, Hashable
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import jax.tree_util as jtu
from jax.typing import DTypeLike
from jaxtyping import Array, PyTree

from .._compiled import compiled
from .._precision import wide_dtype, widened
from .._typing import typed
from ._classification import classification_report, confusion_table, report_of
from ._divergences import binary_cross_entropy, categorical_nll, kl_divergence
from ._numbers import root
from ._regression import mean_squared_error, root_mean_squared_error
from ._spikes import breadth_of_tuning_curve


# The least probability is the smallest number of the dtype.
_FLOORED = (binary_cross_entropy, categorical_nll, kl_divergence)


def _widened(leaf):
    return widened(leaf) if eqx.is_inexact_array(leaf) else leaf


class Streaming(eqx.Module):
    """A metric over many batches: an immutable pytree of sums.

    It gives what the metric gives of all batches together, concatenated along a leading
    axis. That works for [`ngcx.metrics.classification_report`][], which follows from
    counts; for [`ngcx.metrics.root_mean_squared_error`][]; and for each other metric
    with a `reduction` whose scores belong to a row of one batch: any function
    `metric(*batch, reduction="none", **options)` will do. So
    [`ngcx.metrics.breadth_of_tuning_curve`][], which averages over trials first, is
    not streamed.

    Half precisions are scored in float32 and rounded once, at the end. Only
    cross-entropies and the Kullback-Leibler divergence get their own dtype, which says
    what a probability of 0 costs. Squared errors are summed as they are: beyond float32
    (errors of 1e19) the root of their mean is infinite, and 0 for errors below 1e-23.

    Everything is a sum, so `jax.lax.psum` of one merges those of all devices, and one
    is a carry for `jax.lax.scan`.

    ```python
    >>> from ngcx.metrics import accuracy
    >>> total = Streaming.init(accuracy)
    >>> for labels in jnp.array([[0, 1], [1, 1]]):
    ...     total = total.update(jnp.eye(2), labels)
    >>> total.compute()
    Array(0.75, dtype=float32)

    ```
    """

    sums: PyTree[Array]
    metric: Callable = eqx.field(static=True)
    options: tuple[tuple[str, Hashable], ...] = eqx.field(static=True)
    dtype: Any = eqx.field(static=True)

    @classmethod
    @typed
    def init(
        cls, metric: Callable, *, dtype: DTypeLike = jnp.float32, **options: Hashable
    ) -> "Streaming":
        """Of no batch yet: 0, which no later result depends on.

        **Arguments:**

        - `metric`: a function of this room, or one of your own.
        - `dtype`: that of the result. Sums are at least of float32, counts of integers.
        - `options`: keyword arguments of the metric that hold for every batch, such as
            `num_classes`, which `classification_report` needs.

        **Raises:** `ValueError` for a dtype that is not floating, for a report without
        `num_classes`, or for `breadth_of_tuning_curve`.
        """
        nothing = jnp.zeros((), dtype)
        if not jnp.issubdtype(nothing.dtype, jnp.floating):
            raise ValueError(f"`dtype` must be a floating one; got {nothing.dtype}.")
        if metric is breadth_of_tuning_curve:
            raise ValueError(
                "`breadth_of_tuning_curve` is no mean of scores, because it averages "
                "over all trials first; call it on the mean over the trials instead of "
                "streaming it."
            )
        if metric is classification_report:
            classes = options.get("num_classes")
            if not isinstance(classes, int):
                raise ValueError(
                    "`num_classes` must be given for a report, as an integer; got "
                    f"{classes!r}."
                )
            size = classes + 1
            sums = jnp.zeros((size, size), int)
        else:
            sums = widened(nothing), jnp.zeros((), int)
        dtype = jnp.dtype(dtype)
        return cls(sums, metric, tuple(sorted(options.items())), dtype)

    @compiled
    def update(self, *batch: PyTree, **keywords: PyTree) -> "Streaming":
        """With a further batch: the arguments of the metric, and its `where`."""
        if self.metric not in _FLOORED:
            batch, keywords = jtu.tree_map(_widened, (batch, keywords))
        keywords |= dict(self.options)
        if self.metric is classification_report:
            return self._add(confusion_table(*batch, **keywords))
        rooted = self.metric is root_mean_squared_error
        metric = mean_squared_error if rooted else self.metric
        scores = metric(*batch, reduction="none", **keywords)
        where = keywords.get("where")
        if where is None:
            count = scores.size
        elif where.shape == scores.shape:
            count = jnp.sum(where, dtype=int)
        else:
            raise ValueError(
                f"`where` must have the shape of the scores, {scores.shape}, to be "
                f"streamed; got {where.shape}."
            )
        total = jnp.sum(scores.astype(wide_dtype(self.dtype)))
        return self._add((total, jnp.asarray(count, int)))

    @compiled
    def merge(self, other: "Streaming") -> "Streaming":
        """With all batches of another one of the same metric."""
        return self._add(other.sums)

    @compiled
    def compute(self) -> PyTree:
        """The metric of all batches so far; of none it is 0."""
        if self.metric is classification_report:
            return report_of(self.sums, self.dtype)
        total, count = self.sums
        mean = total / jnp.maximum(count, 1).astype(total.dtype)
        rooted = self.metric is root_mean_squared_error
        return (root(mean) if rooted else mean).astype(self.dtype)

    def __deepcopy__(self, memo):
        # Nothing in it changes, and the metric, which JAX would copy, is known by its
        # identity.
        return self

    def _add(self, sums):
        sums = jtu.tree_map(jnp.add, self.sums, sums)
        return Streaming(sums, self.metric, self.options, self.dtype)
