"""Functions that stay finite, as do their derivatives, where the plain ones do not."""

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


def log_ratio(x, y):
    """ln(x / y) of positive numbers, to the last place also where they nearly agree."""
    near = magnitude(x - y) < y / 2
    # Each branch gets an input at which its derivative is finite.
    excess = jnp.where(near, x - y, 0) / jnp.where(near, y, 1)
    far = jnp.log(jnp.where(near, 1, x)) - jnp.log(jnp.where(near, 1, y))
    return jnp.where(near, jnp.log1p(excess), far)


def rescaled(x, axis=-1):
    """`x` over its largest magnitude along an axis, which keeps its axis; zeros stay.

    With it no square overflows or vanishes. The measure either does not depend on the
    scale or is proportional to it, so that the gradient through the scale is left out.
    """
    largest = stop_gradient(jnp.max(jnp.abs(x), axis, keepdims=True, initial=0))
    silent = largest < jnp.finfo(x.dtype).tiny
    scale = jnp.where(silent, 1, largest)
    return jnp.where(silent, 0, divided(x, scale)), scale
