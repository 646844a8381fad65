"""Compiled callables that are checked once a signature and cost next to nothing after.

A type check costs several times an eager `jnp.tanh`, and an eager custom derivative
more still. Inside `jax.jit` both are paid while tracing, so everything public and hot
is compiled outside and checked inside; `inline=True` leaves no trace of that in the
programs of callers.
"""

import functools as ft
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

    @ft.partial(jax.jit, static_argnums=0, static_argnames=static, inline=True)
    @_named(method)  # for profiles and error messages
    def run(constants: _Constants, arrays, *args, **kwargs):
        return checked(constants.combine(arrays), *args, **kwargs)

    @ft.wraps(method)
    def call(self, *args, **kwargs):
        parts = _parts.get(id(self)) or _partition(self)
        return run(parts[0], parts[1], *args, **kwargs)

    return call  # pyright: ignore[reportReturnType]


def _named(original):
    return ft.partial(ft.update_wrapper, wrapped=original, updated=(), assigned=_NAMES)


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


def _partition(module):
    leaves, treedef = jtu.tree_flatten(module)
    arrays = tuple(leaf for leaf in leaves if _is_array(leaf))
    leaves = tuple(_ARRAY if _is_array(leaf) else leaf for leaf in leaves)
    # The types, because `1 == 1.0 == True`.
    key = (treedef, leaves, tuple(map(type, leaves)))
    constants = _constants.setdefault(key, _Constants(leaves, treedef))
    parts = (constants, arrays, weakref.ref(module, _forget(id(module))))
    # A tracer must not outlive its trace in a cache.
    if not any(isinstance(array, Tracer) for array in arrays):
        _parts[id(module)] = parts
    return parts


def _forget(identity: int):
    return lambda _: _parts.pop(identity, None)


def _is_array(leaf: Any) -> bool:
    return isinstance(leaf, jax.Array | np.ndarray)
