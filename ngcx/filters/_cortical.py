import jax.numpy as jnp
from jax.lax import stop_gradient
from jaxtyping import Array, Float

from .._compiled import compiled
from .._numerics import quotient, rectified_power, widened
from .._typing import Natural, NonNegative, Positive, Scalar
from ._blur import Mode, blurred
from ._center_surround import difference_of_gaussians


@compiled(static=("radius", "mode"))
def cortical_difference_of_gaussians(
    images: Float[Array, "*batch height width"],
    center_sigma: NonNegative[Scalar],
    surround_sigma: NonNegative[Scalar],
    *,
    radius: Natural,
    mode: Mode = "edge",
) -> Float[Array, "*batch height width"]:
    r"""The rectified difference of Gaussians, $\max(0, c - s)$: the rate of an on-cell.

    Arguments, result and errors are those of
    [`ngcx.filters.difference_of_gaussians`][]. The response to `-images` is that of an
    off-cell.
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
    radius: Natural,
    mode: Mode = "edge",
    semi_saturation: Positive[Scalar] = 0.1,
    excitation_exponent: Positive[Scalar] = 2.0,
    inhibition_exponent: Positive[Scalar] = 2.0,
) -> Float[Array, "*batch height width"]:
    r"""Divisive normalisation of the centre by its surround (Heeger, 1992).

    $$y = \frac{\max(0, c)^p}{\max(0, s)^q + h^2}$$

    At 0 the derivative in $c$ and $s$ is 0, for every exponent.

    **Arguments:**

    - `images`, `center_sigma`, `surround_sigma`, `radius`, `mode`: as for
        [`ngcx.filters.difference_of_gaussians`][].
    - `semi_saturation`: $h$; with $q = 2$, the surround that halves the response.
    - `excitation_exponent`, `inhibition_exponent`: $p$ and $q$, usually from 1.5 to 2.
        Numbers are constants of the program, so that a square is a multiplication;
        arrays may be trained, and are not checked.

    **Returns:** an array of the shape and dtype of `images`.

    **Raises:** `ValueError` as [`ngcx.filters.gaussian_blur`][].
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
    # The denominator is M^q (1 + (m/M)^q), where M and m are the larger and the smaller
    # of s and g = h^(2/q). No power of a large number is left for p = q, and M^(p-q)
    # does not overflow for p up to q + 1.
    half = jnp.maximum(jnp.power(jnp.abs(h), 2 / q), jnp.finfo(wide.dtype).tiny)
    bright = surround > half
    larger, smaller = (
        jnp.where(bright, surround, half),
        jnp.where(bright, half, surround),
    )
    excitation = rectified_power(quotient(center, larger), p) * larger ** (p - q)
    inhibition = 1 + rectified_power(quotient(smaller, larger), q)
    response = jnp.where(known, quotient(excitation, inhibition), limit)
    return response.astype(images.dtype)


def _rectified(x):
    """The positive part, with derivative 0 at 0; NaN stays."""
    return jnp.where(x <= 0, 0, x)
