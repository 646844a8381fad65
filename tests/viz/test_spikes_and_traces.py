"""Rasters and traces show exactly what is in the arrays."""

import time
from typing import Any

import hypothesis.extra.numpy as hnp
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex

from ngcx import viz


SPIKES = hnp.arrays(
    bool, st.tuples(st.integers(1, 12), st.integers(0, 30)), fill=st.nothing()
)


def marks(ax) -> list[np.ndarray]:
    """The times and rows at which each artist of a raster has its marks."""
    return [np.column_stack(line.get_data()) for line in ax.lines]


def labels(axis) -> list[str]:
    return [label.get_text() for label in axis.get_ticklabels()]


@given(spikes=SPIKES, dt=st.sampled_from((0.1, 1.0, 5.0)))
def test_each_spike_has_its_mark(spikes, dt):
    ax = viz.raster(spikes, dt=dt)
    (drawn,) = marks(ax)
    np.testing.assert_allclose(drawn, np.argwhere(spikes) * [dt, 1.0])
    steps, neurons = spikes.shape
    assert ax.get_xlim() == (-0.5 * dt, (steps - 0.5) * dt)
    assert ax.get_ylim() == (-0.5, max(neurons, 1) - 0.5)


@given(spikes=SPIKES, seed=st.integers(0, 100))
def test_correct_missed_and_extra_spikes(spikes, seed):
    targets = np.random.default_rng(seed).random(spikes.shape) < 0.3
    ax = viz.spike_comparison(spikes, jnp.asarray(targets))
    for drawn, expected in zip(
        marks(ax),
        (spikes & targets, targets & ~spikes, spikes & ~targets),
        strict=True,
    ):
        np.testing.assert_array_equal(drawn, np.argwhere(expected))
    legend = ax.get_legend()
    assert legend is not None
    counts = [text.get_text().split()[-1].strip("()") for text in legend.get_texts()]
    assert sum(map(int, counts)) == (spikes | targets).sum()


@pytest.mark.parametrize("dtype", ["bool", "int8", "float32", "bfloat16"])
def test_time_comes_first_whatever_the_dtype(dtype):
    spikes = jnp.ones((6, 2), dtype)
    ax: Any = viz.raster(spikes)
    ax.get_figure().draw_without_rendering()
    assert labels(ax.yaxis) == ["0", "1"]
    assert len(marks(ax)[0]) == 12


def test_an_array_of_time_is_one_neuron_and_further_axes_are_neurons():
    assert labels(viz.raster(np.ones(4)).yaxis) == ["0"]
    assert len(labels(viz.raster(np.ones((4, 3, 2))).yaxis)) == 6


def test_chosen_neurons_keep_their_names_and_colors():
    spikes = np.eye(4)
    names, colors = ["a", "b", "c", "d"], ["red", "green", "red", "blue"]
    ax = viz.raster(spikes, names=names, colors=colors, indices=[3, 0, 2])
    assert labels(ax.yaxis) == ["d", "a", "c"]
    drawn = {
        to_hex(line.get_color()): set(map(tuple, np.column_stack(line.get_data())))
        for line in ax.lines
    }
    assert drawn == {to_hex("blue"): {(3, 0)}, to_hex("red"): {(0, 1), (2, 2)}}


@pytest.mark.parametrize("neurons", [1, 20, 21, 1000])
def test_few_neurons_are_named_each_and_many_at_intervals(neurons):
    names = [f"n{i}" for i in range(neurons)]
    chosen = np.arange(neurons)[::-1]
    ax: Any = viz.raster(np.ones((3, neurons)), names=names, indices=chosen)
    ax.get_figure().draw_without_rendering()
    shown = [label for label in labels(ax.yaxis) if label]
    assert len(shown) == neurons if neurons <= 20 else 4 <= len(shown) <= 10
    assert shown[0] == f"n{neurons - 1}"
    # There is one artist, however many the spikes are, and marks do not overlap.
    if neurons <= 21:
        (line,) = ax.lines
        row = ax.bbox.height * 72 / ax.get_figure().dpi / neurons
        assert 1.0 <= line.get_markersize() <= row
    else:
        assert len(ax.images) == 1 and not ax.lines


@pytest.mark.parametrize("size", [(500, 5000), (5000, 20), (20_000, 3), (300, 100)])
@pytest.mark.parametrize("rate", [0.1, 0.2, 0.4])
def test_ink_is_the_fraction_of_spikes(size, rate):
    # Either so many dots are dark, or all are so dark.
    spikes = np.random.default_rng(0).random(size) < rate
    ax: Any = viz.raster(spikes)
    canvas = FigureCanvasAgg(ax.figure)
    canvas.draw()
    x0, y0, x1, y1 = (round(each) for each in ax.bbox.extents)
    inside = np.asarray(canvas.buffer_rgba())[::-1][y0 + 3 : y1 - 3, x0 + 3 : x1 - 3, 0]
    assert 0.6 * rate < 1 - inside.mean() / 255 < 1.2 * rate


def test_each_color_of_a_crowd_has_its_shade():
    spikes = np.random.default_rng(0).random((100, 3000)) < 0.3
    colors = ["red"] * 1500 + ["blue"] * 1500
    ax: Any = viz.raster(spikes, colors=colors)
    blue, red = (np.asarray(image.get_array()) for image in ax.images)
    half = len(red) // 2 - 1
    assert red[:half, :, 3].mean() == pytest.approx(0.3, abs=0.02)
    assert not red[half + 2 :, :, 3].any() and not blue[:half, :, 3].any()


@pytest.mark.parametrize("dt", [0.5, 1.0])
def test_spike_times_are_drawn_as_their_steps_are(dt):
    spikes = np.random.default_rng(0).random((40, 6)) < 0.3
    spikes[-1, 0] = True
    times = [dt * np.flatnonzero(train) for train in spikes.T]
    times[2] = jnp.asarray([np.nan, np.inf, *times[2]])
    look: Any = {"names": list("abcdef"), "indices": [0, 2, 5], "dt": dt}
    for colors in ("black", ["red", "blue"] * 3):
        expected = viz.raster(spikes, colors=colors, **look)
        ax = viz.raster(times, colors=colors, **look)
        for mine, other in zip(marks(ax), marks(expected), strict=True):
            np.testing.assert_allclose(
                mine[np.lexsort(mine.T)], other[np.lexsort(other.T)]
            )
        assert ax.get_xlim() == expected.get_xlim()
        assert labels(ax.yaxis) == labels(expected.yaxis)
        assert "2 of" in ax.get_title(loc="right")
    # Times before 0, such as those before a stimulus, are within the picture.
    assert viz.raster([np.array([-5.0, 3.0])], dt=0.5).get_xlim() == (-5.25, 3.25)
    assert viz.raster([np.array([])]).get_xlim() == (-0.5, 0.5)


def test_crowded_times_have_the_shade_of_their_steps():
    spikes = np.random.default_rng(0).random((3000, 500)) < 0.1
    spikes[-1] = True
    times = [np.flatnonzero(train) + 0.0 for train in spikes.T]
    first: Any = viz.raster(spikes)
    second: Any = viz.raster(times)
    shades = [ax.images[0].get_array() for ax in (first, second)]
    np.testing.assert_array_equal(*shades)
    assert not first.lines and not second.lines


@pytest.mark.thorough  # It takes a few seconds.
def test_a_million_spikes_are_a_picture_drawn_in_two_seconds():
    history = np.random.default_rng(0).random((10_000, 1000)) < 0.1
    times = [np.sort(np.random.default_rng(i).random(1000)) * 1e5 for i in range(1000)]
    for spikes in (history, times):
        began = time.perf_counter()
        ax: Any = viz.raster(spikes)
        FigureCanvasAgg(ax.figure).draw()
        assert time.perf_counter() - began < 2
        assert len(ax.images) == 1 and not ax.lines


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda x: viz.raster(x, dt=0), "`dt` must be positive and finite; got 0"),
        (lambda x: viz.raster(x, names=["a"]), "`names` must have one entry for each"),
        (lambda x: viz.raster(x, colors=["red"]), "`colors` must .* 3 neurons; got 1"),
        (lambda x: viz.raster(x, indices=[3]), r"`indices` must be .* 2; got \[3\]"),
        (lambda x: viz.raster(x, indices=[-1]), "`indices` must be from 0 to 2"),
        (
            lambda x: viz.raster([x[:, 0]], names=["a", "b"]),
            "`names` must .* 1 neurons; got",
        ),
        (lambda x: viz.spike_comparison(x, x, indices=[3]), "`indices` must be"),
        (lambda x: viz.traces(x, dt=-1.0), "`dt` must be positive"),
        (lambda x: viz.membrane(x, names=["a"]), "`names` must have one entry"),
        (lambda x: viz.compartments({"a": x, "b": x[1:]}), "same number of steps; got"),
        (lambda x: viz.compartments({}), "`histories` must have one or more"),
    ],
)
def test_wrong_arguments(draw, message):
    with pytest.raises(ValueError, match=message):
        draw(np.zeros((4, 3)))


@pytest.mark.parametrize(
    "draw",
    [
        lambda: viz.raster(np.array(1.0)),
        lambda: viz.raster([[0, 1]]),  # pyright: ignore[reportArgumentType]
        lambda: viz.spike_comparison(np.zeros((4, 3)), np.zeros((3, 4))),
        lambda: viz.membrane(np.zeros((4, 3)), spikes=np.zeros((4, 2))),
    ],
)
def test_wrong_shapes(draw):
    with pytest.raises(TypeError):
        draw()


@given(
    values=hnp.arrays(
        np.float32,
        st.tuples(st.integers(1, 9), st.integers(1, 7)),
        elements=st.floats(-10, 10, width=32),
    )
)
def test_up_to_seven_traces_are_lines(values):
    ax = viz.traces(values, dt=2.0)
    assert len(ax.lines) == values.shape[1]
    for line, trace in zip(ax.lines, values.T, strict=True):
        time, drawn = line.get_data()
        np.testing.assert_array_equal(time, 2.0 * np.arange(len(values)))
        np.testing.assert_array_equal(drawn, trace)


def test_more_traces_are_a_median_and_a_band():
    values = np.random.default_rng(0).normal(size=(50, 1000))
    ax = viz.traces(values, threshold=2.5)
    median, threshold = ax.lines
    np.testing.assert_array_equal(median.get_ydata(), np.median(values, axis=1))
    assert set(np.asarray(threshold.get_ydata())) == {2.5}
    (band,) = ax.collections
    inside = band.get_paths()[0].get_extents()
    assert -2.5 < inside.y0 < -1.3 and 1.3 < inside.y1 < 2.5


def test_membrane_shows_what_it_is_given():
    potential, spikes = np.zeros((9, 2)), np.eye(9, 2)
    cases: Any = (
        ({}, 1),
        ({"current": potential}, 2),
        ({"spikes": spikes}, 2),
        ({"current": potential, "spikes": spikes, "refractory": spikes}, 3),
    )
    for given_, panels in cases:
        axes = viz.membrane(potential, **given_).axes
        assert len(axes) == panels
        assert axes[-1].get_xlabel() == "Time (ms)"
        assert not any(ax.get_xlabel() for ax in axes[:-1])


@pytest.mark.parametrize("spikes", [None, np.eye(9, 2)])
def test_refractory_steps_of_an_array_are_shaded(spikes):
    refractory = np.zeros((9, 2), int)
    refractory[3:5, 1] = 2, 1
    figure = viz.membrane(
        np.zeros((9, 2)), spikes=spikes, refractory=refractory, dt=0.5
    )
    ax: Any = figure.axes[-1]
    (image,) = ax.images
    shaded = ~np.ma.getmaskarray(image.get_array())
    np.testing.assert_array_equal(shaded.T, refractory > 0)
    assert list(image.get_extent()) == [*ax.get_xlim(), *ax.get_ylim()]


def test_compartments_are_named():
    figure = viz.compartments({"v (mV)": np.ones((5, 2)), "j (nA)": np.zeros(5)})
    assert [ax.get_ylabel() for ax in figure.axes] == ["v (mV)", "j (nA)"]
    assert [len(ax.lines) for ax in figure.axes] == [2, 1]
