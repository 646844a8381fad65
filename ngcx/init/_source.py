"""Where the randomness of an initializer comes from: a JAX key, or numpy's generator.

Both draw in `wide`, the dtype to compute in, so that one formula serves both: a normal
number made of half-precision bits has a bias and no tails. The caller rounds the result
to `dtype`.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import PRNGKeyArray

from .._numerics import wide_dtype


class JaxSource(NamedTuple):
    """Draws from a key: every draw repeats the same numbers."""

    key: PRNGKeyArray
    dtype: np.dtype
    xp: Any = jnp

    @property
    def wide(self):
        return wide_dtype(self.dtype)

    def child(self) -> "JaxSource":
        return self._replace(key=jr.fold_in(self.key, 1))

    def uniform(self, shape):
        return jr.uniform(self.key, shape, self.wide)

    def normal(self, shape):
        return jr.normal(self.key, shape, self.wide)

    def permutation(self, size: int):
        return jr.permutation(self.key, size)

    def through_jax(self, draw: Callable):
        """What `draw(key, dtype)` gives."""
        return draw(self.key, self.wide)


class NumpySource(NamedTuple):
    """Draws on from a generator."""

    rng: np.random.Generator
    dtype: np.dtype
    xp: Any = np

    @property
    def wide(self):
        return wide_dtype(self.dtype)

    def child(self) -> "NumpySource":
        return self._replace(rng=self.rng.spawn(1)[0])

    def uniform(self, shape):
        return self.rng.random(shape, self.wide)

    def normal(self, shape):
        return self.rng.standard_normal(shape, self.wide)

    def permutation(self, size: int):
        return self.rng.permutation(size)

    def through_jax(self, draw: Callable):
        """What `draw(key, dtype)` gives, computed by JAX on the processor."""
        (processor, *_) = jax.local_devices(backend="cpu")
        seed = int(self.rng.integers(2**32))
        with (
            jax.ensure_compile_time_eval(),  # so that it works while tracing, too
            jax.default_device(processor),
            jax.enable_x64(self.dtype == np.float64),
        ):
            return np.asarray(draw(jr.key(seed), self.wide))


Source = JaxSource | NumpySource


def diagonal(source: Source, shape: tuple[int, ...]):
    """Where the diagonals of a batch of matrices are."""
    return source.xp.broadcast_to(source.xp.eye(*shape[-2:], dtype=bool), shape)
