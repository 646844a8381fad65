"""What every initializer is, and how constraints are put on it."""

import abc
from collections.abc import Sequence
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Sharding
from jax.typing import DTypeLike
from jaxtyping import Array, Float, PRNGKeyArray

from .._compiled import compiled
from .._module import Module
from .._typing import Natural
from ._constraints import AbstractConstraint, LowerTriangle, UpperTriangle
from ._source import JaxSource, NumpySource, Source


def _checked(
    self,
    key,
    shape: Sequence[int | np.integer],
    dtype: DTypeLike | None = jnp.float32,
    *,
    sharding=None,
) -> dict[str, Any]:
    """Shape and dtype of a draw in one spelling, so that equal ones share a program."""
    return {"shape": _sizes(shape), "dtype": _floating(dtype)}


def _floating(dtype: DTypeLike | None) -> np.dtype:
    dtype = jnp.result_type(float) if dtype is None else jnp.dtype(dtype)
    if not jnp.issubdtype(dtype, jnp.floating):
        raise ValueError(f"`dtype` must be a floating-point dtype; got {dtype}.")
    return dtype


def _sizes(shape: Sequence[int | np.integer]) -> tuple[int, ...]:
    if isinstance(shape, str | bytes) or not all(map(_is_size, shape)):
        raise TypeError(f"`shape` must hold integers; got {shape!r}.")
    if any(size < 0 for size in shape):
        raise ValueError(f"`shape` must have no negative size; got {tuple(shape)}.")
    return tuple(map(int, shape))


def _is_size(size) -> bool:
    return isinstance(size, int | np.integer) and not isinstance(size, bool)


class AbstractInitializer(Module):
    """A distribution of weights, which is called like a
    `jax.nn.initializers.Initializer`.

    A class of your own states its fields and one formula, `_sample`, which serves both
    JAX and numpy.
    """

    @abc.abstractmethod
    def _sample(self, source: Source, shape: tuple[int, ...]) -> Any:
        """An array of that shape, made of what `source` draws, in `source.wide`; the
        caller rounds it to `source.dtype`.
        """

    # It is compiled, so that a draw rounds alike by itself and in a larger program.
    @compiled(static=("shape", "dtype", "sharding"), before=_checked)
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
            float32 and rounded once. None means the default float dtype, as in JAX.
        - `sharding`: where to put the array. Every device draws its own shard, and the
            values are the same as on one device (but JAX 0.12 may round narrow shards
            differently on CPUs).

        **Returns:** an array of the given shape and dtype.

        **Raises:** `ValueError` for a shape or dtype that does not fit; `TypeError` if
        `key` is not a key or `shape` is not a shape.
        """

        def draw(key):
            # `_checked` has made a tuple and a dtype of them.
            sizes, kind = cast(tuple[int, ...], shape), cast(np.dtype, dtype)
            return self._sample(JaxSource(key, kind), sizes).astype(kind)

        if sharding is None:
            return draw(key)
        # compiled by hand: `compiled` cannot say where results go, and a sharding
        # constraint, which could, is refused by a mesh of explicit axes.
        return jax.jit(draw, out_shardings=sharding)(key)

    # This is not compiled: numpy draws on the host.
    @compiled(jit=False)
    def numpy(
        self,
        rng: np.random.Generator | Natural,
        shape: Sequence[int | np.integer],
        dtype: DTypeLike | None = np.float32,
    ) -> Float[np.ndarray, "..."]:
        """Draws an array of the same law in host memory, touching no accelerator.

        Laws that need an algorithm of JAX (`Orthogonal`, `TruncatedGaussian`, the laws
        of Glorot, He and LeCun, `FromJax`) are computed by JAX on the CPU.

        **Arguments:**

        - `rng`: a generator, or the seed of one.
        - `shape`, `dtype`: as for a call.
        """
        source = NumpySource(np.random.default_rng(rng), _floating(dtype))
        return np.asarray(self._sample(source, _sizes(shape)), source.dtype)

    # This is not compiled, since it makes a module and draws nothing.
    @compiled(jit=False)
    def constrain(self, *constraints: AbstractConstraint) -> "Constrained":
        """Makes an initializer that applies `constraints`, in their order, to the draws
        of this one.

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


class Constrained(AbstractInitializer):
    """An initializer with constraints; [`ngcx.init.AbstractInitializer.constrain`][]
    makes it.

    A constraint does not change the draw, and random constraints have a key of their
    own.

    **Arguments:**

    - `initializer`: draws the weights.
    - `constraints`: are applied to the draw, one after the other.

    !!! example

        ```python
        >>> import jax.random as jr
        >>> from ngcx.init import Constant, Constrained, Hollow
        >>> draw = Constrained(Constant(1.0), (Hollow(),))
        >>> print(draw(jr.key(0), (2, 2)))
        [[0. 1.]
         [1. 0.]]

        ```
    """

    initializer: AbstractInitializer
    constraints: tuple[AbstractConstraint, ...]

    def __init__(
        self,
        initializer: AbstractInitializer,
        constraints: tuple[AbstractConstraint, ...],
    ):
        # The list is flat, so that every random constraint gets a key of its own.
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
