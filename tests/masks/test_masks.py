"""What holds of every mask, and the laws of sizes, places and subsets."""

import itertools
from collections import Counter
from typing import Any

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from hypothesis import assume, given, settings, strategies as st

from ngcx.masks import MultiBlockMask, RandomMask, TubeMask
from ngcx.masks._block_sizes import block_sizes
from ngcx.testing import keys


pytestmark = pytest.mark.in_turn(4)


# All numbers here are integers, which no optimisation may change.
def drawn(mask, number, what, seed=0):
    """Computes something of many masks in one program."""
    some = jax.jit(jax.vmap(lambda key: what(mask(key))))
    return jax.tree.map(np.asarray, some(jr.split(jr.key(seed), number)))


def check_law(outcomes, probabilities, error=0.0):
    """Checks that outcomes have these probabilities, known up to an error of their
    sums.

    The largest distance of the sums of frequencies from those of probabilities, in any
    fixed order, exceeds √(ln(2/δ) / 2n) with probability δ at most (Dvoretzky, Kiefer
    and Wolfowitz, 1956; Massart, 1990).
    """
    counts = Counter(outcomes)
    assert set(counts) <= set(probabilities)
    number = len(outcomes)
    differences = [counts[x] / number - p for x, p in probabilities.items()]
    bound = np.sqrt(np.log(2 / 1e-9) / (2 * number))
    assert np.max(np.abs(np.cumsum(differences))) < bound + error


def check_same(masks, others):
    jax.tree.map(np.testing.assert_array_equal, masks, others)


def equally(outcomes):
    outcomes = list(outcomes)
    return dict.fromkeys(outcomes, 1 / len(outcomes))


def sides(shape, n, r):
    """Heights and widths of blocks of `n` patches at a ratio `r`, which broadcast."""
    n = np.maximum(n, 1)
    h, w = np.rint(np.sqrt(n * r)), np.rint(np.sqrt(n / r))
    # The first of these that is wrong is mended, and the other side follows from it.
    wrong = (w > shape[1], h > shape[0], h < 1, w < 1)
    at_most = np.minimum(n, shape[1])
    heights = (np.rint(n / shape[1]), shape[0], 1, np.minimum(n, shape[0]))
    widths = (shape[1], np.rint(n / shape[0]), at_most, 1)
    h, w = np.select(wrong, heights, h), np.select(wrong, widths, w)
    return np.maximum(h, 1), np.maximum(w, 1)


def block_size(masks):
    rows, columns = jnp.any(masks.blocks.grid[0], 1), jnp.any(masks.blocks.grid[0], 0)
    return rows.sum(), columns.sum()


def corners(masks):
    """The index of the first patch of each block."""
    return masks.blocks.indices[:, 0]


def grids(data):
    ends = st.floats(0.01, 0.9)
    scale = tuple(sorted((data.draw(ends), data.draw(ends))))
    ratio = tuple(sorted((data.draw(st.floats(0.1, 9)), data.draw(st.floats(0.1, 9)))))
    shape = data.draw(st.sampled_from([(1, 1), (1, 7), (5, 3), (4, 9), (8, 8)]))
    try:
        return MultiBlockMask(
            shape,
            scale,
            ratio,
            data.draw(st.integers(1, 9)),
            data.draw(st.none() | st.integers(1, 70)),
        )
    except ValueError:
        return None


@settings(max_examples=4)  # each compiles
@given(data=st.data(), seed=st.integers(0, 999))
def test_masks_are_consistent(data, seed):
    mask = grids(data)
    assume(mask is not None)
    assert mask is not None
    masks = drawn(mask, 50, lambda masks: masks, seed)
    context, targets, blocks = masks.context, masks.targets, masks.blocks
    size = mask.grid_shape[0] * mask.grid_shape[1]
    seen = context.grid.sum((1, 2))
    assert seen.min() > 0 and targets.grid.sum((1, 2)).min() > 0
    assert not np.any(context.grid & targets.grid)
    np.testing.assert_array_equal(targets.grid, blocks.grid.any(1))
    if mask.max_keep is None:
        np.testing.assert_array_equal(context.grid, ~targets.grid)
    else:
        left = (~targets.grid).sum((1, 2))
        np.testing.assert_array_equal(seen, np.minimum(left, mask.max_keep))
    # Every block is a rectangle, and all blocks of an image have one size.
    rows, columns = blocks.grid.any(3), blocks.grid.any(2)
    np.testing.assert_array_equal(blocks.grid, rows[..., None] & columns[..., None, :])
    for lines in (rows, columns):
        edges = np.diff(np.pad(lines, ((0, 0), (0, 0), (1, 1))).astype(int))
        assert np.all((edges == 1).sum(-1) == 1)
        assert np.all(lines.sum(-1) == lines.sum(-1)[:, :1])
    # The lists say the same as the images.
    for patches in (context, targets, blocks):
        flat = patches.grid.reshape(-1, size)
        indices = patches.indices.reshape(len(flat), -1)
        valid = patches.valid.reshape(indices.shape)
        assert indices.dtype == np.int32
        np.testing.assert_array_equal(np.take_along_axis(flat, indices, 1), valid)
        np.testing.assert_array_equal(valid.sum(1), flat.sum(1))
        for row, ok in zip(indices, valid, strict=True):
            assert len(set(row)) == len(row) and np.all(np.diff(row[ok]) > 0)
            assert np.all(ok[:-1] >= ok[1:])


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("shape", "scale", "ratio"),
    [
        ((14, 14), (0.1, 0.6), (0.3, 3.0)),
        ((6, 10), (0.05, 0.5), (1.0, 1.0)),
        ((7, 7), (0.29, 0.29), (1.3, 1.3)),
        ((3, 20), (0.1, 0.6), (0.05, 5.0)),
    ],
)
def test_the_law_of_sizes(shape, scale, ratio):
    # The formula is evaluated on a fine grid of scales and ratios. Along each scale a
    # cell of the grid is wrong only where a size ends: twice a size of either side.
    number = 2000
    uniform = (np.arange(number) + 0.5) / number
    s = scale[0] + uniform * (scale[1] - scale[0])
    r = ratio[0] + uniform * (ratio[1] - ratio[0])
    n = np.floor(shape[0] * shape[1] * s)[:, None]
    heights, widths = (side.astype(int) for side in sides(shape, n, r))
    cells = Counter(zip(heights.flat, widths.flat, strict=True))
    probabilities = {size: count / number**2 for size, count in cells.items()}
    mask = MultiBlockMask(shape, scale, ratio, num_blocks=1)
    outcomes = list(zip(*drawn(mask, 100_000, block_size), strict=True))
    check_law(outcomes, probabilities, error=2 * sum(shape) / number)


@given(
    shape=st.tuples(st.integers(1, 16), st.integers(1, 16)),
    scales=st.tuples(st.floats(0.01, 1), st.floats(0.01, 1)).map(sorted),
    ratios=st.tuples(st.floats(0.1, 9), st.floats(0.1, 9)).map(sorted),
    fixed=st.sampled_from(("scale", "ratio")),
)
def test_the_law_of_sizes_is_exact(shape, scales, ratios, fixed):
    # The law is known to half a cell at each end of a size, along the one that varies.
    number, patches = 100_000, shape[0] * shape[1]
    uniform = (np.arange(number) + 0.5) / number
    if fixed == "scale":
        scales[1], ends = scales[0], sum(shape)
    else:
        ratios[1], ends = ratios[0], patches
    s, r = (low + uniform * (high - low) for low, high in (scales, ratios))
    n = np.floor(patches * s)
    heights, widths = sides(shape, n, r)
    sizes = block_sizes(shape, tuple(scales), tuple(ratios))
    probabilities = np.diff(sizes.cumulative, prepend=0)
    for height, width, p in zip(
        sizes.heights, sizes.widths, probabilities, strict=True
    ):
        frequency = np.mean((heights == height) & (widths == width))
        assert abs(frequency - p) <= (ends + 1) / number


@given(
    shape=st.tuples(st.integers(1, 40), st.integers(1, 120)),
    scales=st.tuples(st.floats(0.001, 1), st.floats(0.001, 1)).map(sorted),
    ratios=st.tuples(st.floats(0.01, 99), st.floats(0.01, 99)).map(sorted),
)
def test_every_block_covers_what_it_should(shape, scales, ratios):
    sizes = block_sizes(shape, tuple(scales), tuple(ratios))
    areas = sizes.heights * sizes.widths
    low, high = (max(int(np.prod(shape) * scale), 1) for scale in scales)
    # Each side is rounded by a half at most.
    slack = (sizes.heights + sizes.widths) / 2 + 0.25
    assert np.all(areas >= low - slack) and np.all(areas <= high + slack)
    assert sizes.heights.min() >= 1 and sizes.heights.max() <= shape[0]
    assert sizes.widths.min() >= 1 and sizes.widths.max() <= shape[1]


@pytest.mark.parametrize("shape", [(4, 100), (100, 4), (2, 50), (1, 30)])
def test_grids_that_are_long_are_covered_too(shape):
    mask = MultiBlockMask(shape, scale=(0.5, 0.5), num_blocks=1)
    share = np.mean(drawn(mask, 8, lambda masks: masks.blocks.grid), (1, 2, 3))
    np.testing.assert_allclose(share, 0.5, atol=0.02)


def test_numbers_of_numpy_are_sizes():
    four, two, scale = np.int64(4), np.int32(2), (np.float32(0.25), np.float64(0.25))
    sizes: Any = (four, four), scale, (np.int8(1), 1), two, np.uint8(9)
    mask = MultiBlockMask(*sizes)
    same = MultiBlockMask((4, 4), (0.25, 0.25), (1, 1), 2, 9)
    assert mask == same and hash(mask) == hash(same)


@pytest.mark.thorough
def test_blocks_are_anywhere_with_equal_chances_and_independent():
    mask = MultiBlockMask((5, 7), (0.35, 0.35), (1.0, 1.0), num_blocks=2)
    outcomes = drawn(mask, 100_000, corners)  # of 3 x 3 blocks
    assert block_size(mask(jr.key(0))) == (3, 3)
    places = [row * 7 + column for row in range(3) for column in range(5)]
    pairs = equally(itertools.product(places, repeat=2))
    check_law([tuple(pair) for pair in outcomes], pairs)


@pytest.mark.thorough
def test_what_leaves_a_context_keeps_equal_chances():
    # There are five 2 x 2 blocks of 3 x 3, and 240 of 1,024 placements cover all of it.
    mask = MultiBlockMask((3, 3), (0.45, 0.45), (1.0, 1.0), num_blocks=5)
    outcomes = drawn(mask, 100_000, corners)
    left = [
        placed
        for placed in itertools.product((0, 1, 3, 4), repeat=5)
        if len(set(placed)) < 4
    ]
    assert len(left) == 1024 - 240
    check_law([tuple(placed) for placed in outcomes], equally(left))


def test_the_context_keeps_any_subset_with_equal_chances():
    mask = MultiBlockMask((1, 5), (0.2, 0.2), (1.0, 1.0), num_blocks=1, max_keep=2)

    def kept(masks):
        return masks.targets.indices[0], *masks.context.indices

    outcomes = list(zip(*drawn(mask, 100_000, kept), strict=True))
    possible = [
        (target, *pair)
        for target in range(5)
        for pair in itertools.combinations([i for i in range(5) if i != target], 2)
    ]
    check_law(outcomes, equally(possible))


@pytest.mark.thorough
def test_no_half_of_the_image_is_preferred():
    # The reference cuts lists off, and so keeps three times as much of the upper half.
    mask = MultiBlockMask((8, 8), (0.1, 0.4), num_blocks=2, max_keep=8)
    number = 20_000
    for part in ("context", "targets"):
        grid = drawn(mask, number, lambda masks, part=part: getattr(masks, part).grid)
        halves = grid.reshape(number, 2, 32).sum(2).astype(float)
        difference = halves[:, 0] - halves[:, 1]
        assert abs(difference.mean()) < 6 * difference.std() / np.sqrt(number)


MASK = MultiBlockMask((8, 8), (0.2, 0.4), num_blocks=6, max_keep=20)
one, many = jax.jit(lambda key: MASK(key)), jax.jit(jax.vmap(MASK))


@settings(max_examples=10)
@given(key=keys())
def test_masks_depend_on_the_key_alone(key):
    masks = MASK(key)
    check_same(masks, one(key))
    batch = many(jr.split(key, 8))
    third = jax.tree.map(lambda leaf: np.asarray(leaf)[3], batch)
    check_same(third, MASK(jr.split(key, 8)[3]))
    assert len(np.unique(batch.targets.grid, axis=0)) > 1


def test_in_a_scan():
    split = jr.split(jr.key(0), 8)
    _, masks = jax.lax.scan(lambda carry, key: (carry, MASK(key)), None, split)
    check_same(masks, many(split))


def test_on_many_devices():
    mesh = jax.make_mesh((8,), ("batch",), (jax.sharding.AxisType.Auto,))
    sharding = jax.NamedSharding(mesh, jax.P("batch"))
    split = jr.split(jr.key(0), 32)
    sharded = many(jax.device_put(split, sharding))
    check_same(sharded, many(split))
    assert sharded.context.grid.sharding.is_equivalent_to(sharding, 3)


@pytest.mark.parametrize("dtype", ["float64"], indirect=True)
def test_x64_changes_nothing(dtype):
    masks = MASK(jr.key(5))
    with jax.enable_x64(False):
        narrow = MASK(jr.key(5))
    check_same(masks, narrow)


@pytest.mark.parametrize("blocks", [3, 4])
def test_nothing_is_drawn_again_where_nothing_can_be_covered(blocks):
    # It takes four 4 x 4 blocks to cover 8 x 8.
    mask = MultiBlockMask((8, 8), (0.25, 0.25), (1.0, 1.0), blocks)
    program = str(jax.make_jaxpr(lambda key: mask(key))(jr.key(0)))
    assert ("while[" in program) == (blocks == 4)


def test_a_scale_below_one_patch_gives_one():
    mask = MultiBlockMask((4, 4), (0.01, 0.02))
    assert np.all(drawn(mask, 50, lambda masks: masks.blocks.grid.sum((1, 2))) == 1)


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (
            {"scale": (1, 1)},
            "must leave patches for a context; got blocks of \\(1, 1\\)",
        ),
        ({"scale": (0.5, 1.0)}, "must leave patches for a context"),
        ({"scale": (0.9, 0.9), "num_blocks": 50}, "must leave patches for a context"),
        ({"grid_shape": (1, 1)}, "must leave patches for a context"),
        ({"scale": (0.0, 0.1)}, "`scale` must be a positive range"),
        ({"scale": (0.2, 0.1)}, "`scale` must be .* low before high"),
        ({"scale": (0.2, 1.1)}, "`scale` must be .* up to 1; got \\(0.2, 1.1\\)"),
        ({"scale": (0.2, float("nan"))}, "`scale`"),
        ({"aspect_ratio": (0.0, 1.0)}, "`aspect_ratio` must be"),
        ({"aspect_ratio": (1.0, float("inf"))}, "`aspect_ratio` must be"),
        ({"grid_shape": (0, 4)}, "`grid_shape` must be positive; got \\(0, 4\\)"),
        ({"grid_shape": 8}, "grid_shape"),
        ({"num_blocks": 0}, "`num_blocks` must be 1 or more; got 0"),
        ({"max_keep": 0}, "`max_keep` must be 1 or more; got 0"),
    ],
)
def test_wrong_arguments_are_errors(arguments, match):
    with pytest.raises((ValueError, TypeError), match=match):
        MultiBlockMask(**({"grid_shape": (8, 8)} | arguments))


@pytest.mark.parametrize(
    ("shape", "ratio", "size"),
    [((14, 14), 0.75, 147), ((14, 14), 0.9, 176), ((2, 3), 0.01, 1), ((1, 5), 0.99, 4)],
)
def test_random_masks_have_their_share(shape, ratio, size):
    masks = drawn(RandomMask(shape, ratio), 100, lambda masks: masks)
    patches = shape[0] * shape[1]
    np.testing.assert_array_equal(masks.targets.grid.sum((1, 2)), size)
    np.testing.assert_array_equal(masks.context.grid, ~masks.targets.grid)
    assert masks.context.indices.shape == (100, patches - size)
    assert masks.context.valid.all() and masks.targets.valid.all()
    check_same(jax.tree.map(lambda leaf: leaf[:, 0], masks.blocks), masks.targets)
    both = np.concatenate([masks.context.indices, masks.targets.indices], 1)
    np.testing.assert_array_equal(
        np.sort(both, 1), np.tile(np.arange(patches), (100, 1))
    )


def test_every_random_set_has_the_same_chance():
    indices = drawn(RandomMask((2, 3), 1 / 3), 20_000, lambda x: x.targets.indices)
    law = equally(itertools.combinations(range(6), 2))
    check_law([tuple(row) for row in indices.tolist()], law)


@pytest.mark.parametrize(
    "mask", [RandomMask((4, 5), 0.6), MultiBlockMask((4, 5), num_blocks=2)]
)
def test_tubes_are_the_mask_of_each_frame(mask):
    one, all_ = drawn(mask, 20, lambda x: x), drawn(TubeMask(mask, 3), 20, lambda x: x)
    for name in ("context", "targets", "blocks"):
        still, video = getattr(one, name), getattr(all_, name)
        for frame in range(3):
            np.testing.assert_array_equal(video.grid[..., frame, :, :], still.grid)
        assert video.indices.shape[-1] == 3 * still.indices.shape[-1]
        grids = video.grid.reshape(*video.indices.shape[:-1], 60)
        chosen = np.take_along_axis(grids, video.indices, -1)
        np.testing.assert_array_equal(chosen, video.valid)
        np.testing.assert_array_equal(video.valid.sum(-1), grids.sum(-1))


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        (lambda: RandomMask((4, 4), 0.0), "`ratio` must be between 0 and 1; got 0.0"),
        (lambda: RandomMask((4, 4), 1.0), "`ratio` must be between 0 and 1; got 1.0"),
        (lambda: RandomMask((1, 1)), r"`grid_shape` must .* got \(1, 1\)"),
        (lambda: RandomMask((0, 4)), "`grid_shape` must have two patches or more"),
        (lambda: TubeMask(RandomMask((2, 2)), 0), "`frames` must be 1 or more"),
    ],
)
def test_wrong_random_masks_are_errors(wrong, match):
    with pytest.raises(ValueError, match=match):
        wrong()
