"""The share of a variance that is predicted, of many batches.

It follows from the mean and the deviation of each feature, and of its errors. A
difference of sums would lose them where the mean is far from 0, and so parts are merged
(Chan, Golub and LeVeque, 1979). All are of quarters, so that differences of differences
do not overflow.
"""

import functools as ft
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.lax import stop_gradient

from .._numerics import mean, ratio, rescaled, root, wide_dtype
from ._sums import Sums, Total


class Moments(NamedTuple):
    """What is known of rows, as totals, or before they are; the first axis is that of
    targets and errors.
    """

    count: Any
    mean: Any
    deviation: Any
    parts: Any  # 1, unless several have been added up, of which nothing follows


def share_of_variance(metric, *, bias: bool) -> Sums:
    """The sums of `1 - errors / variance`, a constant error being one or not."""
    fixed = getattr(metric, "keywords", {})

    def zeros(dtype, **options):
        features = (fixed | options).get("num_features")
        if not isinstance(features, int):
            raise ValueError(
                "`num_features` must be given for a share of variance, as an integer; "
                f"got {features!r}."
            )
        nothing = jnp.zeros((2, features), wide_dtype(dtype))
        return Moments(jnp.zeros((), int), nothing, nothing, jnp.ones((), int))

    return Sums(zeros, _of_batch, ft.partial(_shares, bias=bias), _merged)


def _of_batch(dtype, predictions, targets, *, where=None, num_features):
    if predictions.shape[-1] != num_features or predictions.shape != targets.shape:
        raise ValueError(
            f"`predictions` and `targets` must have {num_features} features; got "
            f"{predictions.shape} and {targets.shape}."
        )
    kept = jnp.ones(targets.shape[:-1], bool) if where is None else where
    count, one = jnp.sum(kept, dtype=int), jnp.ones((), int)
    with jax.enable_x64(True):
        predicted, x = (
            each.astype(float).reshape(-1, num_features) / 4
            for each in (predictions, targets)
        )
        rows = jnp.stack([x, predicted - x])
        kept = jnp.broadcast_to(kept.reshape(1, -1, 1), rows.shape)
        # A constant is that of any row, to the last bit.
        known = stop_gradient(rows)
        near = jnp.max(known, 1, keepdims=True, initial=-jnp.inf, where=kept)
        near = jnp.where(near == -jnp.inf, 0, near)
        offset = mean(rows - near, 1, kept)[:, None]
        centred = jnp.where(kept, (rows - near) - offset, 0)
        unit, scale = rescaled(centred, 1)
        deviation = scale[:, 0] * root(mean(jnp.square(unit), 1, kept))
        centre = Total.split((near + offset)[:, 0], wide_dtype(dtype))
        deviation = Total.split(deviation, wide_dtype(dtype))
    return Moments(count, centre, deviation, one)


def _merged(one: Moments, other: Moments) -> Moments:
    dtype, count = one.mean.high.dtype, one.count.plus(other.count)
    with jax.enable_x64(True):
        centre, between = _wide(one.mean), _wide(other.mean) - _wide(one.mean)
        share = ratio(_wide(other.count), _wide(count))
        three = _wide(one.deviation), _wide(other.deviation), between
        unit, scale = rescaled(jnp.stack(three), 0)
        weights = jnp.stack([1 - share, share, share * (1 - share)])[:, None, None]
        deviation = scale[0] * root(jnp.sum(weights * jnp.square(unit), 0))
        return Moments(
            count,
            Total.split(centre + share * between, dtype),
            Total.split(deviation, dtype),
            Total(*map(jnp.maximum, one.parts, other.parts)),
        )


def _shares(totals: Moments, dtype, *, bias: bool):
    with jax.enable_x64(True):
        (spread, error), (_, constant) = _wide(totals.deviation), _wide(totals.mean)
        error = jnp.hypot(error, constant) if bias else error
        wrong = (error > 0).astype(float)
        # A share of less than -1e300 says no more, and infinite ones have no mean.
        shares = mean(1 - jnp.square(jnp.minimum(ratio(error, spread, wrong), 1e150)))
        shares = jnp.where(_wide(totals.count) == 0, 0, shares)
        return jnp.where(totals.parts.low == 1, shares, jnp.nan).astype(dtype)


def _wide(total: Total):
    if total.is_count:
        return total.rounded(float)
    return total.high.astype(float) + total.low.astype(float)
