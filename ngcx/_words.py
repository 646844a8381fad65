"""Annotations and values in words, and the likely cures of mistakes."""

import types
import typing
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
from jax.typing import DTypeLike


def described(hint: Any) -> str:
    """An annotation in words."""
    words = [word for each in alternatives(hint) for word in _words(each)]
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
    if origin is tuple or origin is Sequence:
        return [f"a {origin.__name__.lower()}, each entry {described(parts[0])}"]
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
    np.integer: "an integer",
    str: "a string",
    type(None): "None",
    np.dtype: "a dtype",
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
UNIONS = (typing.Union, types.UnionType)
_DTYPE = {*typing.get_args(DTypeLike)}


def alternatives(hint) -> list:
    """The members of a union; not what is another spelling of a member."""
    parts = typing.get_args(hint)
    if typing.get_origin(hint) is typing.Annotated:
        return alternatives(parts[0])
    if typing.get_origin(hint) not in UNIONS:
        return [hint]
    members = [member for part in parts for member in alternatives(part)]
    if {*members} >= _DTYPE:  # what `DTypeLike` is made of
        members = [each for each in members if each is np.dtype or each not in _DTYPE]
    dtypes = [getattr(member, "dtype", None) for member in members]
    # Legacy keys are arrays of two or four words, and an integer is a number.
    return [
        member
        for member, dtype in zip(members, dtypes, strict=True)
        if not (dtype is jaxtyping.UInt32 and jaxtyping.Key in dtypes)
        and not (member is int and float in members)
    ]


def axis_names(hint) -> set[str]:
    """The names of the axes in an annotation."""
    dims = (getattr(each, "dim_str", "") for each in alternatives(hint))
    return {name.lstrip("*#") for each in dims for name in each.split()} - {"..."}


def in_words(value: Any) -> str:
    """A value, or what kind of thing it is where it is large."""
    if is_array(value):
        return f"{value.dtype}{list(value.shape)}"
    if isinstance(value, type):
        return f"the class {value.__name__}"
    if isinstance(value, str | float | int | complex | list | tuple | dict | None):
        text = repr(value)
        return text if len(text) < 60 else f"a long {type(value).__name__}"
    name = type(value).__name__
    return f"{'an' if name[0] in 'AEIOU' else 'a'} {name}"


NUMBER = float | int | np.floating | np.integer  # and bool, which is an int


def is_traceable(leaf: Any) -> bool:
    """Whether JAX takes it for numbers: not text, nor bytes in another order."""
    if isinstance(leaf, np.ndarray | np.generic):
        return is_numeric(leaf.dtype) and leaf.dtype.isnative
    return isinstance(leaf, jax.Array | NUMBER | complex)


def is_numeric(dtype) -> bool:
    return jnp.issubdtype(dtype, np.number) or jnp.issubdtype(dtype, np.bool_)


def is_array(value) -> bool:
    return isinstance(value, jax.Array | np.ndarray | jax.ShapeDtypeStruct)


# Cures of the mistakes that are made most often, each on a line of its own.


def cure_of(name: str, value: Any, hint: Any) -> str:
    hints = alternatives(hint)
    hints += [leaf for each in hints for leaf in alternatives(_leaves(each))]
    arrays = [each for each in hints if hasattr(each, "dim_str")]
    classes = [each for each in hints if isinstance(each, type) and each not in arrays]
    if any(each.dtype is jaxtyping.Key for each in arrays):
        return "\nMake a key with `jax.random.key(0)`, several with `jax.random.split`."
    if isinstance(value, type) and issubclass(value, tuple(classes)):
        return f"\nMake one: `{value.__name__}()`."
    if isinstance(value, str):
        return _cure_of_name(value, classes)
    if isinstance(value, int) and any(_holds(each, "float32") for each in arrays):
        return f"\nGive it as {float(value)}."
    if arrays and isinstance(value, list | tuple):
        return "\nMake an array of it with `jnp.asarray`."
    if arrays and is_array(value):
        return _cure_of_array(name, value, arrays)
    return ""


def _leaves(hint):
    """What the leaves of a pytree must be, or the annotation itself."""
    return getattr(hint, "leaftype", hint)


def _cure_of_name(value: str, classes) -> str:
    for each in classes:
        package, _, further = each.__module__.partition(".")
        subpackage = f"{package}.{further.partition('.')[0]}"
        if package == "ngcx" and each.__name__.startswith("Abstract"):
            return f"\nMake one from its name: `{subpackage}.create({value!r})`."
    return ""


def _cure_of_labels(name: str, value, axes: Mapping[str, list[str]]) -> str:
    """That of an array where class indices are allowed, or rows of one more axis."""
    is_column = value.ndim > 1 and value.shape[-1] == 1
    exact = jnp.issubdtype(value.dtype, np.integer)
    if value.ndim > 1 and not is_column:
        rows = "Float" in axes and (exact or value.dtype == bool)
        return "\nConvert rows with `.astype(float)`." if rows else ""
    change = ("[..., 0]" if is_column else "") + ("" if exact else ".astype(int)")
    if not change:
        return ""
    cure = f"\nClass indices are `{name}{change}`"
    if not exact and value.ndim == 1 and axes.get("Float", [""])[0] == "samples":
        cure += f", values of one output `{name}[:, None]`"
    return cure + "."


def _cure_of_array(name: str, value, arrays) -> str:
    axes = {each.dtype.__name__: each.dim_str.split() for each in arrays}
    rows = len(axes.get("Float", "?")) - 1  # axes of labels, if there may be any
    if {*axes} == {"Integer"} or len(axes.get("Integer", ())) == rows > 0:
        return _cure_of_labels(name, value, axes)
    if isinstance(value, np.ndarray) and not value.dtype.isnative:
        return f"\nPut its bytes in order with `.astype({value.dtype.name!r})`."
    if not any(_holds(each, value.dtype.name) for each in arrays):
        # numpy does not know the dtype of keys.
        exact = jnp.issubdtype(value.dtype, np.integer) or value.dtype == bool
        return "\nConvert it with `.astype(float)`." if exact else ""
    fixed = (each.dim_str for each in arrays if not {*"*."} & {*each.dim_str})
    ranks = {len(axes.split()) for axes in fixed}
    if value.ndim + 1 in ranks and value.ndim not in ranks:
        return f"\nIf there is one only, an axis goes in front: `{name}[None]`."
    return ""


def _holds(hint, dtype: str) -> bool:
    # Names of dtypes, or an object that stands for all of them.
    return not isinstance(hint.dtypes, tuple) or dtype in hint.dtypes
