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

- **Derivatives of sigmoids.** The derivative of tanh takes 1.4 times as long as JAX's
  gradient, and those of SiLU and GELU 1.1 times. They do not subtract from 1 what is
  nearly 1, and so are right in the tails, where JAX's have lost all their digits.
- **A few winners of many.** Up to 64 winners of float32 are found by `lax.top_k`, and
  more by bisection. The mask takes 4 to 20 % longer than `lax.top_k` alone, since
  exactly `k` entries win even if others are equal to the last winner.
- **Spiking networks at large batches.** `Stack` keeps the currents of all time steps
  for one large matrix product, which takes 26 MB for a batch of 512. Spyx takes 0.8 of
  its time there. With 1,024 neurons, SpikingJelly and Spyx take as long as ngcx. On a
  CPU, convolutions of PyTorch are faster than those of XLA.
- **Eager calls** check types and look the compiled program up, which takes two
  microseconds. Within a compiled function, this cost disappears.
- **Compiling** the gradient of an activation or of a deep `Stack` takes a quarter to a
  third longer than compiling code that is written by hand, since there are two formulas
  to trace, and a stack is traced once more to find its states.
- **An epoch from host memory** takes longer than one from numpy's permutation. Its
  order is computed batch by batch, so that you can have any batch of any epoch by
  itself, and no memory is needed for an order.
- **A dense grid of patches** of a small image takes longer than a copy of as many bytes
  in a compiled function. Its gradient takes 3 to 13 times as long as the patches. Up to
  four steps a patch, the gradient is a sum of shifted blocks, which takes about half
  the time of a scatter. Beyond that, it is a scatter.
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
