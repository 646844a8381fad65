"""Texts lie within the picture, do not overlap, and leave room for the data."""

from typing import Any

import matplotlib
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from ngcx import viz


pytestmark = pytest.mark.in_turn(4)


RNG = np.random.default_rng(0)
POINTS = RNG.normal(size=(200, 2))
LONG = "a rather long name of number {}"


@pytest.fixture(autouse=True)
def usual_settings():
    with matplotlib.rc_context(matplotlib.rcParamsDefault):
        yield


def latents(classes, name=None):
    names = None if name is None else [name.format(i) for i in range(classes)]
    labels = np.arange(200) % classes
    return lambda ax=None: viz.latents(POINTS, labels, names=names, ax=ax)


def confusion(classes, largest, name=None):
    names = None if name is None else [name.format(i) for i in range(classes)]
    counts = RNG.integers(largest // 2, largest, (classes, classes))
    return lambda ax=None: viz.confusion(counts, names=names, ax=ax)


def named(draw, neurons, name=LONG):
    names = [name.format(i) for i in range(neurons)]
    values = (RNG.random((100, neurons)) < 0.1).astype(float)
    return lambda ax=None: draw(values, names=names, ax=ax)


# The pictures, and the share of the figure that the picture itself has at least.
PICTURES: dict[str, Any] = {
    "25 named classes": (latents(25, "class {}"), 0.4),
    "20 classes": (latents(20), 0.6),
    "42 named classes": (latents(42, "class {}"), 0.4),
    "60 named classes": (latents(60, "class {}"), 0.4),
    "long names of classes": (latents(10, LONG), 0.4),
    "longer names of classes": (latents(10, LONG + " and so on and so forth"), 0.4),
    "20 long names": (confusion(20, 100, LONG), 0.4),
    "five digits": (confusion(20, 100_000), 0.5),
    "nine digits": (confusion(10, 10**9), 0.5),
    "both": (confusion(20, 100_000, LONG), 0.4),
    "100 named classes": (confusion(100, 9, LONG), 0.4),
    "two classes": (confusion(2, 10, "{}"), 0.3),
    "raster": (named(viz.raster, 20), 0.5),
    "spike_comparison": (
        named(lambda x, **rest: viz.spike_comparison(x, x[::-1], **rest), 12),
        0.4,
    ),
    "traces": (named(viz.traces, 7), 0.4),
}


def extents(figure) -> dict[str, Any]:
    """The places of all texts that are drawn, in pixels."""
    FigureCanvasAgg(figure).draw()
    texts = [text for text in figure.findobj(Text) if text.get_visible()]
    # Ticks beyond the limits of their axis are not drawn.
    drawn = [
        tick
        for ax in figure.axes
        for axis in (ax.xaxis, ax.yaxis)
        for tick in axis._update_ticks()
    ]
    ticks = {label for tick in drawn for label in (tick.label1, tick.label2)}
    every = {
        label
        for ax in figure.axes
        for axis in (ax.xaxis, ax.yaxis)
        for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks())
        for label in (tick.label1, tick.label2)
    }
    shown = [
        text
        for text in texts
        if text.get_text() and (text not in every or text in ticks)
    ]
    return {
        f"{i} {text.get_text()}": text.get_window_extent()
        for i, text in enumerate(shown)
    }


def check_legible(figure):
    places = extents(figure)
    whole = figure.bbox
    for text, box in places.items():
        inside = whole.x0 - 2 <= box.x0 and box.x1 <= whole.x1 + 2
        assert inside and whole.y0 - 2 <= box.y0 and box.y1 <= whole.y1 + 2, text
    boxes = list(places.items())
    for i, (text, box) in enumerate(boxes):
        for other, second in boxes[:i]:
            wide = min(box.x1, second.x1) - max(box.x0, second.x0)
            high = min(box.y1, second.y1) - max(box.y0, second.y0)
            assert wide <= 1 or high <= 1, (text, other)


@pytest.mark.parametrize("name", PICTURES)
def test_a_new_picture_is_legible(name):
    draw, share = PICTURES[name]
    ax = draw()
    check_legible(ax.figure)
    box, whole = ax.get_window_extent(), ax.figure.bbox
    assert box.width * box.height >= share * whole.width * whole.height
    assert min(box.width, box.height) / ax.figure.dpi > 0.7


@pytest.mark.parametrize("layout", ["constrained", "compressed", "tight", "none"])
@pytest.mark.parametrize("name", ["25 named classes", "20 classes", "traces"])
def test_a_legend_stays_in_a_figure_that_is_given(name, layout):
    figure = Figure(figsize=(9, 5), layout=layout)
    ax = figure.subplots()
    PICTURES[name][0](ax)
    check_legible(figure)
    assert ax.get_window_extent().width > 0.3 * figure.bbox.width


def test_numbers_fit_the_cells_of_axes_that_are_given():
    figure = Figure(figsize=(5, 5), layout="constrained")
    ax = figure.subplots()
    PICTURES["five digits"][0](ax)
    check_legible(figure)
    cell = ax.get_window_extent().width / 20
    assert all(text.get_window_extent().width < cell for text in ax.texts)
    # What is too small to be read is left out.
    small: Any = Figure(figsize=(2, 2)).subplots()
    PICTURES["five digits"][0](small)
    assert not small.texts


@pytest.mark.parametrize(
    "counts", [[9999, 10_000], [99_999, 123_456_789], [2**53 + 1, 7]]
)
def test_counts_have_all_of_their_digits(counts):
    ax = viz.confusion(np.array([counts, counts[::-1]]))
    assert [text.get_text() for text in ax.texts] == [
        str(i) for i in counts + counts[::-1]
    ]


@pytest.mark.parametrize(
    ("number", "text"),
    [(0.25, "0.25"), (12345.6, "12346"), (1e6, "1000000"), (0.0, "0")],
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_other_numbers_are_not_written_with_exponents(number, text, dtype):
    ax = viz.confusion(np.full((2, 2), number, dtype))
    assert {each.get_text() for each in ax.texts} == {text}


@pytest.mark.parametrize("classes", [25, 42])
def test_every_name_is_there(classes):
    legend: Any = latents(classes, "class {}")().get_legend()
    names = [text.get_text() for text in legend.get_texts()]
    assert names == [f"class {i}" for i in range(classes)]


def test_a_wrong_argument_leaves_axes_as_they_are():
    ax = Figure().subplots()
    for draw in (
        lambda: viz.latents(POINTS, np.arange(200) % 3, names=["a"], ax=ax),
        lambda: viz.confusion(np.eye(2), names=["a"], ax=ax),
        lambda: viz.raster(np.ones((4, 3)), colors=["red"], ax=ax),
        lambda: viz.traces(np.ones((4, 3)), threshold=np.nan, ax=ax),
    ):
        with pytest.raises(ValueError, match="must"):
            draw()
    assert not ax.has_data() and not ax.get_xlabel() and not ax.texts
