from collections.abc import Iterator
from typing import Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.tree_util as jtu
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Int, PRNGKeyArray, PyTree

from .._typing import typed
from ._permutation import random_permutation_index


@typed
class DataLoader(eqx.Module):
    """Shuffled batches of a pytree of arrays, as a pure function of (key, step).

    Nothing is stored and nothing advances: the key of an epoch decides its order, so
    any batch of any epoch can be had at any time, on the host or inside `jax.jit`, and
    the same key always gives the same batches. The order is that of
    [`ngcx.data.random_permutation_index`][], so that a batch costs the same however
    large the data is.

    Arrays of numpy are gathered by numpy and stay on the host; arrays of JAX are
    gathered on their device.

    !!! example

        ```python
        >>> import jax
        >>> import numpy as np
        >>> from ngcx.data import DataLoader
        >>> data = {"x": np.arange(5.0), "y": np.arange(5)}
        >>> loader = DataLoader(data, batch_size=2, shuffle=False)
        >>> for batch in loader.epoch(jax.random.key(0)):
        ...     print(batch["y"])
        [0 1]
        [2 3]
        [4 0]

        ```
    """

    data: PyTree[Any]
    """Arrays that agree in the length of their first axis."""
    batch_size: int = eqx.field(static=True)
    shuffle: bool = eqx.field(static=True, default=True)
    remainder: Literal["wrap", "drop", "partial"] = eqx.field(
        static=True, default="wrap"
    )
    """What becomes of the samples after the last full batch: filled up with the first
    samples of the epoch, left out, or a smaller batch (on the host only)."""

    def __check_init__(self):
        leaves = jtu.tree_leaves(self.data)
        if not leaves:
            raise ValueError("`data` must hold at least one array; got none.")
        for leaf in leaves:
            if not isinstance(leaf, jax.Array | np.ndarray) or leaf.ndim == 0:
                raise ValueError(
                    "`data` must be a pytree of arrays with a leading axis; got "
                    f"{leaf!r}."
                )
        sizes = {leaf.shape[0] for leaf in leaves}
        if len(sizes) > 1:
            raise ValueError(
                f"`data` must have leading axes of one length; got {sorted(sizes)}."
            )
        size = sizes.pop()
        if size == 0:
            raise ValueError("`data` must not be empty; its leading axis has length 0.")
        if self.batch_size < 1:
            raise ValueError(
                f"`batch_size` must be a positive integer; got {self.batch_size}."
            )
        if self.remainder == "drop" and self.batch_size > size:
            raise ValueError(
                f"`batch_size` must be at most the {size} samples when the remainder "
                f"is dropped; got {self.batch_size}."
            )

    def __len__(self) -> int:
        """The number of batches in an epoch."""
        whole, rest = divmod(self._size, self.batch_size)
        return whole if self.remainder == "drop" else whole + (rest > 0)

    @typed
    def epoch(self, key: PRNGKeyArray, start: int = 0) -> Iterator[PyTree]:
        """Yields the batches of one epoch.

        **Arguments:**

        - `key`: decides the order; fold in the number of the epoch.
        - `start`: the batch to begin with, to go on where an epoch was left.

        **Raises:** `ValueError` if `start` is not from 0 to `len(loader)`.
        """
        if not 0 <= start <= len(self):
            raise ValueError(
                f"`start` must be from 0 to {len(self)} batches; got {start}."
            )
        return self._batches(key, start)

    @typed
    def batch(self, key: PRNGKeyArray, step: int | Int[Array, ""]) -> PyTree:
        """The batch at one step of the epoch of `key`; `step` may be traced.

        **Raises:** `ValueError` if a concrete `step` is not from 0 to
        `len(loader) - 1`. A traced one is not checked: it counts modulo `len(loader)`.
        """
        return self._take(self.indices(key, step))

    @typed
    def indices(
        self, key: PRNGKeyArray, step: int | Int[Array, ""]
    ) -> Int[Array, " batch"]:
        """The rows that make up the batch at one step; arguments as for `batch`."""
        traced = isinstance(step, Tracer)
        if not traced and not 0 <= step < len(self):
            raise ValueError(
                f"`step` must be from 0 to {len(self) - 1}; got {int(step)}."
            )
        if traced and self.remainder == "partial":
            raise ValueError(
                "`remainder` must be 'wrap' or 'drop' for a traced step: the shape of "
                "a partial batch depends on its value."
            )
        start = step % len(self) * self.batch_size
        positions = start + jnp.arange(self.batch_size)
        if self.remainder == "partial":
            positions = positions[: self._size - start]
        return jnp.asarray(self._order(key, positions))

    @property
    def _size(self) -> int:
        return jtu.tree_leaves(self.data)[0].shape[0]

    def _order(self, key, positions):
        """The rows at those positions of the epoch, which wraps around."""
        positions = positions % self._size
        if self.shuffle:
            return random_permutation_index(key, positions, self._size)
        return positions

    def _batches(self, key, start):
        # The order of many batches at once costs numpy little more than that of one.
        block = max(1, _BLOCK // self.batch_size)
        end = self._size if self.remainder == "partial" else len(self) * self.batch_size
        for step in range(start, len(self), block):
            first, last = step * self.batch_size, (step + block) * self.batch_size
            rows = self._order(key, np.arange(first, min(last, end)))
            for at in range(0, len(rows), self.batch_size):
                yield self._take(rows[at : at + self.batch_size])

    def _take(self, rows):
        return jtu.tree_map(lambda leaf: _gather(leaf, rows), self.data)


_BLOCK = 1 << 14  # samples: half a millisecond until the first batch


def _gather(array, rows):
    if isinstance(array, np.ndarray) and not isinstance(rows, Tracer):
        return np.take(array, np.asarray(rows), axis=0)
    return _gather_on_device(jnp.asarray(array), rows)


@jax.jit
def _gather_on_device(array, rows):
    # The rows are in range by construction.
    return array.at[rows].get(mode="promise_in_bounds")
