from typing import Any

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
import scipy.stats

from ngcx.patches import sample_patches


# Every pixel has its own number, so that the first of a patch tells its position.
IMAGES = jnp.arange(3 * 5 * 7, dtype=jnp.int32).reshape(3, 5, 7)
PATCH = (2, 3)  # 4 x 5 positions an image


def positions(patches):
    return np.asarray(patches)[..., 0, 0]


@pytest.mark.parametrize("replace", [True, False])
@pytest.mark.parametrize("per_image", [True, False])
def test_samples_are_windows_of_their_image(replace, per_image):
    options = {"replace": replace, "per_image": per_image, "center": False}
    patches = sample_patches(jr.key(0), IMAGES, PATCH, 20, **options)
    assert patches.dtype == jnp.int32
    assert patches.shape == ((3, 20, 2, 3) if per_image else (20, 2, 3))
    starts = positions(patches)
    offsets = 7 * np.arange(2)[:, None] + np.arange(3)
    np.testing.assert_array_equal(patches, starts[..., None, None] + offsets)
    assert (starts // 7 % 5 <= 3).all() and (starts % 7 <= 4).all()
    for image, row in enumerate(starts if per_image else [starts]):
        assert (row // 35 == image).all() or not per_image
        # All twenty positions of the image, or twenty different ones of the batch.
        assert replace or len(set(row)) == 20
    again = sample_patches(jr.key(0), IMAGES, PATCH, 20, **options)
    np.testing.assert_array_equal(again, patches)
    other = sample_patches(jr.key(1), IMAGES, PATCH, 20, **options)
    assert (positions(other) != starts).any()


@pytest.mark.parametrize("replace", [True, False])
@pytest.mark.parametrize("per_image", [True, False])
def test_every_position_has_the_same_chance(replace, per_image):
    keys = jr.split(jr.key(2), 1000)

    @jax.jit
    @jax.vmap
    def starts(key):
        patches = sample_patches(
            key,
            IMAGES,
            PATCH,
            6,
            replace=replace,
            per_image=per_image,
            center=False,
        )
        return patches[..., 0, 0]

    counts = np.bincount(np.ravel(starts(keys)), minlength=IMAGES.size)
    counts = counts.reshape(IMAGES.shape)
    assert counts[:, 4:].sum() == counts[:, :, 5:].sum() == 0
    # The counts of draws without replacement vary less than a multinomial's.
    assert scipy.stats.chisquare(counts[:, :4, :5].ravel()).pvalue > 1e-3


def test_images_have_positions_of_their_own():
    twice = jnp.stack([IMAGES[0]] * 2)
    first, second = sample_patches(jr.key(0), twice, PATCH, 10, center=False)
    assert (np.asarray(first) != np.asarray(second)).any()


def test_one_image_and_channels():
    colours = jnp.stack([IMAGES, IMAGES + 1000], -1)
    patches = sample_patches(jr.key(0), colours, PATCH, 4, center=False)
    assert patches.shape == (3, 4, 2, 3, 2)
    np.testing.assert_array_equal(patches[..., 1], patches[..., 0] + 1000)
    plain = sample_patches(jr.key(0), IMAGES[0], PATCH, 4, center=False)
    assert plain.shape == (4, 2, 3)
    assert sample_patches(jr.key(0), IMAGES[:0], PATCH, 4).shape == (0, 4, 2, 3)


@pytest.mark.parametrize("per_image", [True, False])
def test_means_on_request(per_image):
    images = jr.uniform(jr.key(1), (2, 6, 5, 3))

    # One program draws the positions for all of them.
    @jax.jit
    def samples(key):
        def sample(**options):
            return sample_patches(key, images, PATCH, 4, per_image=per_image, **options)

        return (
            sample(center=False, return_means=True),
            sample(return_means=True),
            sample(),
        )

    (plain, means), (centered, same), alone = samples(jr.key(0))
    expected = np.mean(plain, (-3, -2, -1))
    assert means.shape == ((2, 4) if per_image else (4,))
    np.testing.assert_allclose(means, expected, rtol=1e-6)
    np.testing.assert_array_equal(same, means)
    np.testing.assert_allclose(
        centered, np.asarray(plain) - expected[..., None, None, None], atol=1e-6
    )
    np.testing.assert_array_equal(alone, centered)


def test_bytes():
    images = jnp.full((2, 4, 4), 200, jnp.uint8)
    plain = jax.eval_shape(
        lambda: sample_patches(jr.key(0), images, (2, 2), 3, center=False)
    )
    assert plain.dtype == jnp.uint8
    patches, means = sample_patches(jr.key(0), images, (2, 2), 3, return_means=True)
    assert patches.dtype == means.dtype == jnp.float32
    assert not patches.any() and (means == 200).all()


def test_gradients_count_how_often_a_pixel_was_drawn():
    def total(images):
        return sample_patches(jr.key(0), images, PATCH, 9, center=False).sum()

    gradient = jax.grad(total)(IMAGES.astype(jnp.float32))
    np.testing.assert_array_equal(gradient.sum((1, 2)), [54, 54, 54])


def test_a_share_of_all_positions():
    for options, expected in (({}, (3, 10)), ({"per_image": False}, (30,))):
        how: Any = options | {"replace": False, "center": False}
        patches: Any = sample_patches(jr.key(0), IMAGES, PATCH, 0.5, **how)
        assert patches.shape == (*expected, 2, 3)
    every = sample_patches(jr.key(0), IMAGES[0], PATCH, 1.0, replace=False)
    assert every.shape == (20, 2, 3)
    signals = sample_patches(jr.key(0), IMAGES[0], (3,), 0.4, replace=False)
    assert signals.shape == (5, 2, 3)


@pytest.mark.parametrize(
    ("keywords", "match"),
    [
        ({"n": -1}, "`n` must be 0 or more"),
        ({"n": 1.5}, "`n` must be an integer, or a share up to 1.0; got 1.5"),
        ({"n": 21, "replace": False}, "from 0 to 20, .* without replacement; got 21"),
        ({"n": 61, "replace": False, "per_image": False}, "from 0 to 60, "),
        ({"images": IMAGES[:0], "per_image": False}, "`n` must be from 0 to 0"),
        ({"patch_shape": (6, 3)}, "`patch_shape` must fit into `images`, 5 x 7"),
        ({"patch_shape": (2, 0)}, "`patch_shape` must be 1 or more"),
        ({"key": 1234}, "key"),
    ],
)
def test_wrong_arguments_are_errors(keywords, match):
    arguments = {"key": jr.key(0), "images": IMAGES, "patch_shape": PATCH, "n": 5}
    with pytest.raises((ValueError, TypeError), match=match):
        sample_patches(**{**arguments, **keywords})
