"""The rows of a batch, from whatever holds them to wherever they belong."""

from typing import Any

import jax
import jax.numpy as jnp
import jax.tree_util as jtu
import numpy as np
from jax.core import Tracer
from jax.sharding import NamedSharding, PartitionSpec
from jaxtyping import PyTree

from .._compiled import compiled
from ._sources import ItemSource


def gather(data: PyTree, rows: Any, sharding: NamedSharding | None) -> PyTree:
    """The rows of every source, on the mesh of `sharding` if there is one."""
    if sharding is None:
        return jtu.tree_map(lambda source: _read(source, rows), data)
    return jtu.tree_map(lambda source: _sharded(source, rows, sharding), data)


def row_sharding(sharding: NamedSharding) -> NamedSharding:
    """Where the first axis goes."""
    return NamedSharding(sharding.mesh, PartitionSpec(*sharding.spec[:1]))


def _read(source, rows) -> PyTree:
    if isinstance(rows, Tracer):
        return _on_device(source, rows, None)
    if isinstance(source, np.memmap):
        _touch(source, np.sort(rows))
    if isinstance(source, np.ndarray):
        # `take` is faster, but it copies the whole array if that is not contiguous.
        array = np.asarray(source)
        return np.take(array, rows, 0) if array.flags.c_contiguous else array[rows]
    if isinstance(source, jax.Array):
        return _on_device(source, rows, None)
    if isinstance(source, ItemSource):
        return source[rows]
    # Files of HDF5 want indices that ascend, each of them once.
    ascending, places = np.unique(rows, return_inverse=True)
    return jtu.tree_map(
        lambda leaf: np.take(np.asarray(leaf), places, axis=0), source[ascending]
    )


def _touch(array: np.memmap, rows):
    """Brings the pages of these rows into memory, in the order of the file."""
    if array.flags.c_contiguous and array.size:
        row_bytes = array.reshape(len(array), -1).view(np.uint8)
        width = row_bytes.shape[1]
        page = 4096  # bytes
        row_bytes[rows[:, None], np.append(np.arange(0, width, page), width - 1)]


def _sharded(source, rows, sharding: NamedSharding) -> PyTree:
    # An array that is on the mesh already stays there.
    on_mesh = isinstance(source, jax.Array) and (
        isinstance(source, Tracer) or source.sharding.device_set == sharding.device_set
    )
    if on_mesh or isinstance(rows, Tracer):
        return _on_device(source, rows, sharding)
    return _placed(source, rows, sharding)


def _placed(source, rows, sharding: NamedSharding) -> PyTree:
    """Every process reads the rows of its own devices, and no others."""
    by_row = row_sharding(sharding)
    (height,) = by_row.shard_shape(rows.shape)

    def block(index: Any) -> int:
        return (index[0].start or 0) // height

    own = by_row.addressable_devices_indices_map(rows.shape).values()
    blocks = sorted({block(index) for index in own})
    local = _read(source, rows.reshape(-1, height)[blocks].reshape(-1))

    def place(leaf):
        by_block = leaf.reshape(len(blocks), height, *leaf.shape[1:])

        def part(index: Any):
            return by_block[(blocks.index(block(index)), slice(None), *index[1:])]

        shape = (len(rows), *leaf.shape[1:])
        return jax.make_array_from_callback(shape, sharding, part)

    return jtu.tree_map(place, local)


def _on_device(source, rows, sharding: NamedSharding | None):
    if not isinstance(source, jax.Array | np.ndarray) or isinstance(source, np.memmap):
        raise ValueError(
            "`data` must hold arrays of numpy or JAX where the step is traced; got a "
            f"{type(source).__name__}."
        )
    return _rows_of(jnp.asarray(source), rows, sharding)


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
