from collections.abc import Callable, Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .._compiled import compiled
from ..activations import AbstractActivation
from ..surrogate import AbstractSurrogate
from ._axes import BLUE, VERMILION, AnyArray, grid_shape, panels, say_left_out, wrapped


@compiled(jit=False)
def activation_gallery(
    activations: Mapping[str, AbstractActivation],
    *,
    x: Float[AnyArray, "points"] | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Draws activations and their derivatives, one per panel, on the same scale.

    For an activation of whole rows, such as a softmax, it shows the first of two
    entries, while the second is 0.

    **Arguments:**

    - `activations`: the activations by the titles of their panels.
    - `x`: where to evaluate them; by default from -4 to 4.
    - `ax`: axes that the panels replace; by default there is a new figure.

    **Returns:** the figure.

    **Raises:** `ValueError` if there is nothing to draw, `x` is empty or not finite, or
    `ax` has no place in a grid.

    !!! example

        ```python
        >>> from ngcx.activations import ReLU, Tanh
        >>> from ngcx.viz import activation_gallery
        >>> figure = activation_gallery({"tanh": Tanh(), "ReLU": ReLU()})
        >>> print(len(figure.axes))
        2

        ```
    """
    x = _places(x, 4.0, 161)
    # All panels have one scale, so that they can be compared.
    limits = 1.05 * min(float(jnp.min(x)), -1), 1.05 * max(float(jnp.max(x)), 1)

    def draw(panel: Axes, activation: AbstractActivation):
        value, slope = activation(x), activation.derivative(x)
        if slope.ndim == 2:  # The derivative is a Jacobian.
            pairs = jnp.stack([x, jnp.zeros_like(x)], axis=-1)
            value = activation(pairs)[:, 0]
            slope = activation.derivative(pairs)[:, 0, 0]
        panel.axhline(0, color="0.8", linewidth=0.8)
        panel.plot(x, value, color=BLUE, label="$f$")
        panel.plot(x, slope, color=VERMILION, linestyle="--", label="$f'$")
        panel.set_ylim(limits)

    return _gallery("activations", activations, draw, "$x$", ax)


@compiled(jit=False)
def surrogate_gallery(
    surrogates: Mapping[str, AbstractSurrogate],
    *,
    x: Float[AnyArray, "points"] | None = None,
    ax: Axes | None = None,
) -> Figure:
    r"""Draws the spike, the primitive $E$ and the derivative $E'$ of surrogates, over
    the distance $v - \theta$ to the threshold, one surrogate per panel.

    **Arguments:**

    - `surrogates`: the surrogates by the titles of their panels.
    - `x`: where to evaluate them; by default from -2 to 2.
    - `ax`: axes that the panels replace; by default there is a new figure.

    **Returns:** the figure.

    **Raises:** `ValueError` if there is nothing to draw, `x` is empty or not finite, or
    `ax` has no place in a grid.

    !!! example

        ```python
        >>> from ngcx.surrogate import Arctan
        >>> from ngcx.viz import surrogate_gallery
        >>> figure = surrogate_gallery({"wide": Arctan(1.0), "narrow": Arctan(4.0)})
        >>> print(len(figure.axes))
        2

        ```
    """
    x = _places(x, 2.0, 401)

    def draw(panel: Axes, surrogate: AbstractSurrogate):
        panel.plot(x, surrogate(x), color="0.6", label="spike")
        panel.plot(x, surrogate.primitive(x), color=BLUE, label="$E$")
        slope = surrogate.derivative(x)
        panel.plot(x, slope, color=VERMILION, linestyle="--", label="$E'$")

    return _gallery("surrogates", surrogates, draw, r"$v - \theta$", ax)


def _places(x: AnyArray | None, end: float, count: int):
    if x is None:
        return jnp.linspace(-end, end, count)
    if not x.size or not jnp.all(jnp.isfinite(x)):
        raise ValueError("`x` must be one or more finite numbers.")
    return jnp.asarray(x)


def _gallery(
    argument: str,
    members: Mapping[str, Any],
    draw: Callable[[Axes, Any], None],
    label: str,
    ax: Axes | None,
) -> Figure:
    if not members:
        raise ValueError(f"`{argument}` must have one entry or more; got 0.")
    rows, columns = grid_shape(len(members))
    figure, axes = panels(ax, [1.0] * rows, columns, (2.5 * columns, 2.4 * rows))
    for panel, (name, member) in zip(axes.flat, members.items(), strict=False):
        draw(panel, member)
        panel.set_title(wrapped(name, 30), size=10)
        drawn = [np.asarray(line.get_ydata(), np.float64) for line in panel.lines]
        say_left_out(panel, ~np.isfinite(np.concatenate(drawn)), "values")
    for panel in axes.flat[len(members) :]:
        panel.set_axis_off()
    for panel in axes.flat[max(len(members) - columns, 0) : len(members)]:
        panel.set_xlabel(label)
    axes.flat[0].legend(fontsize=9)
    return figure
