"""What the table is made of: entries, of arguments, each of a kind that says how it can
be wrong.
"""

import dataclasses
import inspect
import math
import zlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax.numpy as jnp
import jax.random as jr
import numpy as np


# The size of every axis by its name, so that few shapes are compiled.
SIZES = {
    "*batch": (2,),
    "*shape": (2, 3),
    "*tokens": (2,),
    "batch": (2,),
    "channels": (2,),
    "classes": (3,),
    "features": (3,),
    "groups": (2,),
    "height": (5,),
    "width": (6,),
    "neurons": (3,),
    "points": (5,),
    "rows": (4,),
    "columns": (6,),
    "samples": (5,),
    "spikes": (4,),
    "time": (4,),
}


class Mutation(NamedTuple):
    """An argument, or several, made wrong."""

    label: str
    changed: dict[str, Any]
    must_raise: bool
    """If not, either an error or a result that makes sense is right."""
    same_shape: bool = False
    """Whether a result must look like that of the valid call."""
    shape: bool = False
    """Whether shapes disagree, so that any array may be to blame."""
    finite: bool = False
    """Whether a result must hold no NaN."""


class Wrong(NamedTuple):
    label: str
    value: Any
    must_raise: bool = True


@dataclasses.dataclass(frozen=True)
class Fixed:
    """An argument that is not made wrong, such as a module made elsewhere."""

    valid: Any
    optional: bool = False

    def wrong(self) -> Iterator[Wrong]:
        yield from ()


@dataclasses.dataclass(frozen=True)
class Array:
    """An array, its axes named as jaxtyping does."""

    axes: str
    accepts: str = "float"
    """Some of "float", "int", "bool", "complex"; the first is that of a valid one."""
    make: Callable[[np.random.Generator, tuple[int, ...]], Any] | None = None
    optional: bool = False

    @property
    def dims(self) -> list[str]:
        return self.axes.split()

    def shape(self, sizes: dict[str, tuple[int, ...]]) -> tuple[int, ...]:
        return tuple(
            size
            for dim in self.dims
            for size in ((int(dim),) if dim.isdigit() else sizes[dim.replace("#", "")])
        )

    def of(self, sizes, dtype: Any = None):
        shape = self.shape(sizes)
        rng = np.random.default_rng(zlib.crc32(f"{self.axes}{shape}".encode()))
        kind = self.accepts.split()[0]
        if self.make is not None:
            drawn = self.make(rng, shape)
        elif kind == "float":
            drawn = rng.uniform(0.1, 0.9, shape)
        elif kind == "int":
            drawn = rng.integers(0, 3, shape)
        else:
            drawn = np.ones(shape, bool)
        return jnp.asarray(drawn, dtype or _DTYPES[kind])

    @property
    def valid(self):
        return self.of(SIZES)

    def wrong(self) -> Iterator[Wrong]:
        valid = self.valid
        if not self.optional:
            yield Wrong("None", None)
        yield Wrong("a string", "text")
        yield Wrong("a list", [1.0])
        if "complex" not in self.accepts:
            yield Wrong("complex", valid.astype(jnp.complex64))
        for kind, dtype in _DTYPES.items():
            if kind not in self.accepts:
                yield Wrong(f"{kind}s", jnp.zeros(valid.shape, dtype))


_DTYPES = {"float": jnp.float32, "int": jnp.int32, "bool": jnp.bool_}


@dataclasses.dataclass(frozen=True)
class Key:
    """A key of `jax.random`."""

    optional: bool = False

    @property
    def valid(self):
        return jr.key(0)

    def wrong(self):
        if not self.optional:
            yield Wrong("None", None)
        yield Wrong("a seed", 0)
        yield Wrong("floats", jnp.zeros(2))
        yield Wrong("several keys", jr.split(jr.key(0), 3))
        yield Wrong("a string", "text")


@dataclasses.dataclass(frozen=True)
class Size:
    """An integer that decides a shape or a program."""

    valid: int
    low: int | None = 1
    optional: bool = False

    def wrong(self):
        if not self.optional:
            yield Wrong("None", None)
        yield Wrong("a string", "text")
        yield Wrong("a float", self.valid + 0.5)
        yield Wrong("True", True)
        if self.low is not None:
            yield Wrong("too small", self.low - 1)
            yield Wrong("negative", -3)
        yield Wrong("of numpy", np.int64(self.valid), must_raise=False)


@dataclasses.dataclass(frozen=True)
class Number:
    """A real number: a constant, or an array of one."""

    valid: float
    low: float = -math.inf
    high: float = math.inf
    open: bool = False
    """Whether the lower bound itself is out of range."""
    array: bool = True
    """Whether it may be an array."""
    scalar: bool = True
    """Whether an array must have the shape `()`."""
    optional: bool = False

    def wrong(self):
        if not self.optional:
            yield Wrong("None", None)
        yield Wrong("a string", "text")
        yield Wrong("complex", 1j)
        yield Wrong("True", True)
        yield Wrong("a list", [1.0])
        if self.low > -math.inf:
            yield Wrong("too small", self.low if self.open else self.low - 1)
            yield Wrong("minus infinity", -math.inf)
        if self.high < math.inf:
            yield Wrong("too large", self.high + 1)
        bounded = self.low > -math.inf or self.high < math.inf
        yield Wrong("NaN", math.nan, must_raise=bounded)
        yield Wrong("infinity", math.inf, must_raise=self.high < math.inf)
        if self.array:
            yield Wrong("a complex array", jnp.asarray(1j))
            if self.scalar:
                yield Wrong("two numbers", jnp.ones(2))
        else:
            yield Wrong("an array", jnp.ones(2))


@dataclasses.dataclass(frozen=True)
class Name:
    """One of several strings."""

    valid: str
    optional: bool = False

    def wrong(self):
        if not self.optional:
            yield Wrong("None", None)
        yield Wrong("unknown", "unknown")
        yield Wrong("a number", 3)


@dataclasses.dataclass(frozen=True)
class Flag:
    valid: bool = False

    def wrong(self):
        yield Wrong("None", None)
        yield Wrong("a string", "text")


@dataclasses.dataclass(frozen=True)
class Axis:
    valid: int = -1
    late: bool = False
    """Whether it is judged only when there is an array."""

    def wrong(self):
        yield Wrong("None", None)
        yield Wrong("a string", "text")
        yield Wrong("a float", 0.5)
        if not self.late:
            yield Wrong("out of range", 7)
            yield Wrong("negative and out of range", -7)


@dataclasses.dataclass(frozen=True)
class Function:
    valid: Callable
    optional: bool = False

    def wrong(self):
        if not self.optional:
            yield Wrong("None", None)
        yield Wrong("a number", 3)


@dataclasses.dataclass(frozen=True)
class Other:
    """Anything else, with what is wrong of it, by label."""

    valid: Any
    wrongs: dict[str, Any] = dataclasses.field(default_factory=dict)
    optional: bool = False

    def wrong(self):
        for label, value in self.wrongs.items():
            yield Wrong(label, value)


Kind = Fixed | Array | Key | Size | Number | Name | Flag | Axis | Function | Other


@dataclasses.dataclass(frozen=True)
class Entry:
    """A function, with valid arguments."""

    function: Callable
    arguments: dict[str, Kind]
    like: str = ""
    """The argument whose shape and dtype the result has, if it is an array."""
    empty: str = "finite"
    """What comes of an empty array: "finite" numbers, or "anything"."""
    differentiable: bool = True
    """Whether its gradients are tested; those that are always 0 need not be."""
    on_host: bool = False
    """Whether it needs the numbers, as a picture does, so that it cannot be traced."""
    half: bool = True
    """Whether results of half precisions are in half precision."""
    default_dtype: bool = False
    """Whether results have the default dtype of JAX, whatever is given."""
    also: tuple[str, ...] = ()
    """What else may be blamed, such as a field of the module whose method it is."""

    def valid(self, dtype: Any = jnp.float32) -> dict[str, Any]:
        """Arguments that are right, floating arrays of the dtype."""
        floats = {name: kind.of(SIZES, dtype) for name, kind in self.floats().items()}
        return {name: kind.valid for name, kind in self.arguments.items()} | floats

    def call(self, arguments: dict[str, Any], function: Callable | None = None):
        """Calls it as users do: what can be given by position is."""
        function = function or self.function
        bound = inspect.signature(function).bind(**arguments)
        return function(*bound.args, **bound.kwargs)

    def arrays(self) -> dict[str, Array]:
        return {
            name: kind
            for name, kind in self.arguments.items()
            if isinstance(kind, Array)
        }

    def floats(self) -> dict[str, Array]:
        return {
            name: kind
            for name, kind in self.arrays().items()
            if kind.accepts.startswith("float")
        }

    def mutations(self) -> Iterator[Mutation]:
        for name, kind in self.arguments.items():
            for label, value, must_raise in kind.wrong():
                yield Mutation(f"{name}: {label}", {name: value}, must_raise)
            if isinstance(kind, Array):
                yield from self._wrong_shapes(name, kind)
                yield from self._wrong_values(name, kind)
        yield from self._empty()

    def _wrong_shapes(self, name: str, kind: Array) -> Iterator[Mutation]:
        others = [
            dim
            for other, array in self.arrays().items()
            if other != name
            for dim in array.dims
        ]
        variadic = next((dim for dim in kind.dims if dim.startswith("*")), None)
        if kind.dims and "#" not in kind.axes:
            fixed = any(not dim.startswith("*") for dim in kind.dims)
            one = jnp.zeros((), kind.valid.dtype)
            shared = variadic in others
            yield Mutation(
                f"{name}: of rank 0", {name: one}, fixed or shared, shape=True
            )
            deeper = kind.valid[None]
            yield Mutation(
                f"{name}: an axis more",
                {name: deeper},
                variadic is None or shared,
                shape=True,
            )
        for dim in kind.dims:
            if dim.isdigit() or "#" in dim:
                continue
            larger = SIZES | {dim: tuple(size + 1 for size in SIZES[dim])}
            matched = dim in others or kind.dims.count(dim) > 1
            changed = {name: kind.of(larger)}
            if kind.dims.count(dim) > 1:
                changed[name] = jnp.concatenate([kind.valid, kind.valid], -1)
            yield Mutation(f"{name}: another `{dim}`", changed, matched, shape=True)

    def _empty(self) -> Iterator[Mutation]:
        """All arrays that share an axis, with nothing along it."""
        arrays = self.arrays()
        dims = {dim.strip("#") for array in arrays.values() for dim in array.dims}
        for dim in sorted(dim for dim in dims if not dim.isdigit()):
            empty = SIZES | {dim: (0,) * len(SIZES[dim])}
            changed = {
                name: array.of(empty)
                for name, array in arrays.items()
                if dim in array.axes.replace("#", "").split()
            }
            yield Mutation(
                f"no `{dim}`", changed, False, shape=True, finite=self.empty == "finite"
            )

    def _wrong_values(self, name: str, kind: Array) -> Iterator[Mutation]:
        valid = kind.valid
        if jnp.issubdtype(valid.dtype, jnp.floating) and valid.size:
            for label, value in (
                ("NaN", jnp.nan),
                ("inf", jnp.inf),
                ("-inf", -jnp.inf),
            ):
                spoilt = valid.ravel().at[0].set(value).reshape(valid.shape)
                yield Mutation(f"{name}: {label}", {name: spoilt}, False, True)
                full = jnp.full_like(valid, value)
                yield Mutation(f"{name}: all {label}", {name: full}, False, True)
        elif valid.dtype == jnp.int32:
            for number in (-1, 99):
                full = jnp.full_like(valid, number)
                yield Mutation(f"{name}: all {number}", {name: full}, False, True)


def members(name: str, instance: Any, **methods: Entry | dict[str, Kind]):
    """The entries of the methods of a module, by the name of its class."""
    fields = tuple(field.name for field in dataclasses.fields(instance))
    entries = {}
    for method, entry in methods.items():
        if isinstance(entry, dict):
            entry = Entry(getattr(instance, method), entry)
        entries[f"{name}.{method}"] = dataclasses.replace(
            entry, also=(*entry.also, *fields)
        )
    return entries
