from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import jax

from .._compiled import compiled
from .._typing import Count


T = TypeVar("T")


# This is not compiled: a thread of the host takes the items, whatever they are.
@compiled(jit=False)
def prefetch(iterator: Iterable[T], size: Count = 2) -> Iterator[T]:
    """Takes from `iterator` ahead of time, in a thread, while the caller computes.

    The thread starts with the first item that is asked for, and stops with the last
    one, or when the result is closed or forgotten.

    **Arguments:**

    - `iterator`: for example an epoch of a [`ngcx.data.DataLoader`][].
    - `size`: how many items wait at most.

    **Returns:** the same items, in the same order.

    **Raises:** what `iterator` raises, with its traceback, in the place of the item.

    !!! example

        ```python
        >>> list(prefetch(iter("abc"), size=2))
        ['a', 'b', 'c']

        ```
    """
    return _prefetched(iter(iterator), size)


def _prefetched(iterator: Iterator[T], size: int) -> Iterator[T]:
    end = object()
    # The thread does not know these settings where the caller has changed them for a
    # while, so it is told.
    wide, device = jax.config.jax_enable_x64, jax.config.jax_default_device  # pyright: ignore[reportAttributeAccessIssue]

    def take():
        with jax.enable_x64(wide), jax.default_device(device):
            return next(iterator, end)

    pool = ThreadPoolExecutor(1, thread_name_prefix="ngcx-prefetch")
    try:
        waiting = deque(pool.submit(take) for _ in range(size))
        while (item := waiting.popleft().result()) is not end:
            waiting.append(pool.submit(take))
            yield item  # pyright: ignore[reportReturnType]
    finally:
        pool.shutdown(cancel_futures=True)
