import jax.numpy as jnp
from jax.lax import stop_gradient
from jaxtyping import Array, Float

from .._compiled import compiled
from .._numerics import quotient, widened
from .._typing import NonNegative, Positive, Scalar
from ._blur import Mode, Radius, blurred, light_on_all


@compiled(static=("radius", "mode"))
def difference_of_gaussians(
    images: Float[Array, "*batch height width"],
    center_sigma: NonNegative[Scalar],
    surround_sigma: NonNegative[Scalar],
    *,
    radius: Radius,
    mode: Mode = "edge",
) -> Float[Array, "*batch height width"]:
    r"""The difference of a narrow and a wide blur, $c - s$: edges and dots.

    Cells of the retina respond in this way: the centre of their receptive field excites
    them, and its surround inhibits them (Rodieck, 1965). Uniform light gives 0, and a
    faint pattern on it gives the same response as in the dark.

    **Arguments:**

    - `images`: images `(..., height, width)`; all leading axes are a batch.
    - `center_sigma`, `surround_sigma`: the standard deviations of the two blurs, in
        pixels. As arrays they may be trained, and are then not checked.
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
    wide = widened(images)
    # What both would have of the light cancels before it is rounded.
    light = light_on_all(wide)
    center = blurred(wide, center_sigma, radius, mode, light)
    surround = blurred(wide, surround_sigma, radius, mode, light)
    return (center - surround).astype(images.dtype)


@compiled(static=("radius", "mode"))
def ratio_of_gaussians(
    images: Float[Array, "*batch height width"],
    center_sigma: NonNegative[Scalar],
    surround_sigma: NonNegative[Scalar],
    *,
    radius: Radius,
    mode: Mode = "edge",
    epsilon: Positive[Scalar] = 1e-5,
) -> Float[Array, "*batch height width"]:
    r"""A narrow blur divided by a wide one, $c / (|s| + \epsilon)$: local contrast.

    Unlike the difference, it does not depend on the strength of the light, as long as
    that is well above $\epsilon$. Uniform light gives 1. It is made for intensities,
    which are not negative. For other images, the magnitude in the denominator keeps it
    finite.

    **Arguments:**

    - `images`, `center_sigma`, `surround_sigma`, `radius`, `mode`: as for
        [`ngcx.filters.difference_of_gaussians`][].
    - `epsilon`: $\epsilon$, which keeps the ratio finite in the dark.

    **Returns:** an array of the shape and dtype of `images`.

    **Raises:** `ValueError` as [`ngcx.filters.gaussian_blur`][].

    ??? cite "Reference"
        Cavanaugh, Bair and Movshon, *Nature and interaction of signals from the
        receptive field center and surround in macaque V1 neurons*, Journal of
        Neurophysiology 2002.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> import numpy as np
        >>> from ngcx.filters import ratio_of_gaussians
        >>> image = jnp.zeros((5, 5)).at[2, 2].set(1.0)
        >>> response = ratio_of_gaussians(image, 0.5, 1.0, radius=2)
        >>> print(np.asarray(response[2]).round(2))
        [0.01 0.85 3.82 0.85 0.01]

        ```
    """
    wide = widened(images)
    center = blurred(wide, center_sigma, radius, mode)
    surround = blurred(wide, surround_sigma, radius, mode)
    # An epsilon that rounds to 0 keeps nothing finite.
    tiny = jnp.finfo(wide.dtype).tiny
    guarded = jnp.abs(surround) + jnp.maximum(jnp.asarray(epsilon, wide.dtype), tiny)
    # What is infinite or NaN would make NaN of every gradient.
    known = jnp.isfinite(center / 2 + guarded / 2)
    ratio = stop_gradient(center / guarded)
    center, guarded = jnp.where(known, center, 0), jnp.where(known, guarded, 1)
    return jnp.where(known, quotient(center, guarded), ratio).astype(images.dtype)
