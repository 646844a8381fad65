from collections.abc import Sequence
from typing import Literal

import matplotlib
import numpy as np
from jaxtyping import Real
from matplotlib.axes import Axes

from .._compiled import compiled
from ._axes import (
    FEW,
    LABEL_SIZE,
    AnyArray,
    add_colorbar,
    axes_or_new,
    known_values,
    label_ticks,
    labels_of,
    say_left_out,
    text_size,
    wrapped,
)


NUMBER_SIZE, SMALLEST_SIZE = 8.0, 4.0  # in points


@compiled(jit=False)
def confusion(
    matrix: Real[AnyArray, "classes classes"],
    *,
    normalize: Literal["row", "column"] | None = None,
    names: Sequence[str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draws a confusion matrix as a heat map, with the number in each cell.

    The numbers are left out if there are more than 20 classes, or if they cannot be
    read in the space of `ax`. Entries that are not finite are grey, and the picture
    says how many they are.

    **Arguments:**

    - `matrix`: how many samples of each class (rows) were predicted as each class
        (columns), as in [`ngcx.metrics.ClassificationReport`][].
    - `normalize`: None for the counts; `"row"` for the fractions of each true class,
        with the recall on the diagonal; `"column"` for the fractions of each predicted
        class, with the precision on the diagonal. A row or column of zeros stays zero.
    - `names`: one name for each class; by default their indices.
    - `ax`: where to draw; by default, in a new figure, which is the `.figure` of the
        axes that are returned.

    **Returns:** the axes.

    **Raises:** `ValueError` unless there is one name for each class.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> from ngcx.viz import confusion
        >>> ax = confusion(jnp.array([[8, 2], [1, 9]]), names=["cat", "dog"])
        >>> print([text.get_text() for text in ax.texts])
        ['8', '2', '1', '9']

        ```
    """
    counts = np.asarray(matrix)
    cells, unknown = known_values(counts)
    classes = len(cells)
    labels = [wrapped(name) for name in labels_of(names, classes, "classes")]
    measure, limit = "Samples", max(np.max(cells, initial=0, where=~unknown), 1)
    if normalize is not None:
        # One that is not known leaves the fractions of its row or column unknown.
        total = cells.sum(axis=1 if normalize == "row" else 0, keepdims=True)
        cells = cells / np.where(total == 0, 1, total)
        which = "true" if normalize == "row" else "predicted"
        measure, limit = f"Fraction of the {which} class", 1
    texts = {}
    if classes <= FEW:
        texts = {
            place: f"{cell:.2f}" if normalize else _digits(counts[place].item())
            for place, cell in np.ndenumerate(cells)
            if np.isfinite(cell)
        }
    width, height = text_size(list(texts.values()), NUMBER_SIZE)
    label_width, label_height = text_size(labels, LABEL_SIZE)
    if ax is None:
        # Each cell has room for its number and for its names.
        cell = max(1.25 * width, 1.25 * label_height, 0.5 if classes <= FEW else 0.0)
        side = min(max(2.2, cell * classes), 16.0) if texts else 6.5
        ax = axes_or_new(ax, (side + 2.3 + label_width, side + 0.8 + label_width))
    colors = matplotlib.colormaps["Blues"].with_extremes(bad="0.75")
    image = ax.imshow(cells, cmap=colors, vmin=0, vmax=limit)
    add_colorbar(ax, image, measure)
    ax.set(xlabel="Predicted class", ylabel="True class")
    say_left_out(ax, unknown, "entries")
    for axis in (ax.xaxis, ax.yaxis):
        label_ticks(axis, labels)
    ax.tick_params(labelsize=LABEL_SIZE)
    if max(map(len, labels), default=0) > 3:
        ax.tick_params(axis="x", rotation=90)
    assert ax.figure is not None
    # Axes that are given may be small, so the numbers are made to fit their cells.
    cell = 0.8 * min(ax.bbox.width, ax.bbox.height) / ax.figure.dpi / max(classes, 1)
    size = NUMBER_SIZE * min(1, cell / max(width, height, 1e-9))
    if size < SMALLEST_SIZE:
        return ax
    for (row, column), text in texts.items():
        color = "white" if cells[row, column] > 0.55 * limit else "black"
        look = {"color": color, "ha": "center", "va": "center", "size": size}
        ax.text(column, row, text, **look)
    return ax


def _digits(count: float) -> str:
    """A count with all of its digits, and another number with four at least."""
    if isinstance(count, int) or count.is_integer():
        return str(int(count))
    text = f"{count:.4g}"
    return f"{count:.0f}" if "e+" in text else text
