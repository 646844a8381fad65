import abc
import functools as ft
from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike
from jaxtyping import Array, Float, PRNGKeyArray

from .._compiled import compiled
from .._typing import typed
from ._source import JaxSource, NumpySource, Source


class AbstractInitializer(eqx.Module):
    """A distribution of weights, called like a `jax.nn.initializers.Initializer`.

    A new one states its fields and one formula, `_sample`, which serves JAX and numpy
    alike.
    """

    @abc.abstractmethod
    def _sample(self, source: Source, shape: tuple[int, ...]) -> Any:
        """An array of that shape, made of what `source` draws."""

    @typed
    def __call__(
        self, key: PRNGKeyArray, shape: Sequence[int], dtype: DTypeLike = jnp.float32
    ) -> Float[Array, "..."]:
        """Draws an array.

        **Arguments:**

        - `key`: a key of `jax.random`; the same key gives the same values.
        - `shape`: the shape to draw.
        - `dtype`: float16, bfloat16, float32 or float64.

        **Returns:** an array of that shape and dtype.

        **Raises:** `ValueError` for a shape or dtype that does not fit, `TypeError` for
        something that is not a key.
        """
        return self._draw(key, shape=_checked(shape), dtype=_floating(dtype))

    # Compiled, so that a draw rounds alike by itself and inside a larger program.
    @ft.partial(compiled, static=("shape", "dtype"))
    def _draw(self, key, *, shape, dtype):
        return self._sample(JaxSource(key, dtype), shape)

    @typed
    def numpy(
        self,
        rng: np.random.Generator | int,
        shape: Sequence[int],
        dtype: DTypeLike = np.float32,
    ) -> Float[np.ndarray, "..."]:
        """Draws an array of the same law in host memory, without touching a device.

        **Arguments:**

        - `rng`: a generator, or the seed of one.
        - `shape`, `dtype`: as for a call.
        """
        rng = np.random.default_rng(rng)
        return self._sample(NumpySource(rng, _floating(dtype)), _checked(shape))


def _floating(dtype) -> np.dtype:
    dtype = jnp.dtype(dtype)
    if not jnp.issubdtype(dtype, jnp.floating):
        raise ValueError(f"`dtype` must be a floating-point dtype; got {dtype}.")
    return dtype


def _checked(shape: Sequence[int]) -> tuple[int, ...]:
    if any(size < 0 for size in shape):
        raise ValueError(f"`shape` must have no negative size; got {tuple(shape)}.")
    return tuple(shape)
