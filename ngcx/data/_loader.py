"""The loader, whose parts that run on the host are checked but not compiled.

Arrays of numpy, files and other sources are read there, and a batch of them must not
pass through a device. Where the step is traced, the program of the caller compiles it
all.
"""

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from typing import Any, Literal, NoReturn, TypeAlias

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
import jax.tree_util as jtu
import numpy as np
from jax.core import Tracer, eval_context
from jax.sharding import NamedSharding
from jaxtyping import Array, Int, Integer, PRNGKeyArray, PyTree

from .._compiled import compiled
from .._module import Module
from .._typing import Count
from ._gather import gatherer, row_sharding
from ._permutation import check_index_width, random_permutation_index
from ._sources import as_rows, is_source, row_count


Step: TypeAlias = int | np.integer | Integer[np.ndarray, ""] | Integer[Array, ""]


class LoaderState(Module):
    """The place in an endless iteration over the data. A checkpoint needs nothing else
    to go on.

    **Attributes:**

    - `key`: decides the orders of all epochs.
    - `epoch`: the number of the epoch, from 0.
    - `step`: the number of the next batch in it, from 0.
    """

    key: PRNGKeyArray
    epoch: Int[Array, ""]
    step: Int[Array, ""]


class DataLoader(Module):
    """Shuffled batches of a pytree of arrays, as a pure function of (key, step).

    Nothing is stored and nothing advances: the key of an epoch decides its order, so
    you can ask for any batch of any epoch at any time, on the host or inside `jax.jit`,
    and the same key always gives the same batches.
    [`ngcx.data.random_permutation_index`][] computes the order, so a batch costs the
    same however large the data is.

    Arrays of numpy, memory maps and other sources are read on the host, and the batch
    stays there unless there is a `sharding`; arrays of JAX are read on their device.
    Floats of 64 bits are converted to 32 bits unless JAX is in 64-bit mode, even on the
    host.

    **Arguments:**

    - `data`: arrays that agree in the length of their first axis. You can give any
        object instead of an array that has a length or a shape, and that returns the
        rows of an ascending index array, such as a dataset of HDF5 or Zarr, or an
        [`ngcx.data.ItemSource`][]. Tables of pandas are read by position.
    - `batch_size`: how many samples a batch has; if there are several processes, in all
        of them together.
    - `remainder`: what happens to the samples after the last full batch. `"wrap"` fills
        the batch up with the first samples of the epoch, `"drop"` leaves them out, and
        `"partial"` gives a smaller batch (on the host only).
    - `sharding`: where each array of a batch lies. Every process reads only the rows of
        its own devices, and the batches do not depend on the number of processes.
    - `shuffle`: whether each epoch has a random order of its own; if not, samples come
        in the order of the data.

    **See also:** [`ngcx.data.BucketLoader`][] for sequences of unequal length;
    [`ngcx.data.prefetch`][], which reads the next batches in the background.

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
    batch_size: Count = eqx.field(static=True)
    shuffle: bool = eqx.field(static=True, default=True)
    remainder: Literal["wrap", "drop", "partial"] = eqx.field(
        static=True, default="wrap"
    )
    sharding: NamedSharding | None = eqx.field(static=True, default=None)

    def __check_init__(self):
        sources = jtu.tree_leaves(self.data)
        if not sources:
            raise ValueError("`data` must hold at least one array; got none.")
        for path, source in jtu.tree_leaves_with_path(self.data):
            name = f"`data{jtu.keystr(path)}`"
            if not is_source(source):
                raise ValueError(
                    "`data` must be a pytree of arrays with a leading axis; "
                    f"{name} is of type {type(source).__name__}.\nMake an array of it "
                    "with `np.asarray`, or a dictionary of the arrays that it names."
                )
            if isinstance(source, np.ndarray):
                as_rows(source, name)
        sizes = {row_count(source) for source in sources}
        if len(sizes) > 1:
            raise ValueError(
                f"`data` must have leading axes of one length; got {sorted(sizes)}."
            )
        size = sizes.pop()
        if size == 0:
            raise ValueError("`data` must not be empty; its leading axis has length 0.")
        if self.remainder == "drop" and self.batch_size > size:
            raise ValueError(
                f"`batch_size` must be at most the {size} samples when the remainder "
                f"is dropped; got {self.batch_size}."
            )
        if self.sharding is not None:
            self._check_divisible(self.sharding)

    def _check_divisible(self, sharding: NamedSharding):
        rows = {self.batch_size}
        if self.remainder == "partial":
            rows.add(self._size % self.batch_size or self.batch_size)
        for number in rows:
            try:
                row_sharding(sharding).shard_shape((number,))
            except ValueError as error:
                raise ValueError(
                    f"`batch_size` must divide evenly by `sharding`; got {number} rows "
                    f"for {sharding}."
                ) from error

    @classmethod
    @compiled(jit=False)
    def from_named(
        cls, named: Sequence[tuple[str, Any]], batch_size: int, **options: Any
    ) -> "DataLoader":
        """Makes a loader from pairs of a name and an array. Its batches are
        dictionaries.

        **Arguments:**

        - `named`: pairs such as `("image", images)`.
        - `batch_size`, `options`: as for `DataLoader`.

        **Raises:** `ValueError` for a name that occurs twice.
        """
        data = dict(named)
        if len(data) < len(named):
            names = [name for name, _ in named]
            raise ValueError(f"`named` must have different names; got {names}.")
        return cls(data, batch_size, **options)

    def __len__(self) -> int:
        """The number of batches in an epoch."""
        whole, rest = divmod(self._size, self.batch_size)
        return whole if self.remainder == "drop" else whole + (rest > 0)

    # Whoever walks along a loader has forgotten the key. Without these methods, Python
    # says only that there are none.

    def __iter__(self) -> NoReturn:
        raise TypeError(
            "`DataLoader` has no order without a key; iterate over `loader.epoch(key)`."
        )

    def __next__(self) -> NoReturn:
        return self.__iter__()

    def __getitem__(self, step: Any) -> NoReturn:
        raise TypeError(
            "`DataLoader` has no order without a key; use `loader.batch(key, step)`, "
            "or iterate over `loader.epoch(key)`."
        )

    @compiled(jit=False)
    def epoch(self, key: PRNGKeyArray, start: int = 0) -> Iterator[PyTree]:
        """Yields the batches of one epoch.

        **Arguments:**

        - `key`: decides the order; fold in the number of the epoch.
        - `start`: the number of the first batch, to go on in the middle of an epoch.

        **Raises:** `ValueError` if `start` is not from 0 to `len(loader)`.
        """
        if not 0 <= start <= len(self):
            raise ValueError(
                f"`start` must be from 0 to {len(self)} batches; got {start}."
            )
        return self._batches(key, start)

    @compiled(jit=False)
    def batch(self, key: PRNGKeyArray, step: Step) -> PyTree:
        """The batch at one step of the epoch of `key`; `step` may be traced.

        **Raises:** `ValueError` if a concrete `step` is not from 0 to `len(loader) -
        1`. A traced step is not checked, and is taken modulo `len(loader)`.
        """
        rows = self.indices(key, step)
        return gatherer(self.data, self.sharding)(rows)

    @compiled(jit=False)
    def indices(
        self, key: PRNGKeyArray, step: Step
    ) -> Int[np.ndarray, " batch"] | Int[Array, " batch"]:
        """The numbers of the rows in the batch at one step. The arguments are those of
        `batch`.

        **Returns:** a numpy array, or a JAX array if `key` or `step` is traced.
        """
        if isinstance(step, Tracer):
            positions = self._traced_positions(step)
        elif 0 <= (first := int(step)) < len(self):
            positions = self._positions(first, first + 1)
        else:
            raise ValueError(f"`step` must be from 0 to {len(self) - 1}; got {step}.")
        return self._order(key, positions)

    @compiled(jit=False)
    def init(self, key: PRNGKeyArray) -> LoaderState:
        """The state before the first batch of the first epoch; see `next`.

        **Raises:** `ValueError` for 2^31 batches or more, unless JAX has x64.
        """
        check_index_width(len(self), "len(loader)")
        step = jnp.zeros((), jnp.int64 if len(self) >= 2**31 else jnp.int32)
        return LoaderState(key, jnp.zeros((), jnp.int32), step)

    @compiled(jit=False)
    def next(self, state: LoaderState) -> tuple[PyTree, LoaderState]:
        """The batch at `state`, and the state after it, epoch after epoch without end.

        The epoch of number `e` is `loader.epoch(jax.random.fold_in(key, e))`. The state
        is a pytree of arrays: it can be the carry of `lax.scan`, and one that was saved
        goes on with the very next batch, on any machine.

        **Raises:** `ValueError` if the step of a concrete `state` is not from 0 to
        `len(loader) - 1`, because it comes from another loader.
        """
        check_index_width(len(self), "len(loader)")
        traced = any(isinstance(leaf, Tracer) for leaf in jtu.tree_leaves(state))
        # What was made outside of a function that is being traced is computed there.
        with nullcontext() if traced else eval_context():
            key, following = advance(state, len(self))
        return self.batch(key, state.step), following

    @property
    def _size(self) -> int:
        return row_count(jtu.tree_leaves(self.data)[0])

    def _positions(self, first: int, last: int):
        """The positions in the order of the batches from `first` to before `last`."""
        end = self._size if self.remainder == "partial" else len(self) * self.batch_size
        start, stop = first * self.batch_size, min(last * self.batch_size, end)
        positions = np.arange(start, stop)
        return positions if stop <= self._size else positions % self._size

    def _traced_positions(self, step):
        if self.remainder == "partial":
            raise ValueError(
                "`remainder` must be 'wrap' or 'drop' for a traced step: the shape of "
                "a partial batch depends on its value."
            )
        check_index_width(self._size, "the number of samples")
        # The last batch may begin below 2^31 and end above.
        wide = self._size >= 2**31
        # A narrow dtype may not hold the length, and a wide one must not be cut.
        if step.dtype.itemsize < (8 if wide else 4):
            step = step.astype(jnp.int64 if wide else jnp.int32)
        step = step % len(self)
        step = step.astype(jnp.int64 if wide else jnp.uint32)
        positions = step * self.batch_size + jnp.arange(self.batch_size).astype(
            step.dtype
        )
        return (positions % self._size).astype(jnp.int64 if wide else jnp.int32)

    def _order(self, key, positions):
        """The rows at those positions of the epoch."""
        if self.shuffle:
            return random_permutation_index(key, positions, self._size)
        return positions

    def _batches(self, key, start):
        # Attributes of an Equinox module cost microseconds each.
        gather, size = gatherer(self.data, self.sharding), self.batch_size
        # The order of many batches at once costs numpy little more than that of one.
        block = max(1, _BLOCK // size)
        for step in range(start, len(self), block):
            positions = self._positions(step, step + block)
            rows = self._order(key, positions)
            for at in range(0, len(rows), size):
                yield gather(rows[at : at + size])


_BLOCK = 1 << 15  # samples: a millisecond until the first batch


@compiled(static=("length",))
def advance(state: LoaderState, length: int) -> tuple[PRNGKeyArray, LoaderState]:
    """The key of the epoch at `state`, and the state after it."""
    key = jr.fold_in(state.key, state.epoch)
    epoch, step = (_counter(each, length) for each in (state.epoch, state.step))
    over = step + 1 >= length
    epoch = epoch + over.astype(epoch.dtype)
    return key, LoaderState(state.key, epoch, jnp.where(over, 0, step + 1))


def _counter(count, length: int):
    """A count in a dtype that holds the length."""
    dtype = np.int64 if length >= 2**31 else np.int32
    return count.astype(np.promote_types(count.dtype, dtype))
