import functools as ft
from typing import Any, Literal, TypeAlias

import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

from .._compiled import compiled
from .._numerics import widened
from .._trees import varying
from .._typing import Natural, NonNegative, Scalar


Mode: TypeAlias = Literal["edge", "reflect", "symmetric", "wrap", "constant"]
Radius: TypeAlias = Natural | tuple[int, int]


@compiled(static=("radius", "mode"))
def gaussian_blur(
    images: Float[Array, "*batch height width"],
    sigma: NonNegative[Scalar],
    *,
    radius: Radius,
    mode: Mode = "edge",
) -> Float[Array, "*batch height width"]:
    r"""Blurs each image with a Gaussian, cut off at a radius.

    $$y_{ij} = \sum_{a, b = -r}^{r} k_a k_b \, x_{i + a, j + b}, \qquad
    k_a = \frac{e^{-a^2 / 2 \sigma^2}}{\sum_{b = -r}^{r} e^{-b^2 / 2 \sigma^2}}$$

    It takes one pass over the columns and one over the rows. A pixel that is infinite
    or NaN affects only the pixels in which it has a weight.

    **Arguments:**

    - `images`: the last two axes are filtered. All axes before them, including
        channels, are a batch. Map over channels that come last: `jax.vmap(blur,
        in_axes=-1, out_axes=-1)`.
    - `sigma`: $\sigma$, the standard deviation in pixels. At 0 the result is the image.
        As an array it may be trained, and is then not checked.
    - `radius`: $r$, in pixels, for a window of $2 r + 1$; or a pair that says how far
        the window reaches before and behind its centre: `(r, r - 1)` is the window of
        the even size $2 r$, centred as in `scipy.ndimage.correlate`.
    - `mode`: how images continue beyond their borders, with the names of `jnp.pad`.

    **Returns:** an array of the shape and dtype of `images`.

    **Raises:** `ValueError` for an image without pixels, and a negative radius.

    ??? cite "Reference"
        Marr and Hildreth, *Theory of edge detection*, Proceedings of the Royal Society
        B 1980.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> from ngcx.filters import gaussian_blur
        >>> dot = jnp.zeros((3, 3)).at[1, 1].set(1.0)
        >>> print(gaussian_blur(dot, 0.5, radius=1).round(2))
        [[0.01 0.08 0.01]
         [0.08 0.62 0.08]
         [0.01 0.08 0.01]]

        ```
    """
    return blurred(widened(images), sigma, radius, mode).astype(images.dtype)


def blurred(images, sigma, radius: Radius, mode: Mode, light: Any = 0):
    """Computes `gaussian_blur` in the dtype of `images`, which is no half precision.

    If there is light on all of an image, then so much less is returned; a faint
    pattern keeps its digits without it.
    """
    if 0 in images.shape[-2:]:
        raise ValueError(f"`images` must have pixels; got the shape {images.shape}.")
    if images.size == 0:
        return images
    reach = radius if isinstance(radius, tuple) else (radius, radius)
    if min(reach) < 0:
        raise ValueError(f"`radius` must be 0 or more; got {radius}.")
    weights = ft.partial(_weights, jnp.asarray(sigma, images.dtype), reach)
    shape = _brightest(images).shape
    outside = jnp.broadcast_to(-jnp.asarray(light, images.dtype) / 2, shape)
    known = jnp.isfinite(images)
    half = jnp.where(known, images / 2 + outside, 0)
    result = _weighted(half, weights, outside, reach, mode)
    # Rounded weights may sum to more than 1, but no mean is beyond all values, and that
    # of halves does not overflow.
    largest = jnp.maximum(_brightest(jnp.abs(half)), jnp.abs(outside))
    result += lax.stop_gradient(jnp.clip(result, -largest, largest) - result)

    # These sums multiply by weights of 0 too, so that one infinite pixel would make NaN
    # of a whole row. It is put where its weight is positive.
    def spread(images):
        def reaches(offsets):
            return (weights(offsets) > 0).astype(images.dtype)

        above, below = (
            _weighted(there.astype(images.dtype), reaches, 0 * outside, reach, mode)
            for there in (~(images < jnp.inf), ~(images > -jnp.inf))
        )
        infinity = jnp.asarray(jnp.inf, images.dtype)
        return jnp.where(above > 0, infinity, 0) + jnp.where(below > 0, -infinity, 0)

    images = varying(lax.stop_gradient(images), sigma)
    return 2 * result + lax.cond(jnp.all(known), jnp.zeros_like, spread, images)


def light_on_all(images):
    """The light that all pixels of an image share. It has no gradient, because every
    blur leaves it as it is.
    """
    images = lax.stop_gradient(images)
    known = jnp.isfinite(images)
    darkest = -_brightest(jnp.where(known, -images, -jnp.inf))
    light = jnp.clip(0, darkest, _brightest(jnp.where(known, images, -jnp.inf)))
    # A pixel without that light is never a larger number than with it.
    return jnp.where(jnp.isfinite(light), light, 0)


def _brightest(images):
    return jnp.max(images, axis=(-2, -1), keepdims=True, initial=-jnp.inf)


def _weights(sigma, reach: tuple[int, int], offsets):
    """The weights of the pixels so far from the centre; those within reach sum to 1."""
    # Below 1/40 even the nearest weight, exp(-800), and its derivatives are 0 in every
    # dtype, so the division that would be by 0 is left out. NaN stays.
    negligible = jnp.abs(sigma) < 1 / 40
    scale = jnp.where(negligible, 1, sigma)

    def bell(offsets):
        offsets = jnp.asarray(offsets, sigma.dtype)
        heights = jnp.exp(-jnp.square(offsets / scale) / 2)
        return jnp.where(negligible, (offsets == 0).astype(sigma.dtype), heights)

    before, behind = reach
    inside = (-before <= offsets) & (offsets <= behind)
    heights = jnp.where(inside, bell(offsets), 0)
    return heights / jnp.sum(bell(np.arange(-before, behind + 1)))


def _weighted(images, weights, outside, reach: tuple[int, int], mode: Mode):
    """Weighted sums over the rows, and over the columns, of the pixels around each."""
    before, behind = reach
    for axis, product in (
        (images.ndim - 2, "...niw,io->...now"),
        (images.ndim - 1, "...ni,io->...no"),
    ):
        size = images.shape[axis]
        # Each block of pixels is a window, which is wider by the radius on both sides,
        # times one band matrix. So the program is the same for every radius, and its
        # cost grows with that, whatever the size of the image.
        block = min(size, max(before + behind, 32))
        count = -(-size // block)
        padding = before, behind + count * block - size
        index = np.pad(np.arange(size), padding, mode)
        if mode == "constant":
            index = np.pad(np.arange(size), padding, constant_values=size)
            edge = jnp.broadcast_to(
                outside, (*images.shape[:axis], 1, *images.shape[axis + 1 :])
            )
            images = jnp.concatenate([images, edge], axis)
        inner, outer = np.arange(block), np.arange(block + before + behind)
        windows = jnp.take(
            images, index[np.arange(count)[:, None] * block + outer], axis
        )
        band = weights(outer[:, None] - inner - before)
        sums = jnp.einsum(product, windows, band, precision=lax.Precision.HIGHEST)
        shape = (*images.shape[:axis], count * block, *images.shape[axis + 1 :])
        images = lax.slice_in_dim(sums.reshape(shape), 0, size, axis=axis)
    return images
