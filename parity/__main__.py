import collections
import contextlib
import importlib
import io
import os
import pkgutil
import sys
import warnings
from collections.abc import Iterator

import parity
from parity import _page
from parity._entries import ENTRIES, Entry, Reference, matches, outcome, public_names


def failure_of(entry: Entry, rows: dict[str, _page.Row]) -> str | None:
    """Runs an entry; what is wrong, if anything is."""
    with contextlib.redirect_stdout(io.StringIO()):
        theirs, ours = outcome(entry.theirs), outcome(entry.ours)
    results = f"\n    theirs {theirs}\n    ours   {ours}"
    if not entry.row:
        if matches(ours, theirs, entry.ulps, entry.within, normwise=True):
            return None
        return f"the results differ, and the entry claims no row:{results}"
    if entry.row not in rows:
        return f"no page has the row that it claims: {entry.row}"
    results = f"{entry.row}{results}\n    right  {entry.right}"
    if not matches(ours, entry.right, entry.ulps, entry.within):
        return f"ours is wrong: {results}"
    if matches(theirs, entry.right, entry.ulps, entry.within):
        return f"theirs is right, so that the row can go: {results}"
    row = rows[entry.row]
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


def failures_of_rows(rows: list[_page.Row]) -> Iterator[str]:
    """Rows that no entry claims, and rows that are told apart by nothing."""
    claimed = {entry.row for entry in ENTRIES}
    for row in rows:
        if row.input not in claimed:
            yield (
                f"{row.page}: no entry proves the row\n"
                f"    | {row.input} | {row.theirs} | {row.ours} |\n"
                "  Write one into the subpackage's file in parity/:\n"
                f"    differs({row.input!r}, lambda: ref.…, lambda: …, right=…)"
            )
    for text, count in collections.Counter(row.input for row in rows).items():
        if count > 1:
            yield f"docs: {count} rows of differences begin with {text}"


def failures_of_names(used: dict[str, set[bool]], excluded: list[str]) -> Iterator[str]:
    """Public names that are neither used nor excluded, and names excluded in vain."""
    for name, kinds in used.items():
        if not kinds and name not in excluded:
            yield (
                f"ngclearn.utils.{name}: no entry in parity/ uses it, and "
                "docs/migration.md does not list it under “Not compared”"
            )
    for name in excluded:
        if name not in used or used[name]:
            reason = "entries use it" if name in used else "it does not exist"
            yield f"docs/migration.md: {name} is listed as not compared; but {reason}"


def print_summary(used: dict[str, set[bool]], excluded: list[str]) -> None:
    """How many names each module has, and of how many the results are equal or not."""
    modules = sorted({name.partition(".")[0] for name in used})
    print(f"{'ngclearn.utils':24}  public   equal  differ  not compared")
    for module in (*modules, "all"):
        names = [n for n in used if module in (n.partition(".")[0], "all")]
        print(
            f"{module:24}{len(names):8}"
            f"{sum(False in used[name] for name in names):8}"
            f"{sum(True in used[name] for name in names):8}"
            f"{sum(name in excluded for name in names):14}"
        )


def main() -> int:
    # The reference warns often.
    warnings.simplefilter("ignore")
    for module in pkgutil.iter_modules(parity.__path__):
        if not module.name.startswith("_"):
            importlib.import_module(f"parity.{module.name}")
    rows = _page.rows()
    by_input = {row.input: row for row in rows}
    public, excluded = public_names(), _page.not_compared()
    # Each name has what the entries that use it say: whether results differ.
    used: dict[str, set[bool]] = {name: set() for name in public.values()}
    failures = []
    for entry in ENTRIES:
        Reference.used.clear()
        if failure := failure_of(entry, by_input):
            failures.append(f"{entry.place}: {failure}")
        for identity in Reference.used | entry.uses:
            if identity in public:
                used[public[identity]].add(bool(entry.row))
    failures += failures_of_rows(rows)
    failures += failures_of_names(used, excluded)
    print_summary(used, excluded)
    print(
        f"\n{len(ENTRIES)} comparisons, {len(rows)} rows of differences, "
        f"{len(failures)} failures"
    )
    print(*failures, sep="\n\n")
    return bool(failures)


if __name__ == "__main__":
    os.environ.setdefault("MPLBACKEND", "agg")
    sys.exit(main())
