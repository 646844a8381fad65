"""Runs the benchmarks named on the command line, or all of them."""

import argparse

from . import eager_calls, import_time, integrators, loader, metrics, snn_step


BENCHMARKS = {
    "eager_calls": eager_calls.main,
    "import_time": import_time.main,
    "integrators": integrators.main,
    "loader": loader.main,
    "metrics": metrics.main,
    "snn_step": snn_step.main,
}

parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
parser.add_argument("names", nargs="*", help=f"some of {', '.join(BENCHMARKS)}")
names = parser.parse_args().names
for unknown in set(names) - set(BENCHMARKS):
    parser.error(f"unknown benchmark {unknown!r}; there are {', '.join(BENCHMARKS)}")
for name in names or BENCHMARKS:
    print(f"\n## {name}\n")
    BENCHMARKS[name]()
