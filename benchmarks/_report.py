"""Tables and pictures of what was measured, and the page of the documentation."""

import importlib
import importlib.metadata
import itertools
import json
import os
import pathlib
import platform
from typing import Literal

from ._measure import Row, Table


RESULTS = pathlib.Path(__file__).parent / "results"
PAGE = pathlib.Path(__file__).parents[1] / "docs" / "performance.md"
HEAD = """# Performance

<!-- Written by `nox -s bench` and `nox -s bench_peers`, from benchmarks/results. -->

This page shows how long ngcx takes beside other ways to compute the same, and begins
with where ngcx loses. To find out where your own program spends its time, see [how to
profile it](how/profile.md).

The contenders of a benchmark take turns in one process. Each is called once before it
is timed, because the contender before it has filled the caches. A ratio is the median
of the ratios to the first contender within a round, and the spread shows its quartiles.
Absolute times belong to one machine; ratios tell more about another one. This machine
is virtual: a wide spread means that its host had other work at times. `nox -s bench`
measures the first part again, and `nox -s bench_peers` the others; `-- NAME` runs one
benchmark alone.

## Where ngcx loses

Each entry says what was tried, what it took, and why no more was won.

- **Derivatives of sigmoids.** The derivative of tanh takes 1.4 times as long as JAX's
  gradient, and those of SiLU and GELU 1.1 times. For tanh, the product of two sigmoids
  took 1.87 times. 4 t / (1 + t)² with t = exp(-2 |x|) took 1.28 times, but is 0 too
  early, since t is smaller than the result. (2 t / (1 + t²))² with t = exp(-|x|) is
  what is kept. JAX takes 1 - y² from the value y, which is two operations. Ours needs
  an exponential and a division, and is right in the tails, where 1 - y² has lost all of
  its digits.
- **A few winners of many.** Up to 64 winners of float32 are found by `lax.top_k`, and
  more by bisection. For 1, 4, 16 and 64 winners in 128 rows of 4,096, bisection took
  3.4, 3.1, 2.8 and 4.4 ms, `top_k` with stored integers 2.4, 2.0, 2.4 and 4.4 ms, and
  `top_k` with integers that are computed again 1.6, 1.6, 1.8 and 3.4 ms. `lax.top_k`
  alone took 1.4, 1.4, 1.6 and 3.2 ms. What is left is one pass that writes the mask:
  exactly `k` entries win, even if others are equal to the last winner.
- **Spiking networks at small batches.** `Stack` takes 1.0 to 1.1 times as long as
  layer-by-layer code by hand at batches of 32 and 128, and 1.3 times at 8, which is
  0.7 ms. The matrix products alone take 0.86 at 128. One axis for time and batch, which
  is what `Stack` does there, took 1.01. All layers in one loop over time took 1.15 to
  1.28, since products of few rows are slow, and chunks of two to ten steps 1.2 to 1.6.
  From 256 samples of 256 neurons on, that loop takes 0.67 to 0.89 and is what `Stack`
  does, because the currents stay in the cache; before, at 512, Spyx took 0.8 of its
  time.
- **Convolutions on a CPU.** Those of PyTorch are faster than those of XLA: 371 ms for a
  training step. A convolution for each time step, unrolled, takes 524 to 561 ms, and is
  what `Stack` does. One axis for time and batch took 1,078 to 1,207 ms, a matrix
  product of all patches 963 ms, and a loop 2,415 ms. What is left is XLA's convolution
  itself.
- **Eager calls** take 1.3 to 1.4 times as long as `jnp.tanh`, and those with a number
  for a threshold 1.7 times. Checks of types around the call took 6.5 to 6.9 times, and
  `eqx.filter_jit` 9 times; checks are inside the compiled function now. What is left
  is two microseconds in which Python looks the compiled program up for a module and its
  arguments. Within a compiled function, this cost disappears.
- **Compiling** the gradient of an activation or of a deep `Stack` takes a quarter to a
  third longer than compiling code that is written by hand. Inner functions that stay
  functions of their own took 1.39 times for GELU and 1.01 for six layers, and inlined
  ones, which are kept, 1.41 and 1.15 on the same busy machine, within their spreads.
  XLA takes as long for both. What is left is tracing, which takes 1.7 and 2.5 times: an
  activation has two formulas, arguments are checked, and a stack is traced once more to
  find its states.
- **An epoch from host memory** takes 1.3 times as long as one from numpy's permutation.
  A compiled gather for each batch took 1.8 times as long as `take`. A batch of 128
  small rows took 38 µs, and takes 16 since the names of the sources are found once an
  epoch; smaller blocks of the order were slower. Of these, the order takes 5 and `take`
  3; the rest is Python. In return you can have any batch of any epoch by itself, and
  no memory is needed for an order.
- **The gradient of a dense grid of patches** takes 3 to 9 times as long as the patches.
  A scatter took 234, 2,242 and 988 µs for the first three grids below, a sum of padded
  blocks 213, 2,712 and 955, and a sum of blocks that are cut and joined, which is kept,
  166, 884 and 567. Sums into slices, one after the other, were no faster than padded
  blocks. Beyond four steps a patch it is a scatter, since `reconstruct` would take four
  times as long otherwise. Patches are one copy of their bytes. The gradient has to
  read, write and add them, which are three passes or more.
"""


LIBRARIES = (
    "ngcx",
    "jax",
    "equinox",
    "numpy",
    "scikit-learn",
    "elephant",
    "pyspike",
    "scipy",
    "diffrax",
    "ngclearn",
    "torch",
    "snntorch",
    "spikingjelly",
    "norse",
    "spyx",
    "braintools",
    "grain",
    "jax-dataloader",
)


def versions() -> str:
    found = [f"Python {platform.python_version()}"]
    for library in LIBRARIES:
        try:
            found.append(f"{library} {importlib.metadata.version(library)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    return f"It was measured with {', '.join(found)} on {os.cpu_count()} CPU cores."


def read(path: pathlib.Path) -> tuple[str, dict[str, list[Table]]]:
    """The versions of what was measured, and the tables of each benchmark."""
    results = json.loads(path.read_text())
    return results["versions"], {
        name: [
            Table(**table | {"rows": [Row(**row) for row in table["rows"]]})
            for table in tables
        ]
        for name, tables in results["tables"].items()
    }


def write(path: pathlib.Path, versions: str, tables: dict[str, list[Table]]):
    results = {
        "versions": versions,
        "tables": {
            name: [
                table._asdict() | {"rows": [row._asdict() for row in table.rows]}
                for table in tables
            ]
            for name, tables in tables.items()
        },
    }
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(results, indent=1) + "\n")


def markdown(table: Table) -> str:
    lines = by_size(table) if table.size else by_contender(table)
    return "\n".join([f"**{table.title}**", "", *lines, ""])


def by_contender(table: Table) -> list[str]:
    spread = any(row.quartiles for row in table.rows)
    lines = [
        "| contender | median | ratio | spread |"
        if spread
        else "| contender | measured | ratio |",
        "| --- | ---: | ---: | ---: |" if spread else "| --- | ---: | ---: |",
    ]
    for row in table.rows:
        cells = [row.contender, quantity(row.median, table.unit), f"{row.ratio:.2f}"]
        if row.quartiles:
            cells.append("–".join(f"{quartile:.2f}" for quartile in row.quartiles))
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def by_size(table: Table) -> list[str]:
    contenders = list(dict.fromkeys(row.contender for row in table.rows))
    lines = [
        f"| {' | '.join([str(table.size), *contenders])} |",
        "| ---: " * (1 + len(contenders)) + "|",
    ]
    for size, rows in itertools.groupby(table.rows, key=lambda row: row.size):
        cells = {
            row.contender: f"{quantity(row.median, table.unit)} ({row.ratio:.2f})"
            for row in rows
        }
        line = [f"{size:,}", *(cells.get(name, "") for name in contenders)]
        lines.append(f"| {' | '.join(line)} |")
    return lines


def quantity(value: float, unit: str) -> str:
    if unit != "s":
        return f"{value:,.4g} {unit}" if value < 1000 else f"{value:,.0f} {unit}"
    factor, unit = next(
        (factor, unit)
        for factor, unit in ((1, "s"), (1e-3, "ms"), (1e-6, "µs"), (0, "ns"))
        if value >= factor
    )
    return f"{value / (factor or 1e-9):.3g} {unit}"


TITLES = {
    "ngcx": "Beside JAX, numpy, scipy and scikit-learn",
    "reference": "Beside ngc-learn",
    "suites": "Beside the libraries of each trade",
    "peers": "Beside other libraries of JAX and PyTorch",
}


def page() -> str:
    """The page of the documentation, made of all results that were written."""
    parts = [HEAD]
    for results, title in TITLES.items():
        path = RESULTS / f"{results}.json"
        if not path.exists():
            continue
        versions, benchmarks = read(path)
        parts.append(f"## {title}\n\n{versions}\n")
        for name, tables in benchmarks.items():
            module = importlib.import_module(f"benchmarks.{name}")
            parts.append(f"### {name}\n\n{(module.__doc__ or '').strip()}\n")
            for number, table in enumerate(tables):
                parts.append(markdown(table))
                if table.size:
                    picture = picture_name(results, name, number)
                    parts.append(f"![{table.title}](images/{picture}){{ .plot }}\n")
    return "\n".join(parts)


def picture_name(results: str, benchmark: str, number: int) -> str:
    return f"performance_{results}_{benchmark}_{number}.png"


def draw(folder: pathlib.Path, layout: Literal["constrained"] | None = "constrained"):
    """A picture of cost against size for each table of several sizes."""
    from matplotlib.figure import Figure

    for path in sorted(RESULTS.glob("*.json")):
        for name, tables in read(path)[1].items():
            for number, table in enumerate(tables):
                if not table.size:
                    continue
                figure = Figure(figsize=(6, 3.5), layout=layout)
                axes = figure.add_subplot()
                for contender in dict.fromkeys(row.contender for row in table.rows):
                    rows = [row for row in table.rows if row.contender == contender]
                    axes.loglog(
                        [row.size for row in rows],  # pyright: ignore[reportArgumentType]
                        [row.median for row in rows],
                        marker="o",
                        label=contender,
                    )
                costs = [row.median for row in table.rows]
                axes.set(
                    xlabel=table.size,
                    ylabel=f"median ({table.unit})",
                    # The limits are wide, so that noise does not look like a trend.
                    ylim=(min(costs) / 3, 3 * max(costs)),
                )
                axes.set_title(table.title, fontsize="medium")
                axes.legend(fontsize="small")
                figure.savefig(folder / picture_name(path.stem, name, number), dpi=100)
