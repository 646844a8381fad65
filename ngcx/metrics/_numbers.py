"""Functions that stay finite, as do their derivatives, where the plain ones do not."""

from typing import Any

import jax
import jax.numpy as jnp
from jax.lax import stop_gradient

from ..ops._numbers import divided, magnitude as magnitude, root as root


def ratio(x, y):
    """`x / y`, and 0 for `y` of 0."""
    return jnp.where(y != 0, x / jnp.where(y != 0, y, 1), 0)


def floored(probability, dtype):
    """At least the smallest normal number of `dtype`.

    The derivative is 1 below it too, or the worst prediction would learn nothing.
    """
    floor = jnp.asarray(jnp.finfo(dtype).tiny, probability.dtype)
    lifted = floor + (probability - stop_gradient(probability))
    return jnp.where(probability < floor, lifted, probability)


@jax.custom_jvp
def _slope(weight, x):
    """`weight / x` of a positive `x`, and 0 for a weight of 0.

    Of a quotient, JAX squares the denominator, which may underflow.
    """
    return weight / x


@_slope.defjvp
def _slope_jvp(primals, tangents):
    (weight, x), (dweight, dx) = primals, tangents
    slope = _slope(weight, x)
    return slope, (dweight - slope * dx) * _slope(jnp.ones_like(x), x)


@jax.custom_jvp
def weighted_log(weight, x):
    """`weight * ln(x)` of a positive `x`, with derivatives in `x` that are 0 without
    weight, the second too, however small `x` is.
    """
    return weight * jnp.log(x)


@weighted_log.defjvp
def _weighted_log_jvp(primals, tangents):
    (weight, x), (dweight, dx) = primals, tangents
    logarithm = weighted_log(jnp.ones_like(x), x)
    return weighted_log(weight, x), dweight * logarithm + _slope(weight, x) * dx


@jax.custom_jvp
def weighted_log_ratio(weight, x, y):
    """`weight * ln(x / y)` of positive numbers, likewise."""
    return weight * log_ratio(x, y)


@weighted_log_ratio.defjvp
def _weighted_log_ratio_jvp(primals, tangents):
    (weight, x, y), (dweight, dx, dy) = primals, tangents
    logarithm = weighted_log_ratio(jnp.ones_like(x), x, y)
    slopes = _slope(weight, x) * dx - _slope(weight, y) * dy
    return weighted_log_ratio(weight, x, y), dweight * logarithm + slopes


def weighted_log1p(weight, x, dtype):
    """`weight * ln(1 + x)`, of at least the smallest normal number of `dtype`.

    That of XLA is wrong by up to 120 units in the last place of float64.
    """
    total = 1 + x
    whole = floored(total, dtype)
    # What was lost in the sum, to first order.
    lost = stop_gradient((x - (total - 1)) / whole)
    return weighted_log(weight, whole) + weight * lost


def log_ratio(x, y):
    """ln(x / y) of positive numbers, to the last place also where they nearly agree."""
    near = magnitude(x - y) < y / 2
    excess = jnp.where(near, x - y, 0) / y
    nearby = weighted_log1p(jnp.ones_like(y), excess, x.dtype)
    return jnp.where(near, nearby, jnp.log(x) - jnp.log(y))


def rescaled(x, axis: Any = -1):
    """`x` over its largest magnitude along an axis, which keeps its axis; zeros stay.

    With it no square overflows or vanishes. The measure either does not depend on the
    scale or is proportional to it, so that the gradient through the scale is left out.
    """
    largest = stop_gradient(jnp.max(jnp.abs(x), axis, keepdims=True, initial=0))
    silent = largest < jnp.finfo(x.dtype).tiny
    scale = jnp.where(silent, 1, largest)
    return jnp.where(silent, 0, divided(x, scale)), scale
