import contextvars
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

from .._compiled import compiled
from .._typing import Count
from .._words import in_words
from ._threads import settings_here


T = TypeVar("T")


# This is not compiled: a thread of the host takes the items, whatever they are.
@compiled(jit=False)
def prefetch(iterator: Iterable[T], size: Count = 2) -> Iterator[T]:
    """Takes from `iterator` ahead of time, in a thread, while the caller computes.

    The thread starts with the first item that is asked for, and stops with the last
    one, or when the result is closed or forgotten. It has the settings that its caller
    has at the first item: those of JAX, the mesh of `jax.set_mesh`, context variables,
    and how numpy handles floating-point errors.

    **Arguments:**

    - `iterator`: for example an epoch of a [`ngcx.data.DataLoader`][].
    - `size`: the largest number of items that wait.

    **Returns:** the same items, in the same order.

    **Raises:** whatever `iterator` raises, with its traceback, instead of the item.

    !!! example

        ```python
        >>> from ngcx.data import prefetch
        >>> list(prefetch(iter("abc"), size=2))
        ['a', 'b', 'c']

        ```
    """
    try:
        items = iter(iterator)
    except TypeError:  # an array of rank 0 is an iterable by its type
        given = in_words(iterator)
        raise TypeError(f"`iterator` must have items; got {given}.") from None
    return _prefetched(items, size)


def _prefetched(iterator: Iterator[T], size: int) -> Iterator[T]:
    end = object()
    held = [iterator]
    del iterator
    pool = ThreadPoolExecutor(1, thread_name_prefix="ngcx-prefetch")
    context = contextvars.copy_context()
    settings = pool.submit(settings_here()).result()

    def take():
        return pool.submit(context.run, lambda: next(held[0], end))

    def leave():
        # A generator that nobody else holds ends with this. It leaves the contexts
        # that it has entered, and those belong to this thread.
        held.clear()
        settings.close()

    waiting = deque(take() for _ in range(size))
    try:
        while (item := waiting.popleft().result()) is not end:
            waiting.append(take())
            yield item  # pyright: ignore[reportReturnType]
    finally:
        for future in waiting:
            future.cancel()
        with suppress(RuntimeError):  # Python exits, and begins nothing any more.
            pool.submit(context.run, leave)
        pool.shutdown()
