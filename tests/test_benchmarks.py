"""The page of performance shows what was measured, and its plots are drawn."""

import re

from benchmarks import _report


def test_the_page_is_that_of_the_results():
    assert _report.PAGE.read_text() == _report.page()


def test_plots_are_those_of_the_page(tmp_path):
    _report.draw(tmp_path, layout=None)  # A layout doubles the time.
    shown = re.findall(r"\(images/(\S+\.png)\)", _report.PAGE.read_text())
    assert sorted(shown) == sorted(path.name for path in tmp_path.iterdir())
