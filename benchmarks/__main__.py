"""Runs the benchmarks named on the command line, or all of them."""

import argparse
import importlib
import importlib.metadata
import os
import platform
import subprocess
import sys

from . import _report


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


def main():
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"some of {', '.join(BENCHMARKS)}")
    parser.add_argument(
        "--write",
        choices=list(_report.TITLES),
        help="keep what is measured as results of this kind, and write the page",
    )
    options = parser.parse_args()
    for unknown in set(options.names) - set(BENCHMARKS):
        parser.error(
            f"unknown benchmark {unknown!r}; there are {', '.join(BENCHMARKS)}"
        )
    names = options.names or BENCHMARKS
    if len(names) > 1:
        # Each runs in a process of its own, in which the others have left nothing.
        write = ["--write", options.write] if options.write else []
        for name in names:
            command = [
                sys.executable,
                *(f"-W{kind}" for kind in sys.warnoptions),
                "-m",
                "benchmarks",
                name,
                *write,
            ]
            subprocess.run(command, check=True)
        return
    (name,) = names
    print(f"{versions()}\n\n## {name}\n")
    results = {name: []}
    for table in importlib.import_module(f"benchmarks.{name}").main():
        print(_report.markdown(table), flush=True)
        results[name].append(table)
    if options.write:
        path = _report.RESULTS / f"{options.write}.json"
        # What was not measured again is kept.
        if path.exists():
            results = _report.read(path)[1] | results
        _report.write(path, versions(), results)
        _report.PAGE.write_text(_report.page())


main()
