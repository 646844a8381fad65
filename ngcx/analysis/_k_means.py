import dataclasses
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from .._checks import check_count
from .._compiled import compiled
from .._kmeans import kmeans
from .._precision import widened
from .._typing import typed
from ..metrics import adjusted_rand_index
from ._base import (
    AbstractProbe,
    Features,
    Targets,
    as_rows,
    check_data,
    check_features,
    check_fitted,
    classes,
    flattened,
    likeliest,
)
from ._neighbors import nearest


class KMeansResult(NamedTuple):
    """How well samples could be put into clusters."""

    score: Float[Array, ""]
    """The adjusted Rand index of the classes and the clusters of the fit."""
    inertia: Float[Array, ""]
    """The sum of the squared distances of the samples from their centres."""


@typed
class KMeansProbe(AbstractProbe):
    """Clusters of k-means, each of which stands for the class of most of its samples.

    It sees the classes only after it has formed the clusters. Tokens are concatenated.

    !!! example

        ```python
        >>> import jax
        >>> import jax.numpy as jnp
        >>> x, y = jnp.array([[0.0], [1.0], [5.0]]), jnp.array([1, 1, 0])
        >>> probe, result = KMeansProbe().fit(jax.random.key(0), x, y)
        >>> print(probe.predict(jnp.array([[4.0], [0.4]])), result.score)
        [0 1] 1.0

        ```
    """

    num_clusters: int = eqx.field(static=True, default=2)
    num_classes: int | None = eqx.field(static=True, default=None)
    """`None` takes the columns of the targets, or their largest index plus 1."""
    centers: Any = None
    """Of the clusters: an array `(clusters, features)`."""
    frequencies: Any = None
    """Of the classes in the clusters: an array `(clusters, classes)`. Those of a
    cluster without samples are those of all."""

    def __check_init__(self):
        check_count("num_clusters", self.num_clusters)
        check_count("num_classes", self.num_classes)

    @typed
    def fit(
        self,
        key: PRNGKeyArray,
        x: Features,
        y: Targets,
        *,
        max_iter: int = 100,
        n_init: int = 1,
    ) -> tuple["KMeansProbe", KMeansResult]:
        """Clusters `x`, and counts the classes in each cluster.

        **Arguments:**

        - `key`: decides the centres to start from (Arthur and Vassilvitskii, 2007).
        - `x`, `y`: representations and classes; see [`ngcx.analysis.AbstractProbe`][].
        - `max_iter`: how many times the centres move at most.
        - `n_init`: how many starts, of which the one of the smallest inertia counts.

        **Returns:** the fitted probe, and a [`ngcx.analysis.KMeansResult`][].

        **Raises:** `ValueError` for targets that do not fit `x`, for fewer samples than
        clusters, and for numbers below 1.
        """
        check_count("max_iter", max_iter)
        outputs = check_data("classification", self.num_classes, x, y)
        centers, frequencies, result = _fit(
            key, x, y, self.num_clusters, outputs, jnp.asarray(max_iter), n_init
        )
        fitted = dataclasses.replace(self, centers=centers, frequencies=frequencies)
        return fitted, result

    @compiled
    def clusters(self, x: Features) -> Int[Array, " samples"]:
        """The nearest centre of every row; arguments and errors as those of a call."""
        check_fitted(self.centers is not None, self)
        x = flattened(widened(jnp.asarray(x)))
        check_features(self.centers.shape[-1], x)
        return nearest(x, widened(self.centers), 1, 2)[1][:, 0]

    @compiled
    def __call__(self, x: Features) -> Float[Array, "samples outputs"]:
        """The frequencies of the classes in the cluster of every row.

        **Arguments:**

        - `x`: representations, as those of the fit.

        **Returns:** an array in the dtype of `x`.

        **Raises:** `ValueError` if the probe is not fitted, or `x` has other features.
        """
        return self.frequencies[self.clusters(x)].astype(x.dtype)

    @compiled
    def predict(self, x: Features) -> Int[Array, " samples"]:
        """The most frequent class in the cluster of every row, the lowest of several.

        Arguments and errors as those of a call.
        """
        return likeliest(self.frequencies[self.clusters(x)])

    @compiled
    def score(self, x: Features, y: Targets) -> Float[Array, ""]:
        """The adjusted Rand index of classes and clusters."""
        return adjusted_rand_index(classes(jnp.asarray(y)), self.clusters(x))


@eqx.filter_jit
def _fit(key, x, y, num_clusters, outputs, max_iter, n_init):
    x = flattened(jnp.asarray(x))
    centers, labels, inertia = kmeans(
        key, x, num_clusters, max_iter=max_iter, n_init=n_init
    )
    rows = as_rows(y, outputs, widened(x).dtype)
    counts = jax.ops.segment_sum(rows, labels, num_clusters)
    size = jnp.sum(counts, -1, keepdims=True)
    counts = jnp.where(size > 0, counts, jnp.sum(rows, 0, keepdims=True))
    frequencies = counts / jnp.sum(counts, -1, keepdims=True)
    score = adjusted_rand_index(classes(y), labels)
    return centers, frequencies, KMeansResult(score, inertia)
