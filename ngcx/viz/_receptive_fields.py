import math
from collections.abc import Sequence
from typing import Any, Literal

import matplotlib
import numpy as np
from jaxtyping import Real
from matplotlib.animation import FuncAnimation
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
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


PatchShape = tuple[int, int] | tuple[int, int, Literal[3]]


@compiled(jit=False)
def receptive_fields(
    weights: Real[AnyArray, "neurons pixels"],
    patch_shape: PatchShape,
    *,
    columns: Count | None = None,
    normalize: bool = False,
    order: Literal["C", "F"] = "C",
    ax: Axes | None = None,
) -> Axes:
    """Draws the weights of each neuron as an image, in a grid, row by row.

    Positive weights are red, negative ones blue, and zero is white. Weights that are
    not finite are grey, like the space between neurons, and the picture says how many
    they are. The index of a neuron is the sum of the numbers beside its row and below
    its column.

    Weights of coloured patches are drawn in colour. Red, green and blue are bright
    where their weight is positive and dark where it is negative, and zero is grey. The
    space between neurons is then white.

    **Arguments:**

    - `weights`: the weights, one neuron per row, as in `eqx.nn.Linear`.
    - `patch_shape`: the height and width of the patch that the pixels belong to,
        followed by 3 if each pixel has a red, a green and a blue value.
    - `columns`: the columns of the grid, which is about square by default.
    - `normalize`: whether to divide the weights of each neuron by their largest
        magnitude, so that the shapes of weak fields can be seen.
    - `order`: how the pixels follow each other: row after row (`"C"`) or column after
        column (`"F"`).
    - `ax`: where to draw; by default, in a new figure, which is the `.figure` of the
        axes that are returned.

    **Returns:** the axes.

    **Raises:** `ValueError` unless the patch has as many pixels as there are weights,
    or if there is no neuron.

    !!! example

        ```python
        >>> import jax.random as jr
        >>> from ngcx.viz import receptive_fields
        >>> ax = receptive_fields(jr.normal(jr.key(0), (9, 16)), (4, 4))
        >>> print(type(ax.figure).__name__)
        Figure

        ```
    """
    fields = _fields(weights, patch_shape, normalize, order)
    return _draw_first([fields], columns, normalize, ax).axes


@compiled(jit=False)
def macro_grid(
    banks: Sequence[Real[AnyArray, "_ _"]] | Real[AnyArray, "banks neurons pixels"],
    patch_shape: PatchShape | Sequence[PatchShape],
    *,
    columns: Count | None = None,
    names: Sequence[str] | None = None,
    normalize: bool = False,
    order: Literal["C", "F"] = "C",
    ax: Axes | None = None,
) -> Figure:
    """Draws the receptive fields of several banks of neurons, such as layers, columns
    or moments of training, as a grid of grids like those of
    [`ngcx.viz.receptive_fields`][], with one scale of colours.

    **Arguments:**

    - `banks`: the weights of each bank, one neuron per row.
    - `patch_shape`: the height and width of the patches of all banks, or of each.
    - `columns`: the columns of the outer grid, which is about square by default.
    - `names`: the titles of the banks; by default their indices.
    - `normalize`, `order`: as for [`ngcx.viz.receptive_fields`][].
    - `ax`: axes that the grid replaces; by default there is a new figure.

    **Returns:** the figure.

    **Raises:** `ValueError` as for [`ngcx.viz.receptive_fields`][], or unless there is
    one name or patch shape for each bank.

    !!! example

        ```python
        >>> import jax.random as jr
        >>> from ngcx.viz import macro_grid
        >>> banks = jr.normal(jr.key(0), (2, 9, 16))
        >>> figure = macro_grid(banks, (4, 4), names=["before", "after"])
        >>> print(type(figure).__name__)
        Figure

        ```
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
    label = _label(normalize, fields)
    figure.colorbar(_scale(limit, *fields), ax=list(axes.flat), label=label)
    return figure


@compiled(jit=False)
def animate_receptive_fields(
    history: Real[AnyArray, "frames neurons pixels"],
    patch_shape: PatchShape,
    *,
    interval: Milliseconds = 200,
    columns: Count | None = None,
    normalize: bool = False,
    order: Literal["C", "F"] = "C",
    ax: Axes | None = None,
) -> FuncAnimation:
    """Shows how receptive fields change, on one scale of colours.

    `animation.save("fields.gif", writer="pillow")` saves it as a file.

    **Arguments:**

    - `history`: the weights at each moment, one neuron per row.
    - `interval`: the time between two frames, in ms.
    - `patch_shape`, `columns`, `normalize`, `order`, `ax`: as for
        [`ngcx.viz.receptive_fields`][].

    **Returns:** the animation. Keep a reference to it as long as it plays.

    **Raises:** `ValueError` as for [`ngcx.viz.receptive_fields`][], or if there is no
    frame.

    !!! example

        ```python
        >>> import pathlib
        >>> import tempfile
        >>> import jax.random as jr
        >>> from ngcx.viz import animate_receptive_fields
        >>> history = jr.normal(jr.key(0), (3, 9, 16))
        >>> animation = animate_receptive_fields(history, (4, 4))
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "fields.gif"
        >>> animation.save(path, writer="pillow")

        ```
    """
    if not len(history):
        raise ValueError("`history` must have one frame or more; got 0.")
    frames = [_fields(weights, patch_shape, normalize, order) for weights in history]
    image = _draw_first(frames, columns, normalize, ax)
    ax, limit = image.axes, max(map(_limit, frames))

    def show(frame):
        image.set_data(_picture(frames[frame], columns, limit))
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


def _picture(fields: np.ndarray, columns: int | None, limit: float) -> np.ndarray:
    """One image of all fields, with space between them: weights, with NaN there, or
    colours.
    """
    count, height, width, *colors = fields.shape
    rows, columns = grid_shape(count, columns)
    canvas = np.full((rows * columns, height + 1, width + 1, *colors), np.nan)
    canvas[:count, :height, :width] = fields
    grid = canvas.reshape(rows, columns, *canvas.shape[1:]).swapaxes(1, 2)
    tiles = grid.reshape(rows * (height + 1), columns * (width + 1), *colors)[:-1, :-1]
    return np.nan_to_num(0.5 + tiles / (2 * limit), nan=1) if colors else tiles


def _limit(fields: np.ndarray) -> float:
    return np.abs(fields[np.isfinite(fields)]).max(initial=0) or 1.0


def _scale(limit: float, *banks: np.ndarray) -> Any:
    """What the colour bar shows: for coloured fields, how bright each colour is."""
    gray = all(bank.ndim == 4 for bank in banks)
    colors = matplotlib.colormaps["gray" if gray else "RdBu_r"]
    return ScalarMappable(Normalize(-limit, limit), colors.with_extremes(bad="0.75"))


def _draw_first(
    frames: Sequence[np.ndarray], columns: int | None, normalize: bool, ax: Axes | None
) -> AxesImage:
    """The first of several frames, with a colour bar, on the scale of all of them."""
    rows, columns = grid_shape(len(frames[0]), columns)
    side = min(max(3.0, 0.5 * columns), 8.0)
    ax = axes_or_new(ax, (side + 1.5, min(max(2.5, side * rows / columns), 10.0)))
    limit = max(map(_limit, frames))
    image = _draw(ax, frames[0], columns, limit)
    add_colorbar(ax, _scale(limit, frames[0]), _label(normalize, frames))
    return image


def _draw(ax: Axes, fields: np.ndarray, columns: int | None, limit: float) -> AxesImage:
    count, height, width, *_ = fields.shape
    rows, columns = grid_shape(count, columns)
    scale, tiles = _scale(limit, fields), _picture(fields, columns, limit)
    image = ax.imshow(tiles, cmap=scale.cmap, norm=scale.norm)
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
