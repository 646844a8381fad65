import math
from typing import Annotated, Literal

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from .._compiled import compiled
from .._numerics import exponent, ratio, rescaled, root, wide_dtype, widened
from .._typing import Count, Must, Positive, Scalar
from ._base import (
    AbstractPredictor,
    AbstractProbe,
    Features,
    Targets,
    Task,
    as_rows,
    check_features,
    counting,
    flattened,
)
from ._neighbors import nearest


Metric = Literal["minkowski", "chebyshev", "cosine"]
Order = Annotated[float | int, Must("1 or more", lambda p: p >= 1)]


class FittedKNN(AbstractPredictor):
    """The stored samples, the nearest of which decide; [`ngcx.analysis.KNNProbe`][]
    makes it.

    **Arguments:**

    - `recipe`: the probe that was fitted.
    - `references`: the representations that it was fitted to.
    - `targets`: the targets of the representations, as rows.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> import jax.random as jr
        >>> from ngcx.analysis import KNNProbe
        >>> x, y = jnp.array([[0.0], [1.0], [5.0]]), jnp.array([0, 0, 1])
        >>> fitted, _ = KNNProbe(1).fit(jr.key(0), x, y)
        >>> print(type(fitted).__name__, fitted.references.shape, fitted.predict(x))
        FittedKNN (3, 1) [0 0 1]

        ```
    """

    recipe: "KNNProbe"
    references: Float[Array, "samples features"]
    targets: Float[Array, "samples outputs"]

    @compiled
    def neighbors(
        self, x: Features
    ) -> tuple[Float[Array, "samples k"], Int[Array, "samples k"]]:
        """The distances, ascending, and the indices of the nearest samples of the fit.

        Equal distances are in the order of their indices. Where features of `x` or of
        the fit are not finite, the distances are NaN, and the indices are the number of
        samples.
        """
        distances, indices = self._nearest(x)
        return distances.astype(x.dtype), indices

    def _nearest(self, x):
        """The same, with distances in the dtype to compute in."""
        x, metric = flattened(x), self.recipe.metric
        check_features(self.references.shape[-1], x)
        queries, references = widened(x), widened(self.references)
        if metric == "cosine":
            # |q - r|^2 of unit vectors is 2 (1 - q.r), but is no difference from 1.
            queries, references = _unit(queries, 0), _unit(references, 1)
        p = {"chebyshev": math.inf, "cosine": 2}.get(metric, self.recipe.p)
        distances, indices = nearest(queries, references, self.recipe.k, p)
        if metric == "cosine":
            distances = jnp.square(distances) / 2
        return distances, indices

    @compiled
    def __call__(self, x: Features) -> Float[Array, "samples outputs"]:
        """The shares of the neighbours by class, or the means of their values, weighted
        as the recipe says.

        **Arguments:**

        - `x`: representations, like those of the fit.

        **Returns:** an array in the dtype of `x`; NaN where features are not finite.

        **Raises:** `ValueError` if the features of `x` are not those of the fit.
        """
        return self._unrounded(x).astype(x.dtype)

    def _unrounded(self, x):
        distances, indices = self._nearest(x)
        targets, temperature = self.targets, self.recipe.temperature
        if self.recipe.task == "classification" and self.recipe.vote == "majority":
            targets = as_rows(jnp.argmax(targets, -1), targets.shape[-1], targets.dtype)
        votes = targets.at[indices].get(mode="fill", fill_value=jnp.nan)
        if self.recipe.weights == "uniform":
            return jnp.mean(votes, 1)
        # Relative to the nearest, no weight over- or underflows.
        limits = jnp.finfo(distances.dtype)
        distances = jnp.minimum(distances, limits.max)
        if self.recipe.weights == "distance":
            weights = ratio(distances[:, :1], distances, 1)
        else:
            scale = jnp.maximum(jnp.asarray(temperature, limits.dtype), limits.tiny)
            weights = jnp.exp(exponent(distances[:, :1] - distances, scale))
        weights = weights / jnp.sum(weights, 1, keepdims=True)
        return jnp.sum(weights[..., None].astype(votes.dtype) * votes, 1)


class KNNProbe(AbstractProbe):
    r"""The `k` nearest samples of the fit decide (Fix and Hodges, 1951).

    The distance of two samples, whose tokens are concatenated, is

    - `"minkowski"`: $(\sum_i |x_i - y_i|^p)^{1/p}$, Euclidean for $p = 2$;
    - `"chebyshev"`: $\max_i |x_i - y_i|$, as for an infinite $p$;
    - `"cosine"`: $1 - x \cdot y / (\lVert x \rVert \lVert y \rVert)$, and 1 for zeros.

    They vote with the weights of `weights`, where $d$ is their distance:

    - `"uniform"`: all count 1;
    - `"distance"`: $1 / d$; if some are at distance 0, only these count;
    - `"softmax"`: $e^{-d / T}$ with the `temperature` $T$. With the cosine metric it is
      $e^{\cos / T}$ but for a factor, the vote by which self-supervised
      representations are judged (Wu et al., 2018), usually with `k=20` or 200.

    Neighbours are exact: they are found by differences, and not only by a matrix
    product, which loses digits. It needs memory for some million distances, however
    many samples there are. Euclidean and cosine neighbours take longer to find for rows
    that lie close together and far from the mean of all rows.

    **Arguments:**

    - `metric`: the distance: `"euclidean"`, `"cosine"` or `"minkowski"`.
    - `task`: the kind of targets: `"classification"`, of class indices or rows of
        probabilities, or `"regression"`, of values.
    - `p`: the order of the `"minkowski"` distance.
    - `vote`: whether each neighbour votes for its most probable class, or the
        probabilities of all are averaged; for class indices, both are the same. In a
        regression, values are averaged.
    - `num_classes`: how many classes there are. With `None`, it is the number of
        columns of the targets, or their largest index plus 1.
    - `weights`: how much each neighbour counts.
    - `temperature`: $T$ of the `"softmax"` weights. The smaller it is, the more the
        nearest neighbours decide.

    !!! example

        ```python
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from ngcx.analysis import KNNProbe
        >>> x, y = jnp.array([[0.0], [1.0], [5.0]]), jnp.array([0, 0, 1])
        >>> fitted, _ = KNNProbe(1).fit(jax.random.key(0), x, y)
        >>> fitted.predict(jnp.array([[4.0], [0.4]]))
        Array([1, 0], dtype=int32)

        ```
    """

    k: Count = eqx.field(static=True, default=1)
    metric: Metric = eqx.field(static=True, default="minkowski")
    p: Order = eqx.field(static=True, default=2)
    task: Task = eqx.field(static=True, default="classification")
    vote: Literal["majority", "mean"] = eqx.field(static=True, default="majority")
    num_classes: Count | None = eqx.field(static=True, default=None)
    weights: Literal["uniform", "distance", "softmax"] = eqx.field(
        static=True, default="uniform"
    )
    temperature: Positive[Scalar] = 0.07

    # This is not compiled, because there is nothing to compute.
    @compiled(jit=False, before=counting)
    def fit(self, key: PRNGKeyArray, x: Features, y: Targets) -> tuple[FittedKNN, None]:
        """Keeps `x` and `y`.

        **Arguments:**

        - `key`: not used. It is there so that all probes are fitted in the same way.
        - `x`, `y`: representations and targets; see [`ngcx.analysis.AbstractProbe`][].

        **Returns:** the fitted probe, and `None`, since there is nothing to record.

        **Raises:** `ValueError` for targets that fit neither `x` nor `task`, fewer than
        `k` samples, and rows that are not finite (traced values cannot be checked).
        """
        del key
        if self.k > len(x):
            raise ValueError(
                f"`k` must be at most the number of samples, {len(x)}; got {self.k}."
            )
        x, y = jnp.asarray(x), jnp.asarray(y)
        targets = as_rows(y, self.num_classes, wide_dtype(x.dtype))
        return FittedKNN(self, flattened(x), targets), None


def _unit(x, side: int):
    """Rows of length 1; zeros point where no other row of either side does."""
    x, _ = rescaled(x)
    length = root(jnp.sum(jnp.square(x), -1, keepdims=True))
    apart = (length == 0) & (jnp.arange(2) == side)[None]
    return jnp.concatenate([ratio(x, length), apart.astype(x.dtype)], -1)
