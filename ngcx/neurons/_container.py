import abc
from typing import Any

import jax
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import PRNGKeyArray, PyTree

from .._compiled import compiled
from ._base import AbstractCell, Shape, alike
from ._states import started
from ._visits import AtRest, Step


class AbstractContainer(AbstractCell[PyTree]):
    """A cell that is made of cells, layers and functions."""

    @abc.abstractmethod
    def _visit(self, visit, state, x) -> tuple[Any, Any]:
        """Goes through what it holds by `visit.visit(number, cell, state, x)` and
        `visit.apply(function, *outputs)`; returns the state and the output.
        """

    @compiled(jit=False)
    def init(self, shape: Shape, dtype: DTypeLike = jnp.float32) -> PyTree:
        """The states at rest for one sample whose input has that shape and dtype, or is
        like a pytree of `jax.ShapeDtypeStruct`s.
        """
        return self._visit(AtRest(), None, alike(shape, dtype))[0]

    @compiled
    def __call__(
        self, state: PyTree, x: PyTree, *, key: PRNGKeyArray | None = None
    ) -> tuple[PyTree, PyTree]:
        """Takes one step of one sample; layer i has the key `fold_in(key, i)`."""
        like = jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape, a.dtype), x)
        state = started(self._visit(AtRest(), None, like)[0], state)
        return self._visit(Step(key), state, x)
