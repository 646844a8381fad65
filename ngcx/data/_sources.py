"""Data that is not in memory."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax
import jax.tree_util as jtu
import numpy as np
from jaxtyping import Int, PyTree

from .._compiled import compiled
from .._typing import Count


class ItemSource:
    """A dataset that gives one item at a time, as those of Grain and torch do, as a
    source of batches.

    Items may be any pytree of arrays and numbers; a batch stacks them.

    **Arguments:**

    - `dataset`: has a length, and gives the item `dataset[i]` for an integer `i`.
    - `threads`: how many items are read at a time.

    !!! example

        ```python
        >>> import numpy as np
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
        return len(self._dataset)

    @compiled(jit=False)
    def __getitem__(self, rows: Int[np.ndarray, " batch"]) -> PyTree:
        with ThreadPoolExecutor(self._threads) as pool:
            items = list(pool.map(self._dataset.__getitem__, rows.tolist()))
        return jtu.tree_map(lambda *leaves: np.stack(leaves), *items)


def is_source(leaf: Any) -> bool:
    """Whether rows can be taken from it by their index."""
    if isinstance(leaf, jax.Array | np.ndarray):
        return leaf.ndim > 0
    access = hasattr(leaf, "__len__") and hasattr(leaf, "__getitem__")
    return access and not isinstance(leaf, str | bytes)
