"""The nearest of many references to each query, exactly, a block of queries at a time.

Euclidean neighbours are chosen by |q - r|^2 = |q|^2 + |r|^2 - 2 q.r, one matrix
product. That cancels where rows are close to one another and far from the origin, so
what is compared is a lower bound, smaller by all that rounding may have added. Some
more candidates are taken than are needed, and measured by their differences; if the
last of them is not certain to be farther away than the neighbours found, so are all
references.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int


_SPARE = 4  # candidates beyond k, so that the test rarely fails
_ENTRIES = 1 << 20  # of distances at once, which stay in the cache
_GROUP = 64  # distances of which the smallest is found first


def nearest(
    queries: Float[Array, "queries features"],
    references: Float[Array, "references features"],
    k: int,
    p: float | int,
) -> tuple[Float[Array, "queries k"], Int[Array, "queries k"]]:
    """Minkowski distances of order `p` (ascending) and indices of the `k` nearest.

    Of equal distances, the lower index comes first.
    """
    dtype = np.promote_types(queries.dtype, references.dtype)
    queries, references = queries.astype(dtype), references.astype(dtype)
    if len(queries) == 0:
        return jnp.zeros((0, k), dtype), jnp.zeros((0, k), jnp.int32)
    find = _by_expansion if p == 2 else _by_differences
    size = min(len(queries), max(16, min(256, _ENTRIES // len(references))))
    # The last block begins early enough to be full, and some rows are found twice.
    starts = jnp.minimum(jnp.arange(0, len(queries), size), len(queries) - size)
    search = find(references, k, p)
    distances, indices = jax.lax.map(
        lambda start: search(jax.lax.dynamic_slice_in_dim(queries, start, size)), starts
    )
    rows = starts[:, None] + jnp.arange(size)[None]

    def unblocked(blocks):
        return jnp.zeros((len(queries), k), blocks.dtype).at[rows].set(blocks)

    return unblocked(distances), unblocked(indices)


def _by_differences(references, k, p):
    by_feature = references.T[:, None]
    return lambda queries: smallest(_distances(queries, by_feature, p), k)


def _distances(queries, by_feature, p):
    """From each query to each reference, of shape (features, 1, references)."""

    def over_features(step):
        # One feature of all pairs after the other: XLA does not vectorise sums over the
        # last axis.
        def add(total, feature):
            query, reference = feature
            return step(total, jnp.abs(query[:, None] - reference)), None

        start = jnp.zeros((len(queries), by_feature.shape[-1]), queries.dtype)
        return jax.lax.scan(add, start, (queries.T, by_feature))[0]

    if p == 1:
        return over_features(jnp.add)
    largest = over_features(jnp.maximum)
    if p == math.inf:
        return largest
    # Relative to the largest, no power overflows, and what vanishes does not count.
    scale = jnp.where(largest > 0, largest, 1)
    order = int(p) if p == int(p) else p  # an integer power is a product
    total = over_features(lambda total, gap: total + (gap / scale) ** order)
    return largest * (jnp.sqrt(total) if p == 2 else total ** (1 / p))


def _by_expansion(references, k, p):
    count, features = references.shape
    candidates = min(k + _SPARE, count)
    exactly = _by_differences(references, k, p)
    center = jnp.mean(references, 0, keepdims=True)
    largest = jnp.max(jnp.abs(references - center))
    # A power of 2, so that scaling rounds nothing, and no square overflows.
    unit = jnp.ldexp(jnp.ones_like(largest), -jnp.frexp(largest)[1])

    # The errors of n terms add up to n eps / 2 of |q|^2 + |r|^2 + 2 |q| |r| at most,
    # and to 8 sqrt(n) eps / 2 with a probability above 1 - e^-30 (Higham and Mary,
    # 2019); that sum is at most twice |q|^2 + |r|^2.
    terms = features + 4
    slack = min(terms, 8 * math.sqrt(terms)) * float(jnp.finfo(references.dtype).eps)

    def place(rows):
        rows = (rows - center) * unit
        return rows, (1 - slack) * jnp.sum(jnp.square(rows), -1)

    placed, length = place(references)
    # Whole groups; what fills up the last one is never near.
    padding = -count % _GROUP
    placed = jnp.pad(placed, ((0, padding), (0, 0)))
    length = jnp.pad(length, (0, padding), constant_values=jnp.inf)

    def search(queries):
        rows, own_length = place(queries)
        product = jnp.matmul(rows, placed.T, precision="highest")
        bounds, chosen = smallest(length[None] - 2 * product, candidates)
        gaps = jnp.abs(references[chosen] - queries[:, None])
        largest = jnp.max(gaps, -1)
        relative = gaps / jnp.where(largest > 0, largest, 1)[..., None]
        distances = largest * jnp.sqrt(jnp.sum(jnp.square(relative), -1))
        distances, chosen = jax.lax.sort((distances, chosen), num_keys=2)
        found = distances[:, :k], chosen[:, :k]
        if candidates == count:
            return found
        farthest = (1 + slack) * jnp.square(distances[:, k - 1] * unit)
        certain = jnp.all(farthest < bounds[:, -1] + own_length)
        return jax.lax.cond(certain, lambda: found, lambda: exactly(queries))

    return search


def smallest(
    values: Float[Array, "rows columns"], k: int
) -> tuple[Float[Array, "rows k"], Int[Array, "rows k"]]:
    """The `k` smallest of each row, ascending, and where they are; ties by position."""
    padding = -values.shape[1] % _GROUP
    if values.shape[1] + padding <= k * _GROUP:
        return _smallest(values, k)
    padded = jnp.pad(values, ((0, 0), (0, padding)), constant_values=jnp.inf)
    groups = padded.reshape(len(values), -1, _GROUP)
    # They are in the k groups with the smallest minima; those in their order, so that
    # ties still go by position. Minima are fast, and XLA's `top_k` is slow.
    best = jnp.sort(_smallest(jnp.min(groups, -1), k)[1], -1)
    members = jnp.take_along_axis(groups, best[..., None], 1)
    found, at = _smallest(members.reshape(len(values), -1), k)
    group = jnp.take_along_axis(best, at // _GROUP, 1)
    return found, group * _GROUP + at % _GROUP


def _smallest(values, k):
    negative, indices = jax.lax.top_k(-values, k)
    return -negative, indices
