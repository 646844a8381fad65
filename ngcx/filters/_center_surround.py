import jax.numpy as jnp
from jaxtyping import Array, Float

from .._checks import check_non_negative, check_positive
from .._compiled import compiled_function
from .._precision import widened
from .._typing import Scalar
from ._blur import Mode, blurred
from ._numbers import quotient


def difference_of_gaussians(
    images: Float[Array, "*batch height width"],
    center_sigma: Scalar,
    surround_sigma: Scalar,
    *,
    radius: int,
    mode: Mode = "edge",
) -> Float[Array, "*batch height width"]:
    r"""The difference of a narrow and a wide blur, $c - s$: edges and dots.

    So do cells of the retina respond, excited by the centre of their receptive field
    and inhibited by its surround (Rodieck, 1965). Even light gives 0.

    **Arguments:**

    - `images`: images `(..., height, width)`; all leading axes are a batch.
    - `center_sigma`, `surround_sigma`: the standard deviations of the two, in pixels.
        As arrays they may be trained, and are not checked.
    - `radius`, `mode`: as for [`ngcx.filters.gaussian_blur`][], for both blurs.

    **Returns:** an array of the shape and dtype of `images`.

    **Raises:** `ValueError` as [`ngcx.filters.gaussian_blur`][].

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> from ngcx.filters import difference_of_gaussians
        >>> edge = jnp.array([[0.0, 0.0, 1.0, 1.0]])
        >>> print(difference_of_gaussians(edge, 0.5, 1.0, radius=2)[0, 1:3].round(2))
        [-0.19  0.19]

        ```
    """
    check_sigmas(center_sigma, surround_sigma)
    return _difference(images, center_sigma, surround_sigma, radius, mode)


@compiled_function(static=("radius", "mode"))
def _difference(
    images: Float[Array, "*batch height width"],
    center_sigma: Scalar,
    surround_sigma: Scalar,
    radius: int,
    mode: Mode,
) -> Float[Array, "*batch height width"]:
    # Halves, because rounded weights may sum to more than 1.
    half = widened(images) / 2
    center = blurred(half, center_sigma, radius, mode)
    surround = blurred(half, surround_sigma, radius, mode)
    return (2 * (center - surround)).astype(images.dtype)


def ratio_of_gaussians(
    images: Float[Array, "*batch height width"],
    center_sigma: Scalar,
    surround_sigma: Scalar,
    *,
    radius: int,
    mode: Mode = "edge",
    epsilon: Scalar = 1e-5,
) -> Float[Array, "*batch height width"]:
    r"""A narrow blur over a wide one, $c / (|s| + \epsilon)$: local contrast.

    Unlike the difference it does not depend on the strength of the light, as long as
    that is well above $\epsilon$. Even light gives 1. Made for intensities, which are
    not negative; the magnitude in the denominator leaves it without a pole for others.

    **Arguments:**

    - `images`, `center_sigma`, `surround_sigma`, `radius`, `mode`: as for
        [`ngcx.filters.difference_of_gaussians`][].
    - `epsilon`: $\epsilon$, what keeps the ratio finite in the dark.

    **Returns:** an array of the shape and dtype of `images`.

    **Raises:** `ValueError` as [`ngcx.filters.gaussian_blur`][], or if `epsilon` is not
    positive.
    """
    check_sigmas(center_sigma, surround_sigma)
    check_positive("epsilon", epsilon)
    return _ratio(images, center_sigma, surround_sigma, epsilon, radius, mode)


@compiled_function(static=("radius", "mode"))
def _ratio(
    images: Float[Array, "*batch height width"],
    center_sigma: Scalar,
    surround_sigma: Scalar,
    epsilon: Scalar,
    radius: int,
    mode: Mode,
) -> Float[Array, "*batch height width"]:
    half = widened(images) / 2
    center = blurred(half, center_sigma, radius, mode)
    surround = blurred(half, surround_sigma, radius, mode)
    # An epsilon that rounds to 0 keeps nothing finite.
    epsilon = jnp.maximum(
        jnp.asarray(epsilon, half.dtype) / 2, jnp.finfo(half.dtype).tiny
    )
    guarded = jnp.abs(surround) + epsilon
    return quotient(center, guarded).astype(images.dtype)


def check_sigmas(center_sigma: Scalar, surround_sigma: Scalar):
    check_non_negative("center_sigma", center_sigma)
    check_non_negative("surround_sigma", surround_sigma)
