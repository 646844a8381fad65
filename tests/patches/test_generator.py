import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, strategies as st

from ngcx.patches import PatchGenerator, extract_patches


VERTICAL = {"left": "top", "right": "bottom", "center": "center", "fit": "fit"}

# Each case has a length, a patch, a stride, an alignment, and the starts of patches.
CASES = [
    (32, 5, None, "left", [0, 5, 10, 15, 20, 25]),
    (32, 5, None, "right", [2, 7, 12, 17, 22, 27]),
    (32, 5, None, "center", [1, 6, 11, 16, 21, 26]),
    (32, 5, None, "fit", [1, 6, 11, 16, 21, 26]),
    (32, 5, 4, "left", [0, 4, 8, 12, 16, 20, 24]),
    (32, 5, 4, "right", [3, 7, 11, 15, 19, 23, 27]),
    (32, 5, 4, "center", [3, 7, 11, 16, 20, 24]),
    (32, 5, 4, "fit", [1, 5, 9, 13, 17, 21, 25]),
    # One patch fills the image.
    (5, 5, None, "left", [0]),
    (5, 5, None, "right", [0]),
    (5, 5, None, "fit", [0]),
    # Several patches fill it together, to its last pixel.
    (10, 5, None, "left", [0, 5]),
    (10, 5, None, "right", [0, 5]),
    (10, 5, None, "center", [0, 5]),
    (10, 5, None, "fit", [0, 5]),
    # The middle of an odd length belongs to the right half.
    (7, 2, None, "center", [1, 3, 5]),
    (7, 2, 1, "center", [0, 1, 3, 4, 5]),
    # A stride beyond the patch leaves gaps; what remains is odd.
    (10, 2, 3, "left", [0, 3, 6]),
    (10, 2, 3, "right", [2, 5, 8]),
    (10, 2, 3, "center", [0, 3, 5, 8]),
    (10, 2, 3, "fit", [1, 4, 7]),
    (9, 4, None, "fit", [0, 4]),
]


@pytest.mark.parametrize(("length", "patch", "stride", "alignment", "starts"), CASES)
def test_positions(length, patch, stride, alignment, starts):
    across = PatchGenerator(patch, patch, alignment, horizontal_stride=stride)
    assert across.positions(patch, length).tolist() == [[0, at] for at in starts]
    down = PatchGenerator(
        patch,
        patch,
        vertical_alignment=VERTICAL[alignment],  # pyright: ignore[reportArgumentType]
        vertical_stride=stride,
    )
    assert down.positions(length, patch).tolist() == [[at, 0] for at in starts]


@given(
    length=st.integers(1, 50),
    patch=st.integers(1, 20),
    stride=st.one_of(st.none(), st.integers(1, 20)),
)
def test_alignments_mirror_each_other(length, patch, stride):
    def starts(alignment):
        generator = PatchGenerator(1, patch, alignment, horizontal_stride=stride)
        return generator.positions(1, length)[:, 1]

    if patch > length:
        with pytest.raises(
            ValueError, match="`patch_height` and `patch_width` must fit"
        ):
            starts("left")
        return
    last = length - patch
    np.testing.assert_array_equal(starts("right"), last - starts("left")[::-1])
    margin = starts("fit")[0], last - starts("fit")[-1]
    assert 0 <= margin[1] - margin[0] <= 1
    assert len(starts("fit")) == len(starts("left"))
    if length // 2 < patch and length // 2 > last:
        named = '`[a-z]+_alignment` of "center" has no patch.* "fit" has one'
        with pytest.raises(ValueError, match=named):
            starts("center")
    elif length % 2 == 0:
        np.testing.assert_array_equal(starts("center"), last - starts("center")[::-1])


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [((8, 9), "uint8"), ((2, 8, 9), "float32"), ((2, 8, 9, 3), "uint8")],
)
def test_patches_are_those_at_the_positions(shape, dtype):
    images = jnp.asarray(np.random.default_rng(0).integers(0, 255, shape), dtype)
    generator = PatchGenerator(2, 3, "center", "bottom", 2)
    got = jax.jit(lambda images: generator(images))(images)
    assert got.dtype == dtype
    moved = np.asarray(images).reshape(-1, 8, 9, *shape[3:])
    expected = np.stack(
        [moved[:, r : r + 2, c : c + 3] for r, c in generator.positions(8, 9)], 1
    )
    np.testing.assert_array_equal(got, expected.reshape(got.shape))


def test_from_the_upper_left_it_is_the_regular_grid():
    images = jnp.arange(2 * 8 * 9.0).reshape(2, 8, 9)
    generator = PatchGenerator(2, 3, horizontal_stride=2, vertical_stride=1)
    expected = extract_patches(images, (2, 3), stride=(1, 2))
    np.testing.assert_array_equal(generator(images), expected)
    np.testing.assert_array_equal(jax.vmap(generator)(images), expected)
    np.testing.assert_array_equal(
        PatchGenerator(2, 3)(images), extract_patches(images, (2, 3))
    )
    gradient = jax.grad(lambda images: generator(images).sum())(images)
    assert gradient.sum() == expected.size


def test_it_prints_nothing_and_keeps_nothing(capsys):
    generator = PatchGenerator(2, 2)
    for side in (4, 6, 4):
        assert generator(jnp.zeros((side, side))).shape == (side**2 // 4, 2, 2)
    assert capsys.readouterr().out == "" and not jax.tree.leaves(generator)


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        (lambda: PatchGenerator(0, 2), "`patch_height` must be 1 or more; got 0"),
        (lambda: PatchGenerator(2, -1), "`patch_width` must be 1 or more"),
        (lambda: PatchGenerator(2, 2, horizontal_stride=0), "`horizontal_stride`"),
        (lambda: PatchGenerator(2, 2, vertical_stride=0), "`vertical_stride`"),
        (lambda: PatchGenerator(2, 2, "top"), "horizontal_alignment"),  # pyright: ignore
        (lambda: PatchGenerator(2, 2)(jnp.zeros((1, 5))), "must fit"),
        (lambda: PatchGenerator(2, 2)(jnp.zeros(5)), "images"),
    ],
)
def test_wrong_arguments_are_errors(wrong, match):
    with pytest.raises((ValueError, TypeError), match=match):
        wrong()
