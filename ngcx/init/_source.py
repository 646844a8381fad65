"""Where the randomness of an initializer comes from: a JAX key, or numpy's generator.

Both draw in the dtype asked for, so that one formula serves both.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import PRNGKeyArray

from .._precision import wide_dtype


class JaxSource(NamedTuple):
    """Draws from a key: every draw repeats the same numbers."""

    key: PRNGKeyArray
    dtype: np.dtype
    xp: Any = jnp

    def child(self) -> "JaxSource":
        return self._replace(key=jr.fold_in(self.key, 1))

    def uniform(self, shape):
        return jr.uniform(self.key, shape, self.dtype)

    def normal(self, shape):
        return jr.normal(self.key, shape, self.dtype)

    def permutation(self, size: int):
        return jr.permutation(self.key, size)

    def through_jax(self, draw: Callable):
        """What `draw(key, dtype)` gives in float32 or float64, rounded once: not every
        algorithm has a half precision.
        """
        return draw(self.key, wide_dtype(self.dtype)).astype(self.dtype)


class NumpySource(NamedTuple):
    """Draws on from a generator."""

    rng: np.random.Generator
    dtype: np.dtype
    xp: Any = np

    def child(self) -> "NumpySource":
        return self._replace(rng=self.rng.spawn(1)[0])

    def uniform(self, shape):
        # Truncated to the resolution of the dtype: rounding could give 1.
        resolution = 2.0 ** (jnp.finfo(self.dtype).nmant + 1)
        draw = np.floor(self.rng.random(shape) * resolution) / resolution
        return draw.astype(self.dtype)

    def normal(self, shape):
        return self.rng.standard_normal(shape).astype(self.dtype)

    def permutation(self, size: int):
        return self.rng.permutation(size)

    def through_jax(self, draw: Callable):
        """What `draw(key, dtype)` gives, computed by JAX on the processor."""
        (processor, *_) = jax.local_devices(backend="cpu")
        seed = int(self.rng.integers(2**32))
        with jax.default_device(processor), jax.enable_x64(self.dtype == np.float64):
            return np.asarray(JaxSource(jr.key(seed), self.dtype).through_jax(draw))


Source = JaxSource | NumpySource


def diagonal(source: Source, shape: tuple[int, ...]):
    """Where the diagonals of a batch of matrices are."""
    return source.xp.broadcast_to(source.xp.eye(*shape[-2:], dtype=bool), shape)
