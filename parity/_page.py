"""The rows of the documentation's tables of differences."""

import dataclasses
import decimal
import inspect
import pathlib
import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from ngcx.testing import tolerance

from ._entries import float_dtype, leaves


DOCS = pathlib.Path(__file__).parent.parent / "docs"
NUMBER = re.compile(
    r"[-±∓]?\d[\d,]*(?<!,)(?:\.\d+)?(?:e-?\d+)?|-?(?:NaN|infinity|inf)\b|[¼½¾]"
)
SEPARATOR = re.compile(r"\]?(?:,|;| ×)? (?:and |or )?\[?")
FRACTIONS = {"¼": 0.25, "½": 0.5, "¾": 0.75}


@dataclasses.dataclass(frozen=True)
class Row:
    """What both give for an input, in words."""

    page: str
    input: str
    theirs: str
    ours: str


def rows() -> list[Row]:
    """The rows of each table whose second column is that of ngc-learn."""
    return [
        Row(f"docs/{page.relative_to(DOCS)}", *cells)
        for page in sorted(DOCS.rglob("*.md"))
        for header, *body in _tables(page.read_text())
        if len(header) == 3 and header[1].startswith("ngc-learn")
        for cells in body
    ]


def not_compared() -> list[str]:
    """The names of the reference that the page of migration says are not compared."""
    _, _, section = (DOCS / "migration.md").read_text().partition("## Not compared\n")
    _, *body = next(_tables(section))
    return re.findall(r"`([\w.]+)`", " ".join(names for names, _ in body))


def _tables(text: str) -> Iterator[list[list[str]]]:
    """The cells of each table: of its header, and of its rows."""
    for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        lines = [line.strip("| ").split(" | ") for line in table.splitlines()]
        yield [[cell.strip() for cell in cells] for cells in lines[:1] + lines[2:]]


def agrees(cell: str, result: Any, within: float) -> bool:
    """Whether a cell says what the result is.

    The numbers or the exception that it begins with must be the result, and an
    exception must be named, unless it "fails", "ends the process" or "never returns".
    A cell of other words agrees, whatever they say. Semicolons part the cells of
    several results. `within` is the error that is allowed beside that of rounding.
    """
    parts = cell.split("; ")
    if isinstance(result, tuple) and len(parts) == len(result) > 1:
        return all(map(agrees, parts, result, [within] * len(parts)))
    if inspect.isclass(result) and not re.search(
        "fail|ends the process|never returns", cell
    ):
        names = {error.__name__ for error in result.mro()[:-2]}
        if names.isdisjoint(re.findall(r"\w+", cell)):
            return False
    if re.match(r"`\w*Error`", cell) and not inspect.isclass(leaves(result)[0]):
        return False
    if re.match(r"b?float\d\d|int\d", cell):
        return cell.split()[0].rstrip(",;") == leaves(result)[0]
    printed = _leading_numbers(cell)
    if not printed:
        return True
    arrays = [x for x in leaves(result) if not inspect.isclass(x)]
    if not arrays or any(isinstance(x, str) for x in arrays):
        return False
    limits = max((tolerance(float_dtype(x)) for x in arrays), key=lambda t: t["rtol"])
    values = np.concatenate([np.ravel(np.asarray(x, float)) for x in arrays])
    if cell.startswith(("±", "∓")):
        values = np.abs(values)
    if len(printed) not in (1, len(values)):
        return False
    numbers, digits = np.array(printed).T
    error = limits["atol"] + limits["rtol"] * np.abs(numbers) + 0.51 * digits + within
    same = (values == numbers) | (np.isnan(values) & np.isnan(numbers))
    with np.errstate(invalid="ignore"):
        return bool(np.all(same | (np.abs(values - numbers) <= error)))


def _leading_numbers(cell: str) -> list[tuple[float, float]]:
    """The numbers that a cell begins with, and the worth of their last digits."""
    numbers, position = [], len(cell) - len(cell.lstrip("["))
    while found := NUMBER.match(cell, position):
        text = found[0].strip("±∓").replace(",", "")
        if text in FRACTIONS:
            numbers.append((FRACTIONS[text], 0.0))
        elif text[-1].isdigit():
            exponent = decimal.Decimal(text).as_tuple().exponent
            rounded = "." in text or "e" in text
            numbers.append((float(text), 10.0**exponent if rounded else 0.0))
        else:
            numbers.append((float(text.replace("infinity", "inf")), 0.0))
        separator = SEPARATOR.match(cell, found.end())
        if separator is None:
            break
        position = separator.end()
    return numbers
