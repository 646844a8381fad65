"""Measures everything, and writes the page of the documentation.

Titles on the command line, or their beginnings, are measured alone.
"""

import json
import sys
import warnings

import sklearn.exceptions

from .. import _report
from . import _page
from ._cases import CASES
from ._meshes import simulated
from ._work import grown


def main(beginnings: tuple[str, ...]):
    # One step of EM is too few.
    warnings.simplefilter("ignore", sklearn.exceptions.ConvergenceWarning)
    tables = _report.read(_page.RESULTS)[1] if _page.RESULTS.exists() else {}
    for title, case in CASES.items():
        if title.startswith(beginnings):
            print(f"## {title}\n")
            tables[title] = grown(case)
            for table in tables[title]:
                print(_report.markdown(table), flush=True)
    _report.write(_page.RESULTS, _report.versions(), tables)
    if beginnings == ("",):
        shards = {devices: simulated(devices) for devices in (8, 64, 512)}
        _page.MESHES.write_text(json.dumps(shards, indent=1) + "\n")
    _page.PAGE.write_text(_page.page())


main(tuple(sys.argv[1:]) or ("",))
