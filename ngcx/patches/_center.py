import math

import jax.numpy as jnp

from .._precision import wide_dtype


def centered(patches, pixel_axes: int):
    """Each patch without its mean over the last axes, and the means."""
    # Of integers it is a floating number, as for `jnp.mean`.
    inexact = jnp.issubdtype(patches.dtype, jnp.inexact)
    dtype = patches.dtype if inexact else jnp.result_type(float)
    wide = patches.astype(wide_dtype(dtype))
    axes = tuple(range(-pixel_axes, 0))
    size = math.prod(patches.shape[-pixel_axes:])
    # A power of two, so exact; with it no sum of finite values overflows.
    share = 0.5 ** (size - 1).bit_length()
    means = jnp.sum(wide * share, axes, keepdims=True) / (size * share)
    return (wide - means).astype(dtype), jnp.squeeze(means, axes).astype(dtype)
