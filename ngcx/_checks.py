"""Checks of arguments and fields against their annotations, and what they say.

An error names the argument and the function, what is allowed and what was given, and
the likely cure, in two or three lines.
"""

import difflib
import functools as ft
import inspect
import types
import typing
from collections.abc import Callable, Mapping
from inspect import Parameter
from typing import Any

import jax
import jaxtyping
import numpy as np
from beartype.door import is_bearable
from jaxtyping import jaxtyped

from ._typing import Must


class Checker:
    """Checks what one function is given and what it returns.

    Nothing is computed before it is needed, since importing hundreds of functions must
    cost nothing.
    """

    def __init__(self, function: Callable):
        self.function = function

    @ft.cached_property
    def parameters(self) -> Mapping[str, Parameter]:
        return inspect.signature(self.function).parameters

    @ft.cached_property
    def ranges(self) -> tuple[tuple[str, int, Must], ...]:
        """The arguments that must be in a range, and their positions."""
        return tuple(
            (name, position, must)
            for position, (name, each) in enumerate(self.parameters.items())
            for must in _ranges(each.annotation)
        )

    def check_ranges(self, args: tuple, kwargs: Mapping[str, Any]):
        """Raises `ValueError` for a number that is out of its range."""
        for name, position, must in self.ranges:
            by_position = position < len(args)
            check_range(name, args[position] if by_position else kwargs.get(name), must)

    def checked_call(self, args: tuple, kwargs: Mapping[str, Any]) -> Any:
        """Calls the function, and raises `TypeError` where types or shapes are wrong,
        those of the arguments or that of the result.
        """
        if jaxtyping.config.jaxtyping_disable:
            return self.function(*args, **kwargs)
        with jaxtyped("context"):  # in which axes of one name have one size
            if problem := self._problem(args, kwargs):
                raise TypeError(problem)
            result = self.function(*args, **kwargs)
            hints = {"result": self.function.__annotations__.get("return", Any)}
            if problem := _mismatch(self._name(args), {"result": result}, hints):
                raise TypeError(problem)
        return result

    def problem(self, args: tuple, kwargs: Mapping[str, Any]) -> str | None:
        """What is wrong with the arguments, if anything is."""
        if jaxtyping.config.jaxtyping_disable:
            return None
        with jaxtyped("context"):
            return self._problem(args, kwargs)

    def untraceable(self, static: tuple[str, ...], args, kwargs) -> str | None:
        """Which argument holds something that JAX cannot trace, if one does."""
        bound = inspect.signature(self.function).bind(*args, **kwargs).arguments
        for name, value in bound.items():
            for leaf in [] if name in static else jax.tree.leaves(value):
                if not _is_array(leaf) and not isinstance(leaf, _NUMBER):
                    owner, given = self._name(args), _given(leaf)
                    allowed = "a pytree of arrays and numbers"
                    return f"`{name}` of `{owner}` must be {allowed}; got {given}."
        return None

    def _problem(self, args, kwargs) -> str | None:
        owner = self._name(args)
        try:
            bound = inspect.signature(self.function).bind_partial(*args, **kwargs)
        except TypeError:
            return _unbound(owner, self.parameters, args, kwargs)
        values, hints = {}, {}
        for name, value in bound.arguments.items():
            each = self.parameters[name]
            given = {name: value}
            if each.kind is Parameter.VAR_POSITIONAL:
                given = {f"{name}[{i}]": item for i, item in enumerate(value)}
            elif each.kind is Parameter.VAR_KEYWORD:
                given = value
            values |= given
            hints |= dict.fromkeys(given, each.annotation)
        if problem := _mismatch(owner, values, hints):
            return problem
        for name, each in self.parameters.items():
            variadic = each.kind in (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)
            needed = each.default is Parameter.empty and not variadic
            if needed and name not in bound.arguments:
                allowed = described(each.annotation)
                cure = _cure(name, None, each.annotation)
                return f"`{name}` of `{owner}` must be given, {allowed}.{cure}"
        return None

    def _name(self, args) -> str:
        """The name of the function, or of the method with the class of its module."""
        name = self.function.__name__
        if not args or next(iter(self.parameters)) != "self":
            return name
        owner = type(args[0]).__name__
        return owner if name in ("__call__", "__init__") else f"{owner}.{name}"


def check_fields(module: Any, hints: Mapping[str, Any]):
    """Raises for a field of a module that does not fit its annotation."""
    values = {name: getattr(module, name) for name in hints}
    if not jaxtyping.config.jaxtyping_disable:
        with jaxtyped("context"):
            if problem := _mismatch(type(module).__name__, values, hints):
                raise TypeError(problem)
    for name, value in values.items():
        for must in _ranges(hints[name]):
            check_range(name, value, must)


def check_range(name: str, value: Any, must: Must):
    """Raises `ValueError` for a number that is out of range. What an array holds may
    not be known yet, so it is not judged.
    """
    if isinstance(value, _NUMBER) and not must.test(value):
        raise ValueError(f"`{name}` must be {must.be}; got {value}.")


_NUMBER = float | int | np.floating | np.integer  # and bool, which is an int


def _ranges(hint) -> list[Must]:
    """The ranges that an annotation states, also of one member of a union."""
    parts = typing.get_args(hint)
    if typing.get_origin(hint) is typing.Annotated:
        own = [each for each in parts[1:] if isinstance(each, Must)]
        return own + _ranges(parts[0])
    if typing.get_origin(hint) in _UNIONS:
        return [must for part in parts for must in _ranges(part)]
    return []


# What is wrong.


def _mismatch(
    owner: str, values: Mapping[str, Any], hints: Mapping[str, Any]
) -> str | None:
    """What the first value that does not fit must be, what it is, and the cure."""
    for name, value in values.items():
        hint = hints[name]
        if _fits(value, hint):
            continue
        text = f"`{name}` of `{owner}` must be {described(hint)}; got {_given(value)}."
        # Arrays before this one may have fixed the sizes of its axes.
        for other, before in values.items():
            if other == name:
                break
            if _is_array(before) and _axes(hints[other]) & _axes(hint):
                text += f" `{other}` is {_given(before)}."
        return text + _cure(name, value, hint)
    return None


def _unbound(owner: str, parameters: Mapping[str, Parameter], args, kwargs) -> str:
    """Why arguments and parameters cannot be matched."""
    by_position = [
        name
        for name, each in parameters.items()
        if each.kind is Parameter.POSITIONAL_OR_KEYWORD
    ]
    for name in kwargs:
        if name not in parameters:
            near = difflib.get_close_matches(name, parameters, n=1)
            hint = f" Did you mean `{near[0]}`?" if near else ""
            known = ", ".join(f"`{each}`" for each in parameters if each != "self")
            return f"`{name}` is no argument of `{owner}`.{hint}\nIt takes {known}."
        if name in by_position[: len(args)]:
            return f"`{name}` of `{owner}` is given twice, by position and by name."
    surplus = args[len(by_position)]
    for name in parameters:
        if name not in by_position:
            example = f"`{name}={_given(surplus)}`"
            return f"`{name}` of `{owner}` must be given by its name, as {example}."
    takes = ", ".join(f"`{name}`" for name in by_position if name != "self")
    return f"`{owner}` takes {takes or 'no arguments'}; got {_given(surplus)} besides."


def _fits(value, hint) -> bool:
    if isinstance(hint, typing.TypeVar):
        hint = hint.__bound__
    if typing.get_origin(hint) is tuple and Ellipsis in (
        parts := typing.get_args(hint)
    ):
        # beartype looks at one entry, drawn at random.
        return isinstance(value, tuple) and all(_fits(each, parts[0]) for each in value)
    # A name in quotes is not looked up, nor is what has no annotation.
    unknown = hint in (None, Parameter.empty) or isinstance(hint, _NAME)
    return unknown or is_bearable(value, hint)  # pyright: ignore[reportArgumentType]


_NAME = str | typing.ForwardRef


# In words.


def described(hint: Any) -> str:
    """An annotation in words."""
    words = [word for each in _alternatives(hint) for word in _words(each)]
    *others, last = dict.fromkeys(words)
    return f"{', '.join(others)} or {last}" if others else last


def _words(hint) -> list[str]:
    if hint in _WORDS:
        return [_WORDS[hint]]
    if hasattr(hint, "dim_str"):
        return [_array_in_words(hint)]
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Literal:
        return [repr(part) for part in parts]
    if origin is tuple and Ellipsis not in parts:
        return [f"a tuple ({', '.join(map(described, parts))})"]
    if origin is tuple:
        return [f"a tuple, each entry {described(parts[0])}"]
    kind = hint if origin is None else origin
    name = getattr(kind, "__name__", str(kind)).removeprefix("Abstract")
    if name == "Callable":
        return ["a function"]
    if name.startswith("PyTree"):
        return ["a pytree of arrays" if "[" in name else "a pytree"]
    return [f"{'an' if name[0] in 'AEIOU' else 'a'} {name}"]


def _array_in_words(hint) -> str:
    axes = hint.dim_str.split()
    kind = _KINDS.get(hint.dtype.__name__, "an array of numbers")
    if hint.dtype is jaxtyping.Key or axes == ["..."]:
        return kind
    if len(axes) == 1 and axes[0].startswith("*"):
        return f"{kind} that broadcasts" if "#" in axes[0] else kind
    return f"{kind} of shape ({', '.join(axes)}{',' if len(axes) == 1 else ''})"


_WORDS = {
    Any: "anything",
    bool: "True or False",
    float: "a number",
    int: "an integer",
    str: "a string",
    type(None): "None",
}
_KINDS = {
    "Bool": "a Boolean array",
    "Float": "a floating-point array",
    "Inexact": "a floating-point array",
    "Int": "an array of integers",
    "Integer": "an array of integers",
    "Key": "a key of `jax.random`",
    "Shaped": "an array",
}
_UNIONS = (typing.Union, types.UnionType)


def _alternatives(hint) -> list:
    """The members of a union; not what is another spelling of a member."""
    parts = typing.get_args(hint)
    if typing.get_origin(hint) is typing.Annotated:
        return _alternatives(parts[0])
    if typing.get_origin(hint) not in _UNIONS:
        return [hint]
    members = [member for part in parts for member in _alternatives(part)]
    dtypes = [getattr(member, "dtype", None) for member in members]
    # Legacy keys are arrays of two or four words, and an integer is a number.
    return [
        member
        for member, dtype in zip(members, dtypes, strict=True)
        if not (dtype is jaxtyping.UInt32 and jaxtyping.Key in dtypes)
        and not (member is int and float in members)
    ]


def _axes(hint) -> set[str]:
    """The names of the axes in an annotation."""
    dims = (getattr(each, "dim_str", "") for each in _alternatives(hint))
    return {name.lstrip("*#") for each in dims for name in each.split()} - {"..."}


def _given(value: Any) -> str:
    """A value, or what kind of thing it is where it is large."""
    if _is_array(value):
        return f"{value.dtype}{list(value.shape)}"
    if isinstance(value, type):
        return f"the class {value.__name__}"
    if isinstance(value, str | float | int | complex | list | tuple | dict | None):
        text = repr(value)
        return text if len(text) < 60 else f"a long {type(value).__name__}"
    name = type(value).__name__
    return f"{'an' if name[0] in 'AEIOU' else 'a'} {name}"


def _is_array(value) -> bool:
    return isinstance(value, jax.Array | np.ndarray | jax.ShapeDtypeStruct)


# Cures of the mistakes that are made most often, each on a line of its own.


def _cure(name: str, value: Any, hint: Any) -> str:
    hints = _alternatives(hint)
    arrays = [each for each in hints if hasattr(each, "dim_str")]
    classes = [each for each in hints if isinstance(each, type) and each not in arrays]
    if any(each.dtype is jaxtyping.Key for each in arrays):
        return "\nMake a key with `jax.random.key(0)`, several with `jax.random.split`."
    if isinstance(value, type) and issubclass(value, tuple(classes)):
        return f"\nMake one: `{value.__name__}()`."
    if isinstance(value, str):
        return _cure_of_name(value, classes)
    if arrays and isinstance(value, list | tuple | float | int):
        return "\nMake an array of it with `jnp.asarray`."
    if arrays and _is_array(value):
        return _cure_of_array(name, value, arrays)
    return ""


def _cure_of_name(value: str, classes) -> str:
    for each in classes:
        package, _, further = each.__module__.partition(".")
        subpackage = f"{package}.{further.partition('.')[0]}"
        if package == "ngcx" and each.__name__.startswith("Abstract"):
            return f"\nMake one from its name: `{subpackage}.create({value!r})`."
    return ""


def _cure_of_array(name: str, value, arrays) -> str:
    if not any(_holds(each, value.dtype.name) for each in arrays):
        exact = np.issubdtype(value.dtype, np.integer) or value.dtype == bool
        return "\nConvert it with `.astype(float)`." if exact else ""
    ranks = {len(each.dim_str.split()) for each in arrays if "*" not in each.dim_str}
    if value.ndim + 1 in ranks and value.ndim not in ranks:
        return f"\nIf there is one only, an axis goes in front: `{name}[None]`."
    return ""


def _holds(hint, dtype: str) -> bool:
    # Names of dtypes, or an object that stands for all of them.
    return not isinstance(hint.dtypes, tuple) or dtype in hint.dtypes
