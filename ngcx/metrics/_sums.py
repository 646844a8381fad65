"""What a metric of many batches follows from: sums over the batches.

A metric that is no mean of its scores says so where it is defined, by `follows_from`.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import equinox as eqx
import jax.numpy as jnp
import jax.tree_util as jtu
from jaxtyping import Array, PyTree

from .._numerics import wide_dtype, widened


F = TypeVar("F", bound=Callable[..., Any])


class Sums(NamedTuple):
    """The sums that a metric follows from; `dtype` is that of its result."""

    zeros: Callable[..., PyTree[Array]]
    """`zeros(dtype, **options)` makes the sums of no batch."""
    of_batch: Callable[..., PyTree[Array]]
    """`of_batch(dtype, *batch, **options)` makes those of one."""
    result: Callable[[PyTree[Array], Any], PyTree[Array]]
    """`result(sums, dtype)` is what follows."""


def follows_from(sums: Callable[[Callable], Sums]) -> Callable[[F], F]:
    """Lets a metric state its sums: `sums(metric)`, also for a partial one."""

    def stated(metric: F) -> F:
        metric.sums = sums  # pyright: ignore[reportFunctionMemberAccess]
        return metric

    return stated


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
        return jnp.zeros((), wide_dtype(dtype)), jnp.zeros((), int)

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
        return jnp.sum(terms), jnp.asarray(count, int)

    def result(sums, dtype):
        total, count = sums
        mean = total / jnp.maximum(count, 1).astype(total.dtype)
        return mean_to_result(mean).astype(dtype)

    return Sums(zeros, of_batch, result)


def _widened(leaf):
    return widened(leaf) if eqx.is_inexact_array(leaf) else leaf
