"""Patches of a regular grid, and images that are made ready for it."""

import math

import jax.numpy as jnp
from jaxtyping import Array, Shaped

from .._compiled import compiled
from ._center import centered
from ._windows import (
    Images,
    Pair,
    Patches,
    grid,
    height_axis,
    pair,
    warn_of_channels,
    windows,
)


Framed = (
    Shaped[Array, "framed_height framed_width"]
    | Shaped[Array, "batch framed_height framed_width"]
    | Shaped[Array, "batch framed_height framed_width channels"]
)


@compiled(static=("patch_shape", "stride", "overlap", "padding", "center"))
def extract_patches(
    images: Images,
    patch_shape: tuple[int, int],
    *,
    stride: Pair | None = None,
    overlap: Pair | None = None,
    padding: Pair = 0,
    center: bool = False,
) -> Patches:
    r"""The patches of a regular grid, which begins in the upper left corner.

    Patch $r \cdot \text{columns} + c$ begins at row $r \, s_v$ and column $c \, s_h$ of
    the image with its padding, where $s$ is the stride: patches come in the order of
    reading. Of an image of height $H$, with padding $p$ above and below, there are
    $\lfloor (H + 2 p - h) / s_v \rfloor + 1$ rows of patches of height $h$, and
    likewise columns. What remains at the right and at the bottom is left out.

    `stride`, `overlap` and `padding` are pairs (vertical, horizontal), or one number
    for both.

    **Arguments:**

    - `images`: one image (height, width), a batch of them (batch, height, width), or
        one with channels (batch, height, width, channels); of any dtype. Three axes are
        a batch: give one image with channels as `images[None]`. Where an axis looks
        like channels and is read as a side, there is a warning.
    - `patch_shape`: the height and the width of a patch.
    - `stride`: the distance from one patch to the next. By default it is that of tiles,
        `patch_shape`.
    - `overlap`: instead of `stride`, how much two neighbours share.
    - `padding`: zeros to put around the image, as [`frame`][ngcx.patches.frame] does.
    - `center`: whether to subtract from each patch its mean, taken over its pixels and
        their channels.

    **Returns:** patches of shape (patches, patch_height, patch_width), after `batch`
    and before `channels` where the images have them; in the dtype of `images`, but for
    integers, which `center` makes the default floating dtype.

    **Raises:** `ValueError` for a patch that does not fit into the image, a stride
    below 1, an overlap as large as the patch, or both of these.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> image = jnp.arange(16).reshape(4, 4)
        >>> print(extract_patches(image, (2, 2))[1])
        [[2 3]
         [6 7]]
        >>> extract_patches(image, (2, 2), stride=1).shape
        (9, 2, 2)

        ```
    """
    warn_of_channels(images.shape)
    images = framed(images, padding)
    axis = height_axis(images.ndim)
    rows, columns = grid(images.shape, patch_shape, stride, overlap)
    patches = windows(images, rows, columns, patch_shape)
    return centered(patches, patches.ndim - axis - 1)[0] if center else patches


@compiled(static=("padding",))
def frame(images: Images, padding: Pair) -> Framed:
    """Puts zeros around images.

    **Arguments:**

    - `images`: (height, width), (batch, height, width) or (batch, height, width,
        channels), of any dtype.
    - `padding`: how many rows above and below, and how many columns to the left and to
        the right; or one number for both.

    **Returns:** images that are larger by twice the padding, in the same dtype.

    **Raises:** `ValueError` for a negative padding.
    """
    warn_of_channels(images.shape)
    return framed(images, padding)


def framed(images, padding: Pair):
    widths = [(0, 0)] * images.ndim
    axis = height_axis(images.ndim)
    widths[axis : axis + 2] = [(side, side) for side in pair("padding", padding, 0)]
    return jnp.pad(images, widths)


@compiled
def square_images(
    rows: Shaped[Array, "batch pixels"],
) -> Shaped[Array, "batch side side"]:
    """Images from rows that hold one square image each, as many data sets come.

    **Arguments:**

    - `rows`: of any dtype; `pixels` must be a square number.

    **Returns:** the same numbers as images.

    **Raises:** `ValueError` if `pixels` is not a square number.
    """
    batch, pixels = rows.shape
    side = math.isqrt(pixels)
    if side**2 != pixels:
        raise ValueError(
            f"`rows` must hold square images; got rows of {pixels} pixels. Reshape to "
            "(batch, height, width) instead."
        )
    return rows.reshape(batch, side, side)
