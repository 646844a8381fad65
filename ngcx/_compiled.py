"""Compiled callables that are checked once a signature and cost next to nothing after.

A type check costs several times an eager `jnp.tanh`, and an eager custom derivative
more still. Inside `jax.jit` both are paid while tracing, so everything public and hot
is compiled outside and checked inside; `inline=True` leaves no trace of that in the
programs of callers.
"""

import dataclasses
import functools as ft
import inspect
import weakref
from collections.abc import Callable
from typing import Any

import jax
import jax.tree_util as jtu
import numpy as np
from jax.core import Tracer

from ._typing import T, typed


def compiled_function(static: tuple[str, ...] = ()) -> Callable[[T], T]:
    """Compiles and checks a function; the arguments in `static` choose the program."""

    def decorate(function: T) -> T:
        return jax.jit(typed(function), static_argnames=static, inline=True)  # pyright: ignore[reportReturnType]

    return decorate


def compiled(method: T, static: tuple[str, ...] = ()) -> T:
    """Compiles and checks a method of an Equinox module.

    Array leaves of the module are traced, so a new value never recompiles; everything
    else, Python numbers included, is a constant of the program, and so are the
    keyword arguments in `static`.
    """
    checked = typed(method)

    def run(constants: _Constants, arrays, *args, **kwargs):
        return checked(constants.combine(arrays), *args, **kwargs)

    # For profiles and error messages.
    ft.update_wrapper(run, method, assigned=_NAMES, updated=())
    run.__signature__ = _signature(method)  # pyright: ignore[reportFunctionMemberAccess]
    run = jax.jit(run, static_argnums=0, static_argnames=static, inline=True)

    @ft.wraps(method)
    def call(self, *args, **kwargs):
        parts = _parts.get(id(self))
        # Of a module that died at the limit of recursion, or under Ctrl-C, the entry is
        # still there, and another one may have its identity by now.
        if parts is None or parts[2]() is not self:
            parts = _partition(self)
        return run(parts[0], parts[1], *args, **kwargs)

    return call  # pyright: ignore[reportReturnType]


def traced(argument: Any) -> Any:
    """A number as an array, so that another value does not compile anew: for
    `eqx.filter_jit`, to which a number is a constant.
    """
    number = isinstance(argument, float | int) and not isinstance(argument, bool)
    # Of numpy, which costs no trip to the device.
    return np.asarray(argument, float) if number else argument


def _signature(method):
    """That of a method whose `self` comes in two parts."""
    self, *further = inspect.signature(method).parameters.values()
    parts = [
        self.replace(name=name, kind=self.POSITIONAL_ONLY)
        for name in ("_constants", "_arrays")
    ]
    return inspect.Signature([*parts, *further])


_NAMES = ("__module__", "__name__", "__qualname__")


class _Constants:
    """What remains of a module without its arrays.

    Equal ones are one object, so that `jax.jit` compares them by identity.
    """

    __slots__ = ("__weakref__", "leaves", "treedef")

    def __init__(self, leaves, treedef):
        self.leaves = leaves
        self.treedef = treedef

    def combine(self, arrays):
        arrays = iter(arrays)
        leaves = [next(arrays) if leaf is _ARRAY else leaf for leaf in self.leaves]
        return jtu.tree_unflatten(self.treedef, leaves)


_ARRAY = object()  # stands where an array was
_constants: weakref.WeakValueDictionary[Any, _Constants] = weakref.WeakValueDictionary()
# Modules are immutable, so each is taken apart once: flattening it at every call would
# cost as much as the call. Keyed by identity, because hashing a module is slow and
# impossible with arrays; the weak reference drops the entry together with the module.
_parts: dict[int, tuple[_Constants, tuple, weakref.ref]] = {}


def split(tree: Any) -> tuple["_Constants", tuple]:
    """What chooses a program, a static argument of `jax.jit`, and its arrays; `combine`
    puts them together again. Takes a tenth of the time of `eqx.filter_jit`.
    """
    leaves, treedef = jtu.tree_flatten(tree)
    arrays = tuple(leaf for leaf in leaves if _is_array(leaf))
    leaves = tuple(_ARRAY if _is_array(leaf) else leaf for leaf in leaves)
    # The types, because `1 == 1.0 == True`.
    key = (treedef, leaves, tuple(map(type, leaves)))
    return _constants.setdefault(key, _Constants(leaves, treedef)), arrays


def _partition(module):
    constants, arrays = split(module)
    parts = (constants, arrays, weakref.ref(module, _forget(id(module))))
    # A tracer must not outlive its trace in a cache.
    holds_tracer = any(isinstance(array, Tracer) for array in arrays)
    if not holds_tracer and _is_frozen(module):
        _parts[id(module)] = parts
    return parts


def _is_frozen(module) -> bool:
    """Whether its `__init__`, which may call the module, is over."""
    for name, value in vars(module).items():
        try:
            setattr(module, name, value)
        except dataclasses.FrozenInstanceError:
            return True
        return False
    return True


def _forget(identity: int):
    return lambda _: _parts.pop(identity, None)


def _is_array(leaf: Any) -> bool:
    return isinstance(leaf, jax.Array | np.ndarray)
