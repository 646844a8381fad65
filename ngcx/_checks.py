"""Checks of arguments and fields against their annotations, and what they say.

An error names the argument and the function, what is allowed and what was given, and
the likely cure, in two or three lines.
"""

import dataclasses
import difflib
import functools as ft
import inspect
import re
from collections.abc import Callable, Mapping
from inspect import Parameter
from typing import Any

import jax
import jaxtyping
import numpy as np
from jaxtyping import jaxtyped

from ._annotations import as_arrays, dims, fits, ranges_of, takes_arrays
from ._integers import beyond_32_bits, is_beyond_32_bits
from ._typing import Must
from ._words import (
    NUMBER,
    alternatives,
    axis_names,
    cure_of,
    described,
    in_words,
    is_array,
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
        # A name in quotes is that of the class itself, which is there by now.
        known = self.function.__globals__
        return {
            name: each.replace(annotation=known[each.annotation])
            if isinstance(each.annotation, str) and each.annotation in known
            else each
            for name, each in inspect.signature(self.function).parameters.items()
        }

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

    def untraceable(
        self, static: tuple[str, ...], traced: bool, args, kwargs
    ) -> str | None:
        """Which argument holds something that JAX cannot trace, if one does."""
        for name, value, _ in self._given(args, kwargs):
            for leaf in [] if name in static else jax.tree.leaves(value):
                # A function may be called where nothing is traced.
                function = callable(leaf) and not isinstance(leaf, type)
                if not is_traceable(leaf) and (traced or not function):
                    shape_alone = isinstance(leaf, jax.ShapeDtypeStruct)
                    given = "a ShapeDtypeStruct" if shape_alone else in_words(leaf)
                    owner = self._name(args)
                    allowed = "a pytree of arrays and numbers"
                    return f"`{name}` of `{owner}` must be {allowed}; got {given}."
        return None

    def narrowed(self, static: tuple[str, ...], args, kwargs) -> dict[str, float]:
        """The integers beyond 32 bits that may as well be floats. Raises `ValueError`
        for others, which JAX would take for other numbers.
        """
        changes = {}
        for name, value, hint in self._given(args, kwargs):
            for leaf in [] if name in static else jax.tree.leaves(value):
                if is_beyond_32_bits(leaf):
                    if float not in alternatives(hint):
                        what = f"`{name}` of `{self._name(args)}`"
                        raise ValueError(beyond_32_bits(what, leaf))
                    changes[name] = np.float64(value)  # an array remains one
        return changes

    def _given(self, args, kwargs) -> list[tuple[str, Any, Any]]:
        """The names of arguments, also of variadic ones, what they are, and what they
        must be.
        """
        found = []
        bound = inspect.signature(self.function).bind_partial(*args, **kwargs)
        for name, value in bound.arguments.items():
            each = self.parameters[name]
            given = {name: value}
            if each.kind is Parameter.VAR_POSITIONAL:
                given = {f"{name}[{i}]": item for i, item in enumerate(value)}
            elif each.kind is Parameter.VAR_KEYWORD:
                given = value
            found += [(name, item, each.annotation) for name, item in given.items()]
        return found

    def _problem(self, args, kwargs) -> str | None:
        owner = self._name(args)
        try:
            given = self._given(args, kwargs)
        except TypeError:
            return _unbound(owner, self.parameters, args, kwargs)
        values = {name: value for name, value, _ in given}
        if problem := _mismatch(owner, values, {name: hint for name, _, hint in given}):
            return problem
        for name, each in self.parameters.items():
            variadic = each.kind in (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)
            needed = each.default is Parameter.empty and not variadic
            if needed and name not in values:
                allowed = described(each.annotation)
                cure = cure_of(name, None, each.annotation)
                return f"`{name}` of `{owner}` must be given, {allowed}.{cure}"
        return None

    @ft.cached_property
    def _array(self) -> str | None:
        """The first argument that is needed and an array, and not a key."""
        for name, each in self.parameters.items():
            if each.default is Parameter.empty and dims(each.annotation):
                return name
        return None

    @ft.cached_property
    def _shaped(self) -> dict[str, Any]:
        hints = {name: each.annotation for name, each in self.parameters.items()}
        return {name: hint for name, hint in hints.items() if _is_shaped(name, hint)}

    def _check_shapes(self, args, kwargs):
        """Raises for an `axis` that the first array does not have, and for parameters
        that do not broadcast to it, where it may be of any shape. Both are arguments,
        or fields of the module whose method this is.
        """
        is_method = next(iter(self.parameters), "") == "self"
        # `__init__` is what sets the fields.
        has_fields = is_method and self.function.__name__ != "__init__"
        fields = _shaped_fields(type(args[0])) if has_fields else {}
        if self._array is None or not (self._shaped or fields):
            return
        bound = inspect.signature(self.function).bind(*args, **kwargs)
        bound.apply_defaults()
        x, given = bound.arguments[self._array], bound.arguments
        values: dict[str, Any] = {name: getattr(args[0], name) for name in fields}
        values |= {name: given[name] for name in self._shaped if name != self._array}
        if not is_array(x):
            return
        for name, value in values.items():
            axes = (value,) if not isinstance(value, tuple) else value
            if name == "axis" and not all(-x.ndim <= i < x.ndim for i in axes):
                there = f"from {-x.ndim} to {x.ndim - 1}" if x.ndim else "with none"
                raise ValueError(
                    f"`axis` must be one of `{self._array}`, {in_words(x)}, {there}; "
                    f"got {value}."
                )
            (sizes, *others) = dims(self.parameters[self._array].annotation)
            any_shape = not others and re.fullmatch(r"\*\w+", sizes)
            if any_shape and is_array(value) and not _broadcasts(value, x):
                raise ValueError(
                    f"`{name}` of `{self._name(args)}` must broadcast to the shape of "
                    f"`{self._array}`, {in_words(x)}; got {in_words(value)}."
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


def _is_shaped(name: str, hint: Any) -> bool:
    """Whether it is an axis of an array, or a parameter that broadcasts to one."""
    return (name == "axis" and int in alternatives(hint)) or dims(hint) == {"..."}


@ft.cache
def _shaped_fields(cls: type) -> tuple[str, ...]:
    fields = dataclasses.fields(cls) if dataclasses.is_dataclass(cls) else ()
    return tuple(each.name for each in fields if _is_shaped(each.name, each.type))


def _broadcasts(value, x) -> bool:
    shape, to = value.shape, x.shape
    pairs = zip(reversed(shape), reversed(to), strict=False)
    return len(shape) <= len(to) and all(size in (1, other) for size, other in pairs)


# What is wrong.


def _mismatch(
    owner: str, values: Mapping[str, Any], hints: Mapping[str, Any]
) -> str | None:
    """What the first value that does not fit must be, what it is, and the cure."""
    arrays = {}
    for name, value in values.items():
        hint = hints[name]
        # This may fix the sizes of axes, which those before come first to do.
        arrays[name] = as_arrays(value, hint)
        if fits(arrays[name], hint):
            continue
        if is_beyond_32_bits(value) and takes_arrays(hint):
            raise ValueError(beyond_32_bits(f"`{name}` of `{owner}`", value)) from None
        text = (
            f"`{name}` of `{owner}` must be {described(hint)}; got {in_words(value)}."
        )
        cure = cure_of(name, value, hint)
        # Arrays before this one may have fixed the sizes of its axes.
        for other, before in arrays.items():
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
