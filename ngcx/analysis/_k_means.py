from typing import ClassVar, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from .._compiled import compiled
from .._kmeans import kmeans
from .._numerics import wide_dtype, widened
from .._typing import Count
from ..metrics import adjusted_rand_index
from ._base import (
    AbstractFittedProbe,
    AbstractProbe,
    Features,
    Targets,
    as_rows,
    check_features,
    classes,
    counting,
    flattened,
    likeliest,
)
from ._neighbors import nearest


class KMeansResult(NamedTuple):
    """How well the samples could be clustered.

    **Attributes:**

    - `score`: the adjusted Rand index of the classes and the clusters of the fit.
    - `inertia`: the sum of the squared distances of the samples from their centres.
    """

    score: Float[Array, ""]
    inertia: Float[Array, ""]


class FittedKMeans(AbstractFittedProbe):
    """Clusters that represent classes; [`ngcx.analysis.KMeansProbe`][] makes them.

    **Arguments:**

    - `centers`: the centres of the clusters.
    - `frequencies`: how frequent the classes are in each cluster. A cluster without
        samples has the frequencies of all samples.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> import jax.random as jr
        >>> from ngcx.analysis import KMeansProbe
        >>> x, y = jnp.array([[0.0], [1.0], [5.0]]), jnp.array([0, 0, 1])
        >>> fitted, _ = KMeansProbe().fit(jr.key(0), x, y)
        >>> print(type(fitted).__name__, fitted.centers.shape, fitted.predict(x))
        FittedKMeans (2, 1) [0 0 1]

        ```
    """

    centers: Float[Array, "clusters features"]
    frequencies: Float[Array, "clusters classes"]

    @compiled
    def clusters(self, x: Features) -> Int[Array, " samples"]:
        """The nearest centre of every row, or -1 for a row that is not finite.
        Arguments and errors are those of a call.
        """
        nearest = self._nearest(x)
        return jnp.where(nearest < len(self.centers), nearest, -1)

    def _nearest(self, x):
        """The same, with the number of clusters in place of -1."""
        x = flattened(x)
        check_features(self.centers.shape[-1], x)
        return nearest(widened(x), widened(self.centers), 1, 2)[1][:, 0]

    def _shares(self, x):
        at = self.frequencies.at[self._nearest(x)]
        return at.get(mode="fill", fill_value=jnp.nan)

    @compiled
    def __call__(self, x: Features) -> Float[Array, "samples outputs"]:
        """The frequencies of the classes in the cluster of every row; NaN for a row
        that is not finite.

        **Arguments:**

        - `x`: representations, like those of the fit.

        **Returns:** an array in the dtype of `x`.

        **Raises:** `ValueError` if the features of `x` are not those of the fit.
        """
        return self._shares(x).astype(x.dtype)

    @compiled
    def predict(self, x: Features) -> Int[Array, " samples"]:
        """The most frequent class in the cluster of every row (of equal ones, the
        lowest); -1 for a row that is not finite.

        Arguments and errors are those of a call.
        """
        return likeliest(self._shares(x))

    @compiled
    def score(self, x: Features, y: Targets) -> Float[Array, ""]:
        """The adjusted Rand index of classes and clusters; rows that are not finite
        make up a cluster of their own.
        """
        return adjusted_rand_index(classes(y), self.clusters(x))


class KMeansProbe(AbstractProbe):
    """Clusters of k-means, each of which represents the class of most of its samples.

    The probe sees the classes only after it has formed the clusters. Tokens are
    concatenated.

    **Arguments:**

    - `num_clusters`: how many clusters are formed.
    - `num_classes`: how many classes there are. With `None`, it is the number of
        columns of the targets, or their largest index plus 1.

    !!! example

        ```python
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from ngcx.analysis import KMeansProbe
        >>> x, y = jnp.array([[0.0], [1.0], [5.0]]), jnp.array([1, 1, 0])
        >>> fitted, result = KMeansProbe().fit(jax.random.key(0), x, y)
        >>> print(fitted.predict(jnp.array([[4.0], [0.4]])), result.score)
        [0 1] 1.0

        ```
    """

    num_clusters: Count = eqx.field(static=True, default=2)
    num_classes: Count | None = eqx.field(static=True, default=None)
    task: ClassVar[str] = "classification"  # pyright: ignore[reportIncompatibleVariableOverride]

    @compiled(static=("n_init",), before=counting)
    def fit(
        self,
        key: PRNGKeyArray,
        x: Features,
        y: Targets,
        *,
        max_iter: Count | Int[Array, ""] = 100,
        n_init: Count = 1,
    ) -> tuple[FittedKMeans, KMeansResult]:
        """Clusters `x`, and counts the classes in each cluster.

        **Arguments:**

        - `key`: decides the centres to start from (Arthur and Vassilvitskii, 2007).
        - `x`, `y`: representations and classes; see [`ngcx.analysis.AbstractProbe`][].
        - `max_iter`: the largest number of times that the centres move.
        - `n_init`: how many times to start; the result with the smallest inertia is
            kept.

        **Returns:** the fitted probe, and a [`ngcx.analysis.KMeansResult`][].

        **Raises:** `ValueError` for targets that do not fit `x`, fewer samples than
        clusters, and rows that are not finite (traced values cannot be checked).
        """
        centers, labels, inertia = kmeans(
            key, flattened(x), self.num_clusters, max_iter=max_iter, n_init=n_init
        )
        rows = as_rows(y, self.num_classes, wide_dtype(x.dtype))
        counts = jax.ops.segment_sum(rows, labels, self.num_clusters)
        size = jnp.sum(counts, -1, keepdims=True)
        counts = jnp.where(size > 0, counts, jnp.sum(rows, 0, keepdims=True))
        frequencies = counts / jnp.sum(counts, -1, keepdims=True)
        score = adjusted_rand_index(classes(y), labels)
        return FittedKMeans(centers, frequencies), KMeansResult(score, inertia)
