from collections.abc import Sequence
from typing import Literal

import numpy as np
from jaxtyping import Real
from matplotlib.axes import Axes

from .._compiled import compiled
from ._axes import FEW, AnyArray, add_colorbar, axes_or_new, label_ticks, labels_of


@compiled(jit=False)
def confusion(
    matrix: Real[AnyArray, "classes classes"],
    *,
    normalize: Literal["row", "column"] | None = None,
    names: Sequence[str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draws a confusion matrix as a heat map, each cell with its number in it.

    The numbers are left out if there are more than 20 classes.

    **Arguments:**

    - `matrix`: how many samples of each class (rows) were predicted as each (columns),
        as in [`ngcx.metrics.ClassificationReport`][].
    - `normalize`: None for the counts; `"row"` for the fraction of each true class, so
        that the diagonal is the recall; `"column"` for the fraction of each predicted
        class, so that it is the precision. A row or column of zeros stays zero.
    - `names`: one name for each class; by default their indices.
    - `ax`: where to draw; by default in a new figure, `.figure` of what is returned.

    **Returns:** the axes.

    **Raises:** `ValueError` if there is not one name for each class.
    """
    cells = np.asarray(matrix, np.float64)
    classes = len(cells)
    labels = labels_of(names, classes, "classes")
    measure, limit = "Samples", max(cells.max(initial=0), 1)
    if normalize is not None:
        total = cells.sum(axis=1 if normalize == "row" else 0, keepdims=True)
        cells = cells / np.where(total == 0, 1, total)
        which = "true" if normalize == "row" else "predicted"
        measure, limit = f"Fraction of the {which} class", 1
    side = min(max(3.5, 1.5 + 0.5 * classes), 8.0)
    ax = axes_or_new(ax, (side + 1, side))
    image = ax.imshow(cells, cmap="Blues", vmin=0, vmax=limit)
    add_colorbar(ax, image, measure)
    ax.set(xlabel="Predicted class", ylabel="True class")
    for axis in (ax.xaxis, ax.yaxis):
        label_ticks(axis, labels)
    if classes <= FEW:
        if max(map(len, labels), default=0) > 3:
            ax.tick_params(axis="x", rotation=90)
        for (row, column), cell in np.ndenumerate(cells):
            text = f"{cell:.2f}" if normalize else f"{cell:.4g}"
            color = "white" if cell > 0.55 * limit else "black"
            ax.text(column, row, text, color=color, ha="center", va="center", size=8)
    return ax
