"""Windows of images: where a grid has them, and how they are cut out."""

import functools as ft
import math
import warnings
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Shaped


# One number for each axis of a patch, or one for all of them. The type check of a
# `tuple[int, ...]` looks at a single entry, drawn at random.
Sizes = tuple[int] | tuple[int, int] | tuple[int, int, int]
Sides = int | Sizes
Padding = Sides | Literal["valid", "same"]
Mode = Literal["constant", "edge", "reflect", "symmetric", "wrap"]

Images = (
    Shaped[Array, "height width"]
    | Shaped[Array, "batch height width"]
    | Shaped[Array, "batch height width channels"]
)
# How many axes there may be depends on those of a patch.
AnyImages = Shaped[Array, "..."]
Patches = Shaped[Array, "..."]


def sides(
    name: str, value: int | tuple[int, ...], count: int, least: int
) -> tuple[int, ...]:
    each = value if isinstance(value, tuple) else (value,) * count
    surplus = len(each) != count
    if surplus or min(each) < least:
        must = f"one number, or {count}" if surplus else f"{least} or more"
        raise ValueError(f"`{name}` must be {must}; got {value}.")
    return each


def batch_axes(ndim: int, dimensions: int) -> int:
    """How many axes precede the pixels: only images without channels have no batch."""
    return 0 if ndim == dimensions else 1


def check_axes(shape: tuple[int, ...], dimensions: int):
    """Raises for a number of axes that images cannot have, and warns where an axis that
    is no channel has so few entries that it may be one.
    """
    if not 0 <= len(shape) - dimensions <= 2:
        axes = f"{dimensions} to {dimensions + 2} axes"
        raise ValueError(f"`images` must have {axes}; got the shape {shape}.")
    three = len(shape) == 3 and shape[2] <= _CHANNELS and min(shape[:2]) >= _LONG
    four = len(shape) == 4 and shape[1] <= _CHANNELS and min(shape[2:]) >= _LONG
    if dimensions == 2 and (three or four):
        narrow = " Images as narrow as this are `images[..., None]`." if three else ""
        warnings.warn(_reading(shape).strip() + narrow, stacklevel=2)


_CHANNELS, _LONG = 4, 16


def bordered(images, borders: list[tuple[int, int]], mode: Mode = "constant"):
    """Images that go on beyond the borders of their pixels."""
    axis = batch_axes(images.ndim, len(borders))
    widths = [(0, 0)] * images.ndim
    widths[axis : axis + len(borders)] = borders
    return jnp.pad(images, widths, mode) if any(map(any, borders)) else images


def _reading(shape: tuple[int, ...]) -> str:
    """A line that says what the axes of images are, and how to give others."""
    start = f"\n`images` of shape {shape} are read as "
    if len(shape) == 3:
        return f"{start}(batch, height, width). One with channels is `images[None]`."
    if len(shape) == 4:
        cure = "Channels in front go last by `jnp.moveaxis(images, 1, -1)`."
        return f"{start}(batch, height, width, channels). {cure}"
    return ""


_FIT = "`patch_shape` must fit into `images`"


def check_fits(
    patch_shape: tuple[int, ...], size: tuple[int, ...], shape=(), rule: str = _FIT
):
    """Raises unless a patch fits into images of that size, or of that shape."""
    sides("patch_shape", patch_shape, len(patch_shape), 1)
    if any(patch > length for patch, length in zip(patch_shape, size, strict=True)):
        raise ValueError(
            f"{rule}, {' x '.join(map(str, size))} with padding; got {patch_shape}."
            f"{_reading(shape) if len(patch_shape) == 2 else ''}"
        )


def grid(
    shape: tuple[int, ...],
    patch_shape: tuple[int, ...],
    stride: Sides | None,
    overlap: Sides | None,
    padding: Padding,
    rule: str = _FIT,
) -> tuple[list[np.ndarray], list[tuple[int, int]]]:
    """Where the windows of a regular grid begin along each axis, and how wide the
    border before and behind it is.
    """
    dimensions = len(patch_shape)
    sides("patch_shape", patch_shape, dimensions, 1)
    axis = batch_axes(len(shape), dimensions)
    size = shape[axis : axis + dimensions]
    if stride is not None and overlap is not None:
        raise ValueError(
            f"`stride` and `overlap` exclude each other; got {stride} and {overlap}."
        )
    if overlap is not None:
        shared = sides("overlap", overlap, dimensions, 0)
        steps = tuple(np.subtract(patch_shape, shared).tolist())
        if min(steps) < 1:
            raise ValueError(
                f"`overlap` must be less than the patch, {patch_shape}; got {overlap}."
            )
    else:
        steps = sides(
            "stride", patch_shape if stride is None else stride, dimensions, 1
        )
    if padding == "same":
        # There is a patch for each step, also for one that is not whole.
        missing = [
            max((-(-length // step) - 1) * step + patch - length, 0)
            for length, patch, step in zip(size, patch_shape, steps, strict=True)
        ]
        borders = [(total // 2, total - total // 2) for total in missing]
    else:
        width = 0 if padding == "valid" else padding
        borders = [(side, side) for side in sides("padding", width, dimensions, 0)]
    framed = tuple(n + sum(both) for n, both in zip(size, borders, strict=True))
    check_fits(patch_shape, framed, shape, rule)
    starts = [
        np.arange(0, length - patch + 1, step, dtype=np.int32)
        for length, patch, step in zip(framed, patch_shape, steps, strict=True)
    ]
    return starts, borders


def windows(images, starts: list[np.ndarray], patch_shape: tuple[int, ...]):
    """All windows that begin at one of the places along each axis, as one axis in the
    order of reading.
    """
    # A gather is the fastest way to cut, but its transpose, a scatter, takes twice the
    # time of the sums that are the transpose of joined blocks.
    linear = ft.partial(linear_windows, starts=starts, patch_shape=patch_shape)
    cut = jax.custom_jvp(lambda images: _gathered(images, starts, patch_shape))
    cut.defjvp(lambda images, tangents: (linear(*images), linear(*tangents)))
    return cut(images)


def linear_windows(images, starts: list[np.ndarray], patch_shape: tuple[int, ...]):
    """The same windows, in a way whose transpose is fast."""
    pairs = list(zip(starts, patch_shape, strict=True))
    if any(_BLOCKS * _step(*each) < each[1] for each in pairs):
        return _gathered(images, starts, patch_shape)
    dimensions, joined = len(patch_shape), images
    axis = batch_axes(images.ndim, dimensions)
    # The last axis is first, so that the others are not yet split when it is.
    for i in reversed(range(dimensions)):
        joined = _joined(joined, axis + i, *pairs[i])
    pixels = range(axis + 1, axis + 2 * dimensions, 2)
    behind = range(axis + dimensions, axis + 2 * dimensions)
    batch, channels = images.shape[:axis], images.shape[axis + dimensions :]
    count = math.prod(map(len, starts))
    shape = (*batch, count, *patch_shape, *channels)
    return jnp.moveaxis(joined, pixels, behind).reshape(shape)


_BLOCKS = 4  # So many of them are joined at most along an axis.


def _step(starts: np.ndarray, length: int) -> int:
    """The distance from one window to the next, or 0 if there are several distances."""
    steps = np.unique(np.diff(starts)) if len(starts) > 1 else [length]
    return int(steps[0]) if len(steps) == 1 else 0


def _gathered(images, starts: list[np.ndarray], patch_shape: tuple[int, ...]):
    """One gather of whole windows."""
    axis = batch_axes(images.ndim, len(patch_shape))
    window = (*patch_shape, *images.shape[axis + len(patch_shape) :])
    first = [*starts, *[[0]] * (len(window) - len(patch_shape))]
    corners = np.stack(np.meshgrid(*first, indexing="ij"), -1, dtype=np.int32)

    def cut(image):
        return jax.vmap(lambda corner: jax.lax.dynamic_slice(image, corner, window))(
            corners.reshape(-1, len(window))
        )

    return jax.vmap(cut)(images) if axis else cut(images)


def _joined(images, axis: int, starts: np.ndarray, length: int):
    """The windows along one axis, as two: their number, and their pixels. They are a
    few blocks of as many pixels as a step has, the last of them not whole.
    """
    count, step = len(starts), _step(starts, length)
    blocks = -(-length // step)
    total = count - 1 + blocks
    surplus = total * step - (images.shape[axis] - starts[0])
    widths = [(0, 0, 0)] * images.ndim
    widths[axis] = (-starts[0], surplus, 0)
    images = jax.lax.pad(images, jnp.zeros((), images.dtype), widths)
    split = (*images.shape[:axis], total, step, *images.shape[axis + 1 :])
    images = images.reshape(split)
    # The cuts are where a block begins or ends, so that the middle is one part of all
    # blocks. The transpose of a cut joins; that of slices would pad, and choose at each
    # pixel which blocks it belongs to.
    cuts = np.union1d(np.arange(blocks), np.arange(count, total + 1))
    parts = jax.lax.split(images, np.diff(cuts).tolist(), axis)
    first, last = np.searchsorted(cuts, (np.arange(blocks), np.arange(blocks) + count))
    shifted = [
        jnp.concatenate(parts[start:stop], axis)
        for start, stop in zip(first, last, strict=True)
    ]
    joined = jnp.concatenate(shifted, axis + 1)
    return jax.lax.slice_in_dim(joined, 0, length, axis=axis + 1)
