"""Pytrees in files.

Nothing here is compiled, since files are read and written on the host.
"""

import dataclasses
import difflib
import os
import pathlib
from typing import Any, BinaryIO

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import jax.tree_util as jtu
import numpy as np
from jaxtyping import PyTree

from .._compiled import compiled
from ._compare import check_same, in_words
from ._file import Digested, checked_header, header_of, replacing
from ._structure import NUMBERS, described, is_key


_Entry = dict[str, Any]


@compiled(jit=False)
def serialize(path: str | os.PathLike[str], tree: PyTree) -> None:
    """Saves a pytree, such as an Equinox module or the state of a training.

    Arrays, keys and Python numbers are saved. Everything else is described, and
    compared with `like` when the file is loaded: the class of every node, every static
    field, strings, functions and other objects. A function is described by the name
    under which it can be imported. A lambda, or a function made within another one, is
    also described by its code, by what it closes over and by its default arguments. An
    object that is not a pytree is described by what `copy` would copy, or by its class
    if it cannot be copied.

    Whatever happens meanwhile, the file is either the old one or the new one: the new
    file is written beside the old one, flushed to the disk, and then takes over its
    name and its mode. Arrays that are sharded over the devices of this process are
    gathered.

    **Arguments:**

    - `path`: the file, replaced if there is one.
    - `tree`: any pytree of JAX or numpy arrays, of any dtype but objects.

    **Raises:** `TypeError` that names a leaf or node if a part of it would be lost: an
    array within a function (its closure, its default arguments, what
    `functools.partial` has bound) or within an object that is not a pytree; a masked
    array or another subclass of `numpy.ndarray`; an array of objects. `ValueError` that
    names an array if a part of it is on another host; `OSError` if the file cannot be
    written. In each case the old file stays as it was.

    **See also:** [`ngcx.io.deserialize`][], which reads the file;
    [`ngcx.io.inspect`][], which shows what is in it.

    !!! example

        ```python
        >>> import pathlib, tempfile
        >>> import jax.numpy as jnp
        >>> from ngcx.io import deserialize, serialize
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "state"
        >>> serialize(path, {"weights": jnp.ones(2), "step": 3})
        >>> deserialize(path, {"weights": jnp.zeros(2), "step": 0})
        {'step': 3, 'weights': Array([1., 1.], dtype=float32)}

        ```
    """
    nodes = list(described(tree, "tree"))
    arrays = [
        _raw(f"tree{entry['path']}", value)
        for entry, value in nodes
        if entry["kind"] in ("array", "key")
    ]
    with replacing(pathlib.Path(os.path.realpath(path))) as file:
        digested = Digested(file)
        digested.write(header_of([entry for entry, _ in nodes]))
        for array in arrays:
            eqx.default_serialise_filter_spec(digested, array)
        file.write(digested.digest())


@compiled(jit=False)
def deserialize(path: str | os.PathLike[str], like: PyTree, *, at: str = "") -> PyTree:
    """Loads what [`ngcx.io.serialize`][] saved, or a part of it.

    Nothing in the file is executed, and nothing is unpickled.

    **Arguments:**

    - `path`: the file.
    - `like`: a pytree of the classes, static fields, structure, shapes and dtypes of
        what was saved, such as a freshly made module. You may give a
        `jax.ShapeDtypeStruct` in place of an array, as `eqx.filter_eval_shape` makes
        them.
    - `at`: the path of a part of the file, as [`ngcx.io.inspect`][] shows it, such as
        `"['model'].layers[0]"`. A single key or field may be given by its name:
        `"model"`.

    **Returns:** `like` with the saved values. As in `like`, each array is a numpy or a
    JAX array, with the same devices and sharding.

    **Raises:** `ValueError` for a file that ngcx did not write, that was cut off or
    altered anywhere, or that has another version; for a file whose classes, static
    fields, structure, types, shapes or dtypes differ from `like`, with the first node
    that differs, what the file has and what `like` has; if `at` is not in the file; for
    a JAX array of 64 bits in `like` without `jax.enable_x64`. `TypeError` for a `like`
    that could not be saved; `OSError` if the file cannot be read.

    A class or function that was renamed is recognised as long as the old name leads to
    it. Files of ngcx 0.1.0 state neither classes nor static fields; they are loaded
    with a warning.

    **See also:** [`ngcx.io.serialize`][], which writes the file; [`ngcx.io.inspect`][],
    which needs no `like`.

    !!! example

        ```python
        >>> import pathlib, tempfile
        >>> import jax.numpy as jnp
        >>> from ngcx.io import deserialize, serialize
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "state"
        >>> serialize(path, {"weights": jnp.ones(2), "step": 3})
        >>> deserialize(path, jnp.zeros(2), at="weights")
        Array([1., 1.], dtype=float32)

        ```
    """
    nodes = list(described(like, "like"))
    for entry, leaf in nodes:
        _check_dtype(f"like{entry['path']}", leaf)
    with open(path, "rb") as file:
        header = checked_header(file, os.fspath(path))
        root, part = _part(header["nodes"], at)
        check_same(header, part, root, [entry for entry, _ in nodes])
        leaves = (leaf for entry, leaf in nodes if entry["kind"] != "node")
        restored = []
        for i, entry in enumerate(header["nodes"][: part.stop]):
            array = _read(file, entry)
            if i >= part.start and entry["kind"] != "node":
                restored.append(_restored(array, next(leaves), entry))
    return jtu.tree_unflatten(jtu.tree_structure(like), restored)


@dataclasses.dataclass(frozen=True)
class Contents:
    """What a file holds, as [`ngcx.io.inspect`][] gives it; `print` it to read it.

    **Attributes:**

    - `version`: the version of the file; 1 is that of ngcx 0.1.0.
    - `nodes`: the nodes and leaves, each before its children: `path` and `kind` of
        each, `class` and `static` fields of a node, `dtype` and `shape` of an array or
        key, `value` of a number or of anything else.
    """

    version: int
    nodes: tuple[dict[str, Any], ...]

    def __str__(self) -> str:
        width = max(len(entry["path"]) for entry in self.nodes)
        lines = [f"{each['path']:{width}}  {in_words(each)}" for each in self.nodes]
        return "\n".join([f"version {self.version}", *lines])


@compiled(jit=False)
def inspect(path: str | os.PathLike[str]) -> Contents:
    """Shows what a file of [`ngcx.io.serialize`][] holds: names, classes, static
    fields, shapes and dtypes. It neither needs nor runs the code that made the file.

    **Arguments:**

    - `path`: the file.

    **Returns:** the contents of the file, which `print` shows as a list.

    **Raises:** `ValueError` for a file that ngcx did not write, or that was cut off or
    altered; `OSError` if it cannot be read.

    **See also:** [`ngcx.io.deserialize`][], which reads the arrays.

    !!! example

        ```python
        >>> import pathlib, tempfile
        >>> import equinox as eqx, jax
        >>> from ngcx.io import inspect, serialize
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "layer"
        >>> serialize(path, eqx.nn.Linear(3, 2, key=jax.random.key(0)))
        >>> print(inspect(path))
        version 2
                 equinox.nn.Linear, in_features=3, out_features=2, use_bias=true
        .weight  float32[2, 3]
        .bias    float32[2]

        ```
    """
    with open(path, "rb") as file:
        header = checked_header(file, os.fspath(path))
    return Contents(header["version"], tuple(header["nodes"]))


def _raw(name: str, leaf) -> np.ndarray:
    """The numbers in a dtype that numpy can write."""
    if isinstance(leaf, jax.ShapeDtypeStruct):
        raise TypeError(f"`{name}` must be an array with its numbers; got {leaf}.")
    if isinstance(leaf, jax.Array) and not leaf.is_fully_addressable:
        raise ValueError(
            f"`{name}` must be on the devices of this process; got {leaf.sharding}. "
            "Arrays of several hosts are what orbax-checkpoint saves."
        )
    array = np.asarray(jr.key_data(leaf) if is_key(leaf) else leaf)
    return np.frombuffer(array.tobytes(), "u1") if _foreign(array.dtype) else array


def _foreign(dtype: np.dtype) -> bool:
    """Whether numpy's own files lose what a number is, as of bfloat16 and records."""
    return dtype.isbuiltin == 2 or dtype.kind == "V"


def _read(file: BinaryIO, entry: _Entry) -> np.ndarray | None:
    stored = entry["kind"] in ("array", "key")
    return eqx.default_deserialise_filter_spec(file, np.empty(0)) if stored else None


def _restored(array, leaf, entry: _Entry):
    if entry["kind"] in NUMBERS:
        return NUMBERS[entry["kind"]](entry["value"])
    if entry["kind"] == "key":
        return _placed(jr.wrap_key_data(array, impl=entry["implementation"]), leaf)
    if entry["kind"] != "array":
        return leaf
    dtype = np.dtype(leaf.dtype)
    if _foreign(dtype):
        array = np.ndarray(leaf.shape, dtype, bytearray(array.tobytes()))
    if isinstance(leaf, np.generic):
        return array[()]
    if isinstance(leaf, np.ndarray):
        return array
    if entry.get("weak_type"):
        # JAX makes an array of weak type from a number of Python.
        zeros = jax.lax.full(array.shape, array.dtype.type(0).item())
        array = zeros.at[...].set(array)
    return _placed(array, leaf)


def _placed(array, leaf):
    sharding = getattr(leaf, "sharding", None)
    # An array that is not committed to its device goes where JAX puts new ones.
    somewhere = sharding is None or not getattr(leaf, "committed", True)
    return jnp.asarray(array) if somewhere else jax.device_put(array, sharding)


def _check_dtype(name: str, leaf):
    """Arrays of JAX have 64 bits only where that is enabled."""
    of_jax = isinstance(leaf, jax.Array | jax.ShapeDtypeStruct) and not is_key(leaf)
    if of_jax and jax.dtypes.canonicalize_dtype(leaf.dtype) != leaf.dtype:
        raise ValueError(
            f"`{name}` must have a dtype that JAX has at present; got {leaf.dtype}, "
            "which needs `jax.enable_x64`."
        )


def _part(entries: list[_Entry], at: str) -> tuple[str, range]:
    """The path of a part of a file, and which entries belong to it."""
    paths = [entry["path"] for entry in entries]
    for root in (at, f".{at}", f"[{at!r}]"):
        below = (root + ".", root + "[")
        held = [
            i for i, each in enumerate(paths) if each == root or each.startswith(below)
        ]
        if held:
            return root, range(held[0], held[-1] + 1)
    near = "".join(f", as {each}" for each in difflib.get_close_matches(at, paths))
    raise ValueError(
        f"`at` must be a path in the file{near}; got {at!r}.\n"
        "`print(ngcx.io.inspect(path))` shows them all."
    )
