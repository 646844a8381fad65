"""The nearest of many references to each query, exactly, a block of queries at a time.

Euclidean neighbours are chosen by |q - r|^2 = |q|^2 + |r|^2 - 2 q.r, one matrix
product. That cancels where rows are close to one another and far from the origin, so
what is compared is a lower bound, smaller by all that rounding may have added. Some
more candidates are taken than are needed, and measured by their differences; if the
last of them is not certain to be farther away than the neighbours found, all references
are measured so.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np
from jax.lax import stop_gradient
from jaxtyping import Array, Float, Int

from .._numerics import divided, power_of_two, rectified_power, root
from .._trees import varying


_SPARE = 4  # candidates beyond k, so that the test rarely fails
_ENTRIES = 1 << 22  # of distances at once, which stay in the cache
_FEW = 128  # values of which taking the smallest, again and again, beats sorting
_TURNS = 64  # up to which taking them in turns beats sorting any number of values
_TAKEN = np.int32(np.iinfo(np.int32).max)  # beyond all places


def nearest(
    queries: Float[Array, "queries features"],
    references: Float[Array, "references features"],
    k: int,
    p: float | int,
) -> tuple[Float[Array, "queries k"], Int[Array, "queries k"]]:
    """Minkowski distances of order `p` (ascending) and indices of the `k` nearest.

    Equal distances are in the order of their indices. A query that is not finite, or
    any among references that are not, has distances of NaN, and the number of
    references for its indices.
    """
    dtype = np.promote_types(queries.dtype, references.dtype)
    queries, references = queries.astype(dtype), references.astype(dtype)
    if len(queries) == 0:
        return jnp.zeros((0, k), dtype), jnp.zeros((0, k), jnp.int32)
    # A power of 2 fills the vectors of the processor.
    size = 2 ** int(math.log2(max(16, min(256, _ENTRIES / len(references)))))
    size = min(len(queries), size)
    # The last block begins early enough to be full, and some rows are found twice.
    starts = jnp.minimum(jnp.arange(0, len(queries), size), len(queries) - size)
    search = (_by_expansion if p == 2 else _by_differences)(references, k, p)
    distances, indices = jax.lax.map(
        lambda start: search(jax.lax.dynamic_slice_in_dim(queries, start, size)), starts
    )
    rows = starts[:, None] + jnp.arange(size)[None]
    # This is explicit, because minima need not pass a NaN on.
    finite = jnp.all(jnp.isfinite(references)) & jnp.all(jnp.isfinite(queries), -1)

    def unblocked(blocks, otherwise):
        by_row = jnp.swapaxes(blocks, 1, 2)
        found = jnp.zeros((len(queries), k), blocks.dtype).at[rows].set(by_row)
        return jnp.where(finite[:, None], found, otherwise)

    return unblocked(distances, jnp.nan), unblocked(indices, len(references))


def _by_differences(references, k, p):
    by_feature = references.T[..., None]
    return lambda queries: smallest(_distances(queries, by_feature, p), k)


def _distances(queries, by_feature, p):
    """The distance of each reference, of shape (features, references, 1), from each
    query.
    """

    def over_features(step):
        # All pairs take one feature after the other, because XLA does not vectorise
        # sums over the last axis.
        def add(total, feature):
            query, reference = feature
            return step(total, _gap(query[None], reference)), None

        start = jnp.zeros((by_feature.shape[1], len(queries)), queries.dtype)
        start = varying(start, queries, by_feature)
        return jax.lax.scan(add, start, (queries.T, by_feature))[0]

    if p == 1:
        return over_features(jnp.add)
    largest = over_features(jnp.maximum)
    if p == math.inf:
        return largest
    scale = _scale(largest)
    order = int(p) if p == int(p) else p  # an integer power is a product
    total = over_features(lambda total, gap: total + divided(gap, scale) ** order)
    # A query that is a reference is at 0, where the root has an infinite derivative.
    return scale * (root(total) if p == 2 else rectified_power(total, 1 / p))


def _gap(a, b):
    """|a - b|, or the largest number where that overflows: it has finite shares."""
    return jnp.minimum(jnp.abs(a - b), jnp.finfo(a.dtype).max)


def _scale(largest):
    """The largest gap, or a tiny number for 0. Relative to it no power overflows, and
    one that vanishes does not count.

    This is `rescaled`, but a twentieth of a search faster. The distance is proportional
    to it, so that the gradient through it is left out.
    """
    return stop_gradient(jnp.maximum(largest, jnp.finfo(largest.dtype).tiny))


def _by_expansion(references, k, p):
    count, features = references.shape
    candidates = min(k + _SPARE, count)
    exactly = _by_differences(references, k, p)
    if candidates == count:
        return exactly
    center = jnp.mean(references, 0, keepdims=True)
    # No square of what is less than 1 overflows.
    unit = power_of_two(jnp.max(jnp.abs(references - center)))

    # The errors of n terms add up to n eps / 2 of |q|^2 + |r|^2 + 2 |q| |r| at most,
    # and to 8 sqrt(n) eps / 2 with a probability above 1 - e^-30 (Higham and Mary,
    # 2019); that sum is at most twice |q|^2 + |r|^2.
    terms = features + 4
    slack = min(terms, 8 * math.sqrt(terms)) * float(jnp.finfo(references.dtype).eps)

    def place(rows):
        rows = (rows - center) * unit
        return rows, (1 - slack) * jnp.sum(jnp.square(rows), -1, keepdims=True)

    # The product of [r, |r|^2] and [-2 q, 1] needs no further pass.
    placed = jnp.concatenate(place(references), -1)

    def search(queries):
        rows, own_length = place(queries)
        rows = jnp.concatenate([-2 * rows, jnp.ones_like(own_length)], -1)
        products = jnp.matmul(placed, rows.T, precision="highest")
        bounds, chosen = smallest(products, candidates)
        chosen = jnp.sort(chosen, 0)  # so that equal distances are ordered by index
        gaps = _gap(references[chosen], queries[None])
        scale = _scale(jnp.max(gaps, -1))
        relative = divided(gaps, scale[..., None])
        distances = scale * root(jnp.sum(jnp.square(relative), -1))
        distances, at = smallest(distances, k)
        found = distances, jnp.take_along_axis(chosen, at, 0)
        # This is false for NaN, which the product is where a query is too far away.
        farthest = (1 + slack) * jnp.square(found[0][-1] * unit)
        certain = jnp.all(farthest < bounds[-1] + own_length[:, 0])
        return jax.lax.cond(certain, lambda: found, lambda: exactly(queries))

    return search


def smallest(
    values: Float[Array, "number columns"], k: int
) -> tuple[Float[Array, "k columns"], Int[Array, "k columns"]]:
    """The `k` smallest of each column, ascending, and where they are.

    Equal values stay in their order.
    """
    number, known = len(values), stop_gradient(values)
    if k > max(_TURNS, math.sqrt(number)):
        places = jax.lax.top_k(-known.T, k)[1].T  # it keeps the order of equal values
    elif number <= _FEW:
        places = _in_rounds(known, k)
    else:
        places = _in_turns(known, k)
    return jnp.take_along_axis(values, places, 0), places


def _in_rounds(values, k):
    """Where the smallest are. All values are looked at to find the next."""

    def take(places, _):
        value = jnp.min(values, 0, initial=jnp.inf, where=places != _TAKEN)
        place = jnp.min(places, 0, initial=_TAKEN, where=values == value[None])
        return jnp.where(places == place[None], _TAKEN, places), place

    places = varying(_iota(values.shape), values)
    return jax.lax.scan(take, places, None, k)[1]


def _in_turns(values, k):
    """Where the smallest are. The next is the head of a group, and only its group is
    looked through for a new head.
    """
    number, columns = values.shape
    # To read from a group costs more than to compare heads.
    size = 2 ** round(math.log2(number) / 2 - 1)
    padded = jnp.pad(values, ((0, -number % size), (0, 0)), constant_values=jnp.inf)
    groups = padded.reshape(-1, size, columns)
    heads = jnp.min(groups, 1)
    index, within = _iota(heads.shape), _iota(groups.shape[1:])

    def turn(carry, _):
        heads, before, taken = carry
        # A group of which all are taken has NaN for a head.
        value = jnp.min(heads, 0, initial=jnp.inf, where=~jnp.isnan(heads))
        group = jnp.min(index, 0, initial=_TAKEN, where=heads == value[None])
        members = jnp.take_along_axis(groups, group[None, None], 0, mode="clip")[0]
        places, same = group[None] * size + within, members == value[None]
        later = (value > before)[None] | (places > taken[None])
        place = jnp.min(places, 0, initial=_TAKEN, where=same & later)
        rest = (members > value[None]) | (same & (places > place[None]))
        head = jnp.min(members, 0, initial=jnp.inf, where=rest)
        head = jnp.where(jnp.any(rest, 0), head, jnp.nan)
        heads = jnp.where(index == group[None], head[None], heads)
        return (heads, value, place), place

    start = (
        heads,
        jnp.full(columns, -jnp.inf, heads.dtype),
        jnp.full(columns, -1, jnp.int32),
    )
    return jax.lax.scan(turn, varying(start, values), None, k)[1]


def _iota(shape):
    return jax.lax.broadcasted_iota(jnp.int32, shape, 0)
