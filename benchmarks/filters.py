"""This takes a difference of Gaussians of 8 images, 3 x 224 x 224, of radius 6, and
its gradient.

ngcx multiplies blocks of rows, and then of columns, by a band matrix. Convolutions of
XLA on the CPU gain nothing from a kernel that is separable.
"""

import importlib.util

import jax
import jax.numpy as jnp
import numpy as np
import scipy.ndimage

from ngcx.filters import difference_of_gaussians

from ._measure import compare


SHAPE, RADIUS, SIGMAS = (8, 3, 224, 224), 6, (1.0, 2.0)


def main():
    on_host = np.random.default_rng(0).random(SHAPE, np.float32)
    images = jnp.asarray(on_host)

    def ours(images):
        return difference_of_gaussians(images, *SIGMAS, radius=RADIUS)

    def with_scipy():
        blurs = [
            scipy.ndimage.gaussian_filter(
                on_host, sigma, axes=(2, 3), radius=RADIUS, mode="nearest"
            )
            for sigma in SIGMAS
        ]
        return blurs[0] - blurs[1]

    contenders = {
        "ngcx": on_device(jax.jit(ours), images),
        "scipy": with_scipy,
        "window, one convolution": on_device(jax.jit(windowed), images),
    }
    if importlib.util.find_spec("ngclearn"):
        from ngclearn.utils import filters  # pyright: ignore[reportMissingImports]

        # ngclearn takes one channel only.
        flat = images.reshape(-1, 1, *SHAPE[2:])
        contenders["ngclearn, as one channel"] = on_device(
            lambda x: filters.gaussian_filter(x, *SIGMAS, RADIUS), flat
        )
    yield compare("A difference of Gaussians", contenders, rounds=5)
    yield compare(
        "Its gradient",
        {
            f"gradient, {name}": on_device(gradient(function), images)
            for name, function in {"ngcx": ours, "window": windowed}.items()
        },
        rounds=5,
    )


def on_device(function, images):
    return lambda: jax.block_until_ready(function(images))


def gradient(function):
    return jax.jit(jax.grad(lambda images: jnp.sum(jnp.square(function(images)))))


def windowed(images):
    """The same by one convolution, with a kernel of two dimensions."""
    offsets = jnp.arange(-RADIUS, RADIUS + 1, dtype=jnp.float32)
    rows = [jnp.exp(-jnp.square(offsets / sigma) / 2) for sigma in SIGMAS]
    center, surround = (jnp.outer(row, row) / jnp.sum(row) ** 2 for row in rows)
    flat = images.reshape(-1, 1, *images.shape[-2:])
    padded = jnp.pad(flat, [(0, 0)] * 2 + [(RADIUS, RADIUS)] * 2, mode="edge")
    kernel = (center - surround)[None, None]
    return jax.lax.conv(padded, kernel, (1, 1), "VALID").reshape(images.shape)
