"""Windows of images: where a grid has them, and how they are cut out."""

import warnings

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Shaped


Pair = int | tuple[int, int]  # vertical, horizontal; or one number for both

Images = (
    Shaped[Array, "height width"]
    | Shaped[Array, "batch height width"]
    | Shaped[Array, "batch height width channels"]
)
Patches = (
    Shaped[Array, "patches patch_height patch_width"]
    | Shaped[Array, "batch patches patch_height patch_width"]
    | Shaped[Array, "batch patches patch_height patch_width channels"]
)


def pair(name: str, value: Pair, least: int) -> tuple[int, int]:
    both = value if isinstance(value, tuple) else (value, value)
    if min(both) < least:
        raise ValueError(f"`{name}` must be {least} or more; got {value}.")
    return both


def height_axis(ndim: int) -> int:
    """The axis of the rows of images of that rank: only two axes have no batch."""
    return 0 if ndim == 2 else 1


def warn_of_channels(shape: tuple[int, ...]):
    """Warns where an axis that is no channel has so few entries that it may be one."""
    three = len(shape) == 3 and shape[2] <= _CHANNELS and min(shape[:2]) >= _LONG
    four = len(shape) == 4 and shape[1] <= _CHANNELS and min(shape[2:]) >= _LONG
    if three or four:
        narrow = " Images as narrow as this are `images[..., None]`." if three else ""
        warnings.warn(_reading(shape).strip() + narrow, stacklevel=2)


_CHANNELS, _LONG = 4, 16


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


def check_fits(patch_shape: tuple[int, int], shape: tuple[int, ...], rule: str = _FIT):
    """Raises unless a patch fits into images of that shape."""
    pair("patch_shape", patch_shape, 1)
    axis = height_axis(len(shape))
    height, width = shape[axis : axis + 2]
    if patch_shape[0] > height or patch_shape[1] > width:
        raise ValueError(
            f"{rule}, {height} x {width} with padding; got {patch_shape}."
            f"{_reading(shape)}"
        )


def grid(
    shape: tuple[int, ...],
    patch_shape: tuple[int, int],
    stride: Pair | None,
    overlap: Pair | None,
    rule: str = _FIT,
) -> tuple[np.ndarray, np.ndarray]:
    """The first row, and the first column, of the windows of a regular grid."""
    check_fits(patch_shape, shape, rule)
    axis = height_axis(len(shape))
    size = shape[axis : axis + 2]
    if stride is not None and overlap is not None:
        raise ValueError(
            f"`stride` and `overlap` exclude each other; got {stride} and {overlap}."
        )
    if overlap is not None:
        shared = pair("overlap", overlap, 0)
        steps = patch_shape[0] - shared[0], patch_shape[1] - shared[1]
        if min(steps) < 1:
            raise ValueError(
                f"`overlap` must be less than the patch, {patch_shape}; got {overlap}."
            )
    else:
        steps = patch_shape if stride is None else pair("stride", stride, 1)
    rows, columns = (
        np.arange(0, length - patch + 1, step, dtype=np.int32)
        for length, patch, step in zip(size, patch_shape, steps, strict=True)
    )
    return rows, columns


def windows(
    images, rows: np.ndarray, columns: np.ndarray, patch_shape: tuple[int, int]
):
    """All windows that begin at one of the rows and one of the columns, as one axis in
    the order of reading.
    """
    height, width = patch_shape
    axis = height_axis(images.ndim)
    batch, channels = images.shape[:axis], images.shape[axis + 2 :]
    if _adjoin(rows, height) and _adjoin(columns, width):
        # These are the same numbers in another shape. The transpose of this is so too,
        # and takes a tenth of the time of a scatter.
        inside = jax.lax.slice_in_dim(images, rows[0], rows[-1] + height, axis=axis)
        inside = jax.lax.slice_in_dim(
            inside, columns[0], columns[-1] + width, axis=axis + 1
        )
        split = inside.reshape(
            *batch, len(rows), height, len(columns), width, *channels
        )
        cut = jnp.swapaxes(split, axis + 1, axis + 2)
    else:

        def cut_one(image):
            def at(row, column):
                corner = (row, column, *[np.int32(0)] * len(channels))
                return jax.lax.dynamic_slice(image, corner, (*patch_shape, *channels))

            along_a_row = jax.vmap(at, (None, 0))
            return jax.vmap(along_a_row, (0, None))(rows, columns)

        # This is one gather of whole windows. Taking first rows and then columns,
        # shifted slices, and a convolution all take more time.
        cut = jax.vmap(cut_one)(images) if batch else cut_one(images)
    return cut.reshape(*batch, len(rows) * len(columns), *patch_shape, *channels)


def _adjoin(starts: np.ndarray, length: int) -> bool:
    return bool(np.all(np.diff(starts) == length))
