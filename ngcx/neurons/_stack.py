import dataclasses
import functools as ft
import itertools
from collections.abc import Iterator
from typing import Any, overload

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool

from .._compiled import compiled
from .._module import Module
from ._container import AbstractContainer
from ._layers import check_layer, lift, width_in_loop
from ._shared import is_shared
from ._visits import LARGE, AllTime, AtRest, repeated, whole


class StackState(Module):
    """The states of the layers of a stack. `state[1]` is the state of layer 1, or None
    if it has no state.

    **Attributes:**

    - `layers`: the state of each layer.
    - `sample`: what the input of a sample in one step looks like.
    """

    layers: tuple
    sample: Any = eqx.field(static=True)

    def __getitem__(self, number: int) -> Any:
        return self.layers[number]

    def __len__(self) -> int:
        return len(self.layers)

    def __iter__(self) -> Iterator:
        return iter(self.layers)


class Stack(AbstractContainer):
    """Cells, layers and functions, one after the other. Together they are a cell.

    A layer takes the input of one time step of one sample. It may be a cell, which
    keeps a state; a layer of Equinox, even a stateful one (`eqx.nn.GRUCell` and
    `eqx.nn.LSTMCell` become cells); or a function, such as an activation. A layer that
    takes a `key` is given one, if the stack is.

    `stack[1]` is a layer, `stack[1:]` is a stack, and `eqx.tree_at` can change any
    layer. Functions are compared by identity, and a new function compiles again. So if
    your code makes stacks repeatedly, define their functions once, outside.

    **Arguments:**

    - `layers`: cells, layers and functions.

    **See also:** [`ngcx.neurons.Parallel`][] for layers side by side,
    [`ngcx.neurons.Residual`][] for a shortcut, [`ngcx.neurons.Recurrent`][] for
    feedback.

    !!! example

        This is a network of two layers, over 25 steps of a batch of 8:

        ```python
        >>> import equinox as eqx
        >>> import jax.numpy as jnp
        >>> import jax.random as jr
        >>> from ngcx.neurons import LIF, LeakyIntegrator, Stack
        >>> keys = jr.split(jr.key(0))
        >>> stack = Stack(
        ...     eqx.nn.Linear(64, 32, key=keys[0]),
        ...     LIF(decay=0.9),
        ...     eqx.nn.Linear(32, 10, key=keys[1]),
        ...     LeakyIntegrator(decay=0.9),
        ... )
        >>> images = jr.uniform(jr.key(1), (8, 64))
        >>> state, potentials, seen = stack.run(
        ...     images, steps=25, batched=True, watch=("1.out",)
        ... )
        >>> print(potentials.shape, seen["1.out"].shape, state[1].v.shape)
        (25, 8, 10) (25, 8, 32) (8, 32)

        ```
    """

    layers: tuple[Any, ...]

    def __init__(self, *layers):
        """
        **Arguments:**

        - `layers`: cells, layers and functions of one time step, in their order. An
            `eqx.nn.Sequential` becomes a stack.

        **Raises:** `TypeError` for a layer that would lose a state or parameters: a
        module that holds a cell but is not a cell itself, or a function that closes
        over arrays.
        """
        unpacked = (
            Stack(*layer.layers) if isinstance(layer, eqx.nn.Sequential) else layer
            for layer in layers
        )
        self.layers = tuple(unpacked)
        for number, layer in enumerate(self.layers):
            check_layer(number, layer)

    @overload
    def __getitem__(self, which: int) -> Any: ...

    @overload
    def __getitem__(self, which: slice) -> "Stack": ...

    def __getitem__(self, which: int | slice) -> Any:
        chosen = self.layers[which]
        return Stack(*chosen) if isinstance(which, slice) else chosen

    def __len__(self) -> int:
        return len(self.layers)

    def __iter__(self) -> Iterator:
        return iter(self.layers)

    @compiled
    def reset(self, state: StackState, where: Bool[Array, " batch"]) -> StackState:
        """Brings some samples of a batch back to rest.

        **Arguments:**

        - `state`: the state of a batch, as `run` returns it.
        - `where`: which samples start again.

        **Returns:** the new state, in which shared parts stay as they are.
        """
        batch = {
            node.shape[:1]
            for node in jax.tree.leaves(state, is_leaf=is_shared)
            if not is_shared(node)
        }
        if not batch <= {where.shape}:
            raise ValueError(
                f"`where` must be one for each sample of `state`; got {where.shape}."
            )
        treedef, leaves = state.sample
        fresh = self.init(jax.tree.unflatten(treedef, leaves))

        def chosen(new, old):
            if is_shared(old):
                return old
            return jnp.where(where.reshape(-1, *(1,) * new.ndim), new, old)

        return jax.tree.map(chosen, fresh, state, is_leaf=is_shared)

    def _cells(self):
        return [lift(layer) for layer in self.layers]

    @property
    def _sees_all_time(self) -> bool:
        return any(map(whole, self._cells()))

    def _visit(self, visit, state, x):
        cells, after = self._cells(), []
        at_rest = isinstance(visit, AtRest)
        if at_rest:
            leaves, treedef = jax.tree.flatten(x)
            state = StackState((None,) * len(cells), (treedef, tuple(leaves)))
        for i, (cell, each) in enumerate(zip(cells, state, strict=True)):
            new, x = visit.visit(i, cell, each, x)
            after.append(new)
        return StackState(tuple(after), state.sample), x

    def _through_time(self, time: AllTime, state, xs):
        if self._takes_steps_together(time):
            return time.scan(self, state, xs)
        return self._from(0, time, state, xs)

    @property
    def _width_in_loop(self) -> int | None:
        widths = [width_in_loop(cell) for cell in self._cells()]
        return None if None in widths else max(filter(None, widths), default=0)

    def _takes_steps_together(self, time: AllTime) -> bool:
        """Whether all layers take one step before the next. On a CPU, a matrix product
        of all steps of a large batch is no faster than one of each, and its result has
        left the cache before the neurons read it.
        """
        # Over several devices, a loop would add up the gradient in each of its steps.
        if jax.default_backend() != "cpu" or jax.device_count() > 1:
            return False
        width, batch = self._width_in_loop, time.batch
        if width is None or time.checkpoint or not isinstance(batch, int):
            return False
        # A product of few rows is slow, however wide it is.
        return batch >= 128 and batch * width >= LARGE

    def _from_constant(self, time: AllTime, state, x):
        """Runs once what is stateless at the beginning: it gives the same each time."""
        once = dataclasses.replace(time, numbers=time.numbers[:1], valid=None, seen={})
        constant = [getattr(cell, "_is_constant", False) for cell in self._cells()]
        first = (*constant, False).index(False)
        for i, cell in enumerate(self._cells()[:first]):
            _, x = once.visit(i, cell, None, x)
        time.seen.update(repeated(once.seen, time.numbers))
        return self._from(first, time, state, repeated(x, time.numbers))

    def _from(self, first: int, time: AllTime, state, xs):
        """Runs the layers from a number on."""
        cells, after = self._cells(), list(state)

        def through(group, time):
            def run(states, xs):
                new = []
                for i, state in zip(group, states, strict=True):
                    state, xs = time.visit(i, cells[i], state, xs)
                    new.append(state)
                return tuple(new), xs

            return run

        # Neighbours are cut into segments together, so that nothing between them is
        # stored.
        can_be_cut = [time.checkpoint and not whole(cell) for cell in cells]
        numbers = range(first, len(cells))
        for cut, group in itertools.groupby(numbers, can_be_cut.__getitem__):
            group = tuple(group)
            run = ft.partial(through, group)
            run = time.segmented(run) if cut else run(time)
            new, xs = run(tuple(after[i] for i in group), xs)
            after[group[0] : group[-1] + 1] = new
        return StackState(tuple(after), state.sample), xs
