"""Functions that stay finite, as do their derivatives, where the plain ones do not."""

from typing import Any

import jax
import jax.numpy as jnp
from jax.lax import stop_gradient

from ..ops._numbers import divided


def magnitude(x):
    # As jnp.abs, whose derivative at 0 is 1 instead of 0.
    return x * jnp.sign(x)


def root(x):
    """The square root, with derivative 0 at 0, where it is infinite."""
    return jnp.where(x > 0, jnp.sqrt(jnp.where(x > 0, x, 1)), 0)


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


def log1p(x, dtype):
    """ln(1 + x), of at least the smallest normal number of `dtype`.

    That of XLA is wrong by up to 120 units in the last place of float64.
    """
    total = 1 + x
    whole = floored(total, dtype)
    # What was lost in the sum, to first order.
    lost = stop_gradient((x - (total - 1)) / whole)
    return jnp.log(whole) + lost


@jax.custom_jvp
def log_ratio(x, y):
    """ln(x / y) of positive numbers, to the last place also where they nearly agree."""
    near = magnitude(x - y) < y / 2
    excess = jnp.where(near, x - y, 0) / y
    return jnp.where(near, log1p(excess, x.dtype), jnp.log(x) - jnp.log(y))


@log_ratio.defjvp
def _log_ratio_jvp(primals, tangents):
    # Of a quotient, JAX squares the denominator, which may underflow.
    (x, y), (dx, dy) = primals, tangents
    return log_ratio(x, y), dx / x - dy / y


def rescaled(x, axis: Any = -1):
    """`x` over its largest magnitude along an axis, which keeps its axis; zeros stay.

    With it no square overflows or vanishes. The measure either does not depend on the
    scale or is proportional to it, so that the gradient through the scale is left out.
    """
    largest = stop_gradient(jnp.max(jnp.abs(x), axis, keepdims=True, initial=0))
    silent = largest < jnp.finfo(x.dtype).tiny
    scale = jnp.where(silent, 1, largest)
    return jnp.where(silent, 0, divided(x, scale)), scale
