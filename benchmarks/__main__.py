"""Runs the benchmarks named on the command line, or all of them."""

import argparse
import importlib
import subprocess
import sys

from . import _report, _slower


BENCHMARKS = (
    "activations",
    "compile_time",
    "eager_calls",
    "filters",
    "import_time",
    "integrators",
    "k_winners",
    "loader",
    "metrics",
    "mixtures",
    "patches",
    "probes",
    "snn_architectures",
    "snn_step",
    "surrogates",
    "trades",
)


def main():
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"some of {', '.join(BENCHMARKS)}")
    parser.add_argument(
        "--results",
        choices=list(_report.TITLES),
        help="of which kind the results are: they are kept, and the page is written",
    )
    parser.add_argument(
        "--compare",
        action="store_true",
        help="keep nothing, but print what is slower than these results, and fail then",
    )
    options = parser.parse_args()
    if options.compare and not options.results:
        parser.error("`--compare` needs `--results`")
    for unknown in set(options.names) - set(BENCHMARKS):
        parser.error(
            f"unknown benchmark {unknown!r}; there are {', '.join(BENCHMARKS)}"
        )
    names = options.names or BENCHMARKS
    if len(names) > 1:
        # Each runs in a process of its own, in which the others have left nothing.
        kept = ["--results", options.results] if options.results else []
        kept += ["--compare"] if options.compare else []
        warnings = [f"-W{kind}" for kind in sys.warnoptions]
        failed = [
            name
            for name in names
            if subprocess.run(
                [sys.executable, *warnings, "-m", "benchmarks", name, *kept]
            ).returncode
        ]
        sys.exit(f"These failed: {', '.join(failed)}." if failed else 0)
    (name,) = names
    print(f"{_report.versions()}\n\n## {name}\n")
    tables = []
    for table in importlib.import_module(f"benchmarks.{name}").main():
        print(_report.markdown(table), flush=True)
        tables.append(table)
    if not options.results:
        return
    path = _report.RESULTS / f"{options.results}.json"
    results = _report.read(path)[1] if path.exists() else {}
    if options.compare:
        lines = _slower.slower(results.get(name, []), tables)
        sys.exit("\n".join(["Slower than before:", *lines]) if lines else 0)
    # What was not measured again is kept.
    _report.write(path, _report.versions(), results | {name: tables})
    _report.PAGE.write_text(_report.page())


main()
