import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Real
from matplotlib.axes import Axes
from matplotlib.colors import is_color_like, to_hex, to_rgba
from matplotlib.lines import Line2D
from matplotlib.typing import ColorType

from .._compiled import compiled
from ._axes import (
    BLACK,
    BLUE,
    FEW,
    LABEL_SIZE,
    VERMILION,
    AnyArray,
    History,
    Indices,
    Milliseconds,
    add_legend,
    axes_or_new,
    chosen_neurons,
    label_ticks,
    one_each,
    say_left_out,
    text_size,
    wrapped,
)


@compiled(jit=False)
def raster(
    spikes: History | Sequence[Real[AnyArray, "_"]],
    *,
    dt: Milliseconds = 1.0,
    names: Sequence[str] | None = None,
    indices: Indices | None = None,
    colors: str | Sequence[ColorType] = BLACK,
    ax: Axes | None = None,
) -> Axes:
    """Draws a mark for each spike, by time and neuron.

    If there are more neurons or steps than fit, marks would cover each other. Then an
    image is drawn, in which the depth of the colour is the fraction of steps with a
    spike. It takes no longer for a million spikes. If spikes are rare everywhere, all
    colours are deepened by one factor, so that the deepest dot has a quarter of the
    full colour. Values that are not finite are left out, and the picture says how many
    they are.

    **Arguments:**

    - `spikes`: not 0 where a neuron spikes: numbers or Booleans. All axes but the first
        are neurons, in C order; an array with only a time axis is one neuron. Or a list
        of spike times in ms, one array for each neuron.
    - `dt`: the length of a time step in ms; for spike times, the width of a spike.
    - `names`: the names of all neurons; by default their indices. Up to 20 rows all
        have names; more rows are named at intervals.
    - `indices`: the neurons to draw, from bottom to top; by default all.
    - `colors`: the name of one colour for all neurons, or a list with one for each
        neuron.
    - `ax`: where to draw; by default, in a new figure, which is the `.figure` of the
        axes that are returned.

    **Returns:** the axes.

    **Raises:** `ValueError` for an index that no neuron has, or unless there is one
    name or colour for each neuron.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> import jax.random as jr
        >>> from ngcx.neurons import poisson
        >>> from ngcx.viz import raster
        >>> spikes = poisson(jr.key(0), jnp.full(20, 0.1), steps=100)
        >>> ax = raster(spikes, dt=1.0)
        >>> print(ax.get_xlabel())
        Time (ms)

        ```
    """
    are_times = isinstance(spikes, Sequence)
    count = len(spikes) if are_times else math.prod(spikes.shape[1:])
    for color in [colors] if isinstance(colors, str) else colors:
        if not is_color_like(color):
            raise ValueError(f"`colors` must be those of matplotlib; got {color!r}.")
    if not isinstance(colors, str):
        one_each("colors", colors, count, "neurons")
    history = np.zeros((1, count)) if are_times else spikes
    shown, chosen, labels = chosen_neurons(history, names, indices)
    if are_times:
        trains = [np.asarray(spikes[i], float) for i in chosen]
        values = np.concatenate([np.empty(0), *trains])
        row = np.repeat(np.arange(len(trains)), [len(train) for train in trains])
        known = np.isfinite(values)
        time, row = values[known] / dt, row[known]
        first, last = min(0, time.min(initial=0)), time.max(initial=0)
    else:
        known = np.isfinite(shown)
        time, row = np.nonzero(known & (shown != 0))
        first, last = 0, max(len(shown), 1) - 1
    ax = _prepare(ax, labels, first, last, dt)
    say_left_out(ax, ~known, "values")
    if isinstance(colors, str):
        _mark(ax, dt * time, row, dt, colors)
        return ax
    # Each colour has one artist, because one for each spike would be slow to draw.
    row_colors = np.array([to_hex(colors[i], keep_alpha=True) for i in chosen])
    for color in np.unique(row_colors):
        of_color = row_colors[row] == color
        _mark(ax, dt * time[of_color], row[of_color], dt, str(color))
    return ax


@compiled(jit=False)
def spike_comparison(
    spikes: History,
    targets: History,
    *,
    dt: Milliseconds = 1.0,
    names: Sequence[str] | None = None,
    indices: Indices | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Compares spikes with those that there should be: correct spikes are black, missed
    ones blue, and extra ones orange. The legend says how many they are.

    **Arguments:**

    - `spikes`: not 0 where a neuron spikes, as for [`ngcx.viz.raster`][].
    - `targets`: not 0 where a neuron should spike.
    - `dt`, `names`, `indices`, `ax`: as for [`ngcx.viz.raster`][].

    **Returns:** the axes.

    **Raises:** `ValueError` for an index that no neuron has, or unless there is one
    name for each neuron.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> import jax.random as jr
        >>> from ngcx.neurons import poisson
        >>> from ngcx.viz import spike_comparison
        >>> targets = poisson(jr.key(0), jnp.full(5, 0.1), steps=40)
        >>> ax = spike_comparison(targets.at[:, 0].set(0), targets)
        >>> print(type(ax.figure).__name__)
        Figure

        ```
    """
    shown, _, labels = chosen_neurons(spikes, names, indices)
    wanted, _, _ = chosen_neurons(targets, names, indices)
    new, ax = ax is None, _prepare(ax, labels, 0, max(len(shown), 1) - 1, dt)
    known = np.isfinite(shown) & np.isfinite(wanted)
    say_left_out(ax, ~known, "values")
    there, wanted = known & (shown != 0), known & (wanted != 0)
    handles = []
    for kind, marks, color in (
        ("correct", there & wanted, BLACK),
        ("missed", wanted & ~there, BLUE),
        ("extra", there & ~wanted, VERMILION),
    ):
        time, row = np.nonzero(marks)
        _mark(ax, dt * time, row, dt, color)
        # The legend has marks of its own, as those of many neurons are too small.
        style = {"marker": "|", "linestyle": "none", "markersize": 8, "color": color}
        handles.append(Line2D([], [], label=f"{kind} ({marks.sum():,})", **style))
    add_legend(ax, new, handles=handles)
    return ax


def _prepare(ax: Axes | None, labels: Sequence[str], first, last, dt) -> Axes:
    if ax is None:
        shown = [wrapped(label) for label in labels] if len(labels) <= FEW else []
        width, height = text_size(shown, LABEL_SIZE)
        rows = max(0.2, 1.1 * height) * len(shown) if shown else 5.0
        ax = axes_or_new(None, (7.6 + width, max(2.0, 1.0 + rows)))
    label_ticks(ax.yaxis, labels)
    ax.tick_params(axis="y", labelsize=LABEL_SIZE)
    ax.set(xlabel="Time (ms)", xlim=((first - 0.5) * dt, (last + 0.5) * dt))
    ax.set(ylabel="Neuron", ylim=(-0.5, max(len(labels), 1) - 0.5))
    return ax


def _mark(ax: Axes, time: np.ndarray, row: np.ndarray, dt: float, color: str) -> None:
    """Draws a vertical mark for each spike, by its time and row."""
    (left, right), (_, top) = ax.get_xlim(), ax.get_ylim()
    steps, rows = max(round((right - left) / dt), 1), round(top + 0.5)
    assert ax.figure is not None
    points = 72 / ax.figure.dpi
    tall = points * ax.bbox.height / rows
    wide = points * ax.bbox.width / steps
    # A mark is up to a row high and a step wide, yet visible. Its size is fixed, since
    # that is drawn ten times faster than lines in the coordinates of the data.
    height, width = np.clip(0.8 * tall, 1.0, 20.0), np.clip(wide, 0.5, 1.5)
    # Marks that are larger than their places would make many spikes of few.
    excess = max(height / tall, 1) * max(width / wide, 1)
    if excess > 1 and excess * len(time) > 0.05 * steps * rows:
        step = np.clip((time - left) / dt, 0, steps - 1).astype(int)
        return _shade(ax, step, row, (steps, rows), color)
    ax.plot(time, row, "|", color=color, markersize=height, markeredgewidth=width)


def _shade(ax: Axes, step, row, shape: tuple[int, int], color: str) -> None:
    """Draws the fraction of spikes in each dot as the depth of its colour."""
    steps, rows = shape
    wide, high = min(steps, int(ax.bbox.width)), min(rows, int(ax.bbox.height))
    left, low = np.arange(wide) * steps // wide, np.arange(high) * rows // high
    column = np.searchsorted(left, step, "right") - 1
    line = np.searchsorted(low, row, "right") - 1
    counts = np.bincount(line * wide + column, minlength=high * wide)
    sizes = np.diff(low, append=rows)[:, None] * np.diff(left, append=steps)
    shades = np.tile(to_rgba(color), (high, wide, 1))
    # A few spikes would leave it white. The deepest dot has a quarter of the colour.
    parts = np.minimum(counts.reshape(high, wide) / sizes, 1)
    shades[..., 3] *= parts / (min(4 * parts.max(initial=0), 1) or 1)
    limits = (*ax.get_xlim(), *ax.get_ylim())
    ax.imshow(shades, aspect="auto", origin="lower", extent=limits, zorder=1)
