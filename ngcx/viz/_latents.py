from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, Real
from matplotlib.axes import Axes

from .._typing import typed
from ._axes import FEW, PALETTE, AnyArray, add_colorbar, axes_or_new


# Their number and that of the colours have no common divisor: 42 different pairs.
MARKERS = ("o", "^", "s", "D", "v", "X")


@typed
def latents(
    points: Float[AnyArray, "samples 2"],
    labels: Real[AnyArray, "samples"]
    | Real[AnyArray, "samples classes"]
    | Bool[AnyArray, "samples"]
    | Bool[AnyArray, "samples classes"]
    | None = None,
    *,
    names: Sequence[str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draws points in the plane, such as those that [`ngcx.viz.pca`][] and
    [`ngcx.viz.tsne`][] find, coloured by their labels.

    **Arguments:**

    - `points`: one a row.
    - `labels`: a class index each (an array of integers or Booleans), or a row of
        scores each, of which the largest counts, such as a one-hot code; then there is
        a legend, or a colour bar for more than 20 classes. Or a number each (an array
        of floats), with a colour bar.
    - `names`: of the classes 0, 1, ..., for the legend; by default their indices.
    - `ax`: where to draw; by default in a new figure, `.figure` of what is returned.

    **Returns:** the axes.

    **Raises:** `ValueError` if a class has no name.
    """
    x, y = np.asarray(points, np.float64).T
    ax = axes_or_new(ax, (6.0, 4.5))
    ax.set(xlabel="Component 1 (a.u.)", ylabel="Component 2 (a.u.)")
    size = float(np.clip(10_000 / max(len(x), 1), 4, 30))
    if labels is None:
        ax.scatter(x, y, s=size, c=PALETTE[0], linewidths=0)
        return ax
    values = np.asarray(labels)
    if values.ndim == 2:
        values = np.argmax(values, axis=1)
    discrete = not jnp.issubdtype(values.dtype, jnp.floating)
    classes = np.unique(values).astype(int) if discrete else np.empty(0, int)
    if (
        names is not None
        and len(classes)
        and not 0 <= classes[0] <= classes[-1] < len(names)
    ):
        raise ValueError(
            f"`names` must name the classes {classes[0]} to {classes[-1]}; "
            f"got {len(names)} names."
        )
    if discrete and len(classes) <= FEW:
        for i, index in enumerate(classes):
            here = values == index
            ax.scatter(
                x[here],
                y[here],
                s=size,
                c=PALETTE[i % len(PALETTE)],
                marker=MARKERS[i % len(MARKERS)],
                linewidths=0,
                label=str(index) if names is None else names[index],
            )
        # Beside the points, not on them.
        if len(classes):
            ax.legend(
                title="Class",
                alignment="left",
                loc="upper left",
                bbox_to_anchor=(1, 1),
                frameon=False,
                markerscale=(30 / size) ** 0.5,
            )
    else:
        colors = values.astype(np.float64)
        shown = ax.scatter(x, y, s=size, c=colors, cmap="viridis", linewidths=0)
        add_colorbar(ax, shown, "Class" if discrete else "Label")
    return ax
