"""What annotations allow: whether a value is that, and what comes of numpy."""

import functools as ft
import typing
from collections.abc import Sequence
from inspect import Parameter
from typing import Any

import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
from beartype.door import is_bearable

from ._integers import is_beyond_32_bits
from ._trees import of_python
from ._typing import Must
from ._words import NUMBER, UNIONS, alternatives, is_array, is_numeric, is_traceable


def fits(value: Any, hint: Any) -> bool:
    """Whether a value is what an annotation allows."""
    value = of_python(value)
    if isinstance(hint, typing.TypeVar):
        hint = hint.__bound__
    # A name in quotes is not looked up, nor is what has no annotation.
    if hint in (None, Parameter.empty) or isinstance(hint, _NAME):
        return True
    if type(value) in (int, float):  # the usual case, and the fastest
        return is_bearable(value, hint)
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
    if isinstance(value, bool) and (hint in (int, float) or origin is typing.Literal):
        return any(value is part for part in parts)
    try:
        return is_bearable(value, hint)
    except TypeError as error:
        if "_DimExpr" not in str(error):
            raise
        return True  # jaxtyping cannot broadcast the symbols of `jax.export`


def _is_dtype(value) -> bool:
    try:
        return not is_array(value) and is_numeric(jnp.dtype(value))
    except (TypeError, ValueError):
        return False


_NAME = str | typing.ForwardRef


def as_arrays(value: Any, hint: Any) -> Any:
    """What comes of numpy or Python as arrays of JAX, where only these are allowed."""
    plain = isinstance(value, NUMBER | np.ndarray | tuple | list | dict)
    if not plain or not takes_arrays(hint) or fits(value, hint):
        return value
    arrays = jax.tree.map(_as_array, value)
    return arrays if fits(arrays, hint) else value


def _as_array(leaf):
    number = isinstance(leaf, NUMBER | np.ndarray) and not isinstance(leaf, bool)
    traceable = number and is_traceable(leaf) and not is_beyond_32_bits(leaf)
    return jnp.asarray(leaf) if traceable else leaf


@ft.cache
def takes_arrays(hint: Any) -> bool:
    """Whether an annotation allows an array, or several."""
    return any(
        hasattr(each, "dim_str")
        or (
            typing.get_origin(each) in (tuple, Sequence)
            and any(map(takes_arrays, typing.get_args(each)))
        )
        for each in alternatives(hint)
    )


@ft.cache
def dims(hint: Any) -> frozenset[str]:
    """The axes of the arrays that an annotation allows; keys are none."""
    arrays = [each for each in alternatives(hint) if hasattr(each, "dim_str")]
    keys = any(each.dtype is jaxtyping.Key for each in arrays)
    return frozenset() if keys else frozenset(each.dim_str for each in arrays)


def takes_numbers(hint: Any) -> bool:
    """Whether an annotation allows a number of Python, one of several, or a tuple."""
    return any(
        each in (bool, int, float)
        or isinstance(each, int)
        or (
            typing.get_origin(each) in (tuple, typing.Literal)
            and any(map(takes_numbers, typing.get_args(each)))
        )
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


_NOT_NAN = Must("a number", lambda value: value == value)
