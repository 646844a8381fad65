"""Checks of arguments and fields against their annotations, and what they say.

An error names the argument and the function, what is allowed and what was given, and
the likely cure, in two or three lines.
"""

import dataclasses
import difflib
import functools as ft
import inspect
import typing
from collections.abc import Callable, Mapping, Sequence
from inspect import Parameter
from typing import Any

import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
from beartype.door import is_bearable
from jaxtyping import jaxtyped

from ._integers import beyond_32_bits, is_beyond_32_bits
from ._trees import of_python
from ._typing import Must
from ._words import (
    NUMBER,
    UNIONS,
    alternatives,
    axis_names,
    cure_of,
    described,
    in_words,
    is_array,
    is_numeric,
    is_traceable,
)


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
            for must in ranges_of(each.annotation)
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
            self._check_shapes(args, kwargs)
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
                if not is_traceable(leaf):
                    owner, given = self._name(args), in_words(leaf)
                    allowed = "a pytree of arrays and numbers"
                    return f"`{name}` of `{owner}` must be {allowed}; got {given}."
        return None

    def narrowed(self, static: tuple[str, ...], args, kwargs) -> dict[str, float]:
        """The integers beyond 32 bits that may as well be floats. Raises `ValueError`
        for others, which JAX would take for other numbers.
        """
        bound = inspect.signature(self.function).bind(*args, **kwargs).arguments
        changes = {}
        for name, value in bound.items():
            for leaf in [] if name in static else jax.tree.leaves(value):
                if is_beyond_32_bits(leaf):
                    if float not in alternatives(self.parameters[name].annotation):
                        what = f"`{name}` of `{self._name(args)}`"
                        raise ValueError(beyond_32_bits(what, leaf))
                    changes[name] = np.float64(value)  # an array remains one
        return changes

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
                cure = cure_of(name, None, each.annotation)
                return f"`{name}` of `{owner}` must be given, {allowed}.{cure}"
        return None

    def _check_shapes(self, args, kwargs):
        """Raises for an `axis` that the first array does not have, and for parameters
        that do not broadcast to it, where it may be of any shape. Both are arguments,
        or fields of the module whose method this is.
        """
        bound = inspect.signature(self.function).bind(*args, **kwargs)
        bound.apply_defaults()
        values = dict(bound.arguments)
        hints = {name: each.annotation for name, each in self.parameters.items()}
        arrays = [
            name for name in values if is_array(values[name]) and dims(hints[name])
        ]
        if not arrays:
            return
        first, x = arrays[0], values[arrays[0]]
        if dataclasses.is_dataclass(module := values.get("self")):
            for field in dataclasses.fields(module):
                values[field.name] = getattr(module, field.name)
                hints[field.name] = field.type
        for name, value in values.items():
            if name == "axis" and hints[name] is int and not -x.ndim <= value < x.ndim:
                there = f"from {-x.ndim} to {x.ndim - 1}" if x.ndim else "with none"
                raise ValueError(
                    f"`axis` must be one of `{first}`, {in_words(x)}, {there}; got "
                    f"{value}."
                )
            judged = dims(hints[first]) == {"*shape"} and dims(hints[name]) == {"..."}
            if judged and is_array(value) and not _broadcasts(value.shape, x.shape):
                raise ValueError(
                    f"`{name}` of `{self._name(args)}` must broadcast to the shape of "
                    f"`{first}`, {in_words(x)}; got {in_words(value)}."
                )

    def _name(self, args) -> str:
        """The name of the function, or of the method with the class of its module."""
        name, first = self.function.__name__, next(iter(self.parameters), "")
        if not args or first not in ("self", "cls"):
            return name
        owner = (args[0] if first == "cls" else type(args[0])).__name__
        return owner if name in ("__call__", "__init__") else f"{owner}.{name}"


def check_fields(module: Any, hints: Mapping[str, Any]):
    """Raises for a field of a module that does not fit its annotation."""
    values = {name: getattr(module, name) for name in hints}
    if not jaxtyping.config.jaxtyping_disable:
        with jaxtyped("context"):
            if problem := _mismatch(type(module).__name__, values, hints):
                raise TypeError(problem)
    for name, value in values.items():
        for must in ranges_of(hints[name]):
            check_range(name, value, must)


def check_range(name: str, value: Any, must: Must):
    """Raises `ValueError` for a number that is out of range. What an array holds may
    not be known yet, so it is not judged.
    """
    if isinstance(value, NUMBER) and not must.test(value):
        raise ValueError(f"`{name}` must be {must.be}; got {value}.")


def fits(value: Any, hint: Any) -> bool:
    """Whether a value is what an annotation allows."""
    value = of_python(value)
    if isinstance(hint, typing.TypeVar):
        hint = hint.__bound__
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    spelled = value is None or isinstance(value, str | type) or hasattr(value, "dtype")
    if spelled and np.dtype in alternatives(hint):
        return type(None) in parts if value is None else _is_dtype(value)
    if origin is typing.Annotated:
        return fits(value, parts[0])
    if origin in UNIONS:
        return any(fits(value, part) for part in parts)
    if origin is tuple or origin is Sequence:
        # beartype looks at one entry, drawn at random, and takes text for a sequence.
        if not isinstance(value, origin) or isinstance(value, str | bytes):
            return False
        if origin is Sequence or Ellipsis in parts:
            parts = (parts[0],) * len(value)
        return len(parts) == len(value) and all(map(fits, value, parts))
    if isinstance(value, bool) and hint in (int, float):
        return False
    # A name in quotes is not looked up, nor is what has no annotation.
    unknown = hint in (None, Parameter.empty) or isinstance(hint, _NAME)
    try:
        return unknown or is_bearable(value, hint)  # pyright: ignore[reportArgumentType]
    except TypeError as error:
        if "_DimExpr" not in str(error):
            raise
        return True  # jaxtyping cannot broadcast the symbols of `jax.export`


def as_arrays(value: Any, hint: Any) -> Any:
    """What comes of numpy or Python as arrays of JAX, where only these are allowed."""
    plain = NUMBER | np.ndarray | tuple | list | dict
    if not takes_arrays(hint) or not isinstance(value, plain) or fits(value, hint):
        return value
    arrays = jax.tree.map(_as_array, value)
    return arrays if fits(arrays, hint) else value


def _as_array(leaf):
    number = isinstance(leaf, NUMBER | np.ndarray) and not isinstance(leaf, bool)
    traceable = number and is_traceable(leaf) and not is_beyond_32_bits(leaf)
    return jnp.asarray(leaf) if traceable else leaf


def dims(hint: Any) -> set[str]:
    """The axes of the arrays that an annotation allows."""
    return {each.dim_str for each in alternatives(hint) if hasattr(each, "dim_str")}


def takes_arrays(hint: Any) -> bool:
    """Whether an annotation allows an array, or several."""
    return any(
        hasattr(each, "dim_str") or any(map(takes_arrays, typing.get_args(each)))
        for each in alternatives(hint)
    )


def takes_numbers(hint: Any) -> bool:
    """Whether an annotation allows a number of Python, or a tuple of them."""
    return any(
        each in (bool, int, float)
        or (typing.get_origin(each) is tuple and any(map(takes_numbers, each.__args__)))
        for each in alternatives(hint)
    )


def ranges_of(hint) -> list[Must]:
    """The ranges that an annotation states, also of one member of a union."""
    if hint is float:
        return [_NOT_NAN]
    parts = typing.get_args(hint)
    if typing.get_origin(hint) is typing.Annotated:
        own = [each for each in parts[1:] if isinstance(each, Must)]
        return own or ranges_of(parts[0])
    if typing.get_origin(hint) in UNIONS:
        return [must for part in parts for must in ranges_of(part)]
    return []


def _broadcasts(shape, to) -> bool:
    pairs = zip(reversed(shape), reversed(to), strict=False)
    return len(shape) <= len(to) and all(size in (1, other) for size, other in pairs)


_NOT_NAN = Must("a number", lambda value: value == value)

# What is wrong.


def _mismatch(
    owner: str, values: Mapping[str, Any], hints: Mapping[str, Any]
) -> str | None:
    """What the first value that does not fit must be, what it is, and the cure."""
    for name, value in values.items():
        hint = hints[name]
        if fits(as_arrays(value, hint), hint):
            continue
        text = (
            f"`{name}` of `{owner}` must be {described(hint)}; got {in_words(value)}."
        )
        cure = cure_of(name, value, hint)
        # Arrays before this one may have fixed the sizes of its axes.
        for other, before in values.items():
            if other == name:
                break
            if is_array(before) and axis_names(hints[other]) & axis_names(hint):
                text += f" `{other}` is {in_words(before)}."
                cure = cure or cure_of(other, before, hints[other])
        return text + cure
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
            example = f"`{name}={in_words(surplus)}`"
            return f"`{name}` of `{owner}` must be given by its name, as {example}."
    takes = ", ".join(f"`{name}`" for name in by_position if name != "self")
    return (
        f"`{owner}` takes {takes or 'no arguments'}; got {in_words(surplus)} besides."
    )


def _is_dtype(value) -> bool:
    try:
        return not is_array(value) and is_numeric(jnp.dtype(value))
    except (TypeError, ValueError):
        return False


_NAME = str | typing.ForwardRef
