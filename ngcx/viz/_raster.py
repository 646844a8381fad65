from collections.abc import Sequence

import numpy as np
from jaxtyping import Int
from matplotlib.axes import Axes
from matplotlib.colors import is_color_like, to_hex
from matplotlib.lines import Line2D
from matplotlib.typing import ColorType

from .._typing import typed
from ._axes import (
    BLACK,
    BLUE,
    VERMILION,
    AnyArray,
    History,
    axes_or_new,
    check_finite_positive,
    chosen_neurons,
    label_rows,
    per_neuron,
)


@typed
def raster(
    spikes: History,
    *,
    dt: float | int = 1.0,
    names: Sequence[str] | None = None,
    indices: Sequence[int] | Int[AnyArray, "chosen"] | None = None,
    colors: str | Sequence[ColorType] = BLACK,
    ax: Axes | None = None,
) -> Axes:
    """Draws a mark for each spike, by time and neuron.

    **Arguments:**

    - `spikes`: not 0 where a neuron spikes: numbers or Booleans. All axes but the first
        are neurons, in C order; an array of time alone is of one neuron.
    - `dt`: the length of a time step in ms.
    - `names`: of all neurons; by default their indices. Up to 20 rows are named each,
        more of them at intervals.
    - `indices`: of the neurons to draw, from bottom to top; by default all.
    - `colors`: the name of one colour for all, or one for each of all neurons.
    - `ax`: where to draw; by default in a new figure, `.figure` of what is returned.

    **Returns:** the axes.

    **Raises:** `ValueError` for an index that is no neuron's, or if there is not one
    name or colour a neuron.
    """
    check_finite_positive("dt", dt)
    shown, chosen, labels = chosen_neurons(spikes, names, indices)
    for color in [colors] if isinstance(colors, str) else colors:
        if not is_color_like(color):
            raise ValueError(f"`colors` must be those of matplotlib; got {color!r}.")
    ax = _prepare(ax, len(shown), labels, dt)
    if isinstance(colors, str):
        _mark(ax, shown != 0, dt, colors)
        return ax
    all_colors = per_neuron("colors", colors, int(np.prod(spikes.shape[1:]))) or []
    row_colors = np.array([to_hex(all_colors[i], keep_alpha=True) for i in chosen])
    # One artist a colour, because one a spike would be slow to draw.
    for color in np.unique(row_colors):
        _mark(ax, (shown != 0) & (row_colors == color), dt, str(color))
    return ax


@typed
def spike_comparison(
    spikes: History,
    targets: History,
    *,
    dt: float | int = 1.0,
    names: Sequence[str] | None = None,
    indices: Sequence[int] | Int[AnyArray, "chosen"] | None = None,
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
    name a neuron.
    """
    check_finite_positive("dt", dt)
    shown, _, labels = chosen_neurons(spikes, names, indices)
    wanted = chosen_neurons(targets, names, indices)[0] != 0
    there = shown != 0
    ax = _prepare(ax, len(shown), labels, dt)
    kinds = (
        ("correct", there & wanted, BLACK),
        ("missed", wanted & ~there, BLUE),
        ("extra", there & ~wanted, VERMILION),
    )
    handles = []
    for kind, marks, color in kinds:
        _mark(ax, marks, dt, color)
        # Marks of its own, as those of many neurons are too small for a legend.
        style = {"marker": "|", "linestyle": "none", "markersize": 8, "color": color}
        handles.append(Line2D([], [], label=f"{kind} ({marks.sum():,})", **style))
    ax.legend(
        handles=handles,
        loc="upper left",
        bbox_to_anchor=(1, 1),
        frameon=False,
    )
    return ax


def _prepare(ax: Axes | None, steps: int, labels: Sequence[str], dt: float) -> Axes:
    ax = axes_or_new(ax, (8.0, min(max(2.0, 1.0 + 0.2 * len(labels)), 6.0)))
    label_rows(ax, labels)
    ax.set(xlabel="Time (ms)", xlim=(-0.5 * dt, (max(steps, 1) - 0.5) * dt))
    return ax


def _mark(ax: Axes, marks: np.ndarray, dt: float, color: str) -> None:
    """Draws a vertical mark wherever `marks`, of (time, rows), is true."""
    steps, rows = marks.shape
    assert ax.figure is not None
    points = 72 / ax.figure.dpi
    # Up to a row high and a step wide, yet visible: marks of fixed size are drawn an
    # order of magnitude faster than lines in the coordinates of the data.
    height = np.clip(0.8 * points * ax.bbox.height / max(rows, 1), 1.0, 20.0)
    width = np.clip(points * ax.bbox.width / max(steps, 1), 0.4, 1.5)
    time, row = np.nonzero(marks)
    ax.plot(
        time * dt,
        row,
        linestyle="none",
        marker="|",
        markersize=float(height),
        markeredgewidth=float(width),
        color=color,
    )
