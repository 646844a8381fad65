"""What the activations of whole rows share."""

import math

import jax.numpy as jnp


# A tuple of integers: to check an item, beartype would draw a random number, of which
# hypothesis warns.
Axes = int | tuple


def one_axis(x, where, axis: Axes):
    """`x`, `where` and the axis, which is the last if several are made one."""
    if isinstance(axis, int):
        return x, where, axis
    if len({each % x.ndim for each in axis}) < len(axis):
        raise ValueError(f"`axis` must be different axes; got {axis}.")

    def flat(a):
        a = jnp.moveaxis(a, axis, range(-len(axis), 0))
        batch, sizes = a.shape[: -len(axis)], a.shape[-len(axis) :]
        return a.reshape(*batch, math.prod(sizes))

    return (
        flat(x),
        None if where is None else flat(jnp.broadcast_to(where, x.shape)),
        -1,
    )


def as_before(y, x, axis: Axes):
    """`y`, of one axis, with the axes of `x`."""
    if isinstance(axis, int):
        return y
    last = range(-len(axis), 0)
    return jnp.moveaxis(y.reshape(jnp.moveaxis(x, axis, last).shape), last, axis)


def masked(x, where, axis):
    """`x` with -inf for what does not count, and all of `where`.

    A row of which nothing counts is 0, so that what is made of it is finite.
    """
    if where is None:
        return x, None
    where = jnp.broadcast_to(where, x.shape)
    some = jnp.any(where, axis, keepdims=True)
    return jnp.where(where, x, jnp.where(some, -jnp.inf, 0)), where


def kept(y, where, otherwise=0.0):
    """`y` where it counts."""
    return y if where is None else jnp.where(where, y, otherwise)


def identity_like(p):
    """The identity matrix over the last axis of `p`, of shape `(1, ..., 1, D, D)`."""
    eye = jnp.eye(p.shape[-1], dtype=p.dtype)
    return eye.reshape((1,) * (p.ndim - 1) + eye.shape)


def sum_of_others(p):
    """`1 - p` for a distribution `p` along the last axis.

    The difference would cancel for a clear winner.
    """
    return jnp.sum(p[..., None, :] * (1 - identity_like(p)), axis=-1)
