"""Tables and pictures of what was measured, and the page of the documentation."""

import importlib
import itertools
import json
import pathlib
from typing import Literal

from ._measure import Row, Table


RESULTS = pathlib.Path(__file__).parent / "results"
PAGE = pathlib.Path(__file__).parents[1] / "docs" / "performance.md"
HEAD = """# Performance

<!-- Written by `nox -s bench` and `nox -s bench_peers`, from benchmarks/results. -->

Contenders take turns in one process, each called once before it is timed, because the
one before it has filled the caches. A ratio is the median of the ratios to the first
contender within a round, the spread its quartiles. Absolute times belong to the
machine; ratios travel better. This one is virtual: a wide spread means that its host
had other work at times. `nox -s bench` measures the first part again, and
`nox -s bench_peers` the others; `-- NAME` takes one benchmark alone.

## Where ngcx loses

- **Derivatives of sigmoids.** That of the tanh takes 1.3 of JAX's gradient, those of
  SiLU and GELU 1.1. They do not subtract from 1 what is nearly 1, and so are right in
  the tails, where JAX's have lost all their digits.
- **A few winners of many.** Up to 64 winners of float32 are found by `lax.top_k`, more
  by bisection. Beside `lax.top_k` alone the mask costs 4 to 20 % more, since exactly
  `k` win where others are equal to the last.
- **Spiking networks at large batches.** `Stack` keeps the currents of all time
  steps for one large matrix product, 26 MB for a batch of 512. There Spyx takes 0.8 of
  its time, and with 1,024 neurons SpikingJelly and Spyx take as long. Convolutions of
  PyTorch are faster on a CPU than those of XLA.
- **Eager calls** check types and look the compiled program up, which costs two
  microseconds. Within a compiled function all of that is gone.
- **Compiling** the gradient of an activation or of a deep `Stack` takes a quarter to a
  third longer than by hand, since there are two formulas to trace, and a stack is
  walked through once to find its states.
- **An epoch from host memory** costs more than that of a numpy permutation: the order
  is computed batch by batch, so that any batch of any epoch can be had alone, and none
  needs memory for an order.
- **A dense grid of patches** of a small image costs more than a copy of as many bytes
  in a compiled function. Its gradient takes 3 to 13 times as long as the patches: up to
  four steps a patch it is a sum of shifted blocks, which takes about half the time of a
  scatter, and beyond that a scatter.
"""


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
