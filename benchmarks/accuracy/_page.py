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

The worst error found of every class that acts on each element by itself: of its value,
its first and second derivative in $x$, its derivative in a hyper-parameter given as an
array, and the mixed second derivative. Derivatives are taken in forward and in reverse
mode and in either order; what is shown is the worst of all. The truth is the equation
of the documentation, evaluated with 160 to 800 digits by
[mpmath](https://mpmath.org). `nox -s accuracy` measures again.

**Where.** $x$ is 0 and of all magnitudes up to the largest number of the dtype, with
both signs. The hyper-parameter is its default, or one of 10⁻³⁰, 10⁻⁸, 10⁸ and 10³⁰
(`alpha` of `QPseudoSpike` begins just above 1), and $x$ is then also of the magnitude
at which something happens. The others keep their defaults.

**In what unit.** One unit is the last place of the result, and what the true result
changes when $x$ and the hyper-parameter are rounded, by half a unit in their own last
place: no program can know better what it was given. XLA takes subnormal numbers for 0
on the CPU, so that an error of 64 times the smallest normal number counts as 0; where
the result is multiplied with a hyper-parameter at last (`gain`, `c1`, `h`, `scale`,
`slope`), it is that multiple. What is larger than the largest number may be infinite.
Beyond $10^5$ radians a sine is not compared.

**Where it is more than 4 units.** Up to 10 units are found near a zero crossing, where
terms cancel, as in the sum of sines of `SquareWaveFourierSeries`. Thousands and more
belong to hyper-parameters of 10³⁰ and 10⁻³⁰, in the far tail of an exponential: it is
flushed to 0, and leaves nothing of a product that has a normal value, at least 10¹⁵
times smaller than the largest value of the same function.

In float16 and bfloat16 all is computed in float32 and rounded once.
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
