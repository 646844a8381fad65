"""Cells side by side."""

import operator
from collections.abc import Callable
from typing import Any

from ._container import AbstractContainer
from ._layers import check_layer, lift
from ._visits import AllTime, whole


class Parallel(AbstractContainer):
    """Several cells that get the same input. Together they are a cell.

    **Arguments:**

    - `cells`: cells, layers and functions, as in [`ngcx.neurons.Stack`][].
    - `combine`: a function of all outputs of one step. If None, the output is their
        tuple.

    **See also:** [`ngcx.neurons.Stack`][] for layers one after the other.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> from ngcx.neurons import LeakyIntegrator, Parallel
        >>> slow_and_fast = Parallel(LeakyIntegrator(0.9), LeakyIntegrator(0.5))
        >>> _, (slow, fast) = slow_and_fast.run(jnp.ones((3, 1)))
        >>> print(slow[:, 0], fast[:, 0])
        [1.   1.9  2.71] [1.   1.5  1.75]

        ```
    """

    cells: tuple[Any, ...]
    combine: Callable | None

    def __init__(self, *cells, combine: Callable | None = None):
        self.cells, self.combine = cells, combine
        for number, cell in enumerate(cells):
            check_layer(number, cell)

    @property
    def _sees_all_time(self) -> bool:
        return any(whole(lift(cell)) for cell in self.cells)

    def _visit(self, visit, state, x):
        states = (None,) * len(self.cells) if state is None else state
        pairs = [
            visit.visit(i, lift(cell), each, x)
            for i, (cell, each) in enumerate(zip(self.cells, states, strict=True))
        ]
        after, outs = (tuple(each) for each in zip(*pairs, strict=True))
        return after, outs if self.combine is None else visit.apply(self.combine, *outs)

    def _through_time(self, time: AllTime, state, xs):
        return self._visit(time, state, xs)


class Residual(AbstractContainer):
    """A cell with a shortcut around it, `combine(shortcut(x), cell(x))`. It is a cell
    itself.

    **Arguments:**

    - `cell`: a cell, layer or function.
    - `combine`: a function of the outputs of the shortcut and of the cell, in this
        order.
    - `shortcut`: a cell, layer or function. If None, the shortcut is the input itself.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> from ngcx.neurons import LIF, Residual
        >>> _, out = Residual(LIF()).run(jnp.full((2, 1), 0.75))
        >>> print(out[:, 0])
        [0.75 1.75]

        ```
    """

    cell: Any
    combine: Callable = operator.add
    shortcut: Any = None

    def __check_init__(self):
        check_layer(0, self.cell)
        if self.shortcut is not None:
            check_layer(1, self.shortcut)

    @property
    def _sees_all_time(self) -> bool:
        both = (self.cell, self.shortcut)
        return any(whole(lift(each)) for each in both if each is not None)

    def _visit(self, visit, state, x):
        inner, around = (None, None) if state is None else state
        inner, out = visit.visit(0, lift(self.cell), inner, x)
        past = x
        if self.shortcut is not None:
            around, past = visit.visit(1, lift(self.shortcut), around, x)
        return (inner, around), visit.apply(self.combine, past, out)

    def _through_time(self, time: AllTime, state, xs):
        return self._visit(time, state, xs)
