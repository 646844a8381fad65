import contextlib
import importlib
import io
import os
import pkgutil
import sys
import warnings

import parity
from parity import _page
from parity._entries import ENTRIES, Entry, Reference, matches, outcome, public_names


def check(entry: Entry, rows: dict[str, _page.Row]) -> str | None:
    """Runs one entry; what is wrong, if anything is."""
    with contextlib.redirect_stdout(io.StringIO()):
        theirs, ours = outcome(entry.theirs), outcome(entry.ours)
    results = f"\n    theirs {theirs}\n    ours   {ours}"
    if not entry.row:
        if matches(ours, theirs, entry.ulps, entry.within, normwise=True):
            return None
        return f"the results differ:{results}"
    if entry.row not in rows:
        return f"no page has the row that it claims: {entry.row}"
    row = rows[entry.row]
    if not matches(ours, entry.right, entry.ulps, entry.within):
        return f"ours is wrong: {entry.row}{results}\n    right  {entry.right}"
    if matches(theirs, entry.right, entry.ulps, entry.within):
        return f"theirs is right: {entry.row}{results}"
    for name, cell, result in (
        ("ngc-learn", row.theirs, theirs),
        ("ngcx", row.ours, ours),
    ):
        if not _page.agrees(cell, result, entry.within):
            return (
                f"{row.page} is out of date: {entry.row}\n"
                f"    for {name} it says {cell}\n    found {result}"
            )
    return None


def main() -> int:
    warnings.simplefilter("ignore")
    for module in pkgutil.iter_modules(parity.__path__):
        if not module.name.startswith("_"):
            importlib.import_module(f"parity.{module.name}")
    public = public_names()
    all_rows = _page.rows()
    rows = {row.input: row for row in all_rows}
    failures = []
    uses = {name: [0, 0] for name in public.values()}
    for entry in ENTRIES:
        Reference.used.clear()
        if failure := check(entry, rows):
            failures.append(f"{entry.place}: {failure}")
        used = Reference.used | entry.uses
        for name in {public[i] for i in used if i in public}:
            uses[name][bool(entry.row)] += 1

    claimed = {entry.row for entry in ENTRIES}
    for row in all_rows:
        if row.input not in claimed:
            failures.append(
                f"{row.page}: no entry proves the row\n"
                f"    | {row.input} | {row.theirs} | {row.ours} |\n"
                "  Write one into the room's file in parity/:\n"
                f"    differs({row.input!r}, lambda: ref.…, lambda: …, right=…)"
            )
    absent = _page.without_counterpart()
    for name, counts in uses.items():
        if not any(counts) and name not in absent:
            failures.append(
                f"ngclearn.utils.{name}: no entry uses it, and docs/migration.md does "
                "not list it as without a counterpart"
            )
    for name in absent:
        if name not in uses or any(uses[name]):
            reason = "has entries" if name in uses else "does not exist"
            failures.append(
                f"docs/migration.md: {name} is listed as without a counterpart, "
                f"but {reason}"
            )

    print(f"{'ngclearn.utils':24}{'public':>8}{'equal':>8}{'differ':>8}{'absent':>8}")
    modules = sorted({name.partition(".")[0] for name in uses})
    total = [0, 0, 0, 0]
    for module in modules:
        names = [name for name in uses if name.partition(".")[0] == module]
        counts = [
            len(names),
            sum(uses[name][0] > 0 for name in names),
            sum(uses[name][1] > 0 for name in names),
            sum(name in absent for name in names),
        ]
        total = [a + b for a, b in zip(total, counts, strict=True)]
        print(f"{module:24}" + "".join(f"{count:8}" for count in counts))
    print(f"{'':24}" + "".join(f"{count:8}" for count in total))
    print(
        f"\n{len(ENTRIES)} comparisons, {len(all_rows)} rows of differences, "
        f"{len(failures)} failures"
    )
    for failure in failures:
        print(f"\n{failure}")
    return bool(failures)


if __name__ == "__main__":
    os.environ.setdefault("MPLBACKEND", "agg")
    sys.exit(main())
