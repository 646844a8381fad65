import functools as ft
from typing import Literal, TypeAlias

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from .._compiled import compiled
from .._numerics import widened
from .._typing import Natural, NonNegative, Scalar


Mode: TypeAlias = Literal["edge", "reflect", "symmetric", "wrap", "constant"]


@compiled(static=("radius", "mode"))
def gaussian_blur(
    images: Float[Array, "*batch height width"],
    sigma: NonNegative[Scalar],
    *,
    radius: Natural,
    mode: Mode = "edge",
) -> Float[Array, "*batch height width"]:
    r"""Blurs each image with a Gaussian, cut off at a radius.

    $$y_{ij} = \sum_{a, b = -r}^{r} k_a k_b \, x_{i + a, j + b}, \qquad
    k_a = \frac{e^{-a^2 / 2 \sigma^2}}{\sum_{b = -r}^{r} e^{-b^2 / 2 \sigma^2}}$$

    It takes $2 (2 r + 1)$ multiplications a pixel: one pass over the columns, one over
    the rows.

    **Arguments:**

    - `images`: the last two axes are filtered; all before them, channels among them,
        are a batch. Map over channels that come last:
        `jax.vmap(blur, in_axes=-1, out_axes=-1)`.
    - `sigma`: $\sigma$, the standard deviation in pixels. At 0 the result is the image.
        As an array it may be trained, and is not checked.
    - `radius`: $r$, in pixels.
    - `mode`: how images go on beyond their borders, by the names of `jnp.pad`.

    **Returns:** an array of the shape and dtype of `images`.

    **Raises:** `ValueError` for an image without pixels.

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


def blurred(images, sigma, radius: int, mode: Mode):
    """Computes `gaussian_blur` in the dtype of `images`, which is no half precision."""
    if 0 in images.shape[-2:]:
        raise ValueError(f"`images` must have pixels; got the shape {images.shape}.")
    weights = _kernel(jnp.asarray(sigma, images.dtype), radius)
    for axis in (images.ndim - 2, images.ndim - 1):
        images = _convolved(images, weights, axis, mode)
    return images


def _kernel(sigma, radius: int):
    """The weights of a row, which sum to 1."""
    offsets = jnp.arange(-radius, radius + 1, dtype=sigma.dtype)
    # Below 1/40 even the nearest weight, exp(-800), and its derivatives are 0 in every
    # dtype, so the division that would be by 0 is left out. NaN stays.
    negligible = jnp.abs(sigma) < 1 / 40
    distances = offsets / jnp.where(negligible, 1, sigma)
    weights = jnp.exp(-jnp.square(distances) / 2)
    weights = jnp.where(negligible, (offsets == 0).astype(sigma.dtype), weights)
    return weights / jnp.sum(weights)


def _convolved(images, weights, axis: int, mode: Mode):
    widths = [(0, 0)] * images.ndim
    widths[axis] = (len(weights) // 2,) * 2
    return _weighted(jnp.pad(images, widths, mode=mode), weights, axis)


# XLA fuses a sum of shifted copies into one loop, which is tens of times faster on a
# CPU than its convolution with a kernel of one row.
@ft.partial(jax.custom_jvp, nondiff_argnums=(2,))
def _weighted(padded, weights, axis: int):
    size = padded.shape[axis] - len(weights) + 1
    return sum(
        weights[i] * lax.slice_in_dim(padded, i, i + size, axis=axis)
        for i in range(len(weights))
    )


@_weighted.defjvp
def _weighted_jvp(axis: int, primals, tangents):
    (padded, weights), (d_padded, d_weights) = primals, tangents
    # JAX transposes slices into pads, which are slow, and pads into slices, which are
    # not. So the tangent is written with pads, for the gradient to have the slices.
    last, zero = len(weights) - 1, jnp.zeros((), padded.dtype)

    def moved(i):
        widths = [(0, 0, 0)] * padded.ndim
        widths[axis] = (last - i, i, 0)
        return lax.pad(d_padded, zero, widths)

    spread = jnp.asarray(sum(weights[i] * moved(i) for i in range(len(weights))))
    tangent = lax.slice_in_dim(spread, last, padded.shape[axis], axis=axis)
    return _weighted(padded, weights, axis), tangent + _weighted(
        padded, d_weights, axis
    )
