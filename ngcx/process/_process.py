import abc
import inspect
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
from .._typing import Natural


class AbstractProcess(Module):
    """An ordered chain of named steps, each `(state, **inputs) -> state`.

    The state is any pytree of arrays. It comes in and goes out; nothing is kept. A step
    gets those of the inputs that its signature names.
    """

    name: eqx.AbstractVar[str]

    @property
    @abc.abstractmethod
    def chain(self) -> tuple[tuple[str, Callable], ...]:
        """The names of the steps and the steps, in their order."""

    @property
    def inputs(self) -> dict[str, tuple[str, ...]]:
        """The names of the inputs that each step takes, by the name of the step."""
        return {name: tuple(_parameters(step)) for name, step in self.chain}

    @compiled
    def run(self, state: PyTree, inputs: Mapping[str, PyTree]) -> PyTree:
        """Runs all steps once, in a program that is compiled once for all values.

        **Arguments:**

        - `state`: a pytree of arrays and numbers.
        - `inputs`: their names and values, pytrees of arrays and numbers.

        **Returns:** the state after all steps.

        **Raises:** `ValueError` that names the step for an input that is missing, and
        for one that no step takes.
        """
        return self._run(state, inputs)

    @compiled(static=("watch", "length", "unroll", "checkpoint"))
    def scan(
        self,
        state: PyTree,
        inputs: Mapping[str, PyTree],
        *,
        watch: Callable[[PyTree], PyTree] | None = None,
        length: Natural | None = None,
        unroll: Natural = 1,
        checkpoint: bool = False,
    ) -> tuple[PyTree, PyTree]:
        """Runs once for every time step of the inputs, in one `jax.lax.scan`.

        **Arguments:**

        - `state`: a pytree of arrays, before the first step.
        - `inputs`: their names and values, with a leading time axis; see `pack`.
        - `watch`: which part of the state to keep at every step, such as
            `lambda state: state["spikes"]`. A new function compiles anew, so define it
            once.
        - `length`: how many time steps there are; needed if there are no inputs.
        - `unroll`: how many time steps go into one turn of the compiled loop.
        - `checkpoint`: whether gradients compute each step again, instead of keeping
            what happened within it.

        **Returns:** the last state, and what was watched, stacked over time (`None`
        without `watch`).

        **Raises:** what `run` raises; `ValueError` if the inputs disagree in their
        length; `TypeError` that names the step if one changes the structure, a shape or
        a dtype of the state.
        """
        lengths = {jnp.shape(leaf)[:1] for leaf in jtu.tree_leaves(dict(inputs))}
        lengths |= set() if length is None else {(length,)}
        if len(lengths) != 1 or lengths == {()}:
            found = sorted((each[0] if each else "none" for each in lengths), key=str)
            raise ValueError(
                "`inputs` must have leading axes of one length, that of `length` if it "
                f"is given; got {found}."
            )
        expected = _signature(state)

        def check(name, state):
            if (found := _signature(state)) != expected:
                raise TypeError(
                    f"`{name}` of `{self.name}` must keep the structure, shapes and "
                    f"dtypes of the state; got {found[1]} for {expected[1]}, in "
                    f"{found[0]}."
                )

        def step(state, now):
            state = self._run(state, now, check)
            return state, None if watch is None else watch(state)

        step = jax.checkpoint(step) if checkpoint else step
        state = jtu.tree_map(jnp.asarray, state)
        (length,) = lengths.pop()
        return jax.lax.scan(step, state, dict(inputs), length, unroll=unroll)

    # This is not compiled: it makes the inputs of compiled programs, on the host.
    @compiled(jit=False)
    def pack(self, length: Natural, **inputs: Any) -> dict[str, PyTree]:
        """Inputs for a scan over `length` time steps.

        **Arguments:**

        - `length`: the number of time steps.
        - `inputs`: each a number, which stays the same; an array with a leading time
            axis; or a function of the number of the step (traced), mapped over all.

        **Raises:** `ValueError` that names an input of another length; `TypeError` that
        names one of another type.
        """
        self._check_names(inputs)
        return {name: _packed(name, value, length) for name, value in inputs.items()}

    # This is not compiled, since what it returns is no array.
    @compiled(jit=False)
    def jaxpr(self, state: PyTree, inputs: Mapping[str, PyTree]) -> ClosedJaxpr:
        """What `run` compiles, as JAX writes it; the arguments are those of `run`."""
        return jax.make_jaxpr(self._run)(state, dict(inputs))

    def _run(self, state, inputs, check=lambda name, state: None):
        self._check_names(inputs)
        for name, step in self.chain:
            taken = {key: inputs[key] for key in _parameters(step) if key in inputs}
            state = step(state, **taken)
            check(name, state)
        return state

    def _check_names(self, inputs: Mapping[str, Any]):
        known = set()
        for name, step in self.chain:
            for key, required in _parameters(step).items():
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

        - `name`: what errors call the process.
        - `steps`: functions or methods, or pairs of a name and one of these.

        **Raises:** `ValueError` without steps, for two of the same name, for one that
        has no name of its own, and for one whose inputs are not named.
        """
        pairs = [
            step if isinstance(step, tuple) else (_name(step), step) for step in steps
        ]
        self.name = name
        self.names = tuple(label for label, _ in pairs)
        self.steps = tuple(step for _, step in pairs)
        _check_different("steps", self.names)
        for step in self.steps:
            _parameters(step)

    @property
    def chain(self) -> tuple[tuple[str, Callable], ...]:
        """The names of the steps and the steps, in their order."""
        return tuple(zip(self.names, self.steps, strict=True))


class JointProcess(AbstractProcess):
    """A chain of processes, one after the other on the same state.

    The steps are named `process.step`.
    """

    name: str = eqx.field(static=True)
    processes: tuple[AbstractProcess, ...]

    # A constructor runs on the host.
    @compiled(jit=False)
    def __init__(self, name: str, *processes: AbstractProcess):
        """**Arguments:**

        - `name`: what errors call the joint process.
        - `processes`: in their order.

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


def _name(step: Callable) -> str:
    method = getattr(step, "__func__", step)
    name = getattr(method, "__name__", None)
    if name is None or name == "<lambda>":
        raise ValueError(
            "`steps` must be given as (name, step) where a step has no name; got "
            f"{step}."
        )
    return name


def _parameters(step: Callable) -> dict[str, bool]:
    """The names of the inputs of a step, and whether each must be given."""
    signature = inspect.signature(step)
    _state, *parameters = signature.parameters.values()
    if any(each.kind in (each.VAR_KEYWORD, each.VAR_POSITIONAL) for each in parameters):
        raise ValueError(f"`steps` must name their inputs; got {step}, of {signature}.")
    return {each.name: each.default is each.empty for each in parameters}


def _packed(name: str, value, length: int):
    if callable(value):
        return jax.vmap(value)(jnp.arange(length))

    def leaf(array):
        if not eqx.is_array_like(array):
            raise TypeError(
                f"`{name}` must be a number, an array or a function; got {array!r}."
            )
        array = jnp.asarray(array)
        if array.ndim == 0:
            return jnp.broadcast_to(array, (length,))
        if len(array) != length:
            raise ValueError(
                f"`{name}` must have a leading axis of {length} time steps; got an "
                f"array of shape {array.shape}."
            )
        return array

    return jtu.tree_map(leaf, value)


def _signature(state):
    leaves, structure = jtu.tree_flatten(state)
    return structure, [
        f"{jnp.result_type(leaf)}{list(jnp.shape(leaf))}" for leaf in leaves
    ]
