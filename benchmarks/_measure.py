"""Measuring contenders in turn, and what comes out of it."""

import pathlib
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

from tqdm import tqdm


Contenders = dict[str, Callable[[], object]]
Size = TypeVar("Size", bound=int | float)


class Row(NamedTuple):
    """What one contender needed, at one size of the problem."""

    contender: str
    median: float
    ratio: float
    """The ratio to the first contender: the median of those within the rounds."""
    quartiles: tuple[float, float] | None = None
    """The quartiles of those ratios."""
    size: float | None = None


class Table(NamedTuple):
    """What one comparison measured."""

    title: str
    rows: list[Row]
    unit: str = "s"
    size: str | None = None
    """What the sizes of the rows are."""


def compare(
    title: str, contenders: Contenders, *, rounds: int, repeats: int = 1
) -> Table:
    """The median seconds of each contender.

    Every round runs all contenders in turn, so that what else the machine does falls
    on all of them.
    """
    return Table(title, _rows(contenders, rounds, repeats))


def scaling(
    title: str,
    size: str,
    sizes: Sequence[Size],
    contenders: Callable[[Size], Contenders],
    *,
    rounds: int,
) -> Table:
    """Does what `compare` does, for problems of several sizes."""
    rows = [
        row._replace(size=value)
        for value in sizes
        for row in _rows(contenders(value), rounds, repeats=1)
    ]
    return Table(title, rows, size=size)


def tabulate(title: str, values: dict[str, float], unit: str) -> Table:
    """Numbers that were measured once, or counted."""
    first = next(iter(values.values()))
    rows = [Row(name, value, value / first) for name, value in values.items()]
    return Table(title, rows, unit)


def _rows(contenders: Contenders, rounds: int, repeats: int) -> list[Row]:
    for contender in contenders.values():
        contender()
    seconds = {name: [] for name in contenders}
    for _ in tqdm(range(rounds), disable=None, leave=False):
        for name, contender in contenders.items():
            # A first call is not timed: it finds the caches and the threads as the last
            # contender has left them.
            contender()
            began = time.perf_counter()
            for _ in range(repeats):
                contender()
            seconds[name].append((time.perf_counter() - began) / repeats)
    first = next(iter(seconds.values()))
    rows = []
    for name, times in seconds.items():
        each = [one / other for one, other in zip(times, first, strict=True)]
        low, ratio, high = statistics.quantiles(each, n=4)
        rows.append(Row(name, statistics.median(times), ratio, (low, high)))
    return rows


def in_new_process(module: str, *arguments: str) -> float:
    """The number that `python -m module` prints last."""
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return float(done.stdout.split()[-1])


def resident(what: str) -> float:
    """The MiB of this process, by Linux: "VmRSS" is now, "VmHWM" is the peak."""
    lines = pathlib.Path("/proc/self/status").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith(what))
    return int(line.split()[1]) / 1024


def forget_peak():
    """Lets "VmHWM" begin again from what is resident now."""
    pathlib.Path("/proc/self/clear_refs").write_text("5")
