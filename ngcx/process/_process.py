import abc
from collections.abc import Callable, Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.tree_util as jtu
from jax.extend.core import ClosedJaxpr
from jaxtyping import PyTree

from .._compiled import compiled
from .._module import Module
from .._numerics import rounded_like, widened_tree
from .._trees import difference, varying
from .._typing import Count, Natural
from .._words import in_words
from ._packing import packed, rows_of
from ._steps import name_of, parameters_of, reads_and_writes


class AbstractProcess(Module):
    """An ordered chain of named steps, each `(state, **inputs) -> state`.

    The state is any pytree of arrays. It is passed in and returned, and nothing is
    kept. A step gets the inputs that its signature names.
    """

    name: eqx.AbstractVar[str]

    @property
    @abc.abstractmethod
    def chain(self) -> tuple[tuple[str, Callable], ...]:
        """The names of the steps and the steps, in their order."""

    @property
    def inputs(self) -> dict[str, tuple[str, ...]]:
        """The names of the inputs that each step takes, by the name of the step."""
        return {name: tuple(parameters_of(step)) for name, step in self.chain}

    @compiled
    def run(self, state: PyTree, inputs: Mapping[str, PyTree]) -> PyTree:
        """Runs all steps once, in a program that is compiled once for all values.

        Steps are given half precisions as float32, and only the result of the last step
        is rounded, since a decay of 0.99 would be 0.988 in bfloat16.

        **Arguments:**

        - `state`: a pytree of arrays and numbers.
        - `inputs`: their names and values, pytrees of arrays and numbers.

        **Returns:** the state after all steps.

        **Raises:** `ValueError` that names the step for an input that is missing, and
        for one that no step takes; `TypeError` that names the step if one changes the
        structure, a shape or a dtype of the state.
        """
        return self._run(state, inputs)

    def __repr__(self) -> str:
        """A table of the steps, in their order, and of the inputs that they take."""
        text, width = f"{type(self).__name__} {self.name!r}", max(map(len, self.inputs))
        for name, taken in self.inputs.items():
            text += f"\n  {name:{width}}  {', '.join(taken)}".rstrip()
        return text

    @compiled(static=("watch", "every", "length", "unroll", "checkpoint"))
    def scan(
        self,
        state: PyTree,
        inputs: Mapping[str, PyTree],
        *,
        watch: Callable[[PyTree], PyTree] | None = None,
        every: Count = 1,
        length: Natural | None = None,
        unroll: Natural = 1,
        checkpoint: bool = False,
    ) -> tuple[PyTree, PyTree]:
        """Runs once for every time step of the inputs, in one `jax.lax.scan`.

        **Arguments:**

        - `state`: a pytree of arrays, before the first step.
        - `inputs`: their names and values, with a leading time axis; see `pack`.
        - `watch`: which part of the state to keep at every step, such as `lambda state:
            state["spikes"]`. A new function compiles again, so define it once.
        - `every`: keeps only the state after every so many time steps; `length` must be
            a multiple of it.
        - `length`: how many time steps there are; needed if there are no inputs.
        - `unroll`: how many time steps go into one turn of the compiled loop.
        - `checkpoint`: whether gradients compute each step again, instead of storing
            its intermediate values.

        **Returns:** the last state, and the watched values, stacked over time (`None`
        without `watch`).

        **Raises:** whatever `run` raises; `ValueError` if the inputs differ in length,
        or the length is not a multiple of `every`.
        """
        lengths = {jnp.shape(leaf)[:1] for leaf in jtu.tree_leaves(dict(inputs))}
        lengths |= set() if length is None else {(length,)}
        if len(lengths) != 1 or lengths == {()}:
            found = sorted((each[0] if each else "none" for each in lengths), key=str)
            raise ValueError(
                "`inputs` must have leading axes of one length, that of `length` if it "
                f"is given; got {found}."
            )

        (length,) = lengths.pop()
        if length % every:
            raise ValueError(
                f"`every` must divide the number of time steps, {length}; got {every}."
            )

        def step(state, now):
            return self._run(state, now), None

        step = jax.checkpoint(step) if checkpoint else step

        def steps(state, now):
            if every == 1:
                state, _ = step(state, now)
            else:
                state, _ = jax.lax.scan(step, state, now, every)
            return state, None if watch is None else watch(state)

        state, rows = varying(jtu.tree_map(jnp.asarray, state), inputs), dict(inputs)
        shape = (length,) if every == 1 else (length // every, every)
        rows = jtu.tree_map(lambda x: x.reshape(*shape, *x.shape[1:]), rows)
        return jax.lax.scan(steps, state, rows, shape[0], unroll=unroll)

    # This is not compiled: it makes the inputs of compiled programs, on the host.
    @compiled(jit=False)
    def pack(
        self,
        length: Natural,
        over_time: Mapping[str, PyTree] | None = None,
        **inputs: Any,
    ) -> dict[str, PyTree]:
        """Makes the inputs for a scan over `length` time steps.

        **Arguments:**

        - `length`: the number of time steps.
        - `over_time`: the names and values of inputs that hold a row for each time
            step: pytrees of arrays with a leading time axis.
        - `inputs`: all other inputs. A number stays the same. From a key of
            `jax.random`, each time step gets its own key. A function of the number of
            the step (traced) is mapped over all steps, so `target=lambda step: target`
            is an array that stays the same.

        **Raises:** `ValueError` that names an input of another length, one that is
        given twice, or an array that may be either; `TypeError` that names an input of
        another type.
        """
        varying = dict(over_time or {})
        if twice := sorted(varying.keys() & inputs.keys()):
            raise ValueError(f"`over_time` must not have {twice}, which are given too.")
        self._check_names(varying | inputs)
        rows = {name: rows_of(name, value, length) for name, value in varying.items()}
        others = {name: packed(name, value, length) for name, value in inputs.items()}
        return rows | others

    # This is not compiled, since what it returns is no array.
    @compiled(jit=False)
    def jaxpr(self, state: PyTree, inputs: Mapping[str, PyTree]) -> ClosedJaxpr:
        """The program that `run` compiles for `state` and `inputs`, as JAX prints
        it."""
        for name, tree in {"state": state, "inputs": dict(inputs)}.items():
            for leaf in filter(callable, jtu.tree_leaves(tree)):
                raise TypeError(
                    f"`{name}` must be a pytree of arrays and numbers; got "
                    f"{in_words(leaf)}."
                )
        return jax.make_jaxpr(self._run)(state, dict(inputs))

    # This is not compiled, since what it returns is no array.
    @compiled(jit=False)
    def table(self, state: PyTree, inputs: Mapping[str, PyTree]) -> str:
        """A table of the steps, in their order: which parts of the state and which
        inputs each reads, and which parts of the state it writes.

        A part that a step returns as it was is not written, and one that does not
        change what the step writes is not read. Steps are traced, and not run.

        **Arguments:**

        - `state`, `inputs`: as for `run`, or `jax.ShapeDtypeStruct`s like them.

        **Raises:** what `run` raises.

        ```python
        >>> import jax.numpy as jnp
        >>> from ngcx.process import MethodProcess
        >>> def integrate(state, current):
        ...     return state | {"v": 0.9 * state["v"] + current}
        >>> def fire(state):
        ...     return state | {"spikes": (state["v"] > 1).astype(float)}
        >>> neuron = MethodProcess("neuron", integrate, fire)
        >>> state = {"v": jnp.zeros(()), "spikes": jnp.zeros(())}
        >>> print(neuron.table(state, {"current": 0.4}))
        step       reads       writes
        integrate  v, current  v
        fire       v           spikes

        ```
        """
        self.jaxpr(state, inputs)  # raises for what cannot be run
        state, inputs = jax.eval_shape(widened_tree, (state, dict(inputs)))
        rows = [("step", "reads", "writes")]
        for name, step in self.chain:
            taken = {key: inputs[key] for key in parameters_of(step) if key in inputs}
            read, written = reads_and_writes(step, state, taken)
            rows.append((name, ", ".join(read), ", ".join(written)))
        first, second = (max(len(row[i]) for row in rows) for i in range(2))
        lines = [f"{a:{first}}  {b:{second}}  {c}".rstrip() for a, b, c in rows]
        return "\n".join(lines)

    def _run(self, state, inputs):
        self._check_names(inputs)
        wide, inputs = widened_tree((state, dict(inputs)))
        now = wide
        for name, step in self.chain:
            taken = {key: inputs[key] for key in parameters_of(step) if key in inputs}
            now = step(now, **taken)
            if jtu.tree_structure(now) == jtu.tree_structure(state):
                # A step may say the dtype in which the state is stored.
                now = jtu.tree_map(_widened_if_stored, now, state)
            if problem := difference(now, wide):
                raise TypeError(
                    f"`{name}` of `{self.name}` must keep the structure, shapes and "
                    f"dtypes of `state`; {problem}."
                )
        return rounded_like(now, state)

    def _check_names(self, inputs: Mapping[str, Any]):
        known = set()
        for name, step in self.chain:
            for key, required in parameters_of(step).items():
                known.add(key)
                if required and key not in inputs:
                    raise ValueError(
                        f"`inputs` must have {key!r}, which the step {name!r} of "
                        f"{self.name!r} takes; got {sorted(inputs)}."
                    )
        if unknown := sorted(set(inputs) - known):
            raise ValueError(
                f"`inputs` must be some of {sorted(known)}, which the steps of "
                f"{self.name!r} take; got {unknown}."
            )


class MethodProcess(AbstractProcess):
    """A chain of functions and methods of modules.

    Modules whose methods are steps are part of the process: their arrays are its
    leaves, for `eqx.filter_grad` and the like.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> from ngcx.process import MethodProcess
        >>> def integrate(state, current):
        ...     return state | {"v": 0.9 * state["v"] + current}
        >>> def fire(state, threshold=1.0):
        ...     spikes = (state["v"] > threshold).astype(state["v"].dtype)
        ...     return {"v": state["v"] * (1 - spikes), "spikes": spikes}
        >>> neuron = MethodProcess("neuron", integrate, fire)
        >>> neuron.inputs
        {'integrate': ('current',), 'fire': ('threshold',)}
        >>> state = {"v": jnp.zeros(()), "spikes": jnp.zeros(())}
        >>> inputs = neuron.pack(5, current=0.4)
        >>> neuron.scan(state, inputs, watch=lambda state: state["spikes"])[1]
        Array([0., 0., 1., 0., 0.], dtype=float32)

        ```
    """

    name: str = eqx.field(static=True)
    steps: tuple[Callable, ...]
    names: tuple[str, ...] = eqx.field(static=True)

    # A constructor runs on the host.
    @compiled(jit=False)
    def __init__(self, name: str, *steps: Callable | tuple[str, Callable]):
        """**Arguments:**

        - `name`: how errors call the process.
        - `steps`: functions or methods, or pairs of a name and a function or method.

        **Raises:** `ValueError` without steps, for two of the same name, for one that
        has no name of its own, and for one whose inputs are not named.
        """
        pairs = [
            step if isinstance(step, tuple) else (name_of(step), step) for step in steps
        ]
        self.name = name
        self.names = tuple(label for label, _ in pairs)
        self.steps = tuple(step for _, step in pairs)
        _check_different("steps", self.names)
        for step in self.steps:
            parameters_of(step)

    @property
    def chain(self) -> tuple[tuple[str, Callable], ...]:
        """The names of the steps and the steps, in their order."""
        return tuple(zip(self.names, self.steps, strict=True))


class JointProcess(AbstractProcess):
    """A chain of processes, one after the other on the same state. Its steps are named
    `process.step`.

    ```python
    >>> import jax.numpy as jnp
    >>> from ngcx.process import JointProcess, MethodProcess
    >>> leak = MethodProcess("leak", ("halve", lambda v: 0.5 * v))
    >>> charge = MethodProcess("charge", ("add", lambda v: v + 1.0))
    >>> print(JointProcess("both", leak, charge).run(jnp.array(1.0), {}))
    1.5

    ```
    """

    name: str = eqx.field(static=True)
    processes: tuple[AbstractProcess, ...]

    # A constructor runs on the host.
    @compiled(jit=False)
    def __init__(self, name: str, *processes: AbstractProcess):
        """**Arguments:**

        - `name`: how errors call the joint process.
        - `processes`: the processes in their order.

        **Raises:** `ValueError` without processes, and for two of the same name.
        """
        self.name = name
        self.processes = processes
        _check_different("processes", [process.name for process in processes])

    @property
    def chain(self) -> tuple[tuple[str, Callable], ...]:
        """The names of the steps and the steps, in their order."""
        return tuple(
            (f"{process.name}.{name}", step)
            for process in self.processes
            for name, step in process.chain
        )


def _check_different(argument: str, names):
    if not names or len(set(names)) < len(names):
        raise ValueError(
            f"`{argument}` must be one or more, with different names; got "
            f"{list(names)}."
        )


def _widened_if_stored(new, stored):
    same = hasattr(new, "dtype") and new.dtype == jnp.result_type(stored)
    return widened_tree(new) if same else new
