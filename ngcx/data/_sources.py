"""Data that is not in memory."""

import contextvars
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax.tree_util as jtu
import numpy as np
from jaxtyping import Int, PyTree

from .._compiled import compiled
from .._typing import Count
from ._threads import settings_here


class ItemSource:
    """Turns a dataset that gives one item at a time, as those of Grain and PyTorch do,
    into a source of batches.

    Items may be any pytree of arrays and numbers; a batch stacks them.

    **Arguments:**

    - `dataset`: has a length, and gives the item `dataset[i]` for an integer `i`.
    - `threads`: how many items are read at a time.

    !!! example

        ```python
        >>> import numpy as np
        >>> from ngcx.data import ItemSource
        >>> class Squares:
        ...     def __len__(self):
        ...         return 10
        ...     def __getitem__(self, i):
        ...         return {"root": i, "square": i**2}
        >>> ItemSource(Squares())[np.array([3, 1])]["square"]
        array([9, 1])

        ```
    """

    # Items are read by threads of the host, so that nothing here is compiled.
    @compiled(jit=False)
    def __init__(self, dataset: Any, threads: Count = 8):
        if not is_source(dataset):
            raise TypeError(
                "`dataset` must have a length and give items by their index; got "
                f"{dataset!r}."
            )
        self._dataset = dataset
        self._threads = threads

    def __len__(self) -> int:
        return row_count(self._dataset)

    @compiled(jit=False)
    def __getitem__(self, rows: Int[np.ndarray, " batch"]) -> PyTree:
        settings, context = settings_here(), contextvars.copy_context()

        def item(row: int):
            with settings():
                return context.copy().run(self._dataset.__getitem__, row)

        with ThreadPoolExecutor(self._threads) as pool:
            items = list(pool.map(item, rows.tolist()))
        structures = list(dict.fromkeys(map(jtu.tree_structure, items)))
        if len(structures) > 1:
            raise ValueError(
                "`dataset` must give items of one structure; got "
                f"{structures[0]} and {structures[1]}.\nMake arrays of one length of "
                "lists whose lengths differ."
            )
        if structures[0].num_leaves == 0:
            raise ValueError("`dataset` must give items; got nothing, or None.")
        return jtu.tree_map_with_path(_stacked, *items)


def _stacked(path, *leaves) -> np.ndarray:
    name = f"`dataset[i]{jtu.keystr(path)}`"
    arrays = [as_rows(leaf, name) for leaf in leaves]
    shapes = list(dict.fromkeys(array.shape for array in arrays))
    if len(shapes) > 1:
        raise ValueError(
            f"{name} must have one shape in all items; got {shapes[0]} and "
            f"{shapes[1]}.\nPad or crop the items to one shape."
        )
    stacked = np.stack(arrays)
    if stacked.dtype == object:
        raise TypeError(
            f"{name} must be an array or a number, not a {type(leaves[0]).__name__}.\n"
            "Let the dataset convert it, as with `np.asarray`."
        )
    return stacked


def is_source(leaf: Any) -> bool:
    """Whether rows can be taken from it by their index."""
    # A mapping, such as a group of HDF5, is indexed by names.
    if isinstance(leaf, str | bytes | Mapping) or not hasattr(leaf, "__getitem__"):
        return False
    shape = getattr(leaf, "shape", None)
    # Arrays of Zarr have a shape, but no length.
    return bool(shape) if isinstance(shape, tuple) else hasattr(leaf, "__len__")


def row_count(source: Any) -> int:
    """How many rows a source has."""
    return len(source) if hasattr(source, "__len__") else source.shape[0]


def rows_of(source: Any, rows: np.ndarray, name: str) -> PyTree:
    """The rows of a source that is no array, in arrays."""
    if isinstance(source, ItemSource):
        return source[rows]
    # Files of HDF5 want indices that ascend, each of them once.
    ascending, places = np.unique(rows, return_inverse=True)
    # Tables of pandas are indexed by label, unless they are asked for positions.
    source = getattr(source, "iloc", source)
    try:
        given = source[ascending]
    except TypeError as error:
        raise TypeError(
            f"{name} must give the rows of an array of row numbers, as an array does; "
            f"a {type(source).__name__} says: {error}.\n`ItemSource` reads from what "
            "gives one item for one number."
        ) from error

    count = len(ascending)

    def may_be_rows(node) -> bool:
        return isinstance(node, list) or (
            isinstance(node, tuple) and len(node) == count
        )

    entries = jtu.tree_leaves(given, is_leaf=may_be_rows)
    if any(isinstance(each, list) for each in entries):
        raise _not_rows(name, count, "a list")
    if any(isinstance(each, tuple) for each in entries):
        # A tuple of arrays may have as many entries as there are rows by chance. Then
        # it has them for another number of rows too.
        fewer_or_more = min(1 if count == 2 else 2, row_count(source))
        other = source[np.arange(fewer_or_more, dtype=ascending.dtype)]
        if jtu.tree_structure(other) != jtu.tree_structure(given):
            raise _not_rows(name, count, "a tuple of rows")
    if not entries:
        raise _not_rows(name, count, "nothing")

    def ordered(path, leaf):
        array = as_rows(leaf, name + jtu.keystr(path))
        if array.shape[:1] != (count,):
            got = f"an array of shape {array.shape}"
            raise _not_rows(name + jtu.keystr(path), count, got)
        return np.take(array, places, axis=0)

    return jtu.tree_map_with_path(ordered, given)


def as_rows(leaf: Any, name: str) -> np.ndarray:
    """An array of numpy, unless that would lose a mask."""
    if np.ma.is_masked(leaf):
        raise ValueError(
            f"{name} must not be masked, since a batch has no mask.\nFill it with "
            "`.filled(value)`, and give the mask as an array of its own."
        )
    return np.asarray(leaf)


def _not_rows(name: str, count: int, got: str) -> ValueError:
    return ValueError(
        f"{name} must give arrays of {count} rows where it is asked for {count}; got "
        f"{got}.\nA source gives arrays, or a dictionary or tuple of them; "
        "`np.stack` makes an array of rows, `ItemSource` one of items."
    )
