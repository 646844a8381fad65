import functools as ft
from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, Real
from matplotlib.axes import Axes

from .._compiled import compiled
from ._axes import FEW, PALETTE, AnyArray, add_colorbar, add_legend, axes_or_new


# The number of markers and that of colours have no common divisor, so that there are 42
# different pairs.
MARKERS = ("o", "^", "s", "D", "v", "X")


@compiled(jit=False)
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

    - `points`: the points, one a row.
    - `labels`: a class index each (an array of integers or Booleans), or a row of
        scores each, of which the largest counts, such as a one-hot code; then there is
        a legend, or a colour bar for more than 20 classes. They may also be a number
        each (an array of floats), with a colour bar.
    - `names`: the names of the classes 0, 1, ..., for the legend; by default their
        indices.
    - `ax`: where to draw; by default in a new figure, `.figure` of what is returned.

    **Returns:** the axes.

    **Raises:** `ValueError` if a class has no name.
    """
    x, y = np.asarray(points, np.float64).T
    ax = axes_or_new(ax, (6.0, 4.5))
    ax.set(xlabel="Component 1 (a.u.)", ylabel="Component 2 (a.u.)")
    size = float(np.clip(10_000 / max(len(x), 1), 4, 30))
    scatter = ft.partial(ax.scatter, s=size, linewidths=0)
    if labels is None:
        scatter(x, y, c=PALETTE[0])
        return ax
    values = np.asarray(labels)
    if values.ndim == 2:
        values = np.argmax(values, axis=1)
    discrete = not jnp.issubdtype(values.dtype, jnp.floating)
    classes = np.unique(values).astype(int) if discrete else np.empty(0, int)
    unnamed = names is not None and [i for i in classes if not 0 <= i < len(names)]
    if names is not None and unnamed:
        raise ValueError(
            f"`names` must name the classes {classes[0]} to {classes[-1]}; "
            f"got {len(names)} names."
        )
    if not discrete or len(classes) > FEW:
        colors = values.astype(np.float64)
        shown = scatter(x, y, c=colors, cmap="viridis")
        add_colorbar(ax, shown, "Class" if discrete else "Label")
        return ax
    for i, index in enumerate(classes):
        here = values == index
        label = str(index) if names is None else names[index]
        color, marker = PALETTE[i % len(PALETTE)], MARKERS[i % len(MARKERS)]
        scatter(x[here], y[here], c=color, marker=marker, label=label)
    if len(classes):
        add_legend(ax, title="Class", markerscale=(30 / size) ** 0.5)
    return ax
