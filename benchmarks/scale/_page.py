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

This page says how time and memory grow with the size of a problem, and what changes
when more devices share it. For times beside other libraries at one size, see
[performance](performance.md). `nox -s scale` measures everything again and writes the
page, within six minutes on two cores. `nox -s scale -- Shuffle Files` measures only the
operations whose names begin with these words.

**Time** is the median of three runs, in which contenders take turns. **Memory** is the
most that is held at once, with the result but without the arguments. For compiled
programs, it is what XLA has planned. For Python and numpy, it is what `tracemalloc`
saw, which does not include what scikit-learn allocates in C. **Operations** are counted
by XLA, which counts the body of a loop once.

A **slope** is the power with which a cost grows over the largest hundredfold of the
sizes: 1 means in proportion, and 0 means not at all. The **order** is the power that
the operation needs, apart from logarithms. Memory and operations grow no faster than
that, and tests check this. Time may grow faster over a range of sizes: data that no
longer fit into the caches cost several times more each, and a large result needs new
memory that the system has to clear. The curves of numpy have the same bends. Time may
also grow more slowly, as long as a call costs more than its data.

{versions}

| operation | grows with | order | time | operations | order | memory |
| --- | --- | ---: | ---: | ---: | ---: | ---: |"""
AFTER = """
A batch from a memory-mapped file becomes slower up to the size at which hardly any of
its rows are in memory yet: then it takes one read of the file for each row, and no
more, however large the file is.

A step of EM takes more memory than the other operations. It holds all rows for all
components at once, about five times as much as scikit-learn; the `statistics` of
batches add up, and need memory for only one batch. A search for neighbours holds a
block of all distances, and a copy of the references. Polynomials hold the next lower
degree together with the result. A file is read and written with checks of every byte,
and is flushed, which numpy does not do.
"""
MESHES_HEAD = """
## On many devices

This section shows what one device does in a step, and what devices exchange, in
programs that are compiled for {devices} simulated devices. Each device has the same
amount of data, however many devices there are: {rows} rows of {features} features, and
{batch} rows of each batch. Operations and bytes are those that XLA counts in the
program of one device, where the body of a loop counts once, and a lookup counts as if
it touched the whole array. Bytes held are those that are needed at once besides the
arguments. Bytes sent are the size of the results of all exchanges; on a ring of
devices, about twice as much goes over each link. Bytes seldom sent are sent only when a
component has become empty.

| step | devices | operations | bytes touched | bytes held | bytes sent | seldom sent |
| --- | ---: | ---: | ---: | ---: | ---: | ---: |
"""
MESHES_TAIL = """
- **A loader** that has an array on every device exchanges only one Boolean per batch,
  and only where the shuffle may have to go on. If the data are split by rows, a
  shuffled batch comes from everywhere, and XLA adds up all of it on each device, so
  what is sent grows with the number of devices. It is better to leave data that are
  larger than a device on the hosts, where each process reads the rows of its own
  devices, and nothing is exchanged.
- **A mixture** exchanges its statistics, which are as large as its parameters, however
  many rows and devices there are. Only if a component has become empty, candidates for
  a new start are exchanged as well: inside `jax.shard_map`, a few rows of each device,
  and without it, a number for each row. For many rows, use `shard_map`.
- **A probe** takes shuffled batches of its data, so data that are split are gathered as
  by the loader, and each device computes the whole batch. More devices make room for
  the data, but do not make a probe faster.
- **A stack** exchanges its gradient, which is as large as its weights, once per step,
  after all time steps. The work of a device is the same for any number of devices.
"""
PAPER = """
## On paper: 10,000,000,000 rows on 1,000 hosts

Nobody has run this: it is computed from the figures above. A row has 64 features of
float32, so the data take 2.56 TB. Each host reads 10,000,000 rows in an epoch, which
are 2.56 GB, and has as many processor cores as this machine.

- **The order** takes no memory, where a permutation would be an array of 80 GB in every
  process. Computing 10,000,000 places takes {order:.2f} s per epoch, and more in the 64
  bits that such numbers need.
- **Reading** is the limit. The order goes over all rows, so each row is somewhere else
  in the file, and to get its 256 bytes the system reads a page of 4,096. That makes 41
  GB per epoch and host, and 41 TB together. On this machine, where the system fills the
  pages of a sparse file, it would take {batches:.0f} s. From a disk or a store that
  serves 100,000 reads per second to each host, it takes 100 s, and a store for all
  hosts has to serve 100,000,000 per second. Rows of a page or more, such as images,
  are read without waste. Store small rows in groups, each of which is a row to the
  loader.
- **A step of EM** over all rows takes {em:.1f} s on each host, for 8 components of 16
  features. The size of the exchange depends only on the parameters: with 64 features it
  is {statistics:.0f} kB, which a network of 1 GB/s sends in less than a millisecond. So
  only the computing time counts, as long as the step is done inside `jax.shard_map`.
  Without it, an empty component would bring 40 GB of likelihoods to every device.
- **A training step** exchanges the gradient, which is as large as the weights. At 1
  GB/s, a million weights take about 8 ms, and 100 million take 0.8 s. This is the limit
  of large networks on many hosts, and not the number of rows.
- **A probe** gains nothing from more hosts. Fit it to a sample of the rows that fits on
  one host.
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
