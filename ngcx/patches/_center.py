import math

import jax.numpy as jnp

from .._precision import wide_dtype


def centered(patches, pixel_axes: int):
    """Each patch without its mean over the last axes, and the means."""
    # Of integers it is a floating number, as for `jnp.mean`.
    inexact = jnp.issubdtype(patches.dtype, jnp.inexact)
    dtype = patches.dtype if inexact else jnp.result_type(float)
    wide = patches.astype(wide_dtype(dtype))
    size = math.prod(patches.shape[patches.ndim - pixel_axes :])
    # A power of two, so exact; with it no sum of finite values overflows.
    share = 0.5 ** (size - 1).bit_length()
    # As a product, whose sums XLA vectorises: two thirds of the time of `jnp.sum`.
    rows = wide.reshape(*patches.shape[: patches.ndim - pixel_axes], size)
    shares = jnp.full(size, share, wide.dtype)
    means = jnp.matmul(rows, shares, precision="highest") / (size * share)
    centered = wide - jnp.expand_dims(means, range(-pixel_axes, 0))
    return centered.astype(dtype), means.astype(dtype)
