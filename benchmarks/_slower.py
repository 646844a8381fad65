"""What has become slower since results were stored."""

from ._measure import Row, Table


def slower(stored: list[Table], measured: list[Table]) -> list[str]:
    """A line for each ratio that tells that ngcx has become slower.

    A ratio has changed where its quartiles, those of the rounds of one run, are all
    beyond those of the other run. ngcx is slower where a ratio of its own has risen,
    and where one of another library to ngcx has fallen.
    """
    before = {
        (table.title, row.contender, row.size): row
        for table in stored
        for row in table.rows
    }
    lines = []
    for table in measured:
        first = table.rows[0].contender
        for row in table.rows:
            known = before.get((table.title, row.contender, row.size))
            if known and _tells(known, row, first):
                size = "" if row.size is None else f", {row.size:,} {table.size}"
                lines.append(
                    f"{table.title}{size}: {row.contender} / {first} was "
                    f"{_ratio(known)} and is {_ratio(row)}"
                )
    return lines


def _tells(known: Row, row: Row, first: str) -> bool:
    if not (known.quartiles and row.quartiles):
        return False  # It was counted, or measured once.
    (low, high), (lowest, highest) = known.quartiles, row.quartiles
    if "ngcx" in row.contender:
        return lowest > high
    return "ngcx" in first and highest < low


def _ratio(row: Row) -> str:
    spread = (f"{quartile:.2f}" for quartile in row.quartiles or ())
    return f"{row.ratio:.2f} ({'–'.join(spread)})"
