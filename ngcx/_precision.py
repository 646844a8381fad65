"""Half precisions are computed in float32 and rounded once.

XLA does so inside a fused kernel anyhow; doing it in the open keeps every intermediate
within range, sums exact and the result within half a unit in the last place.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float


def wide_dtype(dtype):
    """float64 for float64, float32 for every other floating dtype."""
    return dtype if jnp.finfo(dtype).bits >= 32 else jnp.dtype(jnp.float32)


def widened(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """`x` in the dtype to compute in; round back with `.astype(x.dtype)`."""
    return x.astype(wide_dtype(x.dtype))
