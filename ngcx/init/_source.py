"""Where the randomness of an initializer comes from: a JAX key, or numpy's generator.

Both draw in the dtype asked for, so that one formula serves both.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import PRNGKeyArray


class JaxSource(NamedTuple):
    """Draws from a key: every draw repeats the same numbers."""

    key: PRNGKeyArray
    dtype: np.dtype
    xp: Any = jnp

    def uniform(self, shape):
        return jr.uniform(self.key, shape, self.dtype)

    def normal(self, shape):
        return jr.normal(self.key, shape, self.dtype)


class NumpySource(NamedTuple):
    """Draws on from a generator."""

    rng: np.random.Generator
    dtype: np.dtype
    xp: Any = np

    def uniform(self, shape):
        # Truncated to the resolution of the dtype: rounding could give 1.
        resolution = 2.0 ** (jnp.finfo(self.dtype).nmant + 1)
        draw = np.floor(self.rng.random(shape) * resolution) / resolution
        return draw.astype(self.dtype)

    def normal(self, shape):
        return self.rng.standard_normal(shape).astype(self.dtype)


Source = JaxSource | NumpySource
