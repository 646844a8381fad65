"""The page of the documentation that shows what was measured."""

import json
import math
import pathlib

from ._measure import ORDERS


RESULTS = pathlib.Path(__file__).parent / "results.json"
PAGE = pathlib.Path(__file__).parents[2] / "docs" / "accuracy.md"
# The worst error by dtype, class, and order.
Results = dict[str, dict[str, dict[str, float]]]

HEAD = """# Accuracy of derivatives

<!-- Written by `nox -s accuracy`, from benchmarks/accuracy/results.json. -->

This page shows how exact the derivatives are. It gives the worst error that was found
of each class that acts on every element by itself: in its value, in its first and
second derivative with respect to $x$, in its derivative with respect to a
hyper-parameter given as an array, and in the mixed second derivative. Derivatives are
taken in forward and in reverse mode and in either order, and the worst of all is shown.
The truth is the equation of the documentation, evaluated with 160 to 800 digits by
[mpmath](https://mpmath.org). `nox -s accuracy` measures again.

**Where.** $x$ is 0, or of any magnitude up to the largest number of the dtype, with
both signs. The hyper-parameter is its default, or one of 10⁻³⁰, 10⁻⁸, 10⁸ and 10³⁰
(`alpha` of `QPseudoSpike` begins just above 1), and $x$ then also has the magnitudes
at which the function bends. The other hyper-parameters keep their defaults.

**In what unit.** One unit is the last place of the result, plus the change of the true
result when $x$ and the hyper-parameter are rounded by half a unit in their own last
place, because no program can know its input better than that. On the CPU, XLA treats
subnormal numbers as 0, so an error of 64 times the smallest normal number counts as 0.
Where the result is finally multiplied by a hyper-parameter (`gain`, `c1`, `h`, `scale`,
`slope`), this bound is multiplied by it too. A result beyond the largest number may be
infinite. Sines are not compared beyond $10^5$ radians. Three formulas are differences
whose terms nearly cancel at some $x$: the sum of sines of `SquareWaveFourierSeries`,
the value of `MultiGaussian`, from which its flanks are taken off, and the mixed
derivative of `QPseudoSpike`. For these the last place is that of the largest term.

No error is larger than 4 units. In float16 and bfloat16, everything is computed in
float32 and rounded once.
"""
COLUMNS = "| class | value | first | second | in a hyper-parameter | mixed |"


def read() -> Results:
    return json.loads(RESULTS.read_text())


def page(results: Results) -> str:
    parts = [HEAD]
    for dtype, rows in results.items():
        parts += [f"\n## {dtype}\n\n{COLUMNS}\n| --- | --- | --- | --- | --- | --- |\n"]
        for member, worst in rows.items():
            cells = " | ".join(_cell(worst.get(order)) for order in ORDERS)
            parts.append(f"| `{member}` | {cells} |\n")
    return "".join(parts)


def _cell(error: float | None) -> str:
    if error is None:
        return ""
    if math.isinf(error):
        return "∞"
    return f"{error:.1f}" if error < 100 else f"{error:.0e}"
