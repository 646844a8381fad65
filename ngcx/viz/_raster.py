import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import is_color_like, to_hex, to_rgba
from matplotlib.lines import Line2D
from matplotlib.typing import ColorType

from .._compiled import compiled
from ._axes import (
    BLACK,
    BLUE,
    FEW,
    LABEL_SIZE,
    VERMILION,
    History,
    Indices,
    Milliseconds,
    add_legend,
    axes_or_new,
    chosen_neurons,
    label_ticks,
    one_each,
    say_left_out,
    text_size,
    wrapped,
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

    Where marks would cover each other, because there are more neurons or steps than
    fit, the depth of the colour is the fraction of spikes instead. Values that are not
    finite are left out, and their number is said.

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
    if not isinstance(colors, str):
        one_each("colors", colors, math.prod(spikes.shape[1:]), "neurons")
    ax = _prepare(ax, len(shown), labels, dt)
    known = np.isfinite(shown)
    say_left_out(ax, ~known, "values")
    there = known & (shown != 0)
    if isinstance(colors, str):
        _mark(ax, there, dt, colors)
        return ax
    row_colors = np.array([to_hex(colors[i], keep_alpha=True) for i in chosen])
    # Each colour has one artist, because one for each spike would be slow to draw.
    for color in np.unique(row_colors):
        _mark(ax, there & (row_colors == color), dt, str(color))
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
    wanted, _, _ = chosen_neurons(targets, names, indices)
    new, ax = ax is None, _prepare(ax, len(shown), labels, dt)
    known = np.isfinite(shown) & np.isfinite(wanted)
    say_left_out(ax, ~known, "values")
    there, wanted = known & (shown != 0), known & (wanted != 0)
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
    add_legend(ax, new, handles=handles)
    return ax


def _prepare(ax: Axes | None, steps: int, labels: Sequence[str], dt: float) -> Axes:
    if ax is None:
        shown = [wrapped(label) for label in labels] if len(labels) <= FEW else []
        width, height = text_size(shown, LABEL_SIZE)
        rows = max(0.2, 1.1 * height) * len(shown) if shown else 5.0
        ax = axes_or_new(None, (7.6 + width, max(2.0, 1.0 + rows)))
    label_ticks(ax.yaxis, labels)
    ax.tick_params(axis="y", labelsize=LABEL_SIZE)
    ax.set(xlabel="Time (ms)", xlim=(-0.5 * dt, (max(steps, 1) - 0.5) * dt))
    ax.set(ylabel="Neuron", ylim=(-0.5, max(len(labels), 1) - 0.5))
    return ax


def _mark(ax: Axes, marks: np.ndarray, dt: float, color: str) -> None:
    """Draws a vertical mark wherever `marks`, of shape (time, rows), is true."""
    steps, rows = marks.shape
    assert ax.figure is not None
    points = 72 / ax.figure.dpi
    row = points * ax.bbox.height / max(rows, 1)
    step = points * ax.bbox.width / max(steps, 1)
    # A mark is up to a row high and a step wide, yet visible. Its size is fixed, since
    # that is drawn ten times faster than lines in the coordinates of the data.
    height, width = np.clip(0.8 * row, 1.0, 20.0), np.clip(step, 0.5, 1.5)
    # Marks that are larger than their places would make many spikes of few.
    excess = max(height / row, 1) * max(width / step, 1)
    if excess > 1 and excess * marks.mean() > 0.05:
        _shade(ax, marks, color)
        return
    time, row = np.nonzero(marks)
    look = {"markersize": height, "markeredgewidth": width}
    ax.plot(time * dt, row, "|", color=color, **look)


def _shade(ax: Axes, marks: np.ndarray, color: str) -> None:
    """Draws the fraction of spikes in each dot as the depth of its colour."""
    steps, rows = marks.shape
    wide, high = min(steps, int(ax.bbox.width)), min(rows, int(ax.bbox.height))
    left, low = np.arange(wide) * steps // wide, np.arange(high) * rows // high
    counts = np.add.reduceat(marks.astype(int), left, axis=0)
    counts = np.add.reduceat(counts, low, axis=1)
    sizes = np.diff(left, append=steps)[:, None] * np.diff(low, append=rows)
    shades = np.empty((high, wide, 4))
    shades[:] = to_rgba(color)
    shades[..., 3] *= (counts / sizes).T
    limits = (*ax.get_xlim(), *ax.get_ylim())
    ax.imshow(shades, aspect="auto", origin="lower", extent=limits, zorder=1)
