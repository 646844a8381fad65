import functools as ft
import math

import jax.numpy as jnp
from jax.lax import stop_gradient
from jaxtyping import Array, Float

from .._compiled import compiled
from .._numerics import over_power, quotient, rectified_power, widened
from .._typing import NonNegative, Positive, Scalar
from ._blur import Mode, Radius, blurred
from ._center_surround import difference_of_gaussians


@compiled(static=("radius", "mode"))
def cortical_difference_of_gaussians(
    images: Float[Array, "*batch height width"],
    center_sigma: NonNegative[Scalar],
    surround_sigma: NonNegative[Scalar],
    *,
    radius: Radius,
    mode: Mode = "edge",
) -> Float[Array, "*batch height width"]:
    r"""The rectified difference of Gaussians, $\max(0, c - s)$: the rate of an on-cell.

    The response to `-images` is that of an off-cell.

    **Arguments:**

    - `images`, `center_sigma`, `surround_sigma`, `radius`, `mode`: as for
        [`ngcx.filters.difference_of_gaussians`][].

    **Returns:** an array of the shape and dtype of `images`.

    **Raises:** `ValueError` as [`ngcx.filters.gaussian_blur`][].

    ??? cite "Reference"
        Sceniak, Hawken and Shapley, *Visual spatial characterization of macaque V1
        neurons*, Journal of Neurophysiology 2001.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> import numpy as np
        >>> from ngcx.filters import cortical_difference_of_gaussians
        >>> image = jnp.zeros((5, 5)).at[2, 2].set(1.0)
        >>> response = cortical_difference_of_gaussians(image, 0.5, 1.0, radius=2)
        >>> print(np.asarray(response[2]).round(2))
        [0.   0.   0.46 0.   0.  ]

        ```
    """
    difference = difference_of_gaussians(
        images, center_sigma, surround_sigma, radius=radius, mode=mode
    )
    return _rectified(difference)


@compiled(static=("radius", "mode", "excitation_exponent", "inhibition_exponent"))
def cortical_ratio_of_gaussians(
    images: Float[Array, "*batch height width"],
    center_sigma: NonNegative[Scalar],
    surround_sigma: NonNegative[Scalar],
    *,
    radius: Radius,
    mode: Mode = "edge",
    semi_saturation: Positive[Scalar] = 0.1,
    excitation_exponent: Positive[Scalar] = 2.0,
    inhibition_exponent: Positive[Scalar] = 2.0,
) -> Float[Array, "*batch height width"]:
    r"""Divisive normalisation of the centre by its surround (Heeger, 1992).

    $$y = \frac{\max(0, c)^p}{\max(0, s)^q + h^2}$$

    At 0, the derivative with respect to $c$ and $s$ is 0, for every exponent.

    **Arguments:**

    - `images`, `center_sigma`, `surround_sigma`, `radius`, `mode`: as for
        [`ngcx.filters.difference_of_gaussians`][].
    - `semi_saturation`: $h$; with $q = 2$, the strength of the surround that halves the
        response.
    - `excitation_exponent`, `inhibition_exponent`: $p$ and $q$, usually from 1.5 to 2.
        Numbers are constants of the program, so a square is a multiplication; arrays
        may be trained, and are then not checked.

    **Returns:** an array of the shape and dtype of `images`.

    **Raises:** `ValueError` as [`ngcx.filters.gaussian_blur`][].

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> import numpy as np
        >>> from ngcx.filters import cortical_ratio_of_gaussians
        >>> image = jnp.zeros((5, 5)).at[2, 2].set(1.0)
        >>> response = cortical_ratio_of_gaussians(image, 0.5, 1.0, radius=2)
        >>> print(np.asarray(response[2]).round(2))
        [ 0.    0.36 10.55  0.36  0.  ]

        ```
    """
    wide = widened(images)
    p, q, h = (
        jnp.asarray(parameter, wide.dtype)
        for parameter in (excitation_exponent, inhibition_exponent, semi_saturation)
    )
    center = _rectified(blurred(wide, center_sigma, radius, mode))
    surround = _rectified(blurred(wide, surround_sigma, radius, mode))
    # Where one is infinite or NaN, the exponents do not matter.
    known = jnp.isfinite(center) & jnp.isfinite(surround)
    limit = stop_gradient(center / (1 + surround))
    center, surround = jnp.where(known, center, 0), jnp.where(known, surround, 0)
    response = _normalized(center, surround, p, q, jnp.abs(h))
    return jnp.where(known, response, limit).astype(images.dtype)


def _normalized(center, surround, p, q, h):
    """c^p / (s^q + h^2) of finite numbers, where the powers may be none themselves."""
    tiny = jnp.finfo(center.dtype).tiny
    limit = -math.log(tiny)
    # The logarithms of the three powers are over n, or they might overflow as well.
    # Powers of 0 are 0, however small the exponents are.
    n = stop_gradient(jnp.maximum(jnp.maximum(p, q), 2))
    logs = [jnp.log(jnp.maximum(x, tiny)) for x in (center, surround, h)]
    excitation = jnp.where(center > 0, p / n * logs[0], -1e4)
    inhibition = jnp.where(surround > 0, q / n * logs[1], -1e4)
    half = 2 / n * logs[2]
    steep = jnp.exp(n * (excitation - jnp.maximum(inhibition, half)))
    # Powers are more exact where they exist. That of a large number is not needed for
    # p = q if the image is bright.
    bright = inhibition > half
    log_base = jnp.where(bright, logs[1], 0)
    exponents = p * (logs[0] - log_base), (p - q) * log_base, 2 * logs[2]
    gentle = ft.reduce(jnp.logical_and, (jnp.abs(x) < limit for x in exponents))
    base = jnp.where(gentle & bright, surround, 1)
    powers = rectified_power(quotient(jnp.where(gentle, center, 1), base), p)
    powers = powers * base ** (p - q)
    powers = over_power(powers, jnp.where(gentle & ~bright, h, 1), 2)
    excitation = jnp.where(gentle, powers, steep)
    return excitation / (1 + jnp.exp(-n * jnp.abs(inhibition - half)))


def _rectified(x):
    """The positive part, with derivative 0 at 0; NaN stays."""
    return jnp.where(x <= 0, 0, x)
