"""What an operation takes at one size: seconds, and bytes beside its arguments."""

import tracemalloc
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import numpy as np

from .._measure import Row, Table, scaling


class Work(NamedTuple):
    """An operation that is ready to run."""

    run: Callable[[], object]
    peak: Callable[[], float]
    """The bytes that it holds at most at once beside its arguments, its result
    included."""
    operations: float | None = None
    """What XLA counts, if it does."""


class Case(NamedTuple):
    """An operation at many sizes."""

    size: str
    sizes: tuple[int, ...]
    works: Callable[[int], dict[str, Work]]
    """The contenders at one size, ours first."""
    order: int
    """The power of the size with which time may grow, logarithms apart."""
    memory: int
    """The same of memory."""


class Planned(NamedTuple):
    """What XLA says of a program."""

    operations: float
    """The body of a loop counts once."""
    touched: float
    """The bytes that are read and written; a lookup counts as all that it looks in."""
    held: float
    """The bytes that are needed at once beside the arguments, results included."""


def planned(compiled: Any) -> Planned:
    """Asks XLA what a compiled program does."""
    cost, used = compiled.cost_analysis(), compiled.memory_analysis()
    return Planned(
        cost.get("flops", 0.0),
        cost.get("bytes accessed", 0.0),
        used.temp_size_in_bytes + used.output_size_in_bytes,
    )


def on_device(function: Callable, *arguments: object) -> Work:
    """A compiled program, of which XLA knows what it holds and does."""
    arrays, rest = eqx.partition(arguments, eqx.is_array)
    program = jax.jit(lambda arrays: function(*eqx.combine(arrays, rest)))
    compiled = program.lower(arrays).compile()
    known = planned(compiled)
    return Work(
        lambda: jax.block_until_ready(compiled(arrays)),
        lambda: known.held,
        known.operations,
    )


def on_host(function: Callable[[], object]) -> Work:
    """Work of Python and numpy, whose memory Python can trace."""

    def peak() -> float:
        function()  # imports and caches are not counted
        tracemalloc.start()
        function()
        held = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return held

    return Work(function, peak)


def grown(case: Case) -> list[Table]:
    """The time, the memory, and where XLA counts them the operations of all contenders
    at all sizes.
    """
    held, counted = [], []

    def contenders(size: int) -> dict[str, Callable[[], object]]:
        works = case.works(size)
        mib = {name: work.peak() / 2**20 for name, work in works.items()}
        held.extend(_rows(mib, size))
        known = {
            name: work.operations
            for name, work in works.items()
            if work.operations is not None
        }
        counted.extend(_rows(known, size))
        return {name: work.run for name, work in works.items()}

    tables = [
        scaling("Time", case.size, case.sizes, contenders, rounds=3),
        Table("Memory", held, "MiB", case.size),
        Table("Operations", counted, "", case.size),
    ]
    return [table for table in tables if table.rows]


def _rows(costs: dict[str, float], size: int) -> list[Row]:
    first = next(iter(costs.values()), 0)
    return [Row(name, cost, cost / first, size=size) for name, cost in costs.items()]


def slope(sizes: Sequence[float], costs: Sequence[float]) -> float:
    """The power with which cost grows, over the largest hundredfold of the sizes."""
    large = np.asarray(sizes) >= max(sizes) / 100
    return float(np.polyfit(np.log(sizes)[large], np.log(costs)[large], 1)[0])
