"""This cuts random patches (8, 8) of 1,000 images of 28 x 28, cuts dense grids of
patches beside a copy of their output by numpy, and puts an image together again.

An eager call has static arguments, which cost some 20 µs of dispatch each time. For
small images, that is more than the patches themselves; inside a compiled function, it
is nothing. The gradient of a regular grid adds up blocks of patches.
"""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from sklearn.feature_extraction import image as scikit_learn

from ngcx.patches import extract_patches, reconstruct, sample_patches

from ._measure import compare


IMAGES, SIDE, EACH, PATCH = 1000, 28, 50, (8, 8)


def ready(function, *args, **keywords):
    return lambda: jax.block_until_ready(function(*args, **keywords))


def main():
    yield random_patches()
    for shape, stride in (
        ((256, 256), 4),
        ((8, 256, 256), 4),
        ((128, 28, 28), 2),
        ((256, 256), 1),
    ):
        yield dense(shape, stride)
    yield back(1)
    yield back(4)


def random_patches():
    images = np.random.default_rng(0).random((IMAGES, SIDE, SIDE), np.float32)
    on_device, key = jnp.asarray(images), jr.key(0)

    def loop():
        return np.concatenate(
            [
                scikit_learn.extract_patches_2d(
                    image, PATCH, max_patches=EACH, random_state=seed
                )
                for seed, image in enumerate(images)
            ]
        )

    def sample(**options):
        return ready(sample_patches, key, on_device, PATCH, EACH, **options)

    contenders = {
        "ngcx": sample(),
        "ngcx, not centered": sample(center=False),
        "ngcx, without replacement": sample(replace=False),
        "scikit-learn, not centered": loop,
    }
    try:
        from ngclearn.utils.patch_utils import (  # pyright: ignore[reportMissingImports]
            generate_patch_set,
        )
    except ImportError:
        pass
    else:
        rows = images.reshape(IMAGES, -1)
        contenders["ngclearn"] = ready(generate_patch_set, rows, PATCH, EACH)
    # Calls are repeated, so that not all of them follow a contender that frees much
    # memory.
    return compare(
        f"{IMAGES * EACH:,} random patches of {IMAGES:,} images",
        contenders,
        rounds=5,
        repeats=4,
    )


def dense(shape, stride):
    images = jnp.asarray(np.random.default_rng(0).random(shape), jnp.float32)

    def cut(images):
        return extract_patches(images, PATCH, stride=stride)

    within, out = jax.jit(cut), np.asarray(cut(images))
    gradient = jax.jit(jax.grad(lambda images: jnp.sum(cut(images) ** 2)))
    return compare(
        f"Patches {PATCH} of {shape}, stride {stride}: {out.nbytes / 1e6:.1f} MB",
        {
            "copy of the output": out.copy,
            "ngcx, in a compiled function": ready(within, images),
            "ngcx": ready(cut, images),
            "ngcx, gradient": ready(gradient, images),
        },
        rounds=30,
        repeats=10,
    )


def back(stride):
    image = jnp.asarray(np.random.default_rng(0).random((256, 256)), jnp.float32)
    patches = extract_patches(image, PATCH, stride=stride)
    on_host = np.asarray(patches)

    def put(patches):
        return reconstruct(patches, image.shape, stride=stride)

    gradient = jax.jit(jax.grad(lambda patches: jnp.sum(put(patches) ** 2)))
    contenders = {
        "ngcx": ready(put, patches),
        "ngcx, gradient": ready(gradient, patches),
    }
    if stride == 1:
        contenders["scikit-learn"] = lambda: scikit_learn.reconstruct_from_patches_2d(
            on_host, image.shape
        )
    return compare(
        f"An image of 256 x 256 out of its patches of stride {stride}",
        contenders,
        rounds=10,
    )
