# Numbers of numpy are no integers to a type checker.
# pyright: reportArgumentType=false

import itertools
import math
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from ngcx.patches import (
    PatchGenerator,
    extract_patches,
    frame,
    reconstruct,
    sample_patches,
    square_images,
)
from ngcx.testing import tolerance

from .conftest import DTYPES, geometries, grid_of, image_of, leads_and_channels


pytestmark = pytest.mark.in_turn(2)


@settings(max_examples=settings().max_examples // 2)  # each compiles
@given(
    seed=st.integers(0, 999),
    geometry=geometries(),
    around=leads_and_channels(),
    dtype=st.sampled_from(DTYPES),
)
def test_patches_are_those_of_a_loop(seed, geometry, around, dtype):
    size, patch, stride, padding = geometry
    lead, channels = around
    images = image_of(seed, (*lead, *size, *channels), dtype)
    got = extract_patches(jnp.asarray(images), patch, stride=stride, padding=padding)
    assert got.dtype == images.dtype
    if lead:
        expected = np.stack([grid_of(image, *geometry[1:]) for image in images])
    else:
        expected = grid_of(images, *geometry[1:])
    np.testing.assert_array_equal(got, expected)
    if np.all(np.less_equal(stride, patch)):
        keywords = geometry.keywords(overlap=True)
        same = extract_patches(jnp.asarray(images), patch, **keywords)
        np.testing.assert_array_equal(same, got)


def test_worked_examples():
    six = jnp.arange(36).reshape(6, 6)
    assert extract_patches(six, (2, 2), overlap=1).shape == (25, 2, 2)
    assert extract_patches(six, (4, 4), overlap=2).shape == (4, 4, 4)
    patches = extract_patches(six, (2, 2), overlap=(1, 1))
    assert patches[0].tolist() == [[0, 1], [6, 7]]
    assert patches[4].tolist() == [[4, 5], [10, 11]]  # the last of the first row
    assert patches[5].tolist() == [[6, 7], [12, 13]]
    # Patches are tiles by default, and what remains is left out.
    tiles = extract_patches(six, (4, 3))
    assert tiles.shape == (2, 4, 3)
    assert tiles[1, 0].tolist() == [3, 4, 5]


def test_a_frame_of_unequal_sides():
    framed = frame(jnp.ones((8, 8), jnp.float16), (2, 1))
    assert framed.shape == (12, 10) and framed.dtype == jnp.float16
    assert framed.sum() == 64 and framed[2:-2, 1:-1].sum() == 64
    assert frame(jnp.ones((2, 3, 4, 5), jnp.uint8), 1).shape == (2, 5, 6, 5)
    images = jnp.arange(64.0).reshape(1, 8, 8)
    np.testing.assert_array_equal(
        extract_patches(images, (2, 3), padding=(2, 1)),
        extract_patches(frame(images, (2, 1)), (2, 3)),
    )


@given(seed=st.integers(0, 999))
def test_each_patch_is_centered(seed, dtype):
    random = np.random.default_rng(seed)
    images = jnp.asarray(random.normal(3, 1, (2, 5, 6, 3)), dtype)
    cut = extract_patches(images, (3, 2), stride=2)
    wide = np.asarray(cut, float)
    got = extract_patches(images, (3, 2), stride=2, center=True)
    assert got.dtype == dtype
    np.testing.assert_allclose(
        np.asarray(got, float),
        wide - wide.mean((2, 3, 4), keepdims=True),
        atol=8 * tolerance(dtype)["rtol"],
    )


def test_means_do_not_overflow():
    for dtype in (jnp.float32, jnp.float16):
        largest = jnp.finfo(dtype).max
        image = jnp.full((4, 6), largest, dtype)
        patches = extract_patches(image, (2, 3), center=True)
        # A mean is that of float32, and may be rounded.
        errors = np.abs(np.asarray(patches, float)) / float(largest)
        assert np.all(errors <= jnp.finfo(jnp.float32).eps)


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int32"])
def test_centered_integers_are_floats(dtype):
    images = jnp.asarray([[0, 1], [1, 0]], dtype)
    got = extract_patches(images, (2, 2), center=True)
    assert got.dtype == jnp.float32
    assert got.tolist() == [[[-0.5, 0.5], [0.5, -0.5]]]
    bright = extract_patches(jnp.full((2, 2), 255, jnp.uint8), (2, 2), center=True)
    assert not bright.any()


def cut(images):
    return extract_patches(images, (3, 2), stride=(2, 1), padding=1, center=True)


def test_vmap_jit_and_empty_batches():
    images = jnp.arange(60.0).reshape(3, 4, 5)
    np.testing.assert_array_equal(jax.vmap(cut)(images), cut(images))
    np.testing.assert_array_equal(jax.jit(cut)(images), cut(images))
    _, scanned = jax.lax.scan(lambda _, image: (None, cut(image)), None, images)
    np.testing.assert_array_equal(scanned, cut(images))
    assert cut(images[:0]).shape == (0, *cut(images).shape[1:])


@pytest.mark.parametrize(
    ("shape", "stride"),
    [((5, 6), 1), ((2, 5, 6), (3, 2)), ((2, 5, 6, 3), 1)],
)
def test_derivatives_are_the_map_and_its_adjoint(shape, stride):
    def cut(images):
        return extract_patches(images, (3, 2), stride=stride, padding=1, center=True)

    random = np.random.default_rng(0)
    x, tangent = (jnp.asarray(random.normal(size=shape), "f4") for _ in range(2))
    shape = jax.eval_shape(cut, x).shape
    cotangent = jnp.asarray(random.normal(size=shape), "f4")

    @jax.jit
    def derivatives(x, tangent, cotangent):
        moved = jax.jvp(cut, (x,), (tangent,))[1]
        return moved, cut(tangent), *jax.vjp(cut, x)[1](cotangent)

    moved, expected, back = derivatives(x, tangent, cotangent)
    np.testing.assert_allclose(moved, expected, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(
        jnp.vdot(back, tangent), jnp.vdot(cotangent, moved), rtol=1e-4
    )


def test_rows_become_square_images():
    rows = jnp.arange(18, dtype=jnp.uint8).reshape(2, 9)
    images = square_images(rows)
    assert images.dtype == jnp.uint8
    assert images[1].tolist() == [[9, 10, 11], [12, 13, 14], [15, 16, 17]]
    with pytest.raises(ValueError, match="`rows` .* 60 pixels.*batch, height, width"):
        square_images(jnp.zeros((2, 60)))


@pytest.mark.parametrize(
    ("keywords", "match"),
    [
        ({"stride": 1, "overlap": 1}, "`stride` and `overlap` exclude each other"),
        ({"stride": 0}, "`stride` must be 1 or more; got 0"),
        ({"stride": (1, -1)}, r"`stride` must be 1 or more; got \(1, -1\)"),
        ({"overlap": 2}, r"`overlap` must be less than the patch, \(2, 2\); got 2"),
        ({"overlap": -1}, "`overlap` must be 0 or more; got -1"),
        ({"padding": -1}, "`padding` must be 0 or more; got -1"),
        ({"patch_shape": (7, 2)}, r"`patch_shape` must fit .* 6 x 5 .* \(7, 2\)"),
        ({"patch_shape": (0, 2)}, "`patch_shape` must be 1 or more"),
        ({"images": jnp.zeros(5)}, "images"),
        ({"images": jnp.zeros((1, 1, 1, 1, 1))}, "images"),
        ({"patch_shape": (2.0, 2)}, "patch_shape"),
    ],
)
def test_wrong_arguments_are_errors(keywords, match):
    arguments = {"images": jnp.zeros((6, 5)), "patch_shape": (2, 2), **keywords}
    with pytest.raises((ValueError, TypeError), match=match):
        extract_patches(**arguments)


FUNCTIONS = {
    "extract_patches": lambda x, side: extract_patches(x, (side, side)),
    "sample_patches": lambda x, side: sample_patches(
        jax.random.key(0), x, (side,) * 2, 2
    ),
    "PatchGenerator": lambda x, side: PatchGenerator(side, side)(x),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_errors_say_what_the_axes_are(name):
    for shape, reading, cure in (
        (
            (24, 24, 3),
            r"\(24, 24, 3\) are read as \(batch, height, width\)",
            r"\[None\]",
        ),
        ((2, 3, 24, 24), r"as \(batch, height, width, channels\)", "`jnp.moveaxis"),
    ):
        call = FUNCTIONS[name]
        with (
            pytest.warns(UserWarning, match=reading),
            pytest.raises(ValueError, match=f"(?s)must fit into .*{reading}.*{cure}"),
        ):
            call(jnp.zeros(shape), 16)
        # A small patch fits, but it may not be what was meant.
        with pytest.warns(UserWarning, match=f"{reading}.*{cure}"):
            call(jnp.ones(shape), 3)
    with pytest.raises(
        ValueError, match=r"must fit into .* 8 x 8 .*; got \(16, 16\)\.(?!\n`images`)"
    ):
        FUNCTIONS[name](jnp.zeros((8, 8)), 16)


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize(
    "shape", [(24, 24), (3, 24, 24), (24, 24, 5), (24, 24, 3, 1), (1, 24, 24, 3)]
)
def test_what_is_given_as_the_errors_say_is_no_mistake(name, shape):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        FUNCTIONS[name](jnp.ones(shape), 3)


def test_numbers_of_numpy_are_sizes():
    image, three, two = np.arange(36.0).reshape(6, 6), np.int64(3), np.int32(2)
    for numpy, python in (
        ({"stride": two}, {"stride": 2}),
        ({"overlap": (np.uint8(1), two)}, {"overlap": (1, 2)}),
        (
            {"padding": (two, 1), "center": np.bool_(True)},
            {"padding": (2, 1), "center": True},
        ),
    ):
        np.testing.assert_array_equal(
            extract_patches(image, (three, three), **numpy),
            extract_patches(image, (3, 3), **python),
        )
    tiles = extract_patches(image, (three, two))
    np.testing.assert_array_equal(reconstruct(tiles, (np.int64(6), np.int16(6))), image)
    np.testing.assert_array_equal(frame(image, two), frame(image, 2))
    key = jax.random.key(0)
    sampled = sample_patches(key, image, (two, two), three)
    np.testing.assert_array_equal(sampled, sample_patches(key, image, (2, 2), 3))
    generator = PatchGenerator(two, three, horizontal_stride=np.int8(1))
    assert generator == PatchGenerator(2, 3, horizontal_stride=1)
    np.testing.assert_array_equal(
        generator.positions(np.int64(6), np.int64(6)), generator.positions(6, 6)
    )


def loop(image, patch, stride, borders, mode):
    """The patches of an image of any number of axes, one after the other."""
    image = np.pad(image, borders, mode)
    ranges = [
        range(0, length - side + 1, step)
        for length, side, step in zip(image.shape, patch, stride, strict=True)
    ]
    return np.stack(
        [
            image[tuple(slice(i, i + n) for i, n in zip(at, patch, strict=True))]
            for at in itertools.product(*ranges)
        ]
    )


@pytest.mark.parametrize(
    ("size", "patch", "stride"),
    [((9,), (4,), (2,)), ((5, 6), (3, 2), (1, 2)), ((4, 5, 6), (2, 3, 3), (2, 1, 2))],
)
@pytest.mark.parametrize("mode", ["constant", "reflect", "edge", "wrap", "symmetric"])
def test_signals_images_and_volumes_with_borders(size, patch, stride, mode):
    image = np.random.default_rng(0).normal(size=(2, *size, 3)).astype("f4")
    missing = [
        max((-(-n // s) - 1) * s + p - n, 0)
        for n, s, p in zip(size, stride, patch, strict=True)
    ]
    for padding, borders in (
        ("valid", [(0, 0)] * len(size)),
        ("same", [(n // 2, n - n // 2) for n in missing]),
        (1, [(1, 1)] * len(size)),
    ):
        options = {"stride": stride, "padding": padding}
        got = extract_patches(jnp.asarray(image), patch, mode=mode, **options)
        expected = np.stack(
            [
                np.stack(
                    [
                        loop(image[i, ..., c], patch, stride, borders, mode)
                        for c in range(3)
                    ],
                    -1,
                )
                for i in range(2)
            ]
        )
        np.testing.assert_array_equal(got, expected)
        if padding != "same":
            continue
        rows = math.prod(-(-n // s) for n, s in zip(size, stride, strict=True))
        assert got.shape[1] == rows
        back = reconstruct(got, image.shape, dimensions=len(size), **options)
        np.testing.assert_array_equal(back, image)


def test_channels_that_come_first_are_mapped_over():
    images = jnp.asarray(np.random.default_rng(0).normal(size=(2, 3, 5, 6)), "f4")

    def cut(images):
        return extract_patches(images, (3, 2), stride=1, padding="same")

    def put(patches):
        return reconstruct(patches, (2, 5, 6), stride=1, padding="same")

    patches = jax.vmap(cut, 1, 2)(images)
    assert patches.shape == (2, 30, 3, 3, 2)
    expected = jnp.moveaxis(cut(jnp.moveaxis(images, 1, -1)), -1, 2)
    np.testing.assert_array_equal(patches, expected)
    np.testing.assert_array_equal(jax.vmap(put, 2, 1)(patches), images)


@pytest.mark.parametrize(
    ("alignment", "patch", "scatters"),
    [("left", 4, 0), ("left", 6, 1), ("center", 4, 1)],
)
def test_gradients_of_few_blocks_are_no_scatter(alignment, patch, scatters):
    """A patch of up to four steps is joined of blocks, whose transpose is a sum."""
    generator = PatchGenerator(patch, patch, alignment, "top", 1, 1)

    def energy(images):
        return jnp.sum(generator(images) ** 2)

    images = jnp.asarray(np.random.default_rng(0).normal(size=(2, 13, 14)), "f4")
    program = str(jax.make_jaxpr(jax.grad(energy))(images))
    assert ("scatter" in program) == bool(scatters)
    # Each pixel counts as often as there are patches over it.
    covers = np.zeros(images.shape)
    for row, column in generator.positions(13, 14):
        covers[:, row : row + patch, column : column + patch] += 1
    expected = 2 * covers * np.asarray(images)
    np.testing.assert_allclose(jax.grad(energy)(images), expected, rtol=1e-5)
