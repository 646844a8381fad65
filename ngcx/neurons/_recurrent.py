import operator
from collections.abc import Callable
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .._module import Module
from .._trees import difference
from .._words import in_words
from ._container import AbstractContainer
from ._frozen import thawed
from ._layers import Pointwise, check_layer, lift
from ._visits import AtRest, shapes


class RecurrentState(Module):
    """The state of a recurrent cell.

    **Attributes:**

    - `cell`: the state of the cell itself.
    - `feedback`: the state of the feedback; None if it has none.
    - `out`: the output of the previous step, at first 0.
    """

    cell: Any
    feedback: Any
    out: Any


class Recurrent(AbstractContainer):
    r"""A cell that gets its own output of the previous step as input, $y_t =
    \text{cell}(\text{combine}(x_t, \text{feedback}(y_{t-1})))$. It is a cell itself.

    **Arguments:**

    - `cell`: a cell, layer or function.
    - `feedback`: a matrix W of shape (neurons, neurons), from each neuron (row) to each
        (column), used as `spikes @ W`; or a cell, layer or function.
    - `combine`: a function of the input and of the feedback.

    !!! example

        A layer of three adaptive neurons that are connected to each other:

        ```python
        >>> import jax.numpy as jnp
        >>> from ngcx.neurons import AdaptiveLIF, Recurrent
        >>> cell = Recurrent(AdaptiveLIF(), jnp.ones((3, 3)) - jnp.eye(3))
        >>> state, spikes = cell.run(jnp.eye(3) * 1.5)
        >>> print(spikes)
        [[1. 0. 0.]
         [0. 1. 0.]
         [1. 1. 1.]]

        ```
    """

    cell: Any
    feedback: Float[Array, "neurons neurons"] | Callable
    combine: Callable = operator.add
    weight_fields: ClassVar[tuple[str, ...]] = ("feedback",)

    def __check_init__(self):
        check_layer(0, self.cell)
        if not self._is_matrix:
            check_layer(1, self.feedback)
            return
        shape, dtype = thawed(self.feedback).shape, thawed(self.feedback).dtype
        if not jnp.issubdtype(dtype, jnp.floating):
            raise ValueError(f"`feedback` must be floating-point; got {dtype}.")
        if len(shape) != 2 or len({*shape}) != 1:
            raise ValueError(
                f"`feedback` must be a matrix of shape (neurons, neurons); got {shape}."
            )

    @property
    def _is_matrix(self) -> bool:
        return isinstance(thawed(self.feedback), jax.Array)

    @property
    def _heard(self):
        if self._is_matrix:
            return Pointwise(Feedback(thawed(self.feedback)))
        return lift(self.feedback)

    def _visit(self, visit, state, x):
        if isinstance(visit, AtRest):
            return self._at_rest(visit, x)
        feedback, heard = visit.visit(1, self._heard, state.feedback, state.out)
        combined = visit.apply(self.combine, x, heard)
        inner, out = visit.visit(0, lift(self.cell), state.cell, combined)
        return RecurrentState(inner, feedback, out), out

    def _at_rest(self, visit: AtRest, x):
        inner, out = visit.visit(0, lift(self.cell), None, x)
        feedback, heard = visit.visit(1, self._heard, None, out)
        combined = visit.apply(self.combine, x, heard)
        if difference(combined, x):
            raise ValueError(
                "`combine` must return the shape and dtype of the input, "
                f"{shapes(x)}; got {shapes(combined)}."
            )
        silence = jax.tree.map(lambda a: jnp.zeros(a.shape, a.dtype), out)
        return RecurrentState(inner, feedback, silence), out


class Feedback(Module):
    """The product with a matrix."""

    weight: Float[Array, "neurons neurons"]

    def __call__(self, spikes):
        if not spikes.ndim or spikes.shape[-1] != len(self.weight):
            raise ValueError(
                "`feedback` must be a matrix for the neurons of the cell, "
                f"{in_words(spikes)}; got {in_words(self.weight)}."
            )
        return spikes @ self.weight.astype(spikes.dtype)
