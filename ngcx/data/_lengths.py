"""Sequences of unequal length: padded, and in batches of similar lengths.

All of it runs on the host, since the shape of a batch depends on what is in it; so it
is checked, but not compiled.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Literal

import equinox as eqx
import jax.random as jr
import jax.tree_util as jtu
import numpy as np
from jax.core import Tracer
from jax.sharding import NamedSharding
from jaxtyping import Int, PRNGKeyArray, PyTree

from .._compiled import compiled
from .._module import Module
from .._typing import Count
from ._loader import DataLoader, LoaderState, Step, advance
from ._permutation import random_permutation_index
from ._sources import row_count


class PaddedSource:
    """Sequences of unequal length, as a source of batches of one shape.

    Each row is a dictionary with the `"sequence"`, filled up with zeros, and its
    `"length"`, the number of steps, which you give to networks and losses as
    `lengths=`.

    **Arguments:**

    - `sequences`: arrays with time first. All other axes and the dtype must agree.
    - `length`: the length to which all are filled up; the longest one, if not given.

    **Raises:** `ValueError` for sequences that do not agree, or are longer than
    `length`.

    !!! example

        ```python
        >>> import numpy as np
        >>> from ngcx.data import PaddedSource
        >>> source = PaddedSource([np.array([1.0, 2.0, 3.0]), np.array([4.0])])
        >>> print(source[np.array([0, 1])])
        {'sequence': array([[1., 2., 3.],
               [4., 0., 0.]]), 'length': array([3, 1], dtype=int32)}
        >>> print(round(source.padding, 2))
        0.33

        ```
    """

    @compiled(jit=False)
    def __init__(self, sequences: Sequence[Any], length: Count | None = None):
        self._sequences = [np.asarray(each) for each in sequences]
        kinds = {(each.shape[1:], each.dtype) for each in self._sequences}
        if len(kinds) != 1 or not all(each.ndim for each in self._sequences):
            found = ", ".join(sorted({str(each.shape) for each in self._sequences}))
            raise ValueError(
                "`sequences` must be arrays of one dtype that differ in the length of "
                f"their first axis alone; got {found or 'none'}."
            )
        self.lengths = np.array([len(each) for each in self._sequences], np.int32)
        """The number of steps of each sequence."""
        longest = int(self.lengths.max())
        if length is not None and length < longest:
            raise ValueError(
                f"`length` must be at least that of the longest, {longest}; got "
                f"{length}.\nCut the sequences, or leave it out."
            )
        self.length = length or longest
        """How long all of them are made."""

    def __len__(self) -> int:
        return len(self._sequences)

    @property
    def padding(self) -> float:
        """The share of all steps that is padding."""
        return 1 - float(self.lengths.sum()) / max(len(self) * self.length, 1)

    @compiled(jit=False)
    def __getitem__(self, rows: Int[np.ndarray, " batch"]) -> dict[str, np.ndarray]:
        first = self._sequences[0]
        padded = np.zeros((len(rows), self.length, *first.shape[1:]), first.dtype)
        for place, row in zip(padded, rows.tolist(), strict=True):
            place[: self.lengths[row]] = self._sequences[row]
        return {"sequence": padded, "length": self.lengths[rows]}

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, PaddedSource)
            and self.length == other.length
            and len(self) == len(other)
            and all(map(np.array_equal, self._sequences, other._sequences))
        )

    def __hash__(self) -> int:
        return hash((self.length, self.lengths.tobytes()))


class BucketLoader(Module):
    """Batches of sequences of similar length, in a handful of shapes. So little time is
    spent on padding, and a program is compiled only once for each shape.

    The sequences are divided into `buckets` by their lengths, with the least padding
    that this number of buckets allows. An epoch visits the batches of all buckets in
    random order. As with [`ngcx.data.DataLoader`][], a batch is a pure function of a
    key and a step: nothing is stored, a saved state goes on with the very next batch,
    and with `sharding` the batches are the same on any number of hosts.

    **Attributes:**

    - `loaders`: a loader for each bucket.
    - `lengths`: the length to which the sequences of each bucket are padded.
    - `padding`: the share of all steps that is padding.

    **See also:** [`ngcx.data.DataLoader`][], for data of one length.

    !!! example

        ```python
        >>> import jax, numpy as np
        >>> from ngcx.data import BucketLoader, PaddedSource
        >>> lengths = np.array([1, 2, 2, 8, 9, 9])
        >>> source = PaddedSource([np.ones(n) for n in lengths])
        >>> loader = BucketLoader({"x": source, "y": lengths}, 3, buckets=2)
        >>> print(loader.lengths, round(source.padding, 2), round(loader.padding, 2))
        (2, 9) 0.43 0.06
        >>> for batch in loader.epoch(jax.random.key(0)):
        ...     print(batch["x"]["sequence"].shape, batch["x"]["length"].shape)
        (3, 9) (3,)
        (3, 2) (3,)

        ```
    """

    loaders: tuple[DataLoader, ...]
    lengths: tuple[int, ...] = eqx.field(static=True)
    padding: float = eqx.field(static=True)

    @compiled(jit=False)
    def __init__(
        self,
        data: PyTree[Any],
        batch_size: Count,
        buckets: Count = 4,
        *,
        shuffle: bool = True,
        remainder: Literal["wrap", "drop", "partial"] = "wrap",
        sharding: NamedSharding | None = None,
    ):
        """
        **Arguments:**

        - `data`: a [`ngcx.data.PaddedSource`][], or a pytree of arrays and one or
            several of these. The first one says how long each sample is.
        - `batch_size`, `shuffle`, `remainder`, `sharding`: as for `DataLoader`, for
            each bucket. The last batch of a bucket is filled up with samples of the
            same bucket, left out, or smaller.
        - `buckets`: how many buckets there are; fewer if there are fewer lengths.
        """
        leaves = jtu.tree_leaves(data)
        sources = [leaf for leaf in leaves if isinstance(leaf, PaddedSource)]
        if not sources:
            raise ValueError("`data` must hold a `PaddedSource`; got none.")
        sizes = {row_count(leaf) for leaf in leaves}
        if len(sizes) > 1:
            raise ValueError(f"`data` must be of one length; got {sorted(sizes)}.")
        lengths = sources[0].lengths
        bounds = np.array(best_bounds(lengths, buckets))
        places = np.searchsorted(bounds, lengths)
        self.loaders = tuple(
            DataLoader(
                jtu.tree_map(lambda leaf: _part(leaf, places == i), data),  # noqa: B023
                batch_size,
                shuffle,
                remainder,
                sharding,
            )
            for i in range(len(bounds))
        )
        self.lengths = tuple(map(int, bounds))
        self.padding = 1 - float(lengths.sum()) / max(int(bounds[places].sum()), 1)

    def __len__(self) -> int:
        """The number of batches in an epoch."""
        return sum(map(len, self.loaders))

    @compiled(jit=False)
    def epoch(self, key: PRNGKeyArray, start: int = 0) -> Iterator[PyTree]:
        """Yields the batches of one epoch, as [`ngcx.data.DataLoader.epoch`][] does."""
        if not 0 <= start <= len(self):
            raise ValueError(
                f"`start` must be from 0 to {len(self)} batches; got {start}."
            )
        return (self.batch(key, step) for step in range(start, len(self)))

    @compiled(jit=False)
    def batch(self, key: PRNGKeyArray, step: Step) -> PyTree:
        """The batch at one step of the epoch of `key`.

        **Raises:** `ValueError` if `step` is not from 0 to `len(loader) - 1`, and where
        it or `key` is traced, since the shape of the batch depends on them.
        """
        for name, given in (("step", step), ("key", key)):
            if isinstance(given, Tracer):
                raise ValueError(
                    f"`{name}` must not be traced: the shape of a batch depends on its "
                    "bucket."
                )
        if not 0 <= (place := int(step)) < len(self):
            raise ValueError(f"`step` must be from 0 to {len(self) - 1}; got {step}.")
        if self.loaders[0].shuffle:
            order = jr.fold_in(key, len(self.loaders))
            place = int(
                random_permutation_index(order, np.array([place]), len(self))[0]
            )
        ends = np.cumsum([len(loader) for loader in self.loaders])
        number = int(np.searchsorted(ends, place, side="right"))
        loader = self.loaders[number]
        within = place - int(ends[number]) + len(loader)
        return loader.batch(jr.fold_in(key, number), within)

    @compiled(jit=False)
    def init(self, key: PRNGKeyArray) -> LoaderState:
        """The state before the first batch of the first epoch; see `next`."""
        return self.loaders[0].init(key)

    @compiled(jit=False)
    def next(self, state: LoaderState) -> tuple[PyTree, LoaderState]:
        """The batch at `state`, and the state after it, epoch after epoch without end,
        as [`ngcx.data.DataLoader.next`][] gives them.
        """
        key, following = advance(state, len(self))
        return self.batch(key, state.step), following


def _part(leaf, chosen):
    """The rows of a bucket."""
    (rows,) = np.nonzero(chosen)
    if not isinstance(leaf, PaddedSource):
        return np.asarray(leaf)[rows]
    longest = max(int(leaf.lengths[rows].max()), 1)
    return PaddedSource([leaf._sequences[row] for row in rows], longest)


def best_bounds(lengths: np.ndarray, buckets: int) -> list[int]:
    """The lengths to pad to, at most so many, which together make the least padding."""
    sizes, counts = np.unique(np.maximum(lengths, 1), return_counts=True)
    below = np.concatenate([[0], np.cumsum(counts)])
    number = len(sizes)
    # The steps if the first so many sizes are divided into 0, 1, 2... buckets.
    cost = np.full(number + 1, np.inf)
    cost[0] = 0
    starts = []
    for _ in range(min(buckets, number)):
        # The last bucket goes from one size (row) to before another (column).
        last = np.append(0, sizes) * (below - below[:, None]).astype(float)
        total = np.where(np.tri(number + 1, dtype=bool), np.inf, cost[:, None] + last)
        total[0, 0] = 0
        starts.append(np.argmin(total, axis=0))
        cost = np.min(total, axis=0)
    bounds, end = [], number
    for start in reversed(starts):
        if end > 0:
            bounds.append(int(sizes[end - 1]))
            end = start[end]
    return bounds[::-1]
