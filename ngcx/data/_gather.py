"""The rows of a batch, from whatever holds them to wherever they belong."""

import mmap
import os
from collections.abc import Callable
from contextlib import contextmanager, nullcontext
from typing import Any

import jax
import jax.numpy as jnp
import jax.tree_util as jtu
import numpy as np
from jax.core import Tracer, eval_context
from jax.sharding import NamedSharding, PartitionSpec
from jaxtyping import PyTree

from .._compiled import compiled
from ._sources import rows_of


def gatherer(data: PyTree, sharding: NamedSharding | None) -> Callable[[Any], PyTree]:
    """A function of row numbers that takes these rows of every source, and puts them on
    the mesh of `sharding` if there is one.
    """
    # The paths of the sources, which errors name, cost more than a batch.
    leaves, treedef = jtu.tree_flatten_with_path(data)
    sources = [(source, f"`data{jtu.keystr(path)}`") for path, source in leaves]

    def rows_from(source, rows, name):
        if sharding is None:
            return jtu.tree_map(_in_known_digits, _read(source, rows, name))
        return _sharded(source, rows, sharding, name)

    def gather(rows):
        batch = [rows_from(source, rows, name) for source, name in sources]
        return treedef.unflatten(batch)

    return gather


def row_sharding(sharding: NamedSharding) -> NamedSharding:
    """Where the first axis goes."""
    return NamedSharding(sharding.mesh, PartitionSpec(*sharding.spec[:1]))


def _read(source, rows, name: str) -> PyTree:
    if isinstance(rows, Tracer) or isinstance(source, jax.Array):
        return _on_device(source, rows, None, name)
    if isinstance(source, np.memmap):
        _touch(source, np.sort(rows))
    if isinstance(source, np.ndarray):
        # `take` is faster, but it copies the whole array if that is not contiguous.
        array = np.asarray(source)
        return array.take(rows, 0) if array.flags.c_contiguous else array[rows]
    # A source may compute by JAX, and a function be traced that has nothing to do with
    # it.
    with eval_context():
        return rows_of(source, rows, name)


def _in_known_digits(leaf):
    """Floats in the dtype that they have on a device too: of 32 bits without x64."""
    if not isinstance(leaf, np.ndarray) or leaf.dtype.kind not in "fc":
        return leaf
    native = leaf.dtype.newbyteorder("=")
    held = jax.dtypes.canonicalize_dtype(native)
    return leaf if held == native else leaf.astype(held)


def _touch(array: np.memmap, rows):
    """Brings the pages of these rows into memory, in the order of the file."""
    if array.flags.c_contiguous and array.size and rows.size:
        row_bytes = array.reshape(len(array), -1).view(np.uint8)
        width = row_bytes.shape[1]
        page = 4096  # bytes
        with _alone(array) if rows[-1] - rows[0] >= len(rows) else nullcontext():
            row_bytes[rows[:, None], np.append(np.arange(0, width, page), width - 1)]


@contextmanager
def _alone(array: np.memmap):
    """Lets the system read no pages but those that are asked for, if the data are
    larger than the memory.

    It reads ahead otherwise, by 128 KiB a page or more. Where all of the data stay in
    memory, that is how they get there soonest.
    """
    base: Any = array
    while isinstance(base, np.ndarray):
        base = base.base
    if not isinstance(base, mmap.mmap) or not _exceeds_memory(array):
        yield
        return
    base.madvise(mmap.MADV_RANDOM)
    try:
        yield
    finally:
        base.madvise(mmap.MADV_NORMAL)


def _exceeds_memory(array: np.ndarray) -> bool:
    """Whether this machine has less memory, and can be told how to read."""
    if not hasattr(mmap, "MADV_RANDOM"):
        return False
    return array.nbytes > os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _sharded(source, rows, sharding: NamedSharding, name: str) -> PyTree:
    # An array that is on the mesh already stays there.
    on_mesh = isinstance(source, jax.Array) and (
        isinstance(source, Tracer) or source.sharding.device_set == sharding.device_set
    )
    if on_mesh or isinstance(rows, Tracer):
        return _on_device(source, rows, sharding, name)
    # All is known here, whatever is being traced.
    with eval_context():
        return _placed(source, rows, sharding, name)


def _placed(source, rows, sharding: NamedSharding, name: str) -> PyTree:
    """Every process reads the rows of its own devices, and no others."""
    by_row = row_sharding(sharding)
    (height,) = by_row.shard_shape(rows.shape)

    def block(index: Any) -> int:
        return (index[0].start or 0) // height

    own = by_row.addressable_devices_indices_map(rows.shape).values()
    blocks = sorted({block(index) for index in own})
    local = _read(source, rows.reshape(-1, height)[blocks].reshape(-1), name)

    def place(path, leaf):
        leaf = _as_in_jax(leaf, name + jtu.keystr(path))
        by_block = leaf.reshape(len(blocks), height, *leaf.shape[1:])

        def part(index: Any):
            return by_block[(blocks.index(block(index)), slice(None), *index[1:])]

        shape = (len(rows), *leaf.shape[1:])
        return jax.make_array_from_callback(shape, sharding, part)

    return jtu.tree_map_with_path(place, local)


def _on_device(source, rows, sharding: NamedSharding | None, name: str):
    if not isinstance(source, jax.Array | np.ndarray) or isinstance(source, np.memmap):
        raise ValueError(
            f"{name} must be an array of numpy or JAX where the key or the step is "
            f"traced; got a {type(source).__name__}."
        )
    return _rows_of(jnp.asarray(_as_in_jax(source, name)), rows, sharding)


def _as_in_jax(array, name: str):
    """The same array, if JAX can hold what is in it."""
    if isinstance(array, jax.Array):
        return array
    native = array.dtype.newbyteorder("=")
    try:
        dtype = jax.eval_shape(jnp.asarray, np.empty(0, native)).dtype
    except TypeError:
        raise TypeError(
            f"{name} must hold numbers to be read on a device; got {array.dtype}.\n"
            "Number what it holds, or leave step and key untraced and `sharding` out."
        ) from None
    if dtype != native and dtype.kind in "iu" and array.size:
        least, most = array.min(), array.max()
        if least < np.iinfo(dtype).min or most > np.iinfo(dtype).max:
            raise ValueError(
                f"{name} must fit into {dtype} on a device without jax_enable_x64; got "
                f"values from {least} to {most}."
            )
    return array.astype(native, copy=False)


@compiled(static=("sharding",))
def _rows_of(array, rows, sharding: NamedSharding | None):
    def take(array, rows):
        # The rows are in range by construction.
        return array.at[rows].get(mode="promise_in_bounds")

    if sharding is None:
        return take(array, rows)
    # On a mesh of explicit axes, JAX asks what sharding the rows have.
    axes = sharding.mesh.axis_names
    placed = jax.sharding.auto_axes(take, axes=axes, out_sharding=sharding)
    # compiled by hand: `compiled` cannot say where results go.
    return jax.jit(placed, out_shardings=sharding)(array, rows)
