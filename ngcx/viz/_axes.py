"""The axes that pictures are drawn in, with their ticks, legends and colour bars.

A figure is made without `pyplot`, which would keep it in a global state.

Every function that draws is `@compiled(jit=False)`: its arguments are checked, but it
is not compiled, because matplotlib runs on the host and needs the numbers themselves.
"""

import math
from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
from jaxtyping import Array, Bool, Int, Real
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
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


def add_colorbar(ax: Axes, colored: ScalarMappable, label: str) -> None:
    assert ax.figure is not None
    ax.figure.colorbar(colored, ax=ax, label=label)


def add_legend(ax: Axes, **options: Any) -> None:
    """Adds a legend beside the picture, where it covers nothing."""
    place = {"loc": "upper left", "bbox_to_anchor": (1, 1)}
    ax.legend(alignment="left", frameon=False, **place, **options)


def label_ticks(axis: Axis, labels: Sequence[str]) -> None:
    """Names the positions 0, 1, ... of an axis: each, or some if they are many."""
    each = FixedLocator(range(len(labels)))
    some = MaxNLocator(nbins=8, integer=True)
    axis.set_major_locator(each if len(labels) <= FEW else some)
    label_at: dict[float, str] = dict(enumerate(labels))
    axis.set_major_formatter(lambda position, _: label_at.get(position, ""))


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
