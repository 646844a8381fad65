"""Where pictures are drawn. Never with pyplot, which has a state."""

import math
from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Array, Bool, Real
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator


AnyArray = Array | np.ndarray
History = Real[AnyArray, "time *neurons"] | Bool[AnyArray, "time *neurons"]

# Distinct to the colour-blind too (Okabe and Ito, 2008), but for the yellow, which is
# too light for lines.
BLACK, BLUE, VERMILION = "#000000", "#0072B2", "#D55E00"
PALETTE = (BLUE, VERMILION, "#009E73", "#CC79A7", "#E69F00", "#56B4E9", BLACK)

FEW = 20  # of which each has its own tick


def check_finite_positive(name: str, value: float | int) -> None:
    if not 0 < value < math.inf:
        raise ValueError(f"`{name}` must be positive and finite; got {value}.")


def new_figure(figsize: tuple[float, float]) -> Figure:
    return Figure(figsize=figsize, layout="compressed")


def axes_or_new(ax: Axes | None, figsize: tuple[float, float] = (6.4, 4.0)) -> Axes:
    return new_figure(figsize).add_subplot() if ax is None else ax


def panels(
    ax: Axes | None,
    rows: int,
    columns: int,
    figsize: tuple[float, float],
    *,
    share_x: bool = False,
    height_ratios: Sequence[float] | None = None,
) -> tuple[Figure, np.ndarray]:
    """A grid of axes, in a new figure or in the place of `ax`, which turns invisible.

    The current axes of its figure remain the same.
    """
    if ax is None:
        figure = new_figure(figsize)
        grid = figure.add_gridspec(rows, columns, height_ratios=height_ratios)
    else:
        figure, place = ax.get_figure(root=True), ax.get_subplotspec()
        if figure is None or place is None:
            raise ValueError(
                "`ax` must have a place in a grid, as `Figure.subplots` gives it; "
                "got one at a free position."
            )
        grid = place.subgridspec(rows, columns, height_ratios=height_ratios)
        ax.set_axis_off()
    current = None if ax is None else figure.gca()
    made = grid.subplots(sharex=share_x, squeeze=False)
    if current is not None:
        figure.sca(current)
    return figure, made


def add_colorbar(ax: Axes, colored: ScalarMappable, label: str) -> None:
    assert ax.figure is not None
    ax.figure.colorbar(colored, ax=ax, label=label)


def label_rows(ax: Axes, labels: Sequence[str]) -> None:
    """Names the rows 0, 1, ... of the vertical axis: each, or some if they are many."""
    ax.yaxis.set_major_locator(
        FixedLocator(range(len(labels)))
        if len(labels) <= FEW
        else MaxNLocator(nbins=8, integer=True)
    )
    ax.yaxis.set_major_formatter(FuncFormatter(lookup(labels)))
    ax.set(ylabel="Neuron", ylim=(-0.5, max(len(labels), 1) - 0.5))


def lookup(labels: Sequence[str]) -> Callable[[float, int | None], str]:
    """Formats a position by the label there."""

    def label(position, _):
        inside = position == int(position) and 0 <= position < len(labels)
        return labels[int(position)] if inside else ""

    return label


def chosen_neurons(
    history: AnyArray,
    names: Sequence[str] | None,
    indices: Sequence[int] | AnyArray | None,
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """The columns of the chosen neurons, their indices, and their labels."""
    rows = np.asarray(history)
    rows = rows.reshape(len(rows), int(np.prod(rows.shape[1:])))
    count = rows.shape[1]
    labels = per_neuron("names", names, count) or [str(i) for i in range(count)]
    chosen = np.arange(count) if indices is None else np.asarray(indices, int)
    if not np.all((chosen >= 0) & (chosen < count)):
        raise ValueError(
            f"`indices` must be from 0 to {count - 1}; got {chosen.tolist()}."
        )
    return rows[:, chosen], chosen, [labels[i] for i in chosen]


def per_neuron(argument: str, values: Sequence | None, count: int) -> list | None:
    if values is not None and len(values) != count:
        raise ValueError(
            f"`{argument}` must have one entry for each of the {count} neurons; "
            f"got {len(values)}."
        )
    return None if values is None else list(values)
