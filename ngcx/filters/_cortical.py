import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from .._checks import check_positive
from .._compiled import traced
from .._precision import widened
from .._typing import Scalar, typed
from ._blur import Mode, blurred
from ._center_surround import check_sigmas, difference_of_gaussians
from ._numbers import quotient, rectified_power


def cortical_difference_of_gaussians(
    images: Float[Array, "*batch height width"],
    center_sigma: Scalar,
    surround_sigma: Scalar,
    *,
    radius: int,
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


def cortical_ratio_of_gaussians(
    images: Float[Array, "*batch height width"],
    center_sigma: Scalar,
    surround_sigma: Scalar,
    *,
    radius: int,
    mode: Mode = "edge",
    semi_saturation: Scalar = 0.1,
    excitation_exponent: Scalar = 2.0,
    inhibition_exponent: Scalar = 2.0,
) -> Float[Array, "*batch height width"]:
    r"""Divisive normalisation of the centre by its surround (Heeger, 1992).

    $$y = \frac{\max(0, c)^p}{\max(0, s)^q + h^2}$$

    At 0 the derivative in $c$ and $s$ is 0, for every exponent.

    **Arguments:**

    - `images`, `center_sigma`, `surround_sigma`, `radius`, `mode`: as for
        [`ngcx.filters.difference_of_gaussians`][].
    - `semi_saturation`: $h$; with $q = 2$, the surround that halves the response.
    - `excitation_exponent`, `inhibition_exponent`: $p$ and $q$, usually from 1.5 to 2.
        Numbers are constants of the program; arrays may be trained, and are not
        checked.

    **Returns:** an array of the shape and dtype of `images`.

    **Raises:** `ValueError` as [`ngcx.filters.gaussian_blur`][], or if $h$, $p$ or $q$
    is not positive.
    """
    check_sigmas(center_sigma, surround_sigma)
    check_positive("semi_saturation", semi_saturation)
    check_positive("excitation_exponent", excitation_exponent)
    check_positive("inhibition_exponent", inhibition_exponent)
    return _cortical_ratio(
        images,
        traced(center_sigma),
        traced(surround_sigma),
        traced(semi_saturation),
        # These stay numbers: XLA makes a multiplication of a square.
        excitation_exponent,
        inhibition_exponent,
        radius,
        mode,
    )


@eqx.filter_jit
@typed
def _cortical_ratio(
    images: Float[Array, "*batch height width"],
    center_sigma: Scalar,
    surround_sigma: Scalar,
    semi_saturation: Scalar,
    excitation_exponent: Scalar,
    inhibition_exponent: Scalar,
    radius: int,
    mode: Mode,
) -> Float[Array, "*batch height width"]:
    wide = widened(images)
    p, q, h = (
        jnp.asarray(parameter, wide.dtype)
        for parameter in (excitation_exponent, inhibition_exponent, semi_saturation)
    )
    center = _rectified(blurred(wide, center_sigma, radius, mode))
    surround = _rectified(blurred(wide, surround_sigma, radius, mode))
    # With g = h^(2/q), M and m the larger and the smaller of s and g, the denominator
    # is M^q (1 + (m/M)^q). No power of a large number is left for p = q, and M^(p-q)
    # does not overflow for p up to q + 1.
    half = jnp.maximum(jnp.power(jnp.abs(h), 2 / q), jnp.finfo(wide.dtype).tiny)
    bright = surround > half
    larger, smaller = (
        jnp.where(bright, surround, half),
        jnp.where(bright, half, surround),
    )
    excitation = rectified_power(quotient(center, larger), p) * larger ** (p - q)
    inhibition = 1 + rectified_power(quotient(smaller, larger), q)
    return quotient(excitation, inhibition).astype(images.dtype)


def _rectified(x):
    return jnp.where(x > 0, x, 0)
