"""The one decorator of public functions and methods: it checks and compiles them.

| argument | what becomes of it |
| --- | --- |
| an array, or a Python number | is traced: another value runs the same program |
| another shape, dtype or structure of arrays | is checked, and compiles anew |
| one named in `static` | is a constant: another value compiles anew. A number of numpy is taken for that of Python. Arrays that it holds, as a module does in its fields, are traced |
| `self` | is treated as if it were static: its Python numbers are constants, its arrays are traced |
| an integer of Python or numpy beyond 32 bits | becomes a float where that is allowed, and is refused elsewhere, without 64-bit mode |
| a number whose annotation states a range | is judged before it is traced |
| an array of numpy, or a Python number, where only an array of JAX fits | is made one |
| True or False where a number stands | is refused, and so is text for a sequence |

A type check costs several times an eager `jnp.tanh`, and an eager custom derivative more
still. Inside `jax.jit` both are paid while tracing, once a signature. So whatever is
public and hot is compiled outside and checked inside; `inline=True` leaves no trace of
that in the programs of callers.
"""  # noqa: E501

import dataclasses
import functools as ft
import inspect
import weakref
from collections.abc import Callable, Iterator
from typing import Any, TypeVar, overload

import equinox as eqx
import jax
import jax.tree_util as jtu
import numpy as np
from jax.core import Tracer

from ._annotations import as_arrays, fits, takes_arrays, takes_numbers
from ._checks import Checker
from ._integers import is_beyond_32_bits
from ._trees import of_python


F = TypeVar("F", bound=Callable[..., Any])
Before = Callable[..., dict[str, Any] | None]


@overload
def compiled(function: F, /) -> F: ...


@overload
def compiled(
    *, static: tuple[str, ...] = ..., before: Before | None = ..., jit: bool = ...
) -> Callable[[F], F]: ...


def compiled(
    function: Any = None,
    /,
    *,
    static: tuple[str, ...] = (),
    before: Before | None = None,
    jit: bool = True,
) -> Any:
    """Checks and compiles a function, or a method of a module.

    **Arguments:**

    - `static`: the arguments that choose the program.
    - `before`: is called with the same arguments before they are traced, for what their
        annotations cannot say. It raises, or returns those that are to be others.
    - `jit`: whether to compile. Where not, everything is checked at every call.
    """
    if function is None:
        return ft.partial(compiled, static=static, before=before, jit=jit)
    is_method = function.__code__.co_varnames[:1] == ("self",)
    program = _Program(function, ("self", *static) if is_method else static, jit)
    plain_method = jit and is_method and not static and before is None

    @ft.wraps(function)
    def call(*args, **kwargs):
        given = args, kwargs
        try:
            if plain_method and _fit(args, kwargs):
                # This is what the rest does too, without the searches of it.
                program.checker.check_ranges(args, kwargs)
                module, *further = args
                constants, arrays = split(module)
                return program.jitted(arrays, constants, *further, **kwargs)
            args, kwargs = program.of_python(args, kwargs)
            given = args, kwargs
            if before is not None:
                changes = before(*args, **kwargs)
                args, kwargs = program.replaced(args, kwargs, changes or {})
            if jit and not _fit(args, kwargs):
                changes = program.checker.narrowed(program.static, args, kwargs)
                args, kwargs = program.replaced(args, kwargs, changes)
            program.checker.check_ranges(args, kwargs)
            return program.run(args, kwargs) if jit else program.checked(args, kwargs)
        except Exception as error:
            # What JAX says of an argument that it cannot trace helps nobody, nor does
            # what `before` runs into.
            args, kwargs = given
            problem = program.checker.problem(args, kwargs)
            of_jax = ("not a valid JAX array type", "Error interpreting argument")
            traced = jit or any(text in str(error) for text in of_jax)
            ours = str(error).startswith("`")  # the name of an argument
            if not problem and traced and isinstance(error, TypeError) and not ours:
                look = program.checker.untraceable
                problem = look(program.static, jit, args, kwargs)
            if problem:
                raise TypeError(problem) from None
            raise

    is_magic = call.__name__.startswith("__")
    return _Method(call) if is_method and not is_magic else call


def _fit(args, kwargs) -> bool:
    """Whether JAX holds all integers as they are."""
    return not any(map(is_beyond_32_bits, (*args, *kwargs.values())))


class _Program:
    """What a function compiles to; made at its first call, since an import of hundreds
    of functions must cost nothing.
    """

    def __init__(self, function: Callable, static: tuple[str, ...], jit: bool):
        self.checker = Checker(function)
        self.checked = self.checker.checked_call
        self.static = static
        self.jit = jit

    @ft.cached_property
    def places(self) -> tuple[tuple[str, int], ...]:
        """The static arguments, and their positions."""
        names = list(self.checker.parameters)
        return tuple((name, names.index(name)) for name in self.static)

    @ft.cached_property
    def numbers(self) -> tuple[tuple[str, int], ...]:
        """The arguments that may be numbers of Python and are not traced, and their
        positions.
        """
        return tuple(
            (name, position)
            for position, (name, each) in enumerate(self.checker.parameters.items())
            if takes_numbers(each.annotation) and (name in self.static or not self.jit)
        )

    @ft.cached_property
    def arrays(self) -> tuple[tuple[str, int], ...]:
        """The arguments that may be arrays and are not traced, and their positions."""
        return tuple(
            (name, position)
            for position, (name, each) in enumerate(self.checker.parameters.items())
            if takes_arrays(each.annotation) and not self.jit
        )

    def hint(self, name: str) -> Any:
        return self.checker.parameters[name].annotation

    def of_python(self, args, kwargs):
        """The arguments, with Python's numbers for constants of numpy, and arrays of
        JAX for others where nothing is traced.
        """
        changes = {}
        for name, value in _given(self.numbers, args, kwargs):
            if isinstance(value, np.generic | tuple):
                changes[name] = value = of_python(value)
            # Among constants, JAX takes True for 1, and would find the program of that.
            flags = value if isinstance(value, tuple) else (value,)
            if bool in map(type, flags) and not fits(value, self.hint(name)):
                raise TypeError(self.checker.problem(args, kwargs))
        for name, value in _given(self.arrays, args, kwargs):
            if (array := as_arrays(value, self.hint(name))) is not value:
                changes[name] = array
        return self.replaced(args, kwargs, changes)

    @ft.cached_property
    def jitted(self) -> Callable:
        function = self.checker.function

        def run(arrays, /, *args, **kwargs):
            arrays, changes = iter(arrays), {}
            for name, value in _given(self.places, args, kwargs):
                if isinstance(value, _Constants):
                    changes[name] = value.combine(next(arrays))
            return self.checked(*self.replaced(args, kwargs, changes))

        # For profiles and error messages.
        ft.update_wrapper(run, function, assigned=_NAMES, updated=())
        arrays = inspect.Parameter("_arrays", inspect.Parameter.POSITIONAL_ONLY)
        parameters = [
            each.replace(annotation=inspect.Parameter.empty)
            for each in self.checker.parameters.values()
        ]
        run.__signature__ = inspect.Signature([arrays, *parameters])  # pyright: ignore[reportFunctionMemberAccess]
        return jax.jit(run, static_argnames=self.static, inline=True)

    def run(self, args: tuple, kwargs: dict[str, Any]) -> Any:
        arrays, changes = (), {}
        for name, value in _given(self.places, args, kwargs):
            if type(value) not in _PLAIN:
                changes[name], held = split(value)
                arrays += held
        args, kwargs = self.replaced(args, kwargs, changes)
        return self.jitted(arrays, *args, **kwargs)

    def replaced(self, args, kwargs, changes: dict[str, Any]):
        """The arguments with those changes."""
        for name, value in changes.items():
            position = list(self.checker.parameters).index(name)
            if position < len(args):
                args = (*args[:position], value, *args[position + 1 :])
            else:
                kwargs = kwargs | {name: value}
        return args, kwargs


def _given(places, args, kwargs) -> Iterator[tuple[str, Any]]:
    """Those of the arguments that are given."""
    for name, position in places:
        if position < len(args):
            yield name, args[position]
        elif name in kwargs:
            yield name, kwargs[name]


# Constants that hold no arrays, and that JAX compares by itself.
_PLAIN = frozenset({bool, int, str, type(None)})
_NAMES = ("__module__", "__name__", "__qualname__")


# Methods.


class _Method:
    """A compiled method in the namespace of its class."""

    def __init__(self, call: Callable):
        ft.update_wrapper(self, call)  # pyright: ignore[reportArgumentType]
        self.call = call

    def __get__(self, module, owner=None):
        return self.call if module is None else BoundMethod(self.call, module)


class BoundMethod:
    """A compiled method of one module: a pytree, as that of `equinox.Module` is, but
    made in a microsecond instead of sixty.
    """

    __slots__ = ("__func__", "__self__", "__weakref__")

    def __init__(self, function: Callable, module: Any):
        self.__func__ = function
        self.__self__ = module

    def __call__(self, *args, **kwargs):
        return self.__func__(self.__self__, *args, **kwargs)

    def __getattr__(self, name: str):
        return getattr(self.__func__, name)

    @property
    def __signature__(self) -> inspect.Signature:
        _, *further = inspect.signature(self.__func__).parameters.values()
        return inspect.Signature(further)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, BoundMethod):
            return NotImplemented
        same = self.__func__ is other.__func__
        return same and bool(self.__self__ == other.__self__)

    def __hash__(self) -> int:
        return hash((self.__func__, self.__self__))

    def __repr__(self) -> str:
        return f"{self.__self__!r}.{self.__func__.__name__}"

    def __reduce__(self):
        return getattr, (self.__self__, self.__func__.__name__)


jtu.register_pytree_with_keys(
    BoundMethod,
    lambda method: (
        [(jtu.GetAttrKey("__self__"), method.__self__)],
        method.__func__,
    ),
    lambda function, children: BoundMethod(function, *children),
)


# Constants and arrays.


class _Constants:
    """What remains of a module, or of another pytree, without its arrays.

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
# cost as much as the call. Parts are kept here and not on the module, since Equinox
# compares the number of attributes and equal modules would no longer be equal; and by
# identity, because hashing a module is slow, and impossible with arrays. The weak
# reference drops the entry together with the module.
_parts: dict[int, tuple[tuple[_Constants, tuple[tuple]], weakref.ref]] = {}


def split(tree: Any) -> tuple[_Constants, tuple[tuple]]:
    """What chooses a program, a static argument of `jax.jit`; and the arrays in it, in
    a tuple of their own.
    """
    parts = _parts.get(id(tree))
    # A module that died at the limit of recursion, or under Ctrl-C, has left its entry,
    # and another one may have its identity by now.
    if parts is not None and parts[1]() is tree:
        return parts[0]
    leaves, treedef = jtu.tree_flatten(tree)
    arrays = tuple(leaf for leaf in leaves if _is_array(leaf))
    leaves = tuple(_ARRAY if _is_array(leaf) else leaf for leaf in leaves)
    # The types tell 1, 1.0 and True apart, which are equal.
    key = (treedef, leaves, tuple(map(type, leaves)))
    both = _constants.setdefault(key, _Constants(leaves, treedef)), (arrays,)
    # A tracer must not outlive its trace in a cache.
    holds_tracer = any(isinstance(array, Tracer) for array in arrays)
    if isinstance(tree, eqx.Module) and not holds_tracer and _is_frozen(tree):
        _parts[id(tree)] = both, weakref.ref(tree, _forget(id(tree)))
    return both


def _is_frozen(module) -> bool:
    """Whether its `__init__`, which may call the module, is over."""
    for name, value in vars(module).items():
        try:
            setattr(module, name, value)
        except dataclasses.FrozenInstanceError:
            return True
        return False
    return True


def _forget(identity: int, parts=_parts):
    # The dictionary is kept here too, since globals are gone when Python exits.
    return lambda _: parts.pop(identity, None)


def _is_array(leaf: Any) -> bool:
    return isinstance(leaf, jax.Array | np.ndarray)
