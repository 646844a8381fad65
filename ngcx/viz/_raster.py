import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import is_color_like, to_hex
from matplotlib.lines import Line2D
from matplotlib.typing import ColorType

from .._compiled import compiled
from ._axes import (
    BLACK,
    BLUE,
    VERMILION,
    History,
    Indices,
    Milliseconds,
    add_legend,
    axes_or_new,
    chosen_neurons,
    label_ticks,
    one_each,
)


@compiled(jit=False)
def raster(
    spikes: History,
    *,
    dt: Milliseconds = 1.0,
    names: Sequence[str] | None = None,
    indices: Indices | None = None,
    colors: str | Sequence[ColorType] = BLACK,
    ax: Axes | None = None,
) -> Axes:
    """Draws a mark for each spike, by time and neuron.

    **Arguments:**

    - `spikes`: not 0 where a neuron spikes: numbers or Booleans. All axes but the first
        are neurons, in C order; an array of time alone is of one neuron.
    - `dt`: the length of a time step in ms.
    - `names`: the names of all neurons; by default their indices. Up to 20 rows are
        named each, more of them at intervals.
    - `indices`: the neurons to draw, from bottom to top; by default all.
    - `colors`: the name of one colour for all, or one for each of all neurons.
    - `ax`: where to draw; by default in a new figure, `.figure` of what is returned.

    **Returns:** the axes.

    **Raises:** `ValueError` for an index that is no neuron's, or if there is not one
    name or colour for each neuron.
    """
    shown, chosen, labels = chosen_neurons(spikes, names, indices)
    for color in [colors] if isinstance(colors, str) else colors:
        if not is_color_like(color):
            raise ValueError(f"`colors` must be those of matplotlib; got {color!r}.")
    ax = _prepare(ax, len(shown), labels, dt)
    if isinstance(colors, str):
        _mark(ax, shown != 0, dt, colors)
        return ax
    one_each("colors", colors, math.prod(spikes.shape[1:]), "neurons")
    row_colors = np.array([to_hex(colors[i], keep_alpha=True) for i in chosen])
    # Each colour has one artist, because one for each spike would be slow to draw.
    for color in np.unique(row_colors):
        _mark(ax, (shown != 0) & (row_colors == color), dt, str(color))
    return ax


@compiled(jit=False)
def spike_comparison(
    spikes: History,
    targets: History,
    *,
    dt: Milliseconds = 1.0,
    names: Sequence[str] | None = None,
    indices: Indices | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draws spikes over those that there should have been: the correct ones in black,
    those that are missed in blue, and the extra ones in orange, with their numbers.

    **Arguments:**

    - `spikes`: not 0 where a neuron spikes, as for [`ngcx.viz.raster`][].
    - `targets`: not 0 where it should.
    - `dt`, `names`, `indices`, `ax`: as for [`ngcx.viz.raster`][].

    **Returns:** the axes.

    **Raises:** `ValueError` for an index that is no neuron's, or if there is not one
    name for each neuron.
    """
    shown, _, labels = chosen_neurons(spikes, names, indices)
    wanted = chosen_neurons(targets, names, indices)[0] != 0
    there = shown != 0
    ax = _prepare(ax, len(shown), labels, dt)
    handles = []
    for kind, marks, color in (
        ("correct", there & wanted, BLACK),
        ("missed", wanted & ~there, BLUE),
        ("extra", there & ~wanted, VERMILION),
    ):
        _mark(ax, marks, dt, color)
        # The legend has marks of its own, as those of many neurons are too small.
        style = {"marker": "|", "linestyle": "none", "markersize": 8, "color": color}
        handles.append(Line2D([], [], label=f"{kind} ({marks.sum():,})", **style))
    add_legend(ax, handles=handles)
    return ax


def _prepare(ax: Axes | None, steps: int, labels: Sequence[str], dt: float) -> Axes:
    ax = axes_or_new(ax, (8.0, min(max(2.0, 1.0 + 0.2 * len(labels)), 6.0)))
    label_ticks(ax.yaxis, labels)
    ax.set(xlabel="Time (ms)", xlim=(-0.5 * dt, (max(steps, 1) - 0.5) * dt))
    ax.set(ylabel="Neuron", ylim=(-0.5, max(len(labels), 1) - 0.5))
    return ax


def _mark(ax: Axes, marks: np.ndarray, dt: float, color: str) -> None:
    """Draws a vertical mark wherever `marks`, of shape (time, rows), is true."""
    steps, rows = marks.shape
    assert ax.figure is not None
    points = 72 / ax.figure.dpi
    # A mark is up to a row high and a step wide, yet visible. Its size is fixed, since
    # that is drawn ten times faster than lines in the coordinates of the data.
    height = np.clip(0.8 * points * ax.bbox.height / max(rows, 1), 1.0, 20.0)
    width = np.clip(points * ax.bbox.width / max(steps, 1), 0.4, 1.5)
    time, row = np.nonzero(marks)
    ax.plot(time * dt, row, "|", color=color, markersize=height, markeredgewidth=width)
