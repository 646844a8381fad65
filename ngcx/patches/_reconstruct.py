"""The inverse of cutting: the mean of the patches over each pixel."""

import functools as ft
from typing import TYPE_CHECKING, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from .._compiled import compiled
from .._numerics import wide_dtype
from .._trees import varying
from ._extract import framed
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


if TYPE_CHECKING:
    Shape = tuple[int, ...]
else:
    # The type check of a `tuple[int, ...]` looks at a single entry, drawn at random.
    Shape = tuple[int, int] | tuple[int, int, int] | tuple[int, int, int, int]


@compiled(static=("image_shape", "stride", "overlap", "padding"))
def reconstruct(
    patches: Patches,
    image_shape: Shape,
    *,
    stride: Pair | None = None,
    overlap: Pair | None = None,
    padding: Pair = 0,
) -> Images:
    r"""Puts the patches of a grid together: the inverse of
    [`extract_patches`][ngcx.patches.extract_patches].

    A pixel that several patches share is their mean. Where these agree it is exactly
    what they agree on, so that `reconstruct(extract_patches(x, ...), x.shape, ...)` is
    `x`. The mean of integers is rounded to the nearest one, halves upwards. What
    patches say about the padding is dropped.

    A linear map; its derivative is the mean of the tangents.

    **Arguments:**

    - `patches`: (patches, patch_height, patch_width), (batch, patches, patch_height,
        patch_width), or that with channels at the end; of any dtype.
    - `image_shape`: the whole shape of the result: (height, width), (batch, height,
        width) or (batch, height, width, channels).
    - `stride`, `overlap`, `padding`: those that the patches were extracted with.

    **Returns:** images of that shape, in the dtype of `patches`.

    **Raises:** `ValueError` if the patches do not cover the image, or are not those of
    such an image.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> patches = jnp.array([[[1.0, 2.0]], [[4.0, 3.0]]])
        >>> print(reconstruct(patches, (1, 3), overlap=(0, 1)))
        [[1. 3. 3.]]

        ```
    """
    if len(image_shape) != patches.ndim - 1:
        raise ValueError(
            f"`image_shape` must be {patches.ndim - 1} integers for `patches` of the "
            f"shape {patches.shape}; got {image_shape}."
        )
    warn_of_channels(image_shape)
    axis = height_axis(len(image_shape))
    patch_shape = patches.shape[axis + 1 : axis + 3]
    cover = _cover(image_shape, patch_shape, stride, overlap, padding)
    expected = jax.eval_shape(cover.cut, cover.like(patches.dtype)).shape
    if patches.shape != expected:
        raise ValueError(
            f"`patches` must have the shape {expected} for the `image_shape` "
            f"{image_shape}, `stride` {stride}, `overlap` {overlap} and `padding` "
            f"{padding}; got {patches.shape}."
        )
    inexact = jnp.issubdtype(patches.dtype, jnp.inexact)
    wide = patches.astype(_wide_dtype(patches.dtype))
    if cover.most == 1:
        images = cover.add(wide)
    else:
        images = _mean(cover, wide) if inexact else _integer_mean(cover, wide)
    return images.astype(patches.dtype)


class _Cover(NamedTuple):
    """How the patches of a grid cover images of one shape."""

    image_shape: tuple[int, ...]
    patch_shape: tuple[int, int]
    padding: tuple[int, int]
    starts: tuple[np.ndarray, np.ndarray]  # rows and columns where patches begin
    counts: tuple[np.ndarray, np.ndarray]  # how many lie over each row and column
    firsts: tuple[np.ndarray, np.ndarray]  # the first of them
    offsets: tuple[np.ndarray, np.ndarray]  # which of its rows or columns that is

    @property
    def most(self) -> int:
        """The largest number of patches over one pixel."""
        return int(self.counts[0].max() * self.counts[1].max())

    def like(self, dtype) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct(self.image_shape, dtype)

    def cut(self, images):
        return windows(framed(images, self.padding), *self.starts, self.patch_shape)

    def add(self, patches):
        """The sum of the patches over each pixel."""
        images = varying(jnp.zeros(self.image_shape, patches.dtype), patches)
        return jax.linear_transpose(self.cut, images)(patches)[0]

    def first(self, patches):
        """What the first of the patches over each pixel says."""
        rows, columns = self.firsts
        number = rows[:, None] * len(self.starts[1]) + columns
        batch = (slice(None),) * height_axis(len(self.image_shape))
        return patches[(*batch, number, self.offsets[0][:, None], self.offsets[1])]

    def number(self, dtype):
        """The number of patches over each pixel."""
        rows, columns = (jnp.asarray(counts, dtype) for counts in self.counts)
        count = jnp.outer(rows, columns)
        return jnp.broadcast_to(
            jnp.expand_dims(count, range(2, len(self.image_shape) - 1)),
            self.image_shape,
        )


def _cover(image_shape, patch_shape, stride, overlap, padding) -> _Cover:
    axis = height_axis(len(image_shape))
    size, sides = image_shape[axis : axis + 2], pair("padding", padding, 0)
    sizes = tuple(length + 2 * side for length, side in zip(size, sides, strict=True))
    rule = "`patches` must fit into `image_shape`"
    shape = (*image_shape[:axis], *sizes, *image_shape[axis + 2 :])
    starts = grid(shape, patch_shape, stride, overlap, rule)
    of_axes = []
    for length, patch, side, begin in zip(
        size, patch_shape, sides, starts, strict=True
    ):
        pixels = begin[:, None] + np.arange(patch) - side
        places = np.flatnonzero((pixels >= 0) & (pixels < length))
        covered, first, counts = np.unique(
            pixels.flat[places], return_index=True, return_counts=True
        )
        if len(covered) < length:
            raise ValueError(
                f"`image_shape` {size} is not covered by patches {patch_shape} at the "
                f"rows {starts[0]} and columns {starts[1]}; choose another `stride` or "
                "`overlap`, or a larger `padding`."
            )
        of_axes.append((counts, *np.divmod(places[first], patch)))
    counts, firsts, offsets = zip(*of_axes, strict=True)
    return _Cover(image_shape, patch_shape, sides, starts, counts, firsts, offsets)


@ft.partial(jax.custom_jvp, nondiff_argnums=(0,))
def _mean(cover: _Cover, patches):
    # The mean is one of the numbers, plus the mean of how far the others are from it.
    # It is exactly that number where all agree, infinity included. Sums are scaled by a
    # power of two, so that none overflows. The mean distance is added in two halves,
    # because the whole may overflow.
    first = cover.first(patches)
    base = cover.cut(first)
    share = _share(cover)
    apart = jnp.where(patches == base, 0, patches * share - base * share)
    half = cover.add(apart) / (cover.number(patches.dtype) * (2 * share))
    return first + half + half


@_mean.defjvp
def _mean_jvp(cover: _Cover, primals, tangents):
    # Where patches agree, `_mean` takes the constant 0, so that autodiff through it
    # would give all weight to the first of them.
    (patches,), (tangent,) = primals, tangents
    share = _share(cover)
    total = cover.add(tangent * share)
    return _mean(cover, patches), total / (cover.number(tangent.dtype) * share)


def _share(cover: _Cover) -> float:
    """A power of two that is at most half the share of a patch in a pixel."""
    return 0.5 ** ((cover.most - 1).bit_length() + 1)


def _integer_mean(cover: _Cover, patches):
    # The sum of the numbers may overflow; those of their quotients and remainders by
    # the count do not. In the padding the count is 0, and what comes of it is dropped.
    count = cover.number(patches.dtype)
    quotients, remainders = jnp.divmod(patches, cover.cut(count))
    return cover.add(quotients) + (2 * cover.add(remainders) + count) // (2 * count)


def _wide_dtype(dtype):
    if jnp.issubdtype(dtype, jnp.inexact):
        return wide_dtype(dtype)
    # 32 bits hold the square of any count.
    return jnp.dtype(jnp.int32) if dtype.itemsize < 4 else dtype
