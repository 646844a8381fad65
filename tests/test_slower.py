"""What is slower than stored results is told from two results, without a clock."""

from benchmarks._measure import Row, Table
from benchmarks._slower import slower


def table(*rows: Row, size: str | None = None) -> list[Table]:
    return [Table("Sums", list(rows), size=size)]


def ratio(contender: str, low: float, median: float, high: float, size=None) -> Row:
    return Row(contender, 1e-3 * median, median, (low, high), size)


NUMPY, OURS = ratio("numpy", 1, 1, 1), ratio("ngcx", 1, 1, 1)


def test_a_ratio_of_ours_that_rose_beyond_both_spreads_is_told():
    stored = table(NUMPY, ratio("ngcx", 1.1, 1.2, 1.3), ratio("jnp", 1, 1, 1))
    measured = table(NUMPY, ratio("ngcx", 1.31, 1.4, 1.6), ratio("jnp", 9, 9, 9))
    (line,) = slower(stored, measured)
    assert line == ("Sums: ngcx / numpy was 1.20 (1.10–1.30) and is 1.40 (1.31–1.60)")
    assert not slower(measured, stored)


def test_quartiles_that_touch_are_no_change():
    stored = table(NUMPY, ratio("ngcx", 1.1, 1.2, 1.3))
    assert not slower(stored, table(NUMPY, ratio("ngcx", 1.3, 1.9, 2.5)))


def test_another_library_that_gains_on_ours_is_told():
    stored = table(OURS, ratio("scipy", 2.0, 2.1, 2.2))
    (line,) = slower(stored, table(OURS, ratio("scipy", 1.5, 1.6, 1.9)))
    assert line.startswith("Sums: scipy / ngcx was 2.10")
    assert not slower(stored, table(OURS, ratio("scipy", 2.5, 2.6, 2.7)))


def test_each_size_is_compared_with_itself():
    sizes = [NUMPY, ratio("ngcx", 1, 1, 1, size=10), ratio("ngcx", 3, 3, 3, size=1000)]
    grown = [*sizes[:2], ratio("ngcx", 4, 4, 4, size=1000)]
    (line,) = slower(table(*sizes, size="rows"), table(*grown, size="rows"))
    assert line.startswith("Sums, 1,000 rows: ngcx")


def test_what_was_counted_or_is_new_is_left_alone():
    counted = table(NUMPY, Row("ngcx", 2.0, 2.0))
    assert not slower(counted, table(NUMPY, Row("ngcx", 3.0, 3.0)))
    assert not slower([], table(NUMPY, ratio("ngcx", 3, 3, 3)))
