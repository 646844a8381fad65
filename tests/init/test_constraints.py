import itertools

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from ngcx.init import (
    Clip,
    ColumnMask,
    Constant,
    Eye,
    Gaussian,
    Hollow,
    LowerTriangle,
    RowMask,
    UpperTriangle,
)


pytestmark = pytest.mark.in_turn(2)


def keep(axis, indices):
    def apply(x):
        mask = np.zeros(x.shape, bool)
        np.moveaxis(mask, axis, 0)[indices] = True
        return np.where(mask, x, 0)

    return apply


# Each constraint stands beside what it does to one matrix, in numpy.
EFFECTS = [
    (Clip(amin=-0.1), lambda x: np.maximum(x, -0.1)),
    (Clip(amax=0.1), lambda x: np.minimum(x, 0.1)),
    (LowerTriangle(), np.tril),
    (UpperTriangle(), np.triu),
    (Hollow(), lambda x: x * ~np.eye(*x.shape, dtype=bool)),
    (Eye(), lambda x: x * np.eye(*x.shape)),
    (ColumnMask([0, 3]), keep(1, [0, 3])),
    (RowMask(np.array([1])), keep(0, [1])),
]
DRAWS = [
    lambda initializer, key, shape: initializer(key, shape),
    lambda initializer, key, shape: initializer.numpy(0, shape),
]


def drawn(draw, initializers, shape):
    """What each initializer draws. One program does it all, so that random numbers are
    computed once; what numpy draws is a constant of it.
    """

    @jax.jit
    def program(key):
        return [draw(initializer, key, shape) for initializer in initializers]

    return [np.asarray(each) for each in program(jr.key(0))]


def conflict(*constraints):
    return {LowerTriangle, UpperTriangle} <= {type(each) for each in constraints}


@pytest.mark.parametrize("draw", DRAWS, ids=["jax", "numpy"])
@pytest.mark.parametrize("shape", [(5, 4), (4, 5), (2, 4, 4)], ids=str)
def test_every_constraint_and_every_pair_in_order(draw, shape):
    lists = itertools.chain(
        itertools.combinations(EFFECTS, 1), itertools.permutations(EFFECTS, 2)
    )
    pairs = [tuple(zip(*chosen, strict=True)) for chosen in lists]
    pairs = [(chosen, effects) for chosen, effects in pairs if not conflict(*chosen)]
    constrained = [Gaussian().constrain(*chosen) for chosen, _ in pairs]
    plain, *draws = drawn(draw, [Gaussian(), *constrained], shape)
    for (constraints, effects), got in zip(pairs, draws, strict=True):
        assert got.dtype == np.float32
        expected = plain.reshape(-1, *shape[-2:])
        for effect in effects:
            expected = np.stack([effect(matrix) for matrix in expected])
        np.testing.assert_array_equal(
            got, expected.reshape(shape).astype(np.float32), err_msg=str(constraints)
        )


@pytest.mark.parametrize("draw", DRAWS, ids=["jax", "numpy"])
@pytest.mark.parametrize(("mask", "axis"), [(ColumnMask, -1), (RowMask, -2)])
def test_random_masks_keep_exactly_n_and_change_no_draw(draw, mask, axis):
    masks = [mask(n) for n in (0, 2, 5)]
    masking = [Gaussian().constrain(each) for each in masks]
    clipping = [Gaussian().constrain(Clip(-9.0, 9.0), each) for each in masks]
    plain, *others = drawn(draw, [Gaussian(), *masking, *clipping], (3, 5, 5))
    for n, masked, clipped in zip((0, 2, 5), others[:3], others[3:], strict=True):
        kept = np.asarray(np.any(masked != 0, axis=-1 - (axis == -1)))
        np.testing.assert_array_equal(kept.sum(axis=-1), n)
        np.testing.assert_array_equal(kept, np.tile(kept[:1], (3, 1)))
        np.testing.assert_array_equal(masked[masked != 0], plain[masked != 0])
        np.testing.assert_array_equal(clipped, masked)


def test_random_masks_have_keys_of_their_own():
    ones = Constant(1.0).constrain(RowMask(8)).constrain(ColumnMask(8))
    kept = [
        [np.flatnonzero(np.any(ones(key, (16, 16)), axis=axis)) for axis in (0, 1)]
        for key in jr.split(jr.key(0), 8)
    ]
    assert any(np.any(columns != rows) for columns, rows in kept)


def test_random_masks_choose_every_column_alike():
    initializer = Constant(1.0).constrain(ColumnMask(2))
    draws = jax.vmap(lambda key: initializer(key, (1, 5)))(jr.split(jr.key(0), 4000))
    rates = np.mean(draws, axis=(0, 1))
    # A frequency of 0.4 may be off by five standard deviations.
    assert np.all(np.abs(rates - 0.4) < 5 * np.sqrt(0.24 / 4000))


def test_dtype_and_infinities(dtype):
    for initializer in (
        Constant(np.inf).constrain(Hollow(), ColumnMask(2), Clip(0.0)),
        Constant(np.inf).constrain(LowerTriangle()),
    ):
        for draw in (
            initializer(jr.key(0), (3, 3), dtype),
            initializer.numpy(0, (3, 3), dtype),
        ):
            assert draw.dtype == dtype
            assert set(np.unique(np.asarray(draw, np.float64))) == {0, np.inf}


def test_bounds_are_learnt_if_arrays():
    def total(amin):
        return jnp.sum(Gaussian().constrain(Clip(amin))(jr.key(0), (50,)))

    below = np.sum(np.asarray(Gaussian()(jr.key(0), (50,))) < 0.5)
    assert float(jax.grad(total)(jnp.array(0.5))) == below


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        (lambda: Clip(5.0, 1.0), "`amin` must not exceed `amax`; got amin=5.0, amax=1"),
        (
            lambda: Gaussian().constrain(LowerTriangle()).constrain(UpperTriangle()),
            "`constraints` must not hold both LowerTriangle and UpperTriangle",
        ),
        (lambda: ColumnMask(np.int64(-2)), "`keep` must be 0 or more; got -2"),
        (lambda: ColumnMask(-1), "`keep` must be 0 or more; got -1"),
        (lambda: ColumnMask(True), "`keep` must be a number or indices; got True"),
        (lambda: RowMask([1, 1]), r"`keep` must name no row twice; got \(1, 1\)"),
        (
            lambda: Gaussian().constrain(ColumnMask(5))(jr.key(0), (6, 4)),
            "`keep` must not exceed the 4 columns; got 5",
        ),
        (
            lambda: Gaussian().constrain(RowMask([0, 6, -1])).numpy(0, (6, 4)),
            r"`keep` must name rows from 0 to 5; got \[6, -1\]",
        ),
        *(
            (
                lambda each=each: Gaussian().constrain(each)(jr.key(0), (4,)),
                r"`shape` must have rows and columns; got \(4,\)",
            )
            for each in (Hollow(), Eye(), LowerTriangle(), UpperTriangle(), RowMask(1))
        ),
    ],
)
def test_wrong_arguments_are_errors(wrong, match):
    with pytest.raises(ValueError, match=match):
        wrong()


def test_a_constraint_must_be_one():
    with pytest.raises(TypeError, match="constraints"):
        Gaussian().constrain("hollow")  # pyright: ignore[reportArgumentType]
