"""Changes the code of subpackages, or of files of the ground floor, one place at a
time, and counts the changes that their tests notice:
`nox -s mutation -- activations _numerics`.

cosmic-ray can make thousands of mutants. A random sample is tried, at most one of a
kind at a place. Replaced `|` are left out: they are unions of types.
"""

# pyright: reportMissingImports=false

import argparse
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile

from cosmic_ray.work_db import WorkDB, use_db


ROOT = pathlib.Path(__file__).parents[1]
DEFAULTS = ("activations", "data", "metrics", "surrogate", "_numerics", "_compiled")
# The tests that know most about a file of the ground floor, the quickest first.
TESTS_OF_FILES = {
    "_numerics": "tests/test_numerics.py tests/activations tests/metrics",
    "_compiled": "tests/test_compiled.py tests/test_mistakes.py tests/test_design.py",
    "_checks": "tests/test_mistakes.py tests/test_design.py",
}
# Where every formula is compared with the truth, before all else.
FORMULAS = "tests/test_accuracy.py"
WITH_FORMULAS = ("activations", "surrogate")
CONFIGURATION = """
[cosmic-ray]
module-path = ["ngcx/{path}"]
timeout = {timeout}
excluded-modules = []
test-command = "sh -c '{tests}'"
[cosmic-ray.distributor]
name = "local"
"""


def keep_sample(database: WorkDB, number: int, seed: int):
    """Leaves that many mutants in the database, chosen at random."""
    chooser, of_place = random.Random(seed), {}
    for item in database.work_items:
        (mutant,) = item.mutations
        if "BitOr_" in mutant.operator_name:
            continue
        kind = mutant.operator_name.split("_")[0]
        place = (str(mutant.module_path), kind, mutant.start_pos)
        of_place.setdefault(place, []).append(item)
    places = chooser.sample(sorted(of_place), min(number, len(of_place)))
    kept = [chooser.choice(of_place[place]) for place in places]
    database.clear()
    database.add_work_items(kept)


def try_mutants(target: str, number: int, seed: int, timeout: float) -> float:
    """Prints the mutants that survive, and returns the share of those that do not."""
    with tempfile.TemporaryDirectory() as folder:
        copy = pathlib.Path(folder, "ngcx")
        ignored = shutil.ignore_patterns(".*", "build", "dist", "site", "results")
        shutil.copytree(ROOT, copy, ignore=ignored)
        pytest = f"{sys.executable} -m pytest -x -q -n 0"
        if target in TESTS_OF_FILES:
            path, tests = f"{target}.py", f"{pytest} {TESTS_OF_FILES[target]}"
        else:
            path = target
            first = FORMULAS if target in WITH_FORMULAS else ""
            tests = f"{pytest} {first} tests/{target} ngcx/{target} && "
            tests += f"{pytest} tests/robustness -k {target}"
        configuration = CONFIGURATION.format(path=path, timeout=timeout, tests=tests)
        (copy / "mutation.toml").write_text(configuration)

        def cosmic_ray(*arguments: str):
            # Every mutant meets the same examples, and programs compiled before, with
            # the options of the quick suite.
            env = os.environ | {
                "HYPOTHESIS_PROFILE": "ci",
                "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",
                "JAX_COMPILATION_CACHE_DIR": str(ROOT / ".pytest_cache" / "jax"),
                "PYTHONPATH": str(copy),
            }
            subprocess.run(["cosmic-ray", *arguments], cwd=copy, env=env, check=True)

        cosmic_ray("baseline", "mutation.toml")
        cosmic_ray("init", "mutation.toml", "mutants.sqlite")
        with use_db(str(copy / "mutants.sqlite"), WorkDB.Mode.open) as database:
            keep_sample(database, number, seed)
        cosmic_ray("exec", "mutation.toml", "mutants.sqlite")
        with use_db(str(copy / "mutants.sqlite"), WorkDB.Mode.open) as database:
            results = [result for _, result in database.results]
    survivors = [result.diff for result in results if not result.is_killed]
    print(*survivors, sep="\n")
    killed = len(results) - len(survivors)
    print(f"{target}: {killed} of {len(results)} mutants killed", flush=True)
    return killed / len(results)


def main():
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("targets", nargs="*", default=DEFAULTS)
    parser.add_argument("--number", type=int, default=60, help="of mutants a target")
    parser.add_argument("--seed", type=int, default=0, help="of the sample")
    parser.add_argument("--timeout", type=float, default=600, help="seconds a mutant")
    options = parser.parse_args()
    shares = [
        try_mutants(target, options.number, options.seed, options.timeout)
        for target in options.targets
    ]
    sys.exit(any(share < 0.9 for share in shares))


if __name__ == "__main__":
    main()
