import jax.numpy as jnp


def identity_like(p):
    """The identity matrix over the last axis of `p`, of shape `(1, ..., 1, D, D)`."""
    eye = jnp.eye(p.shape[-1], dtype=p.dtype)
    return eye.reshape((1,) * (p.ndim - 1) + eye.shape)


def sum_of_others(p):
    """`1 - p` for a distribution `p` along the last axis.

    The difference would cancel for a clear winner.
    """
    return jnp.sum(p[..., None, :] * (1 - identity_like(p)), axis=-1)
