import dataclasses
import functools
import importlib
import inspect
import pkgutil
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from ngcx.testing import tolerance


def x64(f: Callable) -> Callable:
    """`f`, computed with float64 enabled."""

    def enabled():
        with jax.enable_x64(True):
            return f()

    return enabled


f16 = functools.partial(jnp.asarray, dtype="float16")
bf16 = functools.partial(jnp.asarray, dtype="bfloat16")
f32 = functools.partial(jnp.asarray, dtype="float32")


class Reference:
    """A module or class of the reference, which notes what is taken from it."""

    used: ClassVar[set[int]] = set()
    """The `id` of every object that was taken."""

    def __init__(self, target):
        self._target = target

    def __call__(self, *args, **kwargs):
        return self._target(*args, **kwargs)

    def __getattr__(self, name: str):
        if inspect.ismodule(self._target):
            full_name = f"{self._target.__name__}.{name}"
            if not hasattr(self._target, name):
                importlib.import_module(full_name)
        value = getattr(self._target, name)
        Reference.used.add(id(value))
        is_part = inspect.ismodule(value) or inspect.isclass(value)
        return Reference(value) if is_part else value


ref = Reference(importlib.import_module("ngclearn.utils"))


def public_names() -> dict[int, str]:
    """Every public function, class and static method of the reference, by `id`."""
    package = importlib.import_module("ngclearn.utils")
    names = {}
    for found in pkgutil.walk_packages(package.__path__, "ngclearn.utils."):
        module = importlib.import_module(found.name)
        for name, value in _public(module):
            home = getattr(value, "__module__", None) or ""
            if home == module.__name__ or home.startswith("ngcsimlib.deprecators"):
                full_name = f"{module.__name__}.{name}".removeprefix("ngclearn.utils.")
                names.setdefault(id(value), full_name)
                if inspect.isclass(value):
                    for method, member in _public(value):
                        if isinstance(member, types.FunctionType) and isinstance(
                            inspect.getattr_static(value, method), staticmethod
                        ):
                            names[id(member)] = f"{full_name}.{method}"
    return names


def _public(owner) -> Iterator[tuple[str, Any]]:
    for name in vars(owner):
        if not name.startswith("_") and callable(value := getattr(owner, name)):
            yield name, value


@dataclasses.dataclass(frozen=True)
class Entry:
    """One comparison; `row` is empty where both give the same."""

    row: str
    theirs: Callable | tuple[Callable, ...]
    ours: Callable | tuple[Callable, ...]
    right: Any
    ulps: float
    within: float
    place: str
    uses: frozenset[int]
    """The `id` of every object of the reference that its statement takes."""


ENTRIES: list[Entry] = []


def equal(theirs: Callable, ours: Callable, *inputs, ulps=16.0, within=0.0) -> None:
    """States that both give the same for `inputs`.

    The error allowed is `ulps` units in the last place of the largest entry of a
    result, plus `within` (where chance decides).
    """
    partial = [lambda f=f: f(*inputs) for f in (theirs, ours)]
    _add("", *partial, None, ulps, within)


def differs(
    row: str,
    theirs: Callable | tuple[Callable, ...],
    ours: Callable | tuple[Callable, ...],
    right: Any,
    *,
    ulps=16.0,
    within=0.0,
) -> None:
    """Claims a row of the documentation, by the text of its first cell.

    **Arguments:**

    - `row`: the input, as it stands in the first cell.
    - `theirs`, `ours`: what gives either result, without arguments; a tuple where the
        row has several. What is raised counts as a result.
    - `right`: the right result, which ours must give and theirs must not: numbers that
        are known in float64, names, or the class of an exception; a list is an array,
        a tuple is several results. Where a cell begins with numbers or an exception,
        they must be what was found, too.
    - `ulps`: the error allowed, in units in the last place of each entry.
    - `within`: an absolute error that is allowed in addition, where chance decides.
    """
    _add(row, theirs, ours, right, ulps, within)


def _add(*fields) -> None:
    frame = sys._getframe(2)
    place = f"{frame.f_globals['__name__'].replace('.', '/')}.py:{frame.f_lineno}"
    ENTRIES.append(Entry(*fields, place, frozenset(Reference.used)))
    Reference.used.clear()


def outcome(f: Callable | tuple[Callable, ...]) -> Any:
    """What `f` returns, or the class of what it raises."""
    if isinstance(f, tuple):
        return tuple(map(outcome, f))
    try:
        return jax.block_until_ready(f())
    except (Exception, SystemExit) as error:
        return type(error)


def matches(actual, expected, ulps: float, within=0.0, normwise=False) -> bool:
    """Whether two results are the same but for rounding errors."""
    pairs = leaves(actual), leaves(expected)
    return len(pairs[0]) == len(pairs[1]) and all(
        _leaf_matches(a, b, ulps, within, normwise) for a, b in zip(*pairs, strict=True)
    )


def _leaf_matches(actual, expected, ulps, within, normwise) -> bool:
    if inspect.isclass(actual) or inspect.isclass(expected):
        both = inspect.isclass(actual) and inspect.isclass(expected)
        return both and issubclass(actual, expected)
    if isinstance(actual, str) or isinstance(expected, str):
        return actual == expected
    if np.shape(actual) != np.shape(expected):
        return False
    limits = tolerance(float_dtype(actual), ulps)
    actual, expected = np.asarray(actual, float), np.asarray(expected, float)
    if normwise:
        largest = np.max(np.abs(expected), initial=0, where=np.isfinite(expected))
        limits["atol"] += limits["rtol"] * largest
    limits["atol"] += within
    return np.allclose(actual, expected, **limits, equal_nan=True)


def leaves(results) -> list:
    """The results one by one; a list of numbers counts as an array."""
    return jax.tree.leaves(results, is_leaf=_is_array)


def _is_array(x) -> bool:
    is_number = isinstance(x, int | float | np.number)
    return is_number or (isinstance(x, list) and all(map(_is_array, x)))


def float_dtype(value):
    dtype = np.asarray(value).dtype
    return dtype if jnp.issubdtype(dtype, jnp.floating) else np.dtype("float64")
