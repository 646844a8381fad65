"""Measures everything, and writes the page of the documentation.

Dtypes on the command line are measured alone.
"""

import json
import sys

import jax

from . import _page
from ._measure import cases, measure


DTYPES = ("float32", "float64", "float16", "bfloat16")


def main(dtypes):
    jax.config.update("jax_enable_x64", True)
    for dtype in dtypes:
        rows: dict[str, dict[str, float]] = {}
        for case in cases():
            row = rows.setdefault(case.title, {})
            for (order, mode), (error, where) in measure(case, dtype).items():
                row[order] = max(row.get(order, 0.0), round(error, 3))
                if error > 4:
                    what = f"{case.title}, {case.name}: {order}, {mode}"
                    print(f"{dtype} {what}: {error:.3g} at {where}", flush=True)
        results = (_page.read() if _page.RESULTS.exists() else {}) | {dtype: rows}
        ordered = {each: results[each] for each in DTYPES if each in results}
        _page.RESULTS.write_text(json.dumps(ordered, indent=1) + "\n")
        _page.PAGE.write_text(_page.page(ordered))


main(sys.argv[1:] or DTYPES)
