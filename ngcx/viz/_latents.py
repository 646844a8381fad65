import functools as ft
import math
from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, Real
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.colors import to_rgba_array
from matplotlib.lines import Line2D
from matplotlib.markers import MarkerStyle

from .._compiled import compiled
from ._axes import (
    FEW,
    PALETTE,
    AnyArray,
    add_colorbar,
    add_legend,
    axes_or_new,
    known_values,
    label_ticks,
    say_left_out,
)


# The number of markers and that of colours have no common divisor, so that there are 42
# different pairs.
MARKERS = ("o", "^", "s", "D", "v", "X")
LOOKS = len(PALETTE) * len(MARKERS)
# More points than these cover each other.
MANY, CELLS = 20_000, 200


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

    Points are drawn in a random order, so that no class covers another. More than
    20,000 points would still cover each other, so they are drawn as an image in the
    mean of their colours, which is darker where there are more points. Points that are
    not finite, or whose label is not finite, are left out, and the picture says how
    many they are.

    **Arguments:**

    - `points`: the points, one per row.
    - `labels`: class indices (an array of integers or Booleans), or rows of scores, of
        which the largest counts, such as one-hot codes. They have a legend, or a colour
        bar for more than 20 classes without names, or 42 with names. Labels may also be
        numbers (an array of floats), with a colour bar. A single column is read as
        labels, not as scores.
    - `names`: the names of the classes 0, 1, ..., for the legend; by default their
        indices.
    - `ax`: where to draw; by default, in a new figure, which is the `.figure` of the
        axes that are returned.

    **Returns:** the axes.

    **Raises:** `ValueError` if a class has no name.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> import jax.random as jr
        >>> from ngcx.viz import latents
        >>> points, labels = jr.normal(jr.key(0), (30, 2)), jnp.arange(30) % 3
        >>> ax = latents(points, labels, names=["a", "b", "c"])
        >>> print([text.get_text() for text in ax.get_legend().get_texts()])
        ['a', 'b', 'c']

        ```
    """
    places, unknown_places = known_values(points)
    values, unknown_labels = _one_each(labels, len(places))
    unknown = unknown_places.any(axis=1) | unknown_labels
    # The order is random, because the last class would cover the first otherwise.
    shown = np.random.default_rng(0).permutation(np.flatnonzero(~unknown))
    values = values[shown]
    are_classes = not jnp.issubdtype(values.dtype, jnp.floating)
    classes = np.unique(values).astype(int) if are_classes else np.empty(0, int)
    unnamed = names is not None and [i for i in classes if not 0 <= i < len(names)]
    if names is not None and unnamed:
        raise ValueError(
            f"`names` must name the classes {classes[0]} to {classes[-1]}; "
            f"got {len(names)} names."
        )
    new, ax = ax is None, axes_or_new(ax, (5.5, 4.5))
    ax.set(xlabel="Component 1 (a.u.)", ylabel="Component 2 (a.u.)")
    say_left_out(ax, unknown, "points")
    size = float(np.clip(10_000 / max(len(shown), 1), 4, 30))
    scatter = ft.partial(ax.scatter, *places[shown].T, s=size, linewidths=0)
    if labels is None:
        drawn = scatter(c=PALETTE[0])
    elif not are_classes:
        drawn = scatter(c=values.astype(np.float64), cmap="viridis")
        add_colorbar(ax, drawn, "Label")
    elif len(classes) > (FEW if names is None else LOOKS):
        drawn = scatter(c=values.astype(int), cmap="viridis")
        bar = add_colorbar(ax, drawn, "Class")
        if names is not None:
            label_ticks(bar.ax.yaxis, names)
    else:
        index = np.searchsorted(classes, values)
        colors = [PALETTE[i % len(PALETTE)] for i in range(len(classes))]
        markers = [MARKERS[i % len(MARKERS)] for i in range(len(classes))]
        styles = [MarkerStyle(marker) for marker in markers]
        paths = [each.get_path().transformed(each.get_transform()) for each in styles]
        drawn = scatter(c=to_rgba_array(colors)[index] if len(classes) else PALETTE[0])
        if len(shown) <= MANY:
            drawn.set_paths([paths[i] for i in index])
        titles = [str(i) if names is None else names[i] for i in classes]
        look: Any = {"linestyle": "none", "markersize": 5.5}
        handles = [
            Line2D([], [], color=color, marker=marker, label=title, **look)
            for color, marker, title in zip(colors, markers, titles, strict=True)
        ]
        if handles:
            add_legend(ax, new, title="Class", handles=handles)
    if len(shown) > MANY:
        _as_picture(ax, drawn)
    return ax


def _as_picture(ax: Axes, drawn: PathCollection) -> None:
    """A picture instead of points: where there are many, it is deeper, and its colour
    is their mean.
    """
    drawn.update_scalarmappable()
    places = np.asarray(drawn.get_offsets())
    colors = np.broadcast_to(drawn.get_facecolor(), (len(places), 4))
    low, high = places.min(0), places.max(0)
    size = np.where(high > low, high - low, 1)
    cell = np.minimum((places - low) / size * CELLS, CELLS - 1).astype(int)
    index = cell[:, 1] * CELLS + cell[:, 0]
    count = np.bincount(index, minlength=CELLS**2)
    sums = [np.bincount(index, colors[:, i], CELLS**2) for i in range(3)]
    image = np.stack([*sums, count * np.log1p(count) / np.log1p(count.max())], -1)
    image = (image / np.maximum(count, 1)[:, None]).reshape(CELLS, CELLS, 4)
    left, bottom, right, top = *low, *(low + size)
    ax.imshow(
        np.clip(image, 0, 1),
        extent=(left, right, bottom, top),
        origin="lower",
        aspect="auto",
        interpolation="nearest",
    )
    drawn.set_offsets(np.empty((0, 2)))


def _one_each(labels: AnyArray | None, count: int) -> tuple[np.ndarray, np.ndarray]:
    """One label for each point, and where it is not known."""
    if labels is None:
        return np.zeros(count, int), np.zeros(count, bool)
    values = np.asarray(labels)
    _, unknown = known_values(values.reshape(count, math.prod(values.shape[1:])))
    unknown = np.any(unknown, axis=1)
    if values.ndim == 2:
        # A single column holds the labels, as the largest of one score says nothing.
        one = values.shape[1] == 1
        values = values[:, 0] if one else np.argmax(values, axis=1)
    return values, unknown
