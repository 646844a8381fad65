import abc
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import jax
import jax.export
import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike
from jaxtyping import Array, Int, Key, PRNGKeyArray, PyTree

from .._compiled import compiled
from .._module import Module
from .._typing import Natural
from ._run import judged, run_cell
from ._shared import is_shared


State = TypeVar("State")
# Its entries are integers, or symbols of `jax.export`.
Shape = tuple[Any, ...] | PyTree[jax.ShapeDtypeStruct]
Watch = tuple[str, ...] | list[str] | Callable[[dict[str, Array]], Any]


class AbstractCell(Module, Generic[State]):
    r"""A module that runs through time: a neuron, a layer of neurons, or a network.

    A cell stores nothing. `cell.init(shape)` returns its state at rest, `cell(state,
    x)` takes one step of one sample, and `cell.run(inputs)` steps through a leading
    time axis. A cell of your own defines `init` and `__call__`; `run` and all of its
    options follow from these. It may define two more methods:

    - `observe(state, x) -> dict` names further arrays that `watch` can see, computed
        from the state and the input before a step.
    - `over_time(state, inputs, *, keys, valid) -> (state, outputs)` runs one sample
        over all steps at once. `inputs` and outputs have time first. `keys` holds one
        key per step, or is None. `valid` has one Boolean per step, which says whether
        the sample has that step, or is None if it has all. The state that is returned
        is the state after the last valid step. In a batch, `jax.lax.psum(x, "batch")`
        sums over all samples.

    !!! example

        ```python
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from ngcx.neurons import AbstractCell, Stack
        >>> class Trace(AbstractCell):
        ...     decay: float = 0.5
        ...
        ...     def init(self, shape, dtype=jnp.float32):
        ...         return jnp.zeros(shape, dtype)
        ...
        ...     def __call__(self, state, x, *, key=None):
        ...         state = self.decay * state + x
        ...         return state, state
        >>> state, traces = Stack(Trace(), jnp.tanh).run(jnp.ones((10, 3)))
        >>> print(state[0], traces.shape)
        [1.9980469 1.9980469 1.9980469] (10, 3)

        ```
    """

    @abc.abstractmethod
    def init(self, shape: Shape, dtype: DTypeLike = jnp.float32) -> State:
        """The state at rest.

        **Arguments:**

        - `shape`: the shape of the input of one sample in one step. If the input is a
            pytree of arrays, this is a pytree of `jax.ShapeDtypeStruct`s.
        - `dtype`: the dtype of the input.

        **Returns:** the state, a pytree of arrays.
        """

    @abc.abstractmethod
    def __call__(
        self, state: State, x: PyTree, *, key: PRNGKeyArray | None = None
    ) -> tuple[State, PyTree]:
        """Steps once.

        **Arguments:**

        - `state`: the state after the previous step, or the state at rest.
        - `x`: the input of this step.
        - `key`: decides the random numbers, if there are any.

        **Returns:** the new state and the output.
        """

    @compiled(static=("batched", "watch", "checkpoint", "steps"), before=judged)
    def run(
        self,
        inputs: PyTree,
        state: State | None = None,
        *,
        key: PRNGKeyArray | Key[Array, " batch"] | None = None,
        batched: bool = False,
        lengths: Int[Array, "*batch"] | None = None,
        watch: Watch | None = None,
        checkpoint: bool = False,
        steps: Natural | None = None,
        start: Natural | Int[Array, ""] = 0,
    ) -> tuple:
        r"""Runs through time.

        How it loops over layers, steps and samples depends on their kinds and sizes,
        and affects only time and memory.

        **Arguments:**

        - `inputs`: time first, then the batch if `batched`; an array, or a pytree.
        - `state`: where to start, as `run` or `rest` returns it; at rest if not given.
        - `key`: decides the random numbers. Step t, sample b and layer i of a container
            are folded into it by `fold_in`, in this order; b only where there is a
            batch. You may also give one key for each sample; then b is not folded in.
        - `batched`: whether the second axis of `inputs` is a batch.
        - `lengths`: how many steps each sample has. After its end, its state stays the
            same and its outputs are 0. The contents of the padding do not matter.
        - `watch`: paths of what to return besides the output, such as `("1.v",
            "1.out")`: the number of a layer, and then a field of its state, `out`, or
            another value that the cell offers, such as `u`, the potential that decides
            whether it spikes. Or a function, which is called with a dictionary of all
            of these for one step of one sample.
        - `checkpoint`: whether reverse mode computes steps again instead of storing
            them. Time is cut into $\sqrt T$ segments, and only their first states are
            kept. A layer that normalises over time keeps its inputs of all steps.
        - `steps`: for `inputs` without a time axis: they are shown for that many steps.
        - `start`: the number of the first step, for keys and `lengths`, when a sequence
            is run in pieces.

        **Returns:** the state after the last step, and the outputs, time first. If
        `watch` is given, also a dictionary of the watched values by path (or the values
        of the function), time first.

        **Raises:** `ValueError` that names the layer where shapes do not fit;
        `ValueError` for the state of another cell, and for a path that does not exist.
        """
        return run_cell(
            self, inputs, state, key, batched, lengths, watch, checkpoint, steps, start
        )

    def rest(self, state: State | None = None) -> Any:
        """A state at rest that keeps what all samples share in `state`, such as
        statistics. It fits any batch, even one of another size than that of `state`.
        """
        return jax.tree.map(
            lambda node: node if is_shared(node) else None, state, is_leaf=is_shared
        )


def at_rest(shape: Shape, dtype, value: float = 0.0) -> Array:
    """An array for the state of so many neurons; a new one each time, since two that
    share memory could not be donated.
    """
    shape, dtype = described(shape, dtype)
    if not jnp.issubdtype(dtype, jnp.floating):
        raise ValueError(f"`dtype` must be a floating-point dtype; got {dtype}.")
    return jnp.full(shape, value, dtype)


def described(shape: Shape, dtype) -> tuple[tuple, Any]:
    """The shape and dtype of an array, which may come as one."""
    if isinstance(shape, jax.ShapeDtypeStruct):
        return shape.shape, shape.dtype
    if not isinstance(shape, tuple) or not all(map(_is_size, shape)):
        raise TypeError(f"`shape` must be a tuple of integers; got {shape!r}.")
    return shape, dtype


def alike(shape: Shape, dtype) -> PyTree[jax.ShapeDtypeStruct]:
    """What the input of a sample in one step looks like."""
    leaves = jax.tree.leaves(shape)
    if leaves and all(isinstance(leaf, jax.ShapeDtypeStruct) for leaf in leaves):
        return shape
    return jax.ShapeDtypeStruct(*described(shape, dtype))


def _is_size(size) -> bool:
    whole = isinstance(size, int | np.integer)
    return bool(size >= 0) if whole else jax.export.is_symbolic_dim(size)
