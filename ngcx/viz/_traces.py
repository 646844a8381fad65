import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Real
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .._compiled import compiled
from ._axes import (
    PALETTE,
    AnyArray,
    History,
    Indices,
    Milliseconds,
    Number,
    add_legend,
    axes_or_new,
    chosen_neurons,
    known_values,
    panels,
    say_left_out,
)
from ._raster import raster


@compiled(jit=False)
def traces(
    values: History,
    *,
    dt: Milliseconds = 1.0,
    names: Sequence[str] | None = None,
    indices: Indices | None = None,
    label: str = "Membrane potential (a.u.)",
    threshold: Number | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draws values over time: a line for each of up to seven neurons. For more neurons,
    it draws the median, and the band in which nine tenths of them lie. Values that are
    not finite are left out, and the picture says how many they are.

    **Arguments:**

    - `values`: the history of potentials, currents or any other quantity. All axes but
        the first are neurons, in C order; an array with only a time axis is one neuron.
    - `dt`: the length of a time step in ms.
    - `names`: the names of all neurons; by default their indices.
    - `indices`: the neurons to draw; by default all.
    - `label`: the label of the vertical axis: what the values are, with their unit.
    - `threshold`: where to draw a dashed line.
    - `ax`: where to draw; by default, in a new figure, which is the `.figure` of the
        axes that are returned.

    **Returns:** the axes.

    **Raises:** `ValueError` for an index that no neuron has, or unless there is one
    name for each neuron.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> from ngcx.neurons import LeakyIntegrator
        >>> from ngcx.viz import traces
        >>> state, potentials = LeakyIntegrator().run(jnp.ones((50, 3)))
        >>> ax = traces(potentials, names=["a", "b", "c"])
        >>> print(ax.get_ylabel())
        Membrane potential (a.u.)

        ```
    """
    if threshold is not None and not math.isfinite(threshold):
        raise ValueError(f"`threshold` must be finite; got {threshold}.")
    shown, _, labels = chosen_neurons(values, names, indices)
    shown, unknown = known_values(shown)
    new, ax = ax is None, axes_or_new(ax, (8.0, 3.0))
    say_left_out(ax, unknown, "values")
    time = dt * np.arange(len(shown))
    if len(labels) <= len(PALETTE):
        for line, name, color in zip(shown.T, labels, PALETTE, strict=False):
            _plot(ax, time, line, color, name)
        title = "Neuron"
    else:
        bands = np.full((3, len(shown)), np.nan)
        some = ~unknown.all(axis=1)
        if some.any():
            levels = 0.05, 0.5, 0.95
            bands[:, some] = np.nanquantile(shown[some], levels, axis=1)
        low, median, high = bands
        ax.fill_between(
            time, low, high, color=PALETTE[0], alpha=0.25, linewidth=0, label="5–95 %"
        )
        _plot(ax, time, median, PALETTE[0], "median")
        title = f"{len(labels):,} neurons"
    if threshold is not None:
        ax.axhline(float(threshold), color="0.4", linestyle="--", label="threshold")
    if len(labels) > 1 or threshold is not None:
        add_legend(ax, new, title=title if len(labels) > 1 else None)
    ax.set(xlabel="Time (ms)", ylabel=label)
    # The time is known where no value is.
    ax.set_xlim(0, dt * max(len(shown) - 1, 1))
    return ax


def _plot(ax: Axes, time, values: np.ndarray, color: str, label: str) -> None:
    known = np.pad(np.isfinite(values), 1)
    # A value between two that are left out makes no line, and is a dot.
    alone = np.flatnonzero(known[1:-1] & ~known[:-2] & ~known[2:])
    dots: Any = {"marker": ".", "markersize": 4, "markevery": alone.tolist()}
    look = dots if len(alone) else {}
    ax.plot(time, values, color=color, linewidth=1.2, label=label, **look)


@compiled(jit=False)
def membrane(
    potential: History,
    *,
    current: History | None = None,
    spikes: History | None = None,
    refractory: History | None = None,
    threshold: Number | None = None,
    dt: Milliseconds = 1.0,
    names: Sequence[str] | None = None,
    indices: Indices | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Draws the current, the membrane potential and the spikes of neurons, in panels
    under each other with the same time axis.

    **Arguments:**

    - `potential`, `threshold`: as for [`ngcx.viz.traces`][].
    - `current`: the current that the neurons integrate.
    - `spikes`: not 0 where a neuron spikes.
    - `refractory`: not 0 where a neuron is at rest after a spike, such as the number of
        steps that are left. It is shaded behind the spikes.
    - `dt`, `names`, `indices`: as for [`ngcx.viz.traces`][].
    - `ax`: axes that the panels replace; by default there is a new figure.

    **Returns:** the figure.

    **Raises:** `ValueError` as for [`ngcx.viz.traces`][], or if `ax` has no place in a
    grid.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> from ngcx.neurons import LIF
        >>> from ngcx.viz import membrane
        >>> current = jnp.full((50, 2), 0.15)
        >>> _, spikes, seen = LIF().run(current, watch=("v",))
        >>> figure = membrane(seen["v"], current=current, spikes=spikes, threshold=1.0)
        >>> print(len(figure.axes))
        3

        ```
    """
    shared = {"dt": dt, "names": names, "indices": indices}
    above = [] if current is None else [1.0]
    below = [] if spikes is None and refractory is None else [1.0]
    heights = [*above, 2.0, *below]
    size = (8.0, 1.0 + 1.2 * sum(heights))
    figure, axes = panels(ax, heights, 1, size, share_x=True)
    free = iter(axes.flat)
    if current is not None:
        upper = traces(current, label="Current (a.u.)", ax=next(free), **shared)
        if (legend := upper.get_legend()) is not None:
            legend.remove()  # The legend of the potential says the same.
    traces(potential, threshold=threshold, ax=next(free), **shared)
    for last in free:
        shown = np.zeros(potential.shape) if spikes is None else spikes
        raster(shown, ax=last, **shared)
        if refractory is not None:
            rest, unknown = known_values(chosen_neurons(refractory, names, indices)[0])
            say_left_out(last, unknown, "refractory steps")
            _shade(last, ~unknown & (rest != 0))
    _align(figure, axes)
    return figure


def _align(figure: Figure, axes: np.ndarray) -> None:
    for panel in axes.flat:
        panel.label_outer(remove_inner_ticks=False)
    figure.align_ylabels(axes[:, 0])


def _shade(ax: Axes, where: np.ndarray) -> None:
    """Shades the steps and rows where it is true, in axes that show them all."""
    limits = (*ax.get_xlim(), *ax.get_ylim())
    shades = np.ma.masked_equal(where.T, False)
    grey: Any = {"cmap": "Greys", "vmin": 0, "vmax": 4, "zorder": 0}
    ax.imshow(shades, aspect="auto", origin="lower", extent=limits, **grey)


@compiled(jit=False)
def compartments(
    histories: Mapping[str, Real[AnyArray, "_ *_"] | Bool[AnyArray, "_ *_"]],
    *,
    dt: Milliseconds = 1.0,
    indices: Indices | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Draws the histories of several compartments, such as those that
    [`ngcx.process.MethodProcess`][] watches, in panels under each other with the same
    time axis.

    **Arguments:**

    - `histories`: the arrays, as for [`ngcx.viz.traces`][], by their labels, which say
        what each is and in which unit.
    - `dt`: the length of a time step in ms.
    - `indices`: the neurons to draw; by default all.
    - `ax`: axes that the panels replace; by default there is a new figure.

    **Returns:** the figure.

    **Raises:** `ValueError` if there is no history, or they differ in length; for an
    index that no neuron has; or if `ax` has no place in a grid.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> from ngcx.neurons import LIF
        >>> from ngcx.viz import compartments
        >>> current = jnp.full((50, 2), 0.15)
        >>> _, spikes, seen = LIF().run(current, watch=("v",))
        >>> figure = compartments({"Current": current, "Potential": seen["v"]})
        >>> print(len(figure.axes))
        2

        ```
    """
    steps = {name: len(values) for name, values in histories.items()}
    if len(set(steps.values())) != 1:
        raise ValueError(
            "`histories` must have one or more arrays, of the same number of steps; "
            f"got {steps}."
        )
    size = (8.0, 0.8 + 1.8 * len(histories))
    figure, axes = panels(ax, [1.0] * len(histories), 1, size, share_x=True)
    for panel, (name, values) in zip(axes.flat, histories.items(), strict=True):
        traces(values, dt=dt, indices=indices, label=name, ax=panel)
    _align(figure, axes)
    return figure
