from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Bool, Int, Real
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .._typing import typed
from ._axes import (
    PALETTE,
    AnyArray,
    History,
    axes_or_new,
    check_finite_positive,
    chosen_neurons,
    panels,
)
from ._raster import raster


@typed
def traces(
    values: History,
    *,
    dt: float | int = 1.0,
    names: Sequence[str] | None = None,
    indices: Sequence[int] | Int[AnyArray, "chosen"] | None = None,
    label: str = "Membrane potential (a.u.)",
    threshold: float | int | Real[AnyArray, ""] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draws values over time: a line for each of up to seven neurons; of more, the
    median and the band in which nine tenths of them lie.

    **Arguments:**

    - `values`: of potentials, currents or whatever has a history. All axes but the
        first are neurons, in C order; an array of time alone is of one neuron.
    - `dt`: the length of a time step in ms.
    - `names`: of all neurons; by default their indices.
    - `indices`: of the neurons to draw; by default all.
    - `label`: what the values are, with their unit, for the vertical axis.
    - `threshold`: where to draw a dashed line.
    - `ax`: where to draw; by default in a new figure, `.figure` of what is returned.

    **Returns:** the axes.

    **Raises:** `ValueError` for an index that is no neuron's, or if there is not one
    name a neuron.
    """
    check_finite_positive("dt", dt)
    shown, _, labels = chosen_neurons(values, names, indices)
    shown = shown.astype(np.float64)
    ax = axes_or_new(ax, (8.0, 3.0))
    time = dt * np.arange(len(shown))
    if len(labels) <= len(PALETTE):
        for line, name, color in zip(shown.T, labels, PALETTE, strict=False):
            ax.plot(time, line, color=color, linewidth=1.2, label=name)
        title = "Neuron"
    else:
        low, median, high = np.quantile(shown, (0.05, 0.5, 0.95), axis=1)
        ax.fill_between(
            time, low, high, color=PALETTE[0], alpha=0.25, linewidth=0, label="5–95 %"
        )
        ax.plot(time, median, color=PALETTE[0], linewidth=1.2, label="median")
        title = f"{len(labels):,} neurons"
    if threshold is not None:
        ax.axhline(float(threshold), color="0.4", linestyle="--", label="threshold")
    if len(labels) > 1 or threshold is not None:
        ax.legend(
            title=title if len(labels) > 1 else None,
            alignment="left",
            loc="upper left",
            bbox_to_anchor=(1, 1),
            frameon=False,
        )
    ax.set(xlabel="Time (ms)", ylabel=label)
    ax.margins(x=0)
    return ax


@typed
def membrane(
    potential: History,
    *,
    current: History | None = None,
    spikes: History | None = None,
    refractory: History | None = None,
    threshold: float | int | Real[AnyArray, ""] | None = None,
    dt: float | int = 1.0,
    names: Sequence[str] | None = None,
    indices: Sequence[int] | Int[AnyArray, "chosen"] | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Draws what neurons do, panel under panel over the same time: the current, the
    membrane potential, and the spikes.

    **Arguments:**

    - `potential`, `threshold`: as for [`ngcx.viz.traces`][].
    - `current`: what the neurons integrate.
    - `spikes`: not 0 where a neuron spikes.
    - `refractory`: not 0 where a neuron is at rest after a spike, such as the number of
        steps that are left; shaded behind the spikes.
    - `dt`, `names`, `indices`: as for [`ngcx.viz.traces`][].
    - `ax`: whose place the panels take; by default there is a new figure.

    **Returns:** the figure.

    **Raises:** `ValueError` as for [`ngcx.viz.traces`][], or if `ax` has no place in a
    grid.
    """
    shared = {"dt": dt, "names": names, "indices": indices}
    heights = [2.0]
    if current is not None:
        heights.insert(0, 1.0)
    if spikes is not None or refractory is not None:
        heights.append(1.0)
    size = (8.0, 1.0 + 1.2 * sum(heights))
    figure, axes = panels(
        ax, len(heights), 1, size, share_x=True, height_ratios=heights
    )
    remaining = list(axes.flat)
    if current is not None:
        upper = traces(current, label="Current (a.u.)", ax=remaining.pop(0), **shared)
        if (legend := upper.get_legend()) is not None:
            legend.remove()  # that of the potential says the same
    traces(potential, threshold=threshold, ax=remaining.pop(0), **shared)
    if remaining:
        (last,) = remaining
        raster(
            np.zeros(potential.shape) if spikes is None else spikes, ax=last, **shared
        )
        if refractory is not None:
            _shade(last, chosen_neurons(refractory, names, indices)[0] != 0)
    _align(figure, axes)
    return figure


def _align(figure: Figure, axes: np.ndarray) -> None:
    for panel in axes.flat:
        panel.label_outer(remove_inner_ticks=False)
    figure.align_ylabels(axes[:, 0])


def _shade(ax: Axes, where: np.ndarray) -> None:
    """Shades the steps and rows where it is true, in axes that show them all."""
    limits = (*ax.get_xlim(), *ax.get_ylim())
    ax.imshow(
        np.ma.masked_equal(where.T, False),
        aspect="auto",
        origin="lower",
        extent=limits,
        cmap="Greys",
        vmin=0,
        vmax=4,
        zorder=0,
    )


@typed
def compartments(
    histories: Mapping[str, Real[AnyArray, "_ *_"] | Bool[AnyArray, "_ *_"]],
    *,
    dt: float | int = 1.0,
    indices: Sequence[int] | Int[AnyArray, "chosen"] | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Draws the histories of several compartments, such as those that
    [`ngcx.process.MethodProcess`][] watches, panel under panel over the same time.

    **Arguments:**

    - `histories`: by what each is, with its unit: an array as for
        [`ngcx.viz.traces`][].
    - `dt`: the length of a time step in ms.
    - `indices`: of the neurons to draw; by default all.
    - `ax`: whose place the panels take; by default there is a new figure.

    **Returns:** the figure.

    **Raises:** `ValueError` if there is no history, or they differ in length; for an
    index that is no neuron's; or if `ax` has no place in a grid.
    """
    steps = {name: len(values) for name, values in histories.items()}
    if len(set(steps.values())) != 1:
        raise ValueError(
            "`histories` must have one or more arrays, of the same number of steps; "
            f"got {steps}."
        )
    size = (8.0, 0.8 + 1.8 * len(histories))
    figure, axes = panels(ax, len(histories), 1, size, share_x=True)
    for panel, (name, values) in zip(axes.flat, histories.items(), strict=True):
        traces(values, dt=dt, indices=indices, label=name, ax=panel)
    _align(figure, axes)
    return figure
