"""Geometries, images of any dtype, and what the grids are, in loops of Python."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from hypothesis import assume, strategies as st


class Geometry(NamedTuple):
    size: tuple[int, int]
    patch: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]

    def keywords(self, overlap=False):
        step = tuple(np.subtract(self.patch, self.stride).tolist())
        how = {"overlap": step} if overlap else {"stride": self.stride}
        return {**how, "padding": self.padding}


@st.composite
def geometries(draw, covers=False):
    """Draws small geometries; if asked to, those whose patches cover the image."""

    def axis():
        patch, padding = draw(st.integers(1, 4)), draw(st.integers(0, 2))
        stride = draw(st.integers(1, patch if covers else 5))
        # What remains at the end may be as much as lies in the padding.
        most = min(padding, stride - 1) if covers else stride - 1
        framed = patch + draw(st.integers(0, 2)) * stride + draw(st.integers(0, most))
        assume(framed > 2 * padding)
        return framed - 2 * padding, patch, stride, padding

    return Geometry(*zip(axis(), axis(), strict=True))


def leads_and_channels():
    """The shape before and after (height, width)."""
    return st.sampled_from((((), ()), ((2,), ()), ((2,), (3,))))


DTYPES = ("bool", "uint8", "int32", "bfloat16", "float16", "float32", "complex64")


def image_of(seed, shape, dtype):
    """Random numbers of all sizes, some of them infinite where the dtype has that."""
    random = np.random.default_rng(seed)
    dtype = jnp.dtype(dtype)
    if jnp.issubdtype(dtype, jnp.bool_):
        return random.random(shape) < 0.5
    if jnp.issubdtype(dtype, jnp.integer):
        info = np.iinfo(dtype)
        return random.integers(info.min, info.max, shape, dtype, endpoint=True)
    info = jnp.finfo(dtype)
    exponents = random.uniform(info.minexp / 2, info.maxexp, shape)
    numbers = random.choice([-1, 1], shape) * 2.0**exponents
    numbers = np.where(random.random(shape) < 0.1, np.inf, numbers)
    with np.errstate(over="ignore"):
        return numbers.astype(dtype)


def grid_of(image, patch, stride, padding=(0, 0)):
    """The patches of (height, width, ...)."""
    widths = [(side, side) for side in padding] + [(0, 0)] * (image.ndim - 2)
    image = np.pad(image, widths)
    return np.stack(
        [
            image[row : row + patch[0], column : column + patch[1]]
            for row in range(0, image.shape[0] - patch[0] + 1, stride[0])
            for column in range(0, image.shape[1] - patch[1] + 1, stride[1])
        ]
    )
