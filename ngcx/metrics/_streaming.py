from collections.abc import Callable, Hashable
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Array, PyTree

from .._compiled import compiled
from .._module import Module
from ._sums import sums_of, totals_of


class Streaming(Module):
    """A metric over many batches, as an immutable pytree of sums.

    It gives the metric of all batches together, as if they were concatenated along a
    leading axis. Any function `metric(*batch, reduction="none", **options)` can be
    streamed if each of its scores belongs to a row of one batch: `Streaming` adds up
    the scores. Some metrics need other sums: [`ngcx.metrics.classification_report`][]
    is computed from counts, [`ngcx.metrics.root_mean_squared_error`][] from the squares
    of its scores, and [`ngcx.metrics.r_squared`][] and
    [`ngcx.metrics.explained_variance`][] from the mean and the deviation of each
    feature. Metrics that need all samples at once cannot be streamed.

    Half precisions are scored in float32 and rounded once, at the end. Only
    cross-entropies and the Kullback-Leibler divergence are given their own dtype,
    because it decides what a probability of 0 costs. Squared errors are summed as they
    are, so in float32 the root of their mean is infinite for errors of 1e19, and 0 for
    errors below 1e-23.

    Everything is a sum, so `jax.lax.psum` merges the sums of all devices (up to 1,000),
    and `jax.lax.scan` can carry them. Only means and deviations are no sums: `merge`
    merges them too, but after a `psum` the result is NaN. Each sum is kept in two
    numbers. Counts are exact below 2^54, and give NaN from there on. The second number
    of a sum of floats holds what rounding has lost, so it has at least 46 bits, however
    many batches there are. The integer counts of a report stop at the largest integer,
    2^31 - 1 without 64-bit mode; its ratios do not.

    **Attributes:**

    - `sums`: what has been added up so far.
    - `metric`: the function whose scores are added up.
    - `options`: its keyword arguments.
    - `dtype`: the dtype of the result.

    ```python
    >>> import jax.numpy as jnp
    >>> from ngcx.metrics import Streaming, accuracy
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

    # It makes two zeros, which are not worth a program for each metric.
    @classmethod
    @compiled(jit=False)
    def init(
        cls, metric: Callable, *, dtype: DTypeLike = jnp.float32, **options: Hashable
    ) -> "Streaming":
        """The metric of no batch yet: 0, which no later result depends on.

        **Arguments:**

        - `metric`: a function of this module, or one of your own.
        - `dtype`: the dtype of the result. Sums are at least of float32, counts of
            integers.
        - `options`: keyword arguments of the metric that hold for every batch, such as
            `num_classes`, which `classification_report` needs. `r_squared` and
            `explained_variance` need `num_features`.

        **Raises:** `ValueError` for a dtype that is not floating, for a report without
        `num_classes`, for shares of variance without `num_features`, or for a metric
        that is not streamed.
        """
        dtype = jnp.zeros((), dtype).dtype
        if not jnp.issubdtype(dtype, jnp.floating):
            raise ValueError(f"`dtype` must be a floating one; got {dtype}.")
        zeros = totals_of(sums_of(metric).zeros(dtype, **options))
        return cls(zeros, metric, tuple(sorted(options.items())), dtype)

    @compiled
    def update(self, *batch: PyTree, **keywords: PyTree) -> "Streaming":
        """Adds a further batch.

        **Arguments:**

        - `batch`: the arguments of the metric.
        - `keywords`: its `where`, and other arrays that the metric takes by name.

        **Returns:** the new sums; the old ones stay as they are.
        """
        options = keywords | dict(self.options)
        sums = sums_of(self.metric).of_batch(self.dtype, *batch, **options)
        return self._add(totals_of(sums))

    @compiled
    def merge(self, other: "Streaming") -> "Streaming":
        """Adds all batches of `other`, which is of the same metric."""
        return self._add(other.sums)

    @compiled
    def compute(self) -> PyTree:
        """The metric of all batches so far; of none it is 0."""
        return sums_of(self.metric).result(self.sums, self.dtype)

    def _add(self, sums):
        sums = sums_of(self.metric).plus(self.sums, sums)
        return Streaming(sums, self.metric, self.options, self.dtype)
