import jax.numpy as jnp
from jaxtyping import Array, Float

from .._compiled import compiled
from .._numerics import quotient, widened
from .._typing import Natural, NonNegative, Positive, Scalar
from ._blur import Mode, blurred


@compiled(static=("radius", "mode"))
def difference_of_gaussians(
    images: Float[Array, "*batch height width"],
    center_sigma: NonNegative[Scalar],
    surround_sigma: NonNegative[Scalar],
    *,
    radius: Natural,
    mode: Mode = "edge",
) -> Float[Array, "*batch height width"]:
    r"""The difference of a narrow and a wide blur, $c - s$: edges and dots.

    Cells of the retina respond so, excited by the centre of their receptive field and
    inhibited by its surround (Rodieck, 1965). Even light gives 0.

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
    center, surround = _halves(images, center_sigma, surround_sigma, radius, mode)
    return (2 * (center - surround)).astype(images.dtype)


@compiled(static=("radius", "mode"))
def ratio_of_gaussians(
    images: Float[Array, "*batch height width"],
    center_sigma: NonNegative[Scalar],
    surround_sigma: NonNegative[Scalar],
    *,
    radius: Natural,
    mode: Mode = "edge",
    epsilon: Positive[Scalar] = 1e-5,
) -> Float[Array, "*batch height width"]:
    r"""A narrow blur over a wide one, $c / (|s| + \epsilon)$: local contrast.

    Unlike the difference it does not depend on the strength of the light, as long as
    that is well above $\epsilon$. Even light gives 1. It is made for intensities, which
    are not negative; the magnitude in the denominator leaves it without a pole for
    others.

    **Arguments:**

    - `images`, `center_sigma`, `surround_sigma`, `radius`, `mode`: as for
        [`ngcx.filters.difference_of_gaussians`][].
    - `epsilon`: $\epsilon$, what keeps the ratio finite in the dark.

    **Returns:** an array of the shape and dtype of `images`.

    **Raises:** `ValueError` as [`ngcx.filters.gaussian_blur`][].
    """
    center, surround = _halves(images, center_sigma, surround_sigma, radius, mode)
    dtype = surround.dtype
    # An epsilon that rounds to 0 keeps nothing finite.
    guard = jnp.maximum(jnp.asarray(epsilon, dtype) / 2, jnp.finfo(dtype).tiny)
    guarded = jnp.abs(surround) + guard
    return quotient(center, guarded).astype(images.dtype)


def _halves(images, center_sigma, surround_sigma, radius, mode):
    """Half of the centre and of the surround: rounded weights may sum to more than 1,
    and the whole may overflow.
    """
    half = widened(images) / 2
    return (
        blurred(half, sigma, radius, mode) for sigma in (center_sigma, surround_sigma)
    )
