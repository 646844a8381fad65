"""The tables of docs/your_cell.md, made from those of cells and what was kept."""

import itertools
import pathlib
import re

from ._cell import COSTS, Cell
from ._cells import CELLS
from ._golden import load


PAGE = pathlib.Path(__file__).parents[1] / "docs/your_cell.md"
TABLES = re.compile("(?<=writes them. -->\n).*(?=<!-- They end here. -->)", re.DOTALL)


def page() -> str:
    """The page, with its tables made anew."""
    versions, _ = load()
    text = ""
    for peer, cells in itertools.groupby(CELLS, lambda cell: cell.peer):
        text += f"\n## {peer}\n\n| {versions[peer]} | ngcx | |\n| --- | --- | --- |\n"
        text += "".join(map(_row, cells))
    return TABLES.sub(lambda _: f"{text}\n", PAGE.read_text())


def _row(cell: Cell) -> str:
    remarks = [cell.note] if cell.note else []
    if cell.differing:
        remarks = [f"{cell.differing} of {COSTS.size:,} spikes differ.", *remarks]
    return f"| `{cell.theirs}` | `{cell.ours}` | {' '.join(remarks)} |\n"
