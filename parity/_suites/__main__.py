import importlib
import pathlib
import sys
import warnings

import numpy as np

from . import COMPARISONS, Comparison


SUITES = ("scikit_learn", "elephant", "jax_nn", "torch_init", "scipy_ndimage")


def documentation() -> str:
    root = pathlib.Path(__file__).parents[2]
    pages = [*root.glob("docs/**/*.md"), *root.glob("ngcx/**/*.py")]
    return " ".join(" ".join(page.read_text() for page in sorted(pages)).split())


def failure_of(comparison: Comparison, stated: str) -> str | None:
    name, *calls, within, states = comparison
    theirs, ours = (np.asarray(call(), float) for call in calls)
    same = theirs.shape == ours.shape and np.allclose(
        ours, theirs, within, within, equal_nan=True
    )
    results = f"{name}\n    theirs {theirs}\n    ours   {ours}"
    if states is None:
        return None if same else f"no documentation states this difference: {results}"
    if same:
        return f"the same, so that no difference is to be stated: {results}"
    if " ".join(states.split()) not in stated:
        return f"the documentation does not say “{states}”: {name}"
    return None


def main(names) -> int:
    # The peers warn of what they cannot measure.
    warnings.simplefilter("ignore")
    stated, failures = documentation(), []
    for suite in names or SUITES:
        COMPARISONS.clear()
        importlib.import_module(f"{__package__}.{suite}")
        found = [failure_of(comparison, stated) for comparison in COMPARISONS]
        failed = [failure for failure in found if failure]
        differences = sum(each.states is not None for each in COMPARISONS)
        print(
            f"{suite:14} {len(COMPARISONS):4} comparisons, {differences:2} stated "
            f"differences, {len(failed):2} failures"
        )
        failures += failed
    print(*failures, sep="\n\n")
    return bool(failures)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
