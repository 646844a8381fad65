import math
from collections.abc import Sequence
from typing import Literal

import matplotlib
import numpy as np
from jaxtyping import Real
from matplotlib.animation import FuncAnimation
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from .._checks import check_count
from .._typing import typed
from ._axes import AnyArray, add_colorbar, axes_or_new, check_finite_positive, panels


@typed
def receptive_fields(
    weights: Real[AnyArray, "neurons pixels"],
    patch_shape: tuple[int, int],
    *,
    columns: int | None = None,
    normalize: bool = False,
    order: Literal["C", "F"] = "C",
    ax: Axes | None = None,
) -> Axes:
    """Draws the weights of each neuron as an image, in a grid, row by row.

    Positive weights are red, negative ones blue, and zero is white. The number of a
    neuron is the sum of those beside its row and below its column.

    **Arguments:**

    - `weights`: one neuron a row, as in `eqx.nn.Linear`.
    - `patch_shape`: the height and width of the patch that the pixels are of.
    - `columns`: of the grid; by default as many as make it about square.
    - `normalize`: whether to divide the weights of each neuron by the largest of their
        magnitudes, so that the shapes of weak fields can be seen.
    - `order`: of the pixels: row after row (`"C"`) or column after column (`"F"`).
    - `ax`: where to draw; by default in a new figure, `.figure` of what is returned.

    **Returns:** the axes.

    **Raises:** `ValueError` if the patch has not as many pixels as there are weights,
    or there is no neuron.
    """
    fields = _fields(weights, patch_shape, normalize, order)
    columns = _columns(len(fields), columns)
    side = min(max(3.0, 0.5 * columns), 8.0)
    rows = math.ceil(len(fields) / columns)
    ax = axes_or_new(ax, (side + 1.5, min(max(2.5, side * rows / columns), 10.0)))
    image = _draw(ax, fields, columns, _limit(fields))
    add_colorbar(ax, image, _label(normalize))
    return ax


@typed
def macro_grid(
    banks: Sequence[Real[AnyArray, "_ _"]] | Real[AnyArray, "banks neurons pixels"],
    patch_shape: tuple[int, int] | Sequence[tuple[int, int]],
    *,
    columns: int | None = None,
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
    - `columns`: of the outer grid; by default as many as make it about square.
    - `names`: of the banks, for their titles; by default their indices.
    - `normalize`, `order`: as for [`ngcx.viz.receptive_fields`][].
    - `ax`: whose place the grid takes; by default there is a new figure.

    **Returns:** the figure.

    **Raises:** `ValueError` as for [`ngcx.viz.receptive_fields`][], or if there is not
    one name or patch shape a bank.
    """
    count = len(banks)
    if not count:
        raise ValueError("`banks` must be one or more; got 0.")
    shapes = list(patch_shape)
    if isinstance(shapes[0], int):
        shapes = [patch_shape] * count
    titles = [f"Bank {i}" for i in range(count)] if names is None else names
    for argument, given in (("patch_shape", shapes), ("names", titles)):
        if len(given) != count:
            raise ValueError(
                f"`{argument}` must have one entry for each of the {count} banks; "
                f"got {len(given)}."
            )
    fields = [
        _fields(bank, shape, normalize, order)
        for bank, shape in zip(banks, shapes, strict=True)
    ]
    columns = _columns(count, columns)
    rows = math.ceil(count / columns)
    side = min(3.0, 12.0 / columns)
    figure, axes = panels(ax, rows, columns, (side * columns + 1, side * rows))
    limit = max(map(_limit, fields))
    images = []
    for i, (panel, bank) in enumerate(zip(axes.flat, fields, strict=False)):
        images.append(_draw(panel, bank, _columns(len(bank)), limit))
        panel.set_title(titles[i])
        if i % columns:
            panel.set_ylabel("")
        if i + columns < count:
            panel.set_xlabel("")
    for panel in axes.flat[count:]:
        panel.set_axis_off()
    figure.colorbar(images[0], ax=list(axes.flat), label=_label(normalize))
    return figure


@typed
def animate_receptive_fields(
    history: Real[AnyArray, "frames neurons pixels"],
    patch_shape: tuple[int, int],
    *,
    interval: float | int = 200,
    columns: int | None = None,
    normalize: bool = False,
    order: Literal["C", "F"] = "C",
    ax: Axes | None = None,
) -> FuncAnimation:
    """Shows how receptive fields change, on one scale of colours.

    `animation.save("fields.gif", writer="pillow")` makes a file of it.

    **Arguments:**

    - `history`: the weights of each moment, one neuron a row.
    - `interval`: between two frames, in ms.
    - `patch_shape`, `columns`, `normalize`, `order`, `ax`: as for
        [`ngcx.viz.receptive_fields`][].

    **Returns:** the animation, which is to be kept as long as it plays.

    **Raises:** `ValueError` as for [`ngcx.viz.receptive_fields`][], or if there is no
    frame.
    """
    check_finite_positive("interval", interval)
    if not len(history):
        raise ValueError("`history` must have one frame or more; got 0.")
    frames = [_fields(weights, patch_shape, normalize, order) for weights in history]
    ax = receptive_fields(
        history[0],
        patch_shape,
        columns=columns,
        normalize=normalize,
        order=order,
        ax=ax,
    )
    image = ax.images[-1]
    limit = max(map(_limit, frames))
    image.set_clim(-limit, limit)

    def show(frame):
        image.set_data(_tile(frames[frame], _columns(len(frames[frame]), columns)))
        ax.set_title(f"{frame + 1} of {len(frames)}")
        return (image,)

    figure = ax.get_figure(root=True)
    assert figure is not None
    return FuncAnimation(figure, show, len(frames), interval=interval)


def _fields(weights, patch_shape, normalize, order) -> np.ndarray:
    """The weights as (neurons, height, width)."""
    fields = np.asarray(weights, np.float64)
    count, pixels = fields.shape
    if not count:
        raise ValueError("`weights` must be those of one neuron or more; got 0.")
    if min(patch_shape) < 1 or math.prod(patch_shape) != pixels:
        raise ValueError(
            f"`patch_shape` must have the {pixels} pixels that each neuron has "
            f"weights for; got {patch_shape}."
        )
    if normalize:
        largest = np.abs(fields).max(axis=1, keepdims=True)
        fields = fields / np.where(largest == 0, 1, largest)
    return np.stack([np.reshape(field, patch_shape, order=order) for field in fields])


def _columns(count: int, columns: int | None = None) -> int:
    check_count("columns", columns)
    return min(columns or math.ceil(math.sqrt(count)), count)


def _tile(fields: np.ndarray, columns: int) -> np.ndarray:
    """One image of all fields, with NaN between them."""
    count, height, width = fields.shape
    rows = math.ceil(count / columns)
    canvas = np.full((rows * columns, height + 1, width + 1), np.nan)
    canvas[:count, :height, :width] = fields
    grid = canvas.reshape(rows, columns, height + 1, width + 1).swapaxes(1, 2)
    return grid.reshape(rows * (height + 1), columns * (width + 1))[:-1, :-1]


def _limit(fields: np.ndarray) -> float:
    return np.abs(fields[np.isfinite(fields)]).max(initial=0) or 1.0


def _draw(ax: Axes, fields: np.ndarray, columns: int, limit: float) -> AxesImage:
    count, height, width = fields.shape
    cmap = matplotlib.colormaps["RdBu_r"].with_extremes(bad="0.75")
    image = ax.imshow(_tile(fields, columns), cmap=cmap, vmin=-limit, vmax=limit)
    # About ten numbers a side.
    every = math.ceil(columns / 10)
    across = range(0, columns, every)
    down = range(0, math.ceil(count / columns), math.ceil(count / columns / 10))
    ax.set_xticks([i * (width + 1) + (width - 1) / 2 for i in across], map(str, across))
    ax.set_yticks(
        [i * (height + 1) + (height - 1) / 2 for i in down],
        [str(i * columns) for i in down],
    )
    ax.tick_params(length=0)
    ax.set(xlabel="Neuron, column", ylabel="Neuron, first of row")
    return image


def _label(normalize: bool) -> str:
    return "Weight / largest of the neuron" if normalize else "Weight (a.u.)"
