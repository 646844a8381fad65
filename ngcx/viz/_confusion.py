from collections.abc import Sequence
from typing import Literal

import numpy as np
from jaxtyping import Real
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from .._typing import typed
from ._axes import FEW, AnyArray, add_colorbar, axes_or_new, lookup


@typed
def confusion(
    matrix: Real[AnyArray, "classes classes"],
    *,
    normalize: Literal["row", "column"] | None = None,
    names: Sequence[str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draws a confusion matrix as a heat map, each cell with its number in it.

    With more than 20 classes the numbers are left out.

    **Arguments:**

    - `matrix`: how many samples of each class (rows) were predicted as each (columns),
        as in [`ngcx.metrics.ClassificationReport`][].
    - `normalize`: None for the counts; `"row"` for the fraction of each true class, so
        that the diagonal is the recall; `"column"` for the fraction of each predicted
        class, so that it is the precision. A row or column of zeros stays zero.
    - `names`: of the classes; by default their indices.
    - `ax`: where to draw; by default in a new figure, `.figure` of what is returned.

    **Returns:** the axes.

    **Raises:** `ValueError` if there is not one name a class.
    """
    cells = np.asarray(matrix, np.float64)
    classes = len(cells)
    if names is not None and len(names) != classes:
        raise ValueError(
            f"`names` must have one name for each of the {classes} classes; "
            f"got {len(names)}."
        )
    label, limit = "Samples", max(cells.max(initial=0), 1)
    if normalize is not None:
        total = cells.sum(axis=1 if normalize == "row" else 0, keepdims=True)
        cells = cells / np.where(total == 0, 1, total)
        which = "true" if normalize == "row" else "predicted"
        label, limit = f"Fraction of the {which} class", 1
    side = min(max(3.5, 1.5 + 0.5 * classes), 8.0)
    ax = axes_or_new(ax, (side + 1, side))
    image = ax.imshow(cells, cmap="Blues", vmin=0, vmax=limit)
    add_colorbar(ax, image, label)
    ax.set(xlabel="Predicted class", ylabel="True class")
    labels = [str(i) for i in range(classes)] if names is None else names
    if classes <= FEW:
        upright = max(map(len, labels), default=0) <= 3
        ax.set_xticks(range(classes), labels, rotation=0 if upright else 90)
        ax.set_yticks(range(classes), labels)
        for (row, column), cell in np.ndenumerate(cells):
            text = f"{cell:.2f}" if normalize else f"{cell:.4g}"
            color = "white" if cell > 0.55 * limit else "black"
            ax.text(column, row, text, color=color, ha="center", va="center", size=8)
    else:
        for axis in (ax.xaxis, ax.yaxis):
            axis.set_major_locator(MaxNLocator(nbins=8, integer=True))
            axis.set_major_formatter(FuncFormatter(lookup(labels)))
    return ax
