"""Pytrees in files.

A file is a line that tells what it is, the length of the header, the header in JSON,
the arrays as Equinox writes them, and the SHA-256 digest of all that.

Nothing here is compiled, since files are read and written on the host.
"""

import contextlib
import hashlib
import json
import os
import pathlib
import secrets
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import jax.tree_util as jtu
import numpy as np
from jaxtyping import PyTree

from .._compiled import compiled


_MAGIC = b"ngcx pytree\n"
_VERSION = 1
_DIGEST = hashlib.sha256().digest_size
_LENGTH = 8  # bytes of the length of the header
# Each kind of number has a function that reads it from its text.
_NUMBERS: dict[str, Callable[[str], Any]] = {
    "bool": lambda text: text == "True",
    "int": int,
    "float": float,
    "complex": complex,
}


@compiled(jit=False)
def serialize(path: str | os.PathLike[str], tree: PyTree) -> None:
    """Saves a pytree, such as an Equinox module or the state of a training.

    Whatever happens meanwhile, the file is either the old one or the new one: it is
    written beside the old one, flushed to the disk, and then takes its name. Arrays
    that are sharded over the devices of this process are gathered.

    **Arguments:**

    - `path`: the file, replaced if there is one.
    - `tree`: leaves may be arrays of JAX and numpy of any numeric or Boolean dtype,
        keys of JAX, Python numbers, and functions. Functions are not saved: they come
        from `like` when the file is loaded.

    **Raises:** `TypeError` that names a leaf of another type; `ValueError` that names
    an array of which a part is on another host; `OSError` if the file cannot be
    written. In each case the old file stays as it was.

    !!! example

        ```python
        >>> import pathlib, tempfile
        >>> import jax.numpy as jnp
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "state"
        >>> serialize(path, {"weights": jnp.ones(2), "step": 3})
        >>> deserialize(path, {"weights": jnp.zeros(2), "step": 0})
        {'step': 3, 'weights': Array([1., 1.], dtype=float32)}

        ```
    """
    leaves = _leaves(tree, "tree")
    entries = [_described(name, leaf) for name, leaf in leaves]
    arrays = [_raw(name, leaf) for name, leaf in leaves if _is_array(leaf)]
    header = json.dumps({"version": _VERSION, "leaves": entries}).encode()
    with _replacing(pathlib.Path(os.path.realpath(path))) as file:
        digested = _Digested(file)
        digested.write(_MAGIC + len(header).to_bytes(_LENGTH, "little") + header)
        for array in arrays:
            eqx.default_serialise_filter_spec(digested, array)
        file.write(digested.digest())


@compiled(jit=False)
def deserialize(path: str | os.PathLike[str], like: PyTree) -> PyTree:
    """Loads what [`ngcx.io.serialize`][] saved.

    Nothing in the file is executed, and nothing is unpickled.

    **Arguments:**

    - `path`: the file.
    - `like`: a pytree of the structure, shapes and dtypes of what was saved, such as a
        freshly made module. In the place of an array may stand a
        `jax.ShapeDtypeStruct`, as `eqx.filter_eval_shape` gives.

    **Returns:** `like` with the saved values; each array is one of numpy or of JAX, on
    the devices and with the sharding, as in `like`.

    **Raises:** `ValueError` for a file that is not one of these, was cut off or altered
    anywhere, or is of another version, and for one whose structure, types, shapes or
    dtypes are not those of `like`, naming the leaf and what was found; for an array of
    JAX of 64 bits in `like` without `jax.enable_x64`; `OSError` if it cannot be read.
    """
    leaves = _leaves(like, "like")
    for name, leaf in leaves:
        _check_dtype(name, leaf)
    with open(path, "rb") as file:
        entries = _checked_header(file, os.fspath(path))
        _check_same(entries, [_described(name, leaf) for name, leaf in leaves])
        restored = [
            _restored(file, leaf, entry)
            for (_, leaf), entry in zip(leaves, entries, strict=True)
        ]
    return jtu.tree_unflatten(jtu.tree_structure(like), restored)


def _leaves(tree, argument: str) -> list[tuple[str, Any]]:
    """Names and leaves; the name is the path to the leaf."""
    leaves = []
    for path, leaf in jtu.tree_flatten_with_path(tree)[0]:
        name = f"{argument}{jtu.keystr(path)}"
        empty = _is_struct(leaf) and argument != "like"
        if empty or not _is_supported(leaf):
            raise TypeError(
                f"`{name}` must be an array of numbers, a number or a function; got "
                f"{leaf!r}."
            )
        leaves.append((name, leaf))
    return leaves


def _is_supported(leaf) -> bool:
    if _is_array(leaf) or _is_struct(leaf):
        numeric = jnp.issubdtype(leaf.dtype, np.number) or leaf.dtype == bool
        return numeric or _is_key(leaf)
    return type(leaf).__name__ in _NUMBERS or callable(leaf)


def _is_array(leaf) -> bool:
    return isinstance(leaf, jax.Array | np.ndarray | np.generic)


def _is_struct(leaf) -> bool:
    return isinstance(leaf, jax.ShapeDtypeStruct)


def _is_key(leaf) -> bool:
    return jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _described(name: str, leaf) -> dict:
    """What the header says of a leaf."""
    path = name.removeprefix("tree").removeprefix("like")
    if _is_array(leaf) or _is_struct(leaf):
        entry = {"path": path, "dtype": str(leaf.dtype), "shape": list(leaf.shape)}
        if not _is_key(leaf):
            return entry | {"kind": "array"}
        made = isinstance(leaf, jax.Array)
        implementation = str(jr.key_impl(leaf)) if made else None
        return entry | {"kind": "key", "implementation": implementation}
    kind = type(leaf).__name__
    if kind not in _NUMBERS:
        return {"path": path, "kind": "function"}
    # The text is exact for integers of any size, and for floats.
    return {"path": path, "kind": kind, "value": repr(leaf)}


def _raw(name: str, leaf) -> np.ndarray:
    """The numbers in a dtype that numpy can write."""
    if isinstance(leaf, jax.Array) and not leaf.is_fully_addressable:
        raise ValueError(
            f"`{name}` must be on the devices of this process; got {leaf.sharding}. "
            "Arrays of several hosts are what orbax-checkpoint saves."
        )
    array = np.asarray(jr.key_data(leaf) if _is_key(leaf) else leaf)
    return array.view(_stored(array.dtype))


def _stored(dtype: np.dtype) -> np.dtype:
    # numpy would write bfloat16 and its like as bytes without a name.
    native = np.issubdtype(dtype, np.number) or dtype == np.bool_
    return dtype if native else np.dtype(f"u{dtype.itemsize}")


def _restored(file: BinaryIO, leaf, entry: dict):
    if entry["kind"] == "function":
        return leaf
    if entry["kind"] in _NUMBERS:
        return _NUMBERS[entry["kind"]](entry["value"])
    array = eqx.default_deserialise_filter_spec(file, np.empty(0))
    if entry["kind"] == "key":
        return _placed(jr.wrap_key_data(array, impl=entry["implementation"]), leaf)
    array = array.view(np.dtype(leaf.dtype))
    if isinstance(leaf, np.generic):
        return array[()]
    return array if isinstance(leaf, np.ndarray) else _placed(array, leaf)


def _check_dtype(name: str, leaf):
    """Arrays of JAX have 64 bits only where that is enabled."""
    of_jax = isinstance(leaf, jax.Array | jax.ShapeDtypeStruct) and not _is_key(leaf)
    if of_jax and jax.dtypes.canonicalize_dtype(leaf.dtype) != leaf.dtype:
        raise ValueError(
            f"`{name}` must have a dtype that JAX has at present; got {leaf.dtype}, "
            "which needs `jax.enable_x64`."
        )


def _placed(array, leaf):
    sharding = getattr(leaf, "sharding", None)
    # An array that is not committed to its device goes where JAX puts new ones.
    somewhere = sharding is None or not getattr(leaf, "committed", True)
    return jnp.asarray(array) if somewhere else jax.device_put(array, sharding)


def _checked_header(file: BinaryIO, path: str) -> list[dict]:
    """The entries of the header; afterwards `file` is at the first array."""
    if file.read(len(_MAGIC)) != _MAGIC:
        raise ValueError(f"`path` must be a file of ngcx.io.serialize; got {path!r}.")
    size = file.seek(0, os.SEEK_END) - _DIGEST
    file.seek(0)
    digest = hashlib.sha256()
    while (left := size - file.tell()) > 0:
        digest.update(file.read(min(left, 1 << 20)))
    if size < 0 or file.read() != digest.digest():
        raise ValueError(f"`path` was cut off or altered: {path!r}.")
    file.seek(len(_MAGIC))
    length = int.from_bytes(file.read(_LENGTH), "little")
    header = json.loads(file.read(length))
    if header["version"] != _VERSION:
        raise ValueError(
            f"`path` must be a file of version {_VERSION}; got {header['version']}."
        )
    return header["leaves"]


def _check_same(found: list[dict], expected: list[dict]):
    for saved, leaf in zip(found, expected, strict=False):
        for what in ("path", "kind", "dtype", "shape"):
            if saved.get(what) != leaf.get(what):
                raise ValueError(
                    f"`like{leaf['path']}` must be what was saved; the {what} is "
                    f"{leaf.get(what)}, but {saved.get(what)} in the file"
                    f"{'' if what == 'path' else ' at ' + saved['path']}."
                )
    if len(found) != len(expected):
        more = (found if len(found) > len(expected) else expected)[
            min(len(found), len(expected))
        ]
        raise ValueError(
            f"`like` must have the {len(found)} leaves of the file; got "
            f"{len(expected)}. The first that is in one only is {more['path']!r}."
        )


class _Digested:
    """A file to write to that computes the digest on the way."""

    def __init__(self, file: BinaryIO):
        self._file = file
        self._hash = hashlib.sha256()

    def write(self, data) -> int:
        self._hash.update(data)
        return self._file.write(data)

    def digest(self) -> bytes:
        return self._hash.digest()


@contextlib.contextmanager
def _replacing(path: pathlib.Path) -> Iterator[BinaryIO]:
    """Yields a new file, which takes the name when everything is on the disk."""
    # It is in the same folder, or it could not be renamed in one step.
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with open(temporary, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    if hasattr(os, "O_DIRECTORY"):  # where a folder can be flushed too
        folder = os.open(path.parent, os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
