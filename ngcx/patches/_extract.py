"""Patches of a regular grid, and images that are made ready for it."""

import math

from jaxtyping import Array, Shaped

from .._compiled import compiled
from ._center import centered
from ._windows import (
    AnyImages,
    Images,
    Mode,
    Padding,
    Patches,
    Sides,
    Sizes,
    batch_axes,
    bordered,
    check_axes,
    grid,
    sides,
    windows,
)


@compiled(static=("patch_shape", "stride", "overlap", "padding", "mode", "center"))
def extract_patches(
    images: AnyImages,
    patch_shape: Sizes,
    *,
    stride: Sides | None = None,
    overlap: Sides | None = None,
    padding: Padding = 0,
    mode: Mode = "constant",
    center: bool = False,
) -> Patches:
    r"""Cuts images into the patches of a regular grid, which begins in the upper left
    corner.

    Patch $r \cdot \text{columns} + c$ begins at row $r \, s_v$ and column $c \, s_h$ of
    the image with its padding, where $s$ is the stride: patches come in the order of
    reading. Of an image of height $H$, with padding $p$ above and below, there are
    $\lfloor (H + 2 p - h) / s_v \rfloor + 1$ rows of patches of height $h$, and
    likewise columns. Pixels that remain at the right and at the bottom are left out.

    A patch may also have one axis, for signals, or three, for volumes. `stride`,
    `overlap` and `padding` are one number, or one for each axis of a patch: for images,
    (vertical, horizontal).

    **Arguments:**

    - `images`: one image (height, width), a batch of them (batch, height, width), or a
        batch with channels (batch, height, width, channels), of any dtype. Three axes
        always mean a batch: give one image with channels as `images[None]`. If an axis
        looks like channels but is taken for a side, there is a warning. Signals have a
        length instead of height and width, and volumes have depth, height and width.
    - `patch_shape`: the height and the width of a patch, `(8, 8)`; the length, `(8,)`;
        or the depth, height and width.
    - `stride`: the distance from one patch to the next. By default it is `patch_shape`,
        so that patches are tiles.
    - `overlap`: instead of `stride`, how many pixels two neighbouring patches share.
    - `padding`: how many pixels to put around the image; `"valid"`, none; or `"same"`,
        as many as it takes for $\lceil H / s_v \rceil$ rows of patches, and likewise
        columns. If this number is odd, the extra pixel is at the end.
    - `mode`: what the padding holds, with the names of `jnp.pad`: zeros (`"constant"`),
        the nearest pixel (`"edge"`), a mirror image (`"reflect"`, which does not repeat
        the edge, or `"symmetric"`, which does), or the other side of the image
        (`"wrap"`).
    - `center`: whether to subtract from each patch its mean, taken over its pixels and
        their channels.

    **Returns:** patches of shape (patches, patch_height, patch_width), after `batch`
    and before `channels` where the images have them; in the dtype of `images`, but for
    integers, which `center` makes the default floating dtype. Map over channels that
    come first: `jax.vmap(cut, in_axes=1, out_axes=2)` turns (batch, channels, height,
    width) into (batch, patches, channels, patch_height, patch_width).

    **Raises:** `ValueError` for a patch that does not fit into the image, a stride
    below 1, an overlap as large as the patch, or both `stride` and `overlap`, and for
    images with another number of axes.

    **See also:** [`ngcx.patches.reconstruct`][], which puts patches together again;
    [`ngcx.patches.sample_patches`][] for random positions;
    [`ngcx.patches.PatchGenerator`][] for patches aligned with an edge.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> from ngcx.patches import extract_patches
        >>> image = jnp.arange(16).reshape(4, 4)
        >>> print(extract_patches(image, (2, 2))[1])
        [[2 3]
         [6 7]]
        >>> extract_patches(image, (2, 2), stride=1).shape
        (9, 2, 2)

        ```
    """
    check_axes(images.shape, len(patch_shape))
    starts, borders = grid(images.shape, patch_shape, stride, overlap, padding)
    patches = windows(bordered(images, borders, mode), starts, patch_shape)
    axis = batch_axes(images.ndim, len(patch_shape))
    return centered(patches, patches.ndim - axis - 1)[0] if center else patches


@compiled(static=("padding",))
def frame(images: Images, padding: int | tuple[int, int]) -> Shaped[Array, "..."]:
    """Puts zeros around images.

    **Arguments:**

    - `images`: (height, width), (batch, height, width) or (batch, height, width,
        channels), of any dtype.
    - `padding`: how many rows above and below, and how many columns to the left and to
        the right; or one number for both.

    **Returns:** images that are larger by twice the padding, in the same dtype.

    **Raises:** `ValueError` for a negative padding.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> from ngcx.patches import frame
        >>> print(frame(jnp.ones((1, 2), int), 1))
        [[0 0 0 0]
         [0 1 1 0]
         [0 0 0 0]]

        ```
    """
    widths = [(side, side) for side in sides("padding", padding, 2, 0)]
    check_axes(images.shape, 2)
    return bordered(images, widths)


@compiled
def square_images(
    rows: Shaped[Array, "batch pixels"],
) -> Shaped[Array, "batch side side"]:
    """Turns rows that hold one square image each into images. Many data sets have this
    form.

    **Arguments:**

    - `rows`: flattened images of any dtype. The number of their `pixels` must be a
        square.

    **Returns:** the same numbers as images.

    **Raises:** `ValueError` if `pixels` is not a square number.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> from ngcx.patches import square_images
        >>> print(square_images(jnp.arange(8).reshape(2, 4))[1])
        [[4 5]
         [6 7]]

        ```
    """
    batch, pixels = rows.shape
    side = math.isqrt(pixels)
    if side**2 != pixels:
        raise ValueError(
            f"`rows` must hold square images; got rows of {pixels} pixels. Reshape to "
            "(batch, height, width) instead."
        )
    return rows.reshape(batch, side, side)
