import abc
import functools as ft
from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Sharding
from jax.typing import DTypeLike
from jaxtyping import Array, Float, PRNGKeyArray

from .._compiled import compiled
from .._typing import typed
from ._constraints import AbstractConstraint, LowerTriangle, UpperTriangle
from ._source import JaxSource, NumpySource, Source


class AbstractInitializer(eqx.Module):
    """A distribution of weights, called like a `jax.nn.initializers.Initializer`.

    A new one states its fields and one formula, `_sample`, which serves JAX and numpy
    alike.
    """

    @abc.abstractmethod
    def _sample(self, source: Source, shape: tuple[int, ...]) -> Any:
        """An array of that shape, made of what `source` draws, in `source.wide`; the
        caller rounds it to `source.dtype`.
        """

    @typed
    def __call__(
        self,
        key: PRNGKeyArray,
        shape: Sequence[int | np.integer],
        dtype: DTypeLike | None = jnp.float32,
        *,
        sharding: Sharding | None = None,
    ) -> Float[Array, "..."]:
        """Draws an array.

        **Arguments:**

        - `key`: a key of `jax.random`; the same key gives the same values.
        - `shape`: the shape to draw.
        - `dtype`: float16, bfloat16, float32 or float64; half precisions are drawn in
            float32 and rounded once. None is the default one, as it is in JAX.
        - `sharding`: where to put the array. Every device draws its own shard, and the
            values are those of one device (but JAX 0.12 may round narrow shards
            differently on CPUs).

        **Returns:** an array of that shape and dtype.

        **Raises:** `ValueError` for a shape or dtype that does not fit, `TypeError` for
        something that is not a key or not a shape.
        """
        return self._draw(
            key, shape=_checked(shape), dtype=_floating(dtype), sharding=sharding
        )

    # Compiled, so that a draw rounds alike by itself and inside a larger program.
    @ft.partial(compiled, static=("shape", "dtype", "sharding"))
    def _draw(self, key, *, shape, dtype, sharding):
        def draw(key):
            return self._sample(JaxSource(key, dtype), shape).astype(dtype)

        if sharding is None:
            return draw(key)
        # Not a sharding constraint, which a mesh of explicit axes refuses.
        return jax.jit(draw, out_shardings=sharding)(key)

    @typed
    def numpy(
        self,
        rng: np.random.Generator | int,
        shape: Sequence[int | np.integer],
        dtype: DTypeLike | None = np.float32,
    ) -> Float[np.ndarray, "..."]:
        """Draws an array of the same law in host memory, touching no accelerator.

        What takes an algorithm of JAX (`Orthogonal`, `TruncatedGaussian`, the fans of
        Glorot, He and LeCun, `FromJax`) is computed by JAX on the processor.

        **Arguments:**

        - `rng`: a generator, or the seed of one, 0 or more.
        - `shape`, `dtype`: as for a call.
        """
        if isinstance(rng, int) and rng < 0:
            raise ValueError(f"`rng` must be a generator or not negative; got {rng}.")
        source = NumpySource(np.random.default_rng(rng), _floating(dtype))
        return self._sample(source, _checked(shape)).astype(source.dtype)

    @typed
    def constrain(self, *constraints: AbstractConstraint) -> "Constrained":
        """An initializer that applies constraints to what this one draws, in the order
        in which they are given.

        !!! example

            ```python
            >>> import jax.random as jr
            >>> from ngcx.init import Clip, Gaussian, Hollow
            >>> inhibition = Gaussian(std=0.1).constrain(Clip(amax=0.0), Hollow())
            >>> weight = inhibition(jr.key(0), (3, 3))
            >>> print(weight.max())
            0.0

            ```
        """
        return Constrained(self, constraints)


@typed
class Constrained(AbstractInitializer):
    """What [`ngcx.init.AbstractInitializer.constrain`][] makes.

    A constraint does not change the draw, and random ones have a key of their own.
    """

    initializer: AbstractInitializer
    constraints: tuple[AbstractConstraint, ...]

    def __init__(
        self,
        initializer: AbstractInitializer,
        constraints: tuple[AbstractConstraint, ...],
    ):
        # One flat list, so that every random constraint gets a key of its own.
        if isinstance(initializer, Constrained):
            constraints = initializer.constraints + constraints
            initializer = initializer.initializer
        self.initializer = initializer
        self.constraints = constraints

    def __check_init__(self):
        kinds = {type(constraint) for constraint in self.constraints}
        if {LowerTriangle, UpperTriangle} <= kinds:
            raise ValueError(
                "`constraints` must not hold both LowerTriangle and UpperTriangle; "
                "Eye keeps the diagonal."
            )

    def _sample(self, source, shape):
        draw = self.initializer._sample(source, shape)
        for constraint in self.constraints:
            if constraint.random:
                source = source.child()
            draw = constraint._apply(draw, source)
        return draw


def _floating(dtype: DTypeLike | None) -> np.dtype:
    dtype = jnp.result_type(float) if dtype is None else jnp.dtype(dtype)
    if not jnp.issubdtype(dtype, jnp.floating):
        raise ValueError(f"`dtype` must be a floating-point dtype; got {dtype}.")
    return dtype


def _checked(shape: Sequence[int | np.integer]) -> tuple[int, ...]:
    # The type check looks at one size of many.
    if not all(isinstance(size, int | np.integer) for size in shape):
        raise TypeError(f"`shape` must hold integers; got {tuple(shape)}.")
    if any(size < 0 for size in shape):
        raise ValueError(f"`shape` must have no negative size; got {tuple(shape)}.")
    return tuple(map(int, shape))
