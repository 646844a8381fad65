"""What the activations of whole rows share."""

import jax.numpy as jnp


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
