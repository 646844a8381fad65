"""k-means: where mixtures start, and what a probe clusters with."""

import math

import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, Int, PRNGKeyArray

from ._compiled import compiled
from ._numerics import power_of_two, ratio, widened
from ._trees import varying
from ._typing import Count, NonNegative, Scalar


@compiled(static=("num_clusters",))
def kmeans_plus_plus(
    key: PRNGKeyArray,
    x: Float[Array, "rows features"],
    num_clusters: Count,
    weight: Float[Array, " rows"] | None = None,
) -> Int[Array, " clusters"]:
    """Draws rows to start from, each with a probability proportional to its squared
    distance from those before (Arthur and Vassilvitskii, 2007). Each time
    2 + ln k candidates are drawn so, without replacement, and the one is taken that
    leaves the smallest sum of these distances.

    **Arguments:**

    - `key`: decides the draws.
    - `x`: the data.
    - `num_clusters`: how many rows to draw, at most as many as there are.
    - `weight`: how much each row counts, 0 or more. A row of weight 0 is never drawn.

    **Returns:** the indices of the rows.

    **Raises:** `ValueError` for more clusters than rows.
    """
    _check_number(num_clusters, x)
    return _plus_plus(key, _Frame(x, weight), num_clusters)


@compiled(static=("num_clusters", "n_init"))
def kmeans(
    key: PRNGKeyArray,
    x: Float[Array, "rows features"],
    num_clusters: Count,
    *,
    max_iter: NonNegative[int | Int[Array, ""]] = 100,
    tol: Scalar = 1e-4,
    n_init: Count = 1,
    weight: Float[Array, " rows"] | None = None,
) -> tuple[Float[Array, "clusters features"], Int[Array, " rows"], Float[Array, ""]]:
    """Lloyd's algorithm from a start of `kmeans_plus_plus`, in one compiled loop.

    A cluster that no row belongs to starts again at the row farthest from its centre.

    **Arguments:**

    - `key`: decides the starts.
    - `x`: the data.
    - `num_clusters`: at most the number of rows.
    - `max_iter`: how many times the centres move at most.
    - `tol`: how far they move in the last iteration: the sum of the squared distances,
        relative to the mean variance of the features.
    - `n_init`: how many starts, of which the one of the smallest inertia is returned.
    - `weight`: how much each row counts, 0 or more.

    **Returns:** the centres; the index of the nearest one for each row; and the
    inertia, the weighted sum of the squared distances between the two.

    **Raises:** `ValueError` for more clusters than rows.
    """
    _check_number(num_clusters, x)
    frame = _Frame(x, weight)
    rows, weights = frame.rows, frame.weight
    variance = jnp.mean(weights @ jnp.square(rows)) / frame.total
    limit = jnp.asarray(tol, rows.dtype) * variance

    def squared_distance(centers, labels):
        return jnp.sum(jnp.square(rows - centers[labels]), -1)

    def farthest(centers, labels, empty):
        """The farthest row for the first empty cluster, the next one for the second."""
        distance = jnp.where(weights > 0, squared_distance(centers, labels), -1)
        order = jax.lax.top_k(distance, num_clusters)[1]
        return rows[order[jnp.cumsum(empty) - 1]]

    def move(carry):
        centers, _, iteration = carry
        labels = _nearest(rows, centers)
        member = jax.nn.one_hot(labels, num_clusters, dtype=rows.dtype)
        size = weights @ member
        empty = size == 0
        means = ratio((member * weights[:, None]).T @ rows, size[:, None])
        moved = jax.lax.cond(
            jnp.any(empty),
            lambda: jnp.where(empty[:, None], farthest(centers, labels, empty), means),
            lambda: varying(means, centers),
        )
        return moved, jnp.sum(jnp.square(moved - centers)), iteration + 1

    def run(key):
        start = varying(rows[_plus_plus(key, frame, num_clusters)], weights)
        centers, _, _ = jax.lax.while_loop(
            lambda carry: (carry[1] > limit) & (carry[2] < max_iter),
            move,
            (start, varying(jnp.asarray(jnp.inf, start.dtype), start), 0),
        )
        return centers, weights @ squared_distance(centers, _nearest(rows, centers))

    # One after the other: side by side, each would wait for the slowest.
    centers, inertia = jax.lax.map(run, jr.split(key, n_init))
    best = jnp.argmin(inertia)
    # Rows of weight 0 have labels too.
    labels, distance = _exactly_nearest(frame.place(x), centers[best])
    inertia = weights @ jnp.where(weights > 0, distance, 0)
    # The unit may be infinite, of which nothing is 0.
    inertia = jnp.where(inertia == 0, 0, inertia * frame.unit * frame.unit)
    return (
        frame.restore(centers[best]).astype(x.dtype),
        labels,
        inertia.astype(x.dtype),
    )


class _Frame:
    """The data centred and scaled, so that no square over- or underflows, and little
    cancels where squared distances are expanded.

    Rows of weight 0 count nowhere.
    """

    def __init__(self, x, weight):
        x = widened(x)
        ones = jnp.ones(x.shape[:1], x.dtype)
        self.weight = ones if weight is None else weight.astype(x.dtype)
        self.total = jnp.maximum(jnp.sum(self.weight), jnp.finfo(x.dtype).tiny)
        kept = self.weight[:, None] > 0
        self.outer = power_of_two(jnp.max(jnp.abs(jnp.where(kept, x, 0))))
        shrunk = x * self.outer
        self.center = self.weight[None] @ jnp.where(kept, shrunk, 0) / self.total
        distances = jnp.where(kept, shrunk - self.center, 0)
        self.inner = power_of_two(jnp.max(jnp.abs(distances)))
        self.rows = jnp.where(kept, self.place(x), 0)
        self.unit = 1 / self.outer / self.inner

    def place(self, x):
        return (widened(x) * self.outer - self.center) * self.inner

    def restore(self, centers):
        return (centers / self.inner + self.center) / self.outer


def _plus_plus(key, frame, num_clusters):
    """The indices of the rows that are drawn."""
    by_feature, log_weight = frame.rows.T, jnp.log(frame.weight)
    candidates = min(2 + int(math.log(num_clusters)), by_feature.shape[1])

    def draw(i, carry):
        chosen, distance = carry
        # Where every row has been drawn, up to duplicates, any of them will do.
        spread = jnp.any((distance > 0) & (frame.weight > 0))
        log_probability = log_weight + jnp.where(spread, jnp.log(distance), 0)
        # Those with the largest sums are drawn without replacement.
        noise = jr.gumbel(jr.fold_in(key, i), distance.shape, distance.dtype)
        scores, drawn = jax.lax.top_k(log_probability + noise, candidates)
        gaps = by_feature[:, None] - by_feature[:, drawn, None]
        remaining = jnp.minimum(distance[None], jnp.sum(jnp.square(gaps), 0))
        left = remaining @ frame.weight
        best = jnp.argmin(jnp.where(scores == -jnp.inf, jnp.inf, left))
        return chosen.at[i].set(drawn[best]), remaining[best]

    # At first, all are as far as can be from nothing.
    far = jnp.full_like(frame.weight, jnp.finfo(by_feature.dtype).max)
    start = varying((jnp.zeros(num_clusters, jnp.int32), far), key, by_feature, far)
    return jax.lax.fori_loop(0, num_clusters, draw, start)[0]


def _nearest(rows, centers):
    # The distance is ‖x − c‖² without ‖x‖², which is the same for all centres.
    distance = jnp.sum(jnp.square(centers), -1)[None] - 2 * (rows @ centers.T)
    return jnp.argmin(distance, -1)


def _exactly_nearest(rows, centers):
    """The nearest centre of each row, and its squared distance; by differences, which
    do not cancel where centres are close together, and take longer than a product.
    """

    def compare(nearest, indexed):
        label, distance = nearest
        index, center = indexed
        new = jnp.sum(jnp.square(rows - center[None]), -1)
        closer = new < distance
        label = jnp.where(closer, index, label)
        return (label, jnp.where(closer, new, distance)), None

    start = jnp.zeros(len(rows), int), jnp.full(len(rows), jnp.inf, rows.dtype)
    start = varying(start, rows, centers)
    return jax.lax.scan(compare, start, (jnp.arange(len(centers)), centers))[0]


def _check_number(num_clusters, x):
    if num_clusters > len(x):
        raise ValueError(
            f"`num_clusters` must be at most the number of rows, {len(x)}; got "
            f"{num_clusters}."
        )
