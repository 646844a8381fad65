"""What is known is drawn, and what is NaN or infinite is left out and said."""

import re
from typing import Any

import numpy as np
import pytest
from matplotlib.text import Text

from ngcx import viz


pytestmark = pytest.mark.in_turn(4)


UNKNOWN = {"NaN": np.nan, "infinite": np.inf, "negative": -np.inf}
each = pytest.mark.parametrize("value", UNKNOWN.values(), ids=UNKNOWN)
RNG = np.random.default_rng(0)
VALUES = RNG.normal(size=(40, 6))
MANY = RNG.normal(size=(40, 30))
COUNTS = RNG.integers(1, 50, (4, 4)).astype(float)
SPIKES = (RNG.random((40, 6)) < 0.2).astype(float)


def said(picture) -> str:
    """What is said of values that are left out."""
    figure: Any = (
        picture
        if hasattr(picture, "findobj") and not hasattr(picture, "figure")
        else picture.figure
    )
    texts = [text.get_text() for text in figure.findobj(Text)]
    return " ".join(text for text in texts if "not finite" in text)


def spoilt(values, where, value):
    values = values.copy()
    values[where] = value
    return values


# How each function is called with its values, and what it says of three that are left
# out.
DRAWS: dict[str, Any] = {
    "traces": (viz.traces, VALUES),
    "many traces": (viz.traces, MANY),
    "raster": (viz.raster, SPIKES),
    "spike_comparison": (lambda x: viz.spike_comparison(x, SPIKES), SPIKES),
    "targets": (lambda x: viz.spike_comparison(SPIKES, x), SPIKES),
    "membrane": (viz.membrane, VALUES),
    "current": (lambda x: viz.membrane(VALUES, current=x), VALUES),
    "spikes": (lambda x: viz.membrane(VALUES, spikes=x), SPIKES),
    "refractory": (lambda x: viz.membrane(VALUES, refractory=x), SPIKES),
    "compartments": (lambda x: viz.compartments({"a": x}), VALUES),
    "confusion": (viz.confusion, COUNTS),
    "fractions": (lambda x: viz.confusion(x, normalize="row"), COUNTS),
    "receptive_fields": (lambda x: viz.receptive_fields(x, (2, 3)), VALUES),
    "normalized": (lambda x: viz.receptive_fields(x, (2, 3), normalize=True), VALUES),
    "macro_grid": (lambda x: viz.macro_grid([VALUES, x], (2, 3)), VALUES),
    "points": (lambda x: viz.latents(x), VALUES[:, :2]),
    "labels": (lambda x: viz.latents(VALUES[:, :2], x[:, 0]), VALUES),
    "scores": (lambda x: viz.latents(VALUES[:, :2], x), VALUES),
}


@each
@pytest.mark.parametrize("name", DRAWS)
def test_what_is_left_out_is_said(name, value):
    draw, values = DRAWS[name]
    assert not said(draw(values))
    where = (np.array([1, 2, 3]), 0)
    message = said(draw(spoilt(values, where, value)))
    assert re.search(r"\b3 of [0-9,]+ [a-z ]+ are not finite", message), message


@each
def test_nothing_known_is_an_empty_picture(value):
    for draw, values in DRAWS.values():
        picture = draw(np.full_like(values, value))
        figure: Any = (
            picture if hasattr(picture, "draw_without_rendering") else picture.figure
        )
        figure.draw_without_rendering()


@each
def test_the_other_traces_go_on(value):
    values = spoilt(MANY, (slice(10, None), 3), value)
    ax = viz.traces(values, dt=2.0)
    assert ax.get_xlim() == (0, 2.0 * 39)
    known = np.delete(values, 3, axis=1)
    median = np.asarray(ax.lines[0].get_ydata())
    np.testing.assert_allclose(median[10:], np.median(known[10:], axis=1))
    np.testing.assert_allclose(median[:10], np.median(values[:10], axis=1))
    few = viz.traces(values[:, :5])
    assert few.get_xlim() == (0, 39)
    for line, trace in zip(few.lines, values[:, :5].T, strict=True):
        right = np.where(np.isfinite(trace), trace, np.nan)
        np.testing.assert_array_equal(line.get_ydata(), right)


def test_a_value_between_two_that_are_left_out_is_seen():
    trace = np.array([0, 1, np.nan, 2, np.nan, 3, 4])
    (line,) = viz.traces(trace).lines
    assert line.get_marker() == "." and line.get_markevery() == [3]


@each
def test_no_spike_is_made_of_what_is_not_known(value):
    (line,) = viz.raster(spoilt(SPIKES, (5, 2), value)).lines
    right = np.argwhere(spoilt(SPIKES, (5, 2), 0))
    np.testing.assert_array_equal(np.column_stack(line.get_data()), right)


@each
def test_cells_that_are_known_keep_color_and_number(value):
    ax: Any = viz.confusion(spoilt(COUNTS, (1, 2), value))
    assert ax.images[0].get_clim() == (0, np.max(np.delete(COUNTS.ravel(), 6)))
    shown = {text.get_position(): text.get_text() for text in ax.texts}
    assert len(shown) == 15 and (2, 1) not in shown
    # A fraction of a row is unknown if one of its counts is.
    ax = viz.confusion(spoilt(COUNTS, (1, 2), value), normalize="row")
    assert {text.get_position()[1] for text in ax.texts} == {0, 2, 3}


@each
@pytest.mark.parametrize("normalize", [False, True])
def test_weights_that_are_known_keep_their_colors(value, normalize):
    weights = spoilt(VALUES, (3, 1), value)
    ax: Any = viz.receptive_fields(weights, (2, 3), columns=1, normalize=normalize)
    image = np.ma.filled(ax.images[0].get_array(), np.nan)
    field = image[9:11].ravel()
    scale = np.max(np.abs(np.delete(weights[3], 1))) if normalize else 1
    expected = np.where(np.isfinite(weights[3]), weights[3], np.nan) / scale
    np.testing.assert_allclose(field, expected)
    assert np.isfinite(ax.images[0].get_clim()).all()


@each
def test_a_threshold_is_finite(value):
    with pytest.raises(ValueError, match="`threshold` must be (finite|a number);"):
        viz.traces(VALUES, threshold=value)
