"""What is known of a step: its name, its inputs, and what it reads and writes."""

import functools as ft
import inspect
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.tree_util as jtu
from jax.interpreters import partial_eval


def name_of(step: Callable) -> str:
    function = _function(step)
    while isinstance(function, ft.partial):
        function = function.func
    name = getattr(function, "__name__", None)
    if name is None or name == "<lambda>":
        raise ValueError(
            "`steps` must be given as (name, step) where a step has no name; got "
            f"{step}."
        )
    return name


def _function(step: Any) -> Callable:
    """What a step calls, without what JAX and Equinox have put around it, such as
    `eqx.filter_jit`; what is bound to it is the beginning of a partial.
    """
    if isinstance(step, ft.partial | eqx.Partial):
        return ft.partial(_function(step.func), *step.args, **step.keywords)
    if hasattr(step, "__func__"):
        return ft.partial(_function(step.__func__), step.__self__)
    wrapped = getattr(step, "__wrapped__", None)
    return step if wrapped is None else _function(wrapped)


def parameters_of(step: Callable) -> dict[str, bool]:
    """The names of the inputs of a step, and whether each must be given."""
    signature = inspect.signature(_function(step))
    _state, *parameters = signature.parameters.values()
    if any(each.kind in (each.VAR_KEYWORD, each.VAR_POSITIONAL) for each in parameters):
        raise ValueError(f"`steps` must name their inputs; got {step}, of {signature}.")
    return {each.name: each.default is each.empty for each in parameters}


def reads_and_writes(step: Callable, state, taken) -> tuple[list[str], list[str]]:
    """The parts of the state and the inputs that a step reads, and those it writes."""
    jaxpr = jax.make_jaxpr(lambda state, taken: step(state, **taken))(state, taken)
    jaxpr, held = jaxpr.jaxpr, jtu.tree_flatten_with_path(state)[0]
    given = jtu.tree_flatten_with_path(taken)[0]
    paths = [jtu.keystr(path, simple=True, separator=".") for path, _ in held + given]
    paths = [path or "state" for path in paths]
    pairs = zip(jaxpr.outvars, jaxpr.invars[: len(held)], strict=True)
    writes = [new is not old for new, old in pairs]
    # An input that leads to nothing that is written is not read.
    _, reads = partial_eval.dce_jaxpr(jaxpr, writes)
    read = [path for path, is_read in zip(paths, reads, strict=True) if is_read]
    return read, [path for path, new in zip(paths, writes, strict=False) if new]
