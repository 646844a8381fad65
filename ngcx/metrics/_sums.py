"""What a metric of many batches follows from: sums over the batches.

A metric that is no mean of its scores says so where it is defined, by `follows_from`.
A sum is kept in two numbers, because one of 32 bits soon is full.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import equinox as eqx
import jax.numpy as jnp
import jax.tree_util as jtu
import numpy as np
from jaxtyping import Array, PyTree

from .._numerics import wide_dtype, widened


F = TypeVar("F", bound=Callable[..., Any])
_BITS = 22  # of the low word, so that those of 1,000 devices add up
_FULL = np.uint32(2**32 - 1)


class Total(NamedTuple):
    """A sum in two numbers. Of floats, the low one is what the high one has lost. Of
    integers, they are two words of 54 bits together; the highest one means "or more".
    """

    high: Array
    low: Array

    @classmethod
    def of(cls, x: Array) -> "Total":
        if jnp.issubdtype(x.dtype, jnp.floating):
            return cls(x, jnp.zeros_like(x))
        words = x >> _BITS, x & (2**_BITS - 1)
        return cls(*(word.astype(jnp.uint32) for word in words))

    @classmethod
    def split(cls, x: Array, dtype: Any) -> "Total":
        """A float of 64 bits, in two numbers of the dtype."""
        high = x.astype(dtype)
        return cls(high, (x - high.astype(x.dtype)).astype(dtype))

    @property
    def is_count(self) -> bool:
        return jnp.issubdtype(self.high.dtype, jnp.integer)

    def plus(self, other: "Total") -> "Total":
        low, high = self.low + other.low, self.high + other.high
        if self.is_count:
            high = high + (low >> _BITS)
            full = (high < self.high) | (high < other.high)
            high = jnp.where(full, _FULL, high)
            return Total(high, low & (2**_BITS - 1))
        # What a sum of two has lost is known exactly (Knuth, 1969).
        part = high - self.high
        lost = (self.high - (high - part)) + (other.high - part)
        # That would be NaN of an infinite sum.
        lost = jnp.where(jnp.isfinite(high), lost + low, 0)
        total = high + lost
        return Total(total, jnp.where(jnp.isfinite(total), lost - (total - high), 0))

    def rounded(self, dtype: Any) -> Array:
        """The sum as a float; NaN of a count that has not been kept."""
        if not self.is_count:
            return self.high + self.low
        whole = self.high.astype(dtype) * 2**_BITS + self.low.astype(dtype)
        return jnp.where(self.high == _FULL, jnp.nan, whole)

    def counted(self) -> Array:
        """The sum as an integer, or the largest one if it is larger."""
        largest = jnp.iinfo(jnp.result_type(int)).max
        fits = self.high <= np.uint32(min(largest >> _BITS, _FULL))
        high = jnp.where(fits, self.high, 0).astype(int)
        return jnp.where(fits, (high << _BITS) + self.low.astype(int), largest)


def _is_total(node) -> bool:
    return isinstance(node, Total)


def totals_of(sums: PyTree[Array | Total]) -> PyTree[Total]:
    return jtu.tree_map(
        lambda x: x if _is_total(x) else Total.of(x), sums, is_leaf=_is_total
    )


def added(one: PyTree[Total], other: PyTree[Total]) -> PyTree[Total]:
    return jtu.tree_map(Total.plus, one, other, is_leaf=_is_total)


class Sums(NamedTuple):
    """The sums that a metric follows from; `dtype` is that of its result.

    **Attributes:**

    - `zeros`: `zeros(dtype, **options)` makes the sums of no batch.
    - `of_batch`: `of_batch(dtype, *batch, **options)` makes those of one.
    - `result`: `result(totals, dtype)` is what follows.
    - `plus`: `plus(totals, totals)` merges those of two parts.
    """

    zeros: Callable[..., PyTree[Array]]
    of_batch: Callable[..., PyTree[Array | Total]]
    result: Callable[[PyTree[Total], Any], PyTree[Array]]
    plus: Callable[[PyTree[Total], PyTree[Total]], PyTree[Total]] = added


def follows_from(sums: Callable[[Callable], Sums]) -> Callable[[F], F]:
    """Lets a metric state its sums: `sums(metric)`, also for a partial one."""

    def stated(metric: F) -> F:
        metric.sums = sums  # pyright: ignore[reportFunctionMemberAccess]
        return metric

    return stated


def no_sums(metric: Callable) -> Sums:
    """A metric that needs all samples at once."""
    name = getattr(metric, "func", metric).__name__
    raise ValueError(
        f"`{name}` is not a mean of scores; call it on all samples together instead of "
        "streaming it."
    )


def sums_of(metric: Callable) -> Sums:
    """The sums of a metric: those that it states, or else those of a mean."""
    stated = getattr(metric, "func", metric)  # what a `functools.partial` calls
    return getattr(stated, "sums", mean_of_scores)(metric)


def mean_of_scores(
    metric: Callable,
    *,
    own_dtype: bool = False,
    scores_to_terms: Callable[[Array], Array] = lambda scores: scores,
    mean_to_result: Callable[[Array], Array] = lambda mean: mean,
) -> Sums:
    """A metric that follows from the mean of terms, one a score, over all batches.

    Half precisions are scored in float32, unless the metric needs its own dtype.
    """

    def zeros(dtype, **options):
        return scores_to_terms(jnp.zeros((), wide_dtype(dtype))), jnp.zeros((), int)

    def of_batch(dtype, *batch, **options):
        if not own_dtype:
            batch, options = jtu.tree_map(_widened, (batch, options))
        scores = metric(*batch, reduction="none", **options)
        where = options.get("where")
        if where is None:
            count = scores.size
        elif where.shape == scores.shape:
            count = jnp.sum(where, dtype=int)
        else:
            raise ValueError(
                f"`where` must have the shape of the scores, {scores.shape}, to be "
                f"streamed; got {where.shape}."
            )
        terms = scores_to_terms(scores.astype(wide_dtype(dtype)))
        return jnp.sum(terms, dtype=terms.dtype), jnp.asarray(count, int)

    def result(totals, dtype):
        total, count = (each.rounded(wide_dtype(dtype)) for each in totals)
        return mean_to_result(total / jnp.maximum(count, 1)).astype(dtype)

    return Sums(zeros, of_batch, result)


def _widened(leaf):
    return widened(leaf) if eqx.is_inexact_array(leaf) else leaf
