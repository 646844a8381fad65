import dataclasses
import math
from typing import Any, Literal

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from .._checks import check_count
from .._compiled import compiled
from .._precision import widened
from .._typing import typed
from ..ops._numbers import divided, root
from ._base import (
    AbstractProbe,
    Features,
    Predictions,
    Targets,
    Task,
    as_rows,
    check_data,
    check_features,
    check_fitted,
    evaluate,
    flattened,
    predicted,
)
from ._neighbors import nearest


@typed
class KNNProbe(AbstractProbe):
    r"""The `k` nearest samples of the fit decide (Fix and Hodges, 1951).

    The distance of two samples, of which tokens are concatenated, is

    - `"minkowski"`: $(\sum_i |x_i - y_i|^p)^{1/p}$, Euclidean for $p = 2$;
    - `"chebyshev"`: $\max_i |x_i - y_i|$, as for an infinite $p$;
    - `"cosine"`: $1 - x \cdot y / (\lVert x \rVert \lVert y \rVert)$, and 1 for zeros.

    Neighbours are exact: those of the distances of differences, not of a matrix product
    that cancels. The memory is that of some million distances, however many samples
    there are. Euclidean and cosine neighbours of rows that lie close together and far
    from the mean of all take longer to find.

    !!! example

        ```python
        >>> import jax
        >>> import jax.numpy as jnp
        >>> x, y = jnp.array([[0.0], [1.0], [5.0]]), jnp.array([0, 0, 1])
        >>> probe, _ = KNNProbe(1).fit(jax.random.key(0), x, y)
        >>> probe.predict(jnp.array([[4.0], [0.4]]))
        Array([1, 0], dtype=int32)

        ```
    """

    k: int = eqx.field(static=True, default=1)
    metric: Literal["minkowski", "chebyshev", "cosine"] = eqx.field(
        static=True, default="minkowski"
    )
    p: float | int = eqx.field(static=True, default=2)
    """Of `"minkowski"`, 1 or more."""
    task: Task = eqx.field(static=True, default="classification")
    vote: Literal["majority", "mean"] = eqx.field(static=True, default="majority")
    """Whether each neighbour votes for its most probable class, or the probabilities of
    all are averaged; the same for class indices. Values of regression are averaged."""
    num_classes: int | None = eqx.field(static=True, default=None)
    """`None` takes the columns of the targets, or their largest index plus 1."""
    references: Any = None
    """The representations that it was fitted to."""
    targets: Any = None
    """Their targets, as rows."""

    def __check_init__(self):
        check_count("k", self.k)
        check_count("num_classes", self.num_classes)
        if not self.p >= 1:
            raise ValueError(f"`p` must be 1 or more; got {self.p}.")

    @typed
    def fit(
        self, key: PRNGKeyArray, x: Features, y: Targets
    ) -> tuple["KNNProbe", None]:
        """Keeps `x` and `y`.

        **Arguments:**

        - `key`: not used; probes are fitted alike.
        - `x`, `y`: representations and targets; see [`ngcx.analysis.AbstractProbe`][].

        **Returns:** the fitted probe, and `None`: there is nothing to tell.

        **Raises:** `ValueError` for targets that fit neither `x` nor `task`, and fewer
        than `k` samples.
        """
        del key
        outputs = check_data(self.task, self.num_classes, x, y)
        if self.k > len(x):
            raise ValueError(
                f"`k` must be at most the number of samples, {len(x)}; got {self.k}."
            )
        references = flattened(jnp.asarray(x))
        y = as_rows(jnp.asarray(y), outputs, widened(references).dtype)
        return dataclasses.replace(self, references=references, targets=y), None

    @compiled
    def neighbors(
        self, x: Features
    ) -> tuple[Float[Array, "samples k"], Int[Array, "samples k"]]:
        """The distances, ascending, and the indices of the nearest samples of the fit.

        Of equal distances, the lower index comes first. From or among features that are
        not finite, distances are NaN, and indices the number of samples. Arguments and
        errors as those of a call.
        """
        check_fitted(self.references is not None, self)
        x = flattened(jnp.asarray(x))
        check_features(self.references.shape[-1], x)
        queries, references = widened(x), widened(self.references)
        if self.metric == "cosine":
            # Unit vectors: |q - r|^2 = 2 (1 - q.r), without the difference of 1.
            queries, references = _unit(queries, 0), _unit(references, 1)
        p = {"chebyshev": math.inf, "cosine": 2}.get(self.metric, self.p)
        distances, indices = nearest(queries, references, self.k, p)
        if self.metric == "cosine":
            distances = jnp.square(distances) / 2
        return distances.astype(x.dtype), indices

    @compiled
    def __call__(self, x: Features) -> Float[Array, "samples outputs"]:
        """The shares of the neighbours by class, or the means of their values.

        **Arguments:**

        - `x`: representations, as those of the fit.

        **Returns:** an array in the dtype of `x`; NaN where features are not finite.

        **Raises:** `ValueError` if the probe is not fitted, or `x` has other features.
        """
        return self._unrounded(x).astype(x.dtype)

    def _unrounded(self, x):
        _, indices = self.neighbors(x)
        targets = self.targets
        if self.task == "classification" and self.vote == "majority":
            targets = as_rows(jnp.argmax(targets, -1), targets.shape[-1], targets.dtype)
        values = targets.at[indices].get(mode="fill", fill_value=jnp.nan)
        return jnp.mean(values, 1)

    @compiled
    def predict(self, x: Features) -> Predictions:
        """The class with most votes of every row, the lowest of several; or its values.

        Arguments and errors as those of a call.
        """
        return predicted(self.task, self._unrounded(x), x.dtype)

    @compiled
    def score(self, x: Features, y: Targets) -> Float[Array, ""]:
        """The accuracy, or the coefficient of determination of all outputs together.

        The latter is 1 - Σ(ŷ - y)² / Σ(y - ȳ)², and -inf for constant targets that are
        not all met.
        """
        return evaluate(self.task, self._unrounded(x), y)


def _unit(x, side: int):
    """Rows of length 1; zeros point where no other row of either side does."""
    largest = jnp.max(jnp.abs(x), -1, keepdims=True)
    zero = largest == 0
    x = divided(x, jnp.where(zero, 1, largest))
    length = root(jnp.sum(jnp.square(x), -1, keepdims=True))
    apart = zero * (jnp.arange(2) == side)[None]
    return jnp.concatenate([x / jnp.where(zero, 1, length), apart.astype(x.dtype)], -1)
