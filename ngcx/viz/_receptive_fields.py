import math
from collections.abc import Sequence
from typing import Any, Literal

import matplotlib
import numpy as np
from jaxtyping import Real
from matplotlib.animation import FuncAnimation
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from .._compiled import compiled
from .._typing import Count
from ._axes import (
    AnyArray,
    Milliseconds,
    add_colorbar,
    axes_or_new,
    grid_shape,
    known_values,
    left_out,
    one_each,
    panels,
    wrapped,
)


@compiled(jit=False)
def receptive_fields(
    weights: Real[AnyArray, "neurons pixels"],
    patch_shape: tuple[int, int],
    *,
    columns: Count | None = None,
    normalize: bool = False,
    order: Literal["C", "F"] = "C",
    ax: Axes | None = None,
) -> Axes:
    """Draws the weights of each neuron as an image, in a grid, row by row.

    Positive weights are red, negative ones blue, and zero is white. Those that are not
    finite are grey, as the space between neurons is, and their number is said. The
    number of a neuron is the sum of those beside its row and below its column.

    **Arguments:**

    - `weights`: the weights, one neuron a row, as in `eqx.nn.Linear`.
    - `patch_shape`: the height and width of the patch that the pixels belong to.
    - `columns`: the columns of the grid, which is about square by default.
    - `normalize`: whether to divide the weights of each neuron by the largest of their
        magnitudes, so that the shapes of weak fields can be seen.
    - `order`: how the pixels follow each other: row after row (`"C"`) or column after
        column (`"F"`).
    - `ax`: where to draw; by default in a new figure, `.figure` of what is returned.

    **Returns:** the axes.

    **Raises:** `ValueError` if the patch has not as many pixels as there are weights,
    or there is no neuron.
    """
    fields = _fields(weights, patch_shape, normalize, order)
    rows, columns = grid_shape(len(fields), columns)
    side = min(max(3.0, 0.5 * columns), 8.0)
    ax = axes_or_new(ax, (side + 1.5, min(max(2.5, side * rows / columns), 10.0)))
    image = _draw(ax, fields, columns, _limit(fields))
    add_colorbar(ax, image, _label(normalize, [fields]))
    return ax


@compiled(jit=False)
def macro_grid(
    banks: Sequence[Real[AnyArray, "_ _"]] | Real[AnyArray, "banks neurons pixels"],
    patch_shape: tuple[int, int] | Sequence[tuple[int, int]],
    *,
    columns: Count | None = None,
    names: Sequence[str] | None = None,
    normalize: bool = False,
    order: Literal["C", "F"] = "C",
    ax: Axes | None = None,
) -> Figure:
    """Draws the receptive fields of several banks of neurons, such as layers, columns
    or moments of training, as a grid of the grids of
    [`ngcx.viz.receptive_fields`][], with one scale of colours.

    **Arguments:**

    - `banks`: the weights of each bank, one neuron a row.
    - `patch_shape`: the height and width of the patches of all banks, or of each.
    - `columns`: the columns of the outer grid, which is about square by default.
    - `names`: the titles of the banks; by default their indices.
    - `normalize`, `order`: as for [`ngcx.viz.receptive_fields`][].
    - `ax`: the axes whose place the grid takes; by default there is a new figure.

    **Returns:** the figure.

    **Raises:** `ValueError` as for [`ngcx.viz.receptive_fields`][], or if there is not
    one name or patch shape for each bank.
    """
    count = len(banks)
    if not count:
        raise ValueError("`banks` must be one or more; got 0.")
    one_shape = isinstance(patch_shape[0], int)
    shapes = [patch_shape] * count if one_shape else patch_shape
    one_each("patch_shape", shapes, count, "banks")
    titles = [f"Bank {i}" for i in range(count)] if names is None else names
    one_each("names", titles, count, "banks")
    pairs = zip(banks, shapes, strict=True)
    fields = [_fields(*pair, normalize, order) for pair in pairs]
    rows, columns = grid_shape(count, columns)
    side = min(3.0, 12.0 / columns)
    size = (side * columns + 1, side * rows)
    figure, axes = panels(ax, [1.0] * rows, columns, size)
    limit = max(map(_limit, fields))
    for i, (panel, bank) in enumerate(zip(axes.flat, fields, strict=False)):
        _draw(panel, bank, None, limit)
        panel.set_title(wrapped(titles[i], max(int(10 * side), 8)))
        if i % columns:
            panel.set_ylabel("")
        if i + columns < count:
            panel.set_xlabel("")
    for panel in axes.flat[count:]:
        panel.set_axis_off()
    image = axes.flat[0].images[0]
    figure.colorbar(image, ax=list(axes.flat), label=_label(normalize, fields))
    return figure


@compiled(jit=False)
def animate_receptive_fields(
    history: Real[AnyArray, "frames neurons pixels"],
    patch_shape: tuple[int, int],
    *,
    interval: Milliseconds = 200,
    columns: Count | None = None,
    normalize: bool = False,
    order: Literal["C", "F"] = "C",
    ax: Axes | None = None,
) -> FuncAnimation:
    """Shows how receptive fields change, on one scale of colours.

    `animation.save("fields.gif", writer="pillow")` makes a file of it.

    **Arguments:**

    - `history`: the weights of each moment, one neuron a row.
    - `interval`: the time between two frames, in ms.
    - `patch_shape`, `columns`, `normalize`, `order`, `ax`: as for
        [`ngcx.viz.receptive_fields`][].

    **Returns:** the animation, which is to be kept as long as it plays.

    **Raises:** `ValueError` as for [`ngcx.viz.receptive_fields`][], or if there is no
    frame.
    """
    if not len(history):
        raise ValueError("`history` must have one frame or more; got 0.")
    frames = [_fields(weights, patch_shape, normalize, order) for weights in history]
    look: Any = {"columns": columns, "normalize": normalize, "order": order}
    ax = receptive_fields(history[0], patch_shape, **look, ax=ax)
    image = ax.images[-1]
    limit = max(map(_limit, frames))
    image.set_clim(-limit, limit)
    assert image.colorbar is not None
    image.colorbar.set_label(_label(normalize, frames))

    def show(frame):
        image.set_data(_tile(frames[frame], columns))
        ax.set_title(f"{frame + 1} of {len(frames)}")
        return (image,)

    figure = ax.get_figure(root=True)
    assert figure is not None
    return FuncAnimation(figure, show, len(frames), interval=interval)


def _fields(weights, patch_shape, normalize, order) -> np.ndarray:
    """The weights as (neurons, height, width)."""
    fields, _ = known_values(weights)
    count, pixels = fields.shape
    if not count:
        raise ValueError("`weights` must be those of one neuron or more; got 0.")
    if min(patch_shape) < 1 or math.prod(patch_shape) != pixels:
        raise ValueError(
            f"`patch_shape` must have the {pixels} pixels that each neuron has "
            f"weights for; got {patch_shape}."
        )
    if normalize:
        magnitudes = np.nan_to_num(np.abs(fields))
        largest = magnitudes.max(axis=1, keepdims=True, initial=0)
        fields = fields / np.where(largest == 0, 1, largest)
    return np.stack([np.reshape(field, patch_shape, order=order) for field in fields])


def _tile(fields: np.ndarray, columns: int | None) -> np.ndarray:
    """One image of all fields, with NaN between them."""
    count, height, width = fields.shape
    rows, columns = grid_shape(count, columns)
    canvas = np.full((rows * columns, height + 1, width + 1), np.nan)
    canvas[:count, :height, :width] = fields
    grid = canvas.reshape(rows, columns, height + 1, width + 1).swapaxes(1, 2)
    return grid.reshape(rows * (height + 1), columns * (width + 1))[:-1, :-1]


def _limit(fields: np.ndarray) -> float:
    return np.abs(fields[np.isfinite(fields)]).max(initial=0) or 1.0


def _draw(ax: Axes, fields: np.ndarray, columns: int | None, limit: float) -> AxesImage:
    count, height, width = fields.shape
    rows, columns = grid_shape(count, columns)
    cmap = matplotlib.colormaps["RdBu_r"].with_extremes(bad="0.75")
    image = ax.imshow(_tile(fields, columns), cmap=cmap, vmin=-limit, vmax=limit)
    # About ten numbers fit on each side.
    across = range(0, columns, math.ceil(columns / 10))
    down = range(0, rows, math.ceil(rows / 10))
    ax.set_xticks([i * (width + 1) + (width - 1) / 2 for i in across], map(str, across))
    ax.set_yticks(
        [i * (height + 1) + (height - 1) / 2 for i in down],
        [str(i * columns) for i in down],
    )
    ax.tick_params(length=0)
    ax.set(xlabel="Neuron, column", ylabel="Neuron, first of row")
    return image


def _label(normalize: bool, banks: Sequence[np.ndarray]) -> str:
    """What the colours are, and how many of the weights have none."""
    label = "Weight / largest of the neuron" if normalize else "Weight (a.u.)"
    unknown = np.concatenate([np.isnan(fields).ravel() for fields in banks])
    return label + (f"\n{left_out(unknown, 'weights')}" if unknown.any() else "")
