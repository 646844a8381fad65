"""The inverse of cutting: the mean of the patches over each pixel."""

import functools as ft
import math
import operator
from typing import TYPE_CHECKING, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from .._compiled import compiled
from .._numerics import wide_dtype
from .._trees import varying
from ._windows import (
    AnyImages,
    Padding,
    Patches,
    Sides,
    batch_axes,
    bordered,
    check_axes,
    grid,
    linear_windows,
    windows,
)


if TYPE_CHECKING:
    Shape = tuple[int, ...]
else:
    # The type check of a `tuple[int, ...]` looks at a single entry, drawn at random.
    Shape = ft.reduce(operator.or_, (tuple[(int,) * n] for n in range(1, 6)))


@compiled(static=("image_shape", "dimensions", "stride", "overlap", "padding"))
def reconstruct(
    patches: Patches,
    image_shape: Shape,
    *,
    dimensions: Literal[1, 2, 3] = 2,
    stride: Sides | None = None,
    overlap: Sides | None = None,
    padding: Padding = 0,
) -> AnyImages:
    r"""Puts the patches of a grid together again. It is the inverse of
    [`extract_patches`][ngcx.patches.extract_patches].

    A pixel that several patches share is their mean. Where the patches agree, the mean
    is exact, so `reconstruct(extract_patches(x, ...), x.shape, ...)` is `x`. The mean
    of integers is rounded to the nearest integer, and halves are rounded up. The
    padding is cut off.

    It is a linear map, so its derivative is the mean of the tangents.

    **Arguments:**

    - `patches`: (patches, patch_height, patch_width), (batch, patches, patch_height,
        patch_width), or the latter with channels at the end, of any dtype.
    - `image_shape`: the whole shape of the result: (height, width), (batch, height,
        width) or (batch, height, width, channels).
    - `dimensions`: how many axes a patch has: 2 for images, 1 for signals, 3 for
        volumes.
    - `stride`, `overlap`, `padding`: those that the patches were extracted with; their
        `mode` does not matter.

    **Returns:** images of that shape, in the dtype of `patches`.

    **Raises:** `ValueError` if the patches do not cover the image, or do not fit its
    shape.

    **See also:** [`ngcx.patches.extract_patches`][], which it undoes.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> from ngcx.patches import reconstruct
        >>> patches = jnp.array([[[1.0, 2.0]], [[4.0, 3.0]]])
        >>> print(reconstruct(patches, (1, 3), overlap=(0, 1)))
        [[1. 3. 3.]]

        ```
    """
    if not dimensions <= len(image_shape) == patches.ndim - 1 <= dimensions + 2:
        raise ValueError(
            f"`image_shape` must be {patches.ndim - 1} integers for `patches` of the "
            f"shape {patches.shape} and {dimensions} dimensions; got {image_shape}."
        )
    check_axes(image_shape, dimensions)
    axis = 1 + batch_axes(len(image_shape), dimensions)
    patch_shape = patches.shape[axis : axis + dimensions]
    cover = _cover(image_shape, patch_shape, stride, overlap, padding)
    like = jax.ShapeDtypeStruct(image_shape, patches.dtype)
    expected = jax.eval_shape(cover.cut, like).shape
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
    patch_shape: tuple[int, ...]
    borders: list[tuple[int, int]]
    # Each axis has an array that says where patches begin, how many of them lie over
    # each pixel, which is the first, and which of its pixels that is.
    starts: list[np.ndarray]
    counts: list[np.ndarray]
    firsts: list[np.ndarray]
    offsets: list[np.ndarray]

    @property
    def most(self) -> int:
        """The largest number of patches over one pixel."""
        return math.prod(int(counts.max()) for counts in self.counts)

    def cut(self, images, how=windows):
        return how(bordered(images, self.borders), self.starts, self.patch_shape)

    def add(self, patches):
        """The sum of the patches over each pixel."""
        cut = ft.partial(self.cut, how=linear_windows)
        images = varying(jnp.zeros(self.image_shape, patches.dtype), patches)
        return jax.linear_transpose(cut, images)(patches)[0]

    def first(self, patches):
        """What the first of the patches over each pixel says."""
        grid = [len(starts) for starts in self.starts]
        number = np.ravel_multi_index(np.ix_(*self.firsts), grid)
        batch = (slice(None),) * batch_axes(len(self.image_shape), len(grid))
        return patches[(*batch, number, *np.ix_(*self.offsets))]

    def number(self, dtype):
        """The number of patches over each pixel."""
        counts = [jnp.asarray(each, dtype) for each in np.ix_(*self.counts)]
        count = ft.reduce(jnp.multiply, counts)
        axis = batch_axes(len(self.image_shape), count.ndim)
        behind = len(self.image_shape) - axis - count.ndim
        count = count.reshape(*count.shape, *(1,) * behind)
        return jnp.broadcast_to(count, self.image_shape)


def _cover(image_shape, patch_shape, stride, overlap, padding) -> _Cover:
    rule = "`patches` must fit into `image_shape`"
    starts, borders = grid(image_shape, patch_shape, stride, overlap, padding, rule)
    axis = batch_axes(len(image_shape), len(starts))
    size = image_shape[axis : axis + len(starts)]
    of_axes = []
    for length, patch, (before, _), begin in zip(
        size, patch_shape, borders, starts, strict=True
    ):
        pixels = begin[:, None] + np.arange(patch) - before
        places = np.flatnonzero((pixels >= 0) & (pixels < length))
        covered, first, counts = np.unique(
            pixels.flat[places], return_index=True, return_counts=True
        )
        if len(covered) < length:
            raise ValueError(
                f"`image_shape` {size} is not covered by patches {patch_shape} at the "
                f"places {[each.tolist() for each in starts]} of its axes; choose "
                "another `stride` or `overlap`, or a larger `padding`."
            )
        of_axes.append((counts, *np.divmod(places[first], patch)))
    counts, firsts, offsets = map(list, zip(*of_axes, strict=True))
    return _Cover(image_shape, patch_shape, borders, starts, counts, firsts, offsets)


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
