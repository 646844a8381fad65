import jax.numpy as jnp
from jax.lax import stop_gradient

from .._typing import Parameter


def check_below(name: str, value: Parameter, end: float | int):
    """Refuses a Python number outside of [0, `end`); the value of an array may not be
    known yet.
    """
    if isinstance(value, int | float) and not 0 <= value < end:
        raise ValueError(f"`{name}` must be 0 or more and below {end}; got {value}.")


def magnitude(x):
    # As jnp.abs, whose derivative at 0 is 1 instead of 0.
    return x * jnp.sign(x)


def root(x):
    """The square root, with derivative 0 at 0, where it is infinite."""
    return jnp.where(x == 0, 0, jnp.sqrt(jnp.where(x == 0, 1, x)))


def divided(x, scale):
    """`x / scale` for any normal `scale`, one for many entries.

    XLA multiplies by the reciprocal, which for the largest numbers is subnormal, and
    then flushed to 0.
    """
    shrink = jnp.where(scale > 1, 0.25, 1).astype(x.dtype)
    return (x * shrink) / (scale * shrink)


def shrinking(largest):
    """The power of 2 that makes `largest` less than 1, as a factor that rounds nothing;
    0 is left alone. It has no gradient.
    """
    exponent = jnp.frexp(stop_gradient(largest))[1]
    # Neither the factor nor its reciprocal may be subnormal, and flushed to 0.
    limit = jnp.finfo(largest.dtype).maxexp - 3
    return jnp.ldexp(jnp.ones_like(largest), -jnp.clip(exponent, -limit, limit))
