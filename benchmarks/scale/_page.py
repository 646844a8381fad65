"""The page of the documentation that shows how cost grows, and its pictures."""

import json
import pathlib
import re
from typing import Literal

import numpy as np

from .. import _report
from .._measure import Row, Table
from ._cases import BATCH as LOADED, CASES
from ._meshes import BATCH, EM, FEATURES, ROWS, Shard, from_json
from ._work import slope


RESULTS = pathlib.Path(__file__).parent / "results.json"
MESHES = pathlib.Path(__file__).parent / "meshes.json"
PAGE = pathlib.Path(__file__).parents[2] / "docs" / "scaling.md"

HEAD = """# How cost grows

<!-- Written by `nox -s scale`, from benchmarks/scale/results.json and meshes.json. -->

This page says what happens to time and memory when a problem becomes larger, and when
more devices share it. `nox -s scale` measures all of it again and writes the page,
within six minutes on two cores; `nox -s scale -- Shuffle Files` measures the operations
alone whose names begin so.

**Time** is the median of three runs, contenders taking turns. **Memory** is the most
that is held at once beside the arguments, the result included: for compiled programs,
what XLA has planned; for Python and numpy, what `tracemalloc` saw, which does not see
what scikit-learn takes in C. **Operations** are those that XLA counts, the body of a
loop once.

A **slope** is the power with which a cost grows, over the largest hundredfold of the
sizes: 1 is in proportion, and 0 is not at all. The **order** is the power that the
operation needs, logarithms apart. Memory and operations grow no faster than that, which
tests check. Time may, over a range of sizes: data that no longer fit into the caches
cost several times more each, and a large result is new memory that the system has to
clear. The curves of numpy have the same bends. Time may also grow more slowly, as long
as a call costs more than its data.

{versions}

| operation | grows with | order | time | operations | order | memory |
| --- | --- | ---: | ---: | ---: | ---: | ---: |"""
AFTER = """
What takes more memory than the others is a step of EM, which holds all rows for all
components at once, about five times as much as scikit-learn; the `statistics` of
batches add up, and need no more than one batch. A search for neighbours holds a block
of all distances, and the references once more. Polynomials hold the degree below beside
the result. A file is read and written with checks of every byte, and is flushed, which
numpy does not do.
"""
MESHES_HEAD = """
## On many devices

What one device does in a step, and what devices exchange, in programs that are compiled
for {devices} simulated devices. Each device has as much data, however many there are:
{rows} rows of {features} features, and {batch} rows of each batch. Operations and bytes
are what XLA counts in the program of one device, where the body of a loop counts once,
and where a lookup counts as if it touched the whole array. Held is what is needed at
once beside the arguments. Sent is the size of the results of all exchanges; on a ring
of devices about twice as much goes over each link. Seldom is what is sent only when a
component has become empty.

| step | devices | operations | bytes touched | bytes held | bytes sent | seldom sent |
| --- | ---: | ---: | ---: | ---: | ---: | ---: |
"""
MESHES_TAIL = """
- **A loader** that has an array on every device exchanges nothing but one Boolean a
  batch, and that only where the shuffle may have to go on. Where the data are cut by
  rows, a shuffled batch comes from everywhere, and XLA adds up all of it on each
  device: what is sent grows with the number of devices. Data that are larger than a
  device are better left on the hosts, where each process reads the rows of its own
  devices, and nothing is exchanged.
- **A mixture** exchanges its statistics, which are as large as its parameters, however
  many rows and devices there are. Only if a component has become empty are candidates
  for a new start exchanged: inside `jax.shard_map`, a few rows of each device, and
  without it, a number for each row. For many rows, `shard_map` is the one to take.
- **A probe** takes shuffled batches of what it is given, so that cut data are gathered
  as by the loader, and each device computes the whole batch. More devices make room for
  the data, but a probe no faster.
- **A stack** exchanges its gradient once a step, as large as its weights, after all
  time steps. What a device does is the same on any number of them.
"""
PAPER = """
## On paper: 10,000,000,000 rows on 1,000 hosts

Nobody has run this: it is reckoned from the figures above. A row has 64 features of
float32, so that the data are 2.56 TB. Each host has 10,000,000 rows to see in an epoch,
2.56 GB, and as many processor cores as this machine.

- **The order** takes no memory, where a permutation would be an array of 80 GB in
  every process. To compute 10,000,000 places takes {order:.2f} s an epoch, and more in
  the 64 bits that such numbers need.
- **Reading** is the limit. The order is over all rows, so that each row is somewhere
  else in the file, and to get its 256 bytes the system reads a page of 4,096: 41 GB an
  epoch and host, 41 TB together. Here, where the pages of a sparse file are filled by
  the system, it would take {batches:.0f} s. From a disk or a store that serves 100,000
  reads a second to each host it is 100 s, and a store for all has to serve 100,000,000
  a second. Rows of a page or more, such as images, waste nothing; small ones are better
  stored in groups, each of which is a row to the loader.
- **A step of EM** over all rows takes {em:.1f} s on each host, for 8 components of 16
  features. What is exchanged depends on the parameters alone: with 64 features it is
  {statistics:.0f} kB, which a network of 1 GB/s sends in less than a millisecond. Only
  the time for computing counts, so long as it is done inside `jax.shard_map`: without,
  an empty component would bring 40 GB of likelihoods to every device.
- **A training step** exchanges the gradient, as large as the weights. On 1 GB/s, a
  million weights take about 8 ms, and 100 million 0.8 s. That is the limit of large
  networks on many hosts, not the number of rows.
- **A probe** gains nothing from more hosts. Fit it to a sample of the rows that one of
  them can hold.
"""


def tables() -> dict[str, list[Table]]:
    """The time, the memory and perhaps the operations of each operation."""
    return _report.read(RESULTS)[1]


def shards() -> dict[str, dict[str, Shard]]:
    """What one device does in each step, by the number of devices."""
    found = json.loads(MESHES.read_text())
    return {devices: from_json(each) for devices, each in found.items()}


def curves(table: Table) -> dict[str, list[Row]]:
    """The rows of each contender."""
    names = dict.fromkeys(row.contender for row in table.rows)
    return {
        name: [row for row in table.rows if row.contender == name] for name in names
    }


def slope_of(rows: list[Row]) -> float:
    return slope([row.size or 0 for row in rows], [row.median for row in rows])


def slopes(measured: list[Table]) -> dict[str, dict[str, float]]:
    """The slopes of all curves, by contender and what was measured."""
    return {
        name: {
            table.title: slope_of(curves(table)[name])
            for table in measured
            if name in curves(table)
        }
        for name in curves(measured[0])
    }


def page() -> str:
    """The page of the documentation, made of what was measured."""
    parts = [HEAD.format(versions=_report.read(RESULTS)[0])]
    measured = tables()
    for title, each in measured.items():
        case = CASES[title]
        for name, known in slopes(each).items():
            if "ngcx" not in name:
                continue
            found = {what: f"{value:.2f}" for what, value in known.items()}
            cells = (
                title if name == "ngcx" else f"{title}, {name}",
                case.size,
                str(case.order),
                found["Time"],
                found.get("Operations", ""),
                str(case.memory),
                found["Memory"],
            )
            parts.append(f"| {' | '.join(cells)} |".replace("-0.00", "0.00"))
    parts.append(AFTER)
    for title, (seconds, held, *_) in measured.items():
        names = ", ".join(curves(seconds))
        shown = f"{title}: time and memory of {names}, against {seconds.size}"
        parts.append(f"## {title}\n")
        parts.append(f"![{shown}](images/{picture_name(title)}){{ .plot }}\n")
        parts += [_report.markdown(seconds), _report.markdown(held)]
    return "\n".join([*parts, on_devices(), on_paper(measured)])


def on_devices() -> str:
    """What steps do on meshes, as a table."""
    found = shards()
    devices = ", ".join(found)
    lines = [
        MESHES_HEAD.format(
            devices=devices, rows=f"{ROWS:,}", batch=BATCH, features=FEATURES
        ).rstrip("\n")
    ]
    for name in next(iter(found.values())):
        for count, each in found.items():
            shard = each[name]
            numbers = (*shard.planned, *sent(shard))
            cells = [name, count, *(f"{number:,.0f}" for number in numbers)]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, MESHES_TAIL])


def sent(shard: Shard) -> tuple[int, int]:
    """The bytes of all exchanges, and of those under a condition."""
    return sum(shard.sent.values()), sum(shard.seldom.values())


def on_paper(measured: dict[str, list[Table]]) -> str:
    """What 10^10 rows on 1,000 hosts would cost, from what was measured on one."""

    def largest(beginning: str) -> Row:
        (seconds,) = (
            pair[0] for title, pair in measured.items() if title.startswith(beginning)
        )
        return next(iter(curves(seconds).values()))[-1]

    order, em = largest("Shuffle"), largest("Mixture")
    rows, seconds = 10_000_000, largest("Loader: a batch of 1,024 rows").median
    statistics = sent(next(iter(shards().values()))[EM])[0]
    return PAPER.format(
        order=rows * order.median / (order.size or 1),
        batches=rows / LOADED * seconds,
        em=rows * em.median / (em.size or 1),
        statistics=statistics / 1000,
    )


def picture_name(title: str) -> str:
    return f"scaling_{'_'.join(re.findall(r'[a-z0-9]+', title.lower()))}.png"


def draw(folder: pathlib.Path, layout: Literal["constrained"] | None = "constrained"):
    """A picture of time and memory against size for each operation."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import NullFormatter

    for title, pair in tables().items():
        case = CASES[title]
        figure = Figure(figsize=(9, 3.4), layout=layout)
        for axes, table, power in zip(
            figure.subplots(1, 2), pair[:2], (case.order, case.memory), strict=True
        ):
            costs = [row.median for row in table.rows]
            for name, rows in curves(table).items():
                label = f"{name}: slope {slope_of(rows):.2f}".replace("-0.00", "0.00")
                sizes = [row.size or 0 for row in rows]
                axes.loglog(sizes, [row.median for row in rows], "o-", label=label)
            # The order goes through the largest of ours.
            ours = next(iter(curves(table).values()))
            ends = np.array([ours[0].size, ours[-1].size], float)
            line = ours[-1].median * (ends / ends[-1]) ** power
            axes.loglog(ends, line, ":", color="gray", label=f"order {power}")
            axes.set(
                xlabel=table.size,
                ylabel="seconds" if table.unit == "s" else table.unit,
                # The limits are wide, so that noise does not look like a trend.
                ylim=(min(*costs, *line) / 3, 3 * max(costs)),
            )
            axes.xaxis.set_minor_formatter(NullFormatter())
            axes.legend(fontsize="x-small")
        figure.suptitle(title, fontsize="medium")
        figure.savefig(folder / picture_name(title), dpi=100)
