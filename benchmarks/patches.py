"""Random patches of 1,000 digits, dense grids, and images put together again."""

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
    print(f"{IMAGES * EACH:,} random patches {PATCH} of {IMAGES:,} images:\n")
    random_patches()
    print("\nDense grids, beside a copy of their output by numpy:")
    for shape, stride in (((256, 256), 4), ((8, 256, 256), 4), ((128, 28, 28), 2)):
        dense(shape, stride)
    print("\nAll patches (8, 8) of 256 x 256, and the image of them:\n")
    back()


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
    # Repeated, so that not all calls come after a contender that frees much memory.
    compare(contenders, rounds=5, repeats=4)


def dense(shape, stride):
    images = jnp.asarray(np.random.default_rng(0).random(shape), jnp.float32)

    def cut(images):
        return extract_patches(images, PATCH, stride=stride)

    within = jax.jit(cut)
    memory = within.lower(images).compile().memory_analysis()
    out = np.asarray(cut(images))
    beside = memory.temp_size_in_bytes if memory else None
    print(
        f"\n{PATCH} stride {stride} of {shape}: {out.nbytes:,} bytes, and {beside} of "
        "temporary memory\n"
    )
    gradient = jax.jit(jax.grad(lambda images: jnp.sum(cut(images) ** 2)))
    compare(
        {
            "copy of the output": out.copy,
            "ngcx, in a compiled function": ready(within, images),
            "ngcx": ready(cut, images),
            "ngcx, gradient": ready(gradient, images),
        },
        rounds=30,
        repeats=10,
    )


def back():
    image = jnp.asarray(np.random.default_rng(0).random((256, 256)), jnp.float32)
    patches = extract_patches(image, PATCH, stride=1)
    on_host = np.asarray(patches)
    compare(
        {
            "ngcx": ready(reconstruct, patches, image.shape, stride=1),
            "scikit-learn": lambda: scikit_learn.reconstruct_from_patches_2d(
                on_host, image.shape
            ),
        },
        rounds=10,
    )
