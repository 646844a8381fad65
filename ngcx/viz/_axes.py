"""The axes that pictures are drawn in, with their ticks, legends and colour bars.

A figure is made without `pyplot`, which would keep it in a global state.

Every function that draws is `@compiled(jit=False)`: its arguments are checked, but it
is not compiled, because matplotlib runs on the host and needs the numbers themselves.
"""

import math
import textwrap
from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
from jaxtyping import Array, Bool, Int, Real
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.cm import ScalarMappable
from matplotlib.colorbar import Colorbar
from matplotlib.figure import Figure
from matplotlib.textpath import TextPath
from matplotlib.ticker import FixedLocator, MaxNLocator

from .._typing import Must


AnyArray = Array | np.ndarray
Number = float | int | Real[AnyArray, ""]
History = Real[AnyArray, "time *neurons"] | Bool[AnyArray, "time *neurons"]
Indices = Sequence[int] | Int[AnyArray, "chosen"]
Milliseconds = Annotated[
    float | int, Must("positive and finite", lambda value: 0 < value < math.inf)
]

# The colour-blind can tell these apart too (Okabe and Ito, 2008). Their yellow is left
# out, because it is too light for lines.
BLACK, BLUE, VERMILION = "#000000", "#0072B2", "#D55E00"
PALETTE = (BLUE, VERMILION, "#009E73", "#CC79A7", "#E69F00", "#56B4E9", BLACK)

LABEL_SIZE = 9.0  # in points, of ticks and legends
FEW = 20  # So many rows or classes, and no more, have a tick each.


def axes_or_new(ax: Axes | None, figsize: tuple[float, float]) -> Axes:
    return _new_figure(figsize).add_subplot() if ax is None else ax


def _new_figure(figsize: tuple[float, float]) -> Figure:
    return Figure(figsize=figsize, layout="compressed")


def grid_shape(count: int, columns: int | None = None) -> tuple[int, int]:
    """The rows and columns of a grid, which is about square by default."""
    columns = min(columns or math.ceil(math.sqrt(count)), count)
    return math.ceil(count / columns), columns


def panels(
    ax: Axes | None,
    heights: Sequence[float],
    columns: int,
    figsize: tuple[float, float],
    share_x: bool = False,
) -> tuple[Figure, np.ndarray]:
    """A grid of axes, with rows of these relative heights, in a new figure or in the
    place of `ax`, which turns invisible.

    The current axes of the figure remain the same.
    """
    if ax is None:
        figure = _new_figure(figsize)
        grid = figure.add_gridspec(len(heights), columns, height_ratios=heights)
    else:
        figure, place = ax.get_figure(root=True), ax.get_subplotspec()
        if figure is None or place is None:
            raise ValueError(
                "`ax` must have a place in a grid, as `Figure.subplots` gives it; "
                "got one at a free position."
            )
        grid = place.subgridspec(len(heights), columns, height_ratios=heights)
        ax.set_axis_off()
    current = figure.gca() if figure.axes else None
    made = grid.subplots(sharex=share_x, squeeze=False)
    if current is not None:
        figure.sca(current)
    return figure, made


def add_colorbar(ax: Axes, colored: ScalarMappable, label: str) -> Colorbar:
    assert ax.figure is not None
    return ax.figure.colorbar(colored, ax=ax, label=label)


def add_legend(ax: Axes, grow: bool = False, **options: Any) -> None:
    """Adds a legend beside the picture, where it covers nothing and has its place.

    A figure of our own grows by it; in that of others the picture makes room.
    """
    figure = ax.get_figure(root=True)
    assert figure is not None
    handles = options.pop("handles", None) or ax.get_legend_handles_labels()[0]
    for handle in handles:
        handle.set_label(wrapped(str(handle.get_label())))
    lines = sum(str(handle.get_label()).count("\n") + 1 for handle in handles) + 1
    line = 1.5 * LABEL_SIZE * figure.dpi / 72
    height = figure.bbox.height if grow else ax.bbox.height
    columns = min(math.ceil(lines / max(0.88 * height / line, 1)), len(handles))
    legend = ax.legend(
        handles=handles,
        loc="upper left",
        bbox_to_anchor=(1, 1),
        ncols=max(columns, 1),
        alignment="left",
        frameon=False,
        fontsize=LABEL_SIZE,
        **options,
    )
    width = legend.get_window_extent().width / figure.dpi
    if grow:
        figure.set_figwidth(figure.get_figwidth() + width)
    elif figure.get_layout_engine() is None:
        place = ax.get_position()
        room = figure.get_figwidth() * (1 - place.x1)
        missing = max(width - room, 0) / figure.get_figwidth()
        shrunk = max(place.width - missing, place.width / 3)
        ax.set_position((place.x0, place.y0, shrunk, place.height))


def wrapped(name: str, width: int = 40) -> str:
    """A name in lines of so many characters."""
    return "\n".join(textwrap.wrap(name, width)) or name


def text_size(texts: Sequence[str], size: float) -> tuple[float, float]:
    """The width and height in inches that have room for the largest of these texts."""
    lines = [line for text in texts for line in text.splitlines()]
    extents = [TextPath((0, 0), line, size=size).get_extents() for line in lines]
    width = max((extent.x1 for extent in extents), default=0)
    rows = max((text.count("\n") + 1 for text in texts), default=1)
    return float(width) / 72, 1.2 * size * rows / 72


def say_left_out(ax: Axes, unknown: np.ndarray, things: str) -> None:
    """Says over the picture how many of these things are NaN or infinite, if any."""
    if unknown.any():
        text = left_out(unknown, things)
        ax.set_title(text, loc="right", size="small", color="0.4")


def left_out(unknown: np.ndarray, things: str) -> str:
    return f"{unknown.sum():,} of {unknown.size:,} {things} are not finite"


def label_ticks(axis: Axis, labels: Sequence[str]) -> None:
    """Names the positions 0, 1, ... of an axis: each, or some if they are many."""
    each = FixedLocator(range(len(labels)))
    some = MaxNLocator(nbins=8, integer=True)
    axis.set_major_locator(each if len(labels) <= FEW else some)
    label_at: dict[float, str] = dict(enumerate(map(wrapped, labels)))
    axis.set_major_formatter(lambda position, _: label_at.get(position, ""))


def known_values(values: AnyArray) -> tuple[np.ndarray, np.ndarray]:
    """The values in float64 with NaN for those that are not finite, and which are."""
    numbers = np.asarray(values).astype(np.float64)
    unknown = ~np.isfinite(numbers)
    return np.where(unknown, np.nan, numbers), unknown


def chosen_neurons(
    history: AnyArray, names: Sequence[str] | None, indices: Indices | None
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """The columns of the chosen neurons, their indices, and their labels."""
    rows = np.asarray(history)
    rows = rows.reshape(len(rows), math.prod(rows.shape[1:]))
    count = rows.shape[1]
    labels = labels_of(names, count, "neurons")
    chosen = np.arange(count) if indices is None else np.asarray(indices, int)
    if not np.all((chosen >= 0) & (chosen < count)):
        raise ValueError(
            f"`indices` must be from 0 to {count - 1}; got {chosen.tolist()}."
        )
    return rows[:, chosen], chosen, [labels[i] for i in chosen]


def labels_of(names: Sequence[str] | None, count: int, things: str) -> list[str]:
    """The names that are given, or else the indices."""
    names = [str(i) for i in range(count)] if names is None else names
    return one_each("names", names, count, things)


def one_each(argument: str, values: Sequence, count: int, things: str) -> list:
    """The values, of which there must be one for each thing."""
    if len(values) != count:
        raise ValueError(
            f"`{argument}` must have one entry for each of the {count} {things}; "
            f"got {len(values)}."
        )
    return list(values)
