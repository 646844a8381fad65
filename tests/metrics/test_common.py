"""What holds of every metric that scores rows.

Compiling takes nearly all of the time, so the examples of a property share one program
that makes all that it compares.
"""

import functools as ft

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, strategies as st

from ngcx import metrics
from ngcx.testing import tolerance

from .conftest import CASES


pytestmark = pytest.mark.in_turn(5)


def by_turns(*choices):
    """Each metric is tested in the dtypes of one choice, and all choices have their
    turn.
    """
    pairs = [
        (name, dtype)
        for number, name in enumerate(CASES)
        for dtype in choices[number % len(choices)]
    ]
    return pytest.mark.parametrize(("case", "dtype"), pairs, indirect=True)


def is_floating(x):
    return jnp.issubdtype(x.dtype, jnp.floating)


# Sums of scores of either sign lose relative accuracy.
def close(got, expected, dtype, scale=1.0):
    limits = tolerance(dtype)
    np.testing.assert_allclose(
        np.asarray(got, np.float64),
        np.asarray(expected, np.float64),
        rtol=limits["rtol"],
        atol=limits["rtol"] * scale,
    )


@ft.cache
def reductions(case):
    """A program that gives the scores, their mean by default, and all reductions."""

    @jax.jit
    def run(*args, where=None):
        named = {
            reduction: case.metric(*args, reduction=reduction, where=where)
            for reduction in ("none", "mean", "sum")
        }
        return named | {"default": case.metric(*args, where=where)}

    return run


@ft.cache
def value_and_gradients(case):
    """A program that gives the metric, and its gradients in the floating arguments."""

    @jax.jit
    def run(args, where=None):
        chosen = [i for i, x in enumerate(args) if is_floating(x)]
        options = {} if where is None else {"where": where}

        def loss(floats):
            changed = dict(enumerate(args)) | dict(zip(chosen, floats, strict=True))
            return case.metric(*changed.values(), **options)

        return jax.value_and_grad(loss)([args[i] for i in chosen])

    return run


def test_scores_have_the_dtype_and_the_batch_of_the_arguments(case, dtype):
    args = case.draw(0, dtype)
    scores = jax.eval_shape(lambda *args: case.metric(*args, reduction="none"), *args)
    assert scores.shape == (6, *case.scores)
    floating = is_floating(args[0])
    assert scores.dtype == (dtype if floating else jnp.result_type(float))


@by_turns(("float16", "float32"), ("bfloat16", "float32"))
@given(seed=st.integers(0, 10_000))
def test_mean_and_sum_are_those_of_the_scores(seed, case, dtype):
    got = reductions(case)(*case.draw(seed, dtype))
    wide = np.asarray(got["none"], np.float64)
    for reduction, expected in (("mean", wide.mean()), ("sum", wide.sum())):
        one = got[reduction]
        assert one.shape == () and one.dtype == got["none"].dtype
        close(one, expected, one.dtype, np.abs(wide).sum())
    assert got["default"] == got["mean"]


@by_turns(("float16",), ("bfloat16",))
@given(seed=st.integers(0, 10_000))
def test_halves_are_rounded_once(seed, case, dtype):
    args = case.draw(seed, dtype)
    if not is_floating(args[0]):
        return
    wide = [x.astype(jnp.float32) if is_floating(x) else x for x in args]
    expected = reductions(case)(*wide)["none"].astype(dtype)
    # Two programs may order a sum differently.
    close(reductions(case)(*args)["none"], expected, dtype)


@given(seed=st.integers(0, 10_000))
def test_where_leaves_scores_out(seed, case):
    if case.metric in CLUSTERING:
        pytest.skip("masks samples; see test_oracles.py")
    args = case.draw(seed, jnp.float32)
    mask = np.random.default_rng(seed).random((6, *case.scores)) < 0.5
    whole, got = (reductions(case)(*args, where=kept) for kept in (mask | True, mask))
    scores = np.asarray(whole["none"])
    size = np.abs(scores).sum()
    close(reductions(case)(*args)["none"], scores, jnp.float32, size)
    np.testing.assert_array_equal(got["none"], np.where(mask, scores, 0))
    kept = scores[mask].astype(np.float64)
    close(got["mean"], kept.mean() if kept.size else 0, jnp.float32, size)
    close(got["sum"], kept.sum(), jnp.float32, size)


CLUSTERING = (
    metrics.adjusted_mutual_information,
    metrics.adjusted_rand_index,
    metrics.fowlkes_mallows_index,
    metrics.v_measure,
)


def test_a_mask_of_nothing_gives_0(case):
    args = case.draw(0, jnp.float32)
    shape = args[0].shape if case.metric in CLUSTERING else (6, *case.scores)
    got = reductions(case)(*args, where=jnp.zeros(shape, bool))["mean"]
    if case.metric in CLUSTERING:
        assert np.isfinite(got)
    else:
        assert got == 0


def test_masked_rows_may_hold_anything(case):
    args = case.draw(0, jnp.float32)
    if case.metric in CLUSTERING:
        return
    spoilt = [x.at[0].set(jnp.nan) if is_floating(x) else x for x in args]
    where = jnp.ones((6, *case.scores), bool).at[0].set(False)
    expected, got = (reductions(case)(*x, where=where) for x in (args, spoilt))
    np.testing.assert_array_equal(got["mean"], expected["mean"])


@given(seed=st.integers(0, 10_000), value=st.sampled_from([np.nan, np.inf, 0.0]))
def test_masked_samples_are_as_if_they_were_not_there(seed, masking_case, value):
    case = masking_case
    if case.metric in CLUSTERING:
        return
    args = [np.asarray(x) for x in case.draw(seed, jnp.float32, (9,))]
    if case.scores:  # neurons one by one
        args = [np.moveaxis(x, -1, 1).reshape(27, 12, 1) for x in args]
    mask = np.random.default_rng(seed).permutation(len(args[0])) % 3 > 0
    spoilt = [x.copy() for x in args]
    for x in spoilt:
        if is_floating(x):
            x[~mask] = value
    where = mask[:, None] if case.scores else mask

    run = value_and_gradients(case)
    got, with_masked = run(spoilt, where)
    expected, without = run([x[mask] for x in args])
    close(got, expected, jnp.float32, 10)
    for one, other in zip(with_masked, without, strict=True):
        np.testing.assert_array_equal(one[~mask], 0)
        close(one[mask], other, jnp.float32, 10)


def test_leading_axes_and_vmap(case):
    def score(*args):
        return case.metric(*args, reduction="none")

    @jax.jit
    def run(*args):
        flat = (x.reshape(6, *x.shape[2:]) for x in args)
        return score(*args), score(*flat), jax.vmap(jax.vmap(score))(*args)

    args = case.draw(0, jnp.float32, (2, 3))
    scores, flat, mapped = run(*args)
    assert scores.shape == (2, 3, *case.scores)
    np.testing.assert_array_equal(scores.reshape(flat.shape), flat)
    np.testing.assert_allclose(mapped, scores, rtol=1e-5, atol=1e-6)
    alone = jax.eval_shape(score, *(x[0, 0] for x in args))
    assert alone.shape == case.scores


@pytest.mark.parametrize("dtype", ["float64"], indirect=True)
def test_gradients_are_those_of_differences(case, dtype):
    args = case.draw(1, dtype)
    if not is_floating(args[0]):
        return
    run = value_and_gradients(case)
    _, reverse = run(args)
    if not case.differentiable:
        assert all(np.all(np.asarray(g) == 0) for g in reverse)
        return
    rng = np.random.default_rng(0)
    # Entries of 0 are kinks of some measures, so they stay.
    directions = [
        np.where(x != 0, rng.normal(size=x.shape), 0) if is_floating(x) else None
        for x in args
    ]
    if case.metric is metrics.gaussian_kl_divergence:  # covariances are symmetric
        directions = [
            d if d is None or d.ndim < 3 else d + d.swapaxes(-1, -2) for d in directions
        ]
    step = 1e-6
    ahead, behind = (
        run(
            [
                x if d is None else x + sign * step * d
                for x, d in zip(args, directions, strict=True)
            ]
        )[0]
        for sign in (1, -1)
    )
    floating = [d for d in directions if d is not None]
    got = sum(np.sum(g * d) for g, d in zip(reverse, floating, strict=True))
    np.testing.assert_allclose(got, (ahead - behind) / (2 * step), rtol=1e-6, atol=1e-8)


@by_turns(("float32", "float16"), ("float32", "bfloat16"), ("float32", "float64"))
def test_constant_arguments_give_finite_values_and_gradients(case, dtype):
    if case.metric is metrics.gaussian_kl_divergence:
        return
    bounded = case.metric in (
        metrics.binary_cross_entropy,
        metrics.categorical_nll,
        metrics.kl_divergence,
    )
    for value in (0.0, 1.0, 1e-30, 1e30):
        if dtype == jnp.float16 and value not in (0.0, 1.0):
            continue
        if value > 1 and bounded:
            continue  # no probability
        args = [
            jnp.full_like(x, value) if is_floating(x) else x
            for x in case.draw(0, dtype)
        ]
        scores = reductions(case)(*args)
        assert np.all(np.isfinite(scores["none"])), value
        assert np.isfinite(scores["mean"]), value
        if is_floating(args[0]):
            _, reverse = value_and_gradients(case)(args)
            assert all(np.all(np.isfinite(g)) for g in reverse), value


SCALE_FREE = [
    "hoyer_sparsity",
    "gini_index",
    "excess_kurtosis",
    "workload_entropy",
    "pearson_correlation",
    "breadth_of_tuning_curve",
]


@pytest.mark.parametrize("name", SCALE_FREE)
@pytest.mark.parametrize("scale", [2.0**-100, 2.0**-70, 2.0**70, 2.0**120])
def test_the_scale_does_not_matter(name, scale):
    metric = getattr(metrics, name)
    rng = np.random.default_rng(0)
    args = [jnp.asarray(rng.random((2, 9, 4)), jnp.float32)]
    if name == "pearson_correlation":
        args.append(jnp.asarray(rng.random((2, 9, 4)), jnp.float32))
    expected = metric(*args, reduction="none")
    scaled = [x * jnp.float32(scale) for x in args]
    got = metric(*scaled, reduction="none")
    np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-6)


def test_the_mean_does_not_overflow():
    large = jnp.full((3, 4), 3e38)
    assert metrics.mean_absolute_error(large, jnp.zeros((3, 4))) == large[0, 0]
    assert metrics.root_mean_squared_error(large, -large) == jnp.inf  # it is 6e38
    assert metrics.root_mean_squared_error(large, jnp.zeros((3, 4))) == large[0, 0]


def test_wrong_arguments_are_errors():
    with pytest.raises(TypeError, match="`targets` of"):
        metrics.accuracy(jnp.zeros((3, 2)), jnp.zeros(4, int))
    with pytest.raises(TypeError, match="`targets` of"):
        metrics.mean_squared_error(jnp.zeros((3, 1)), jnp.zeros((1, 3)))
    with pytest.raises(TypeError, match="`reduction` of"):
        metrics.accuracy(jnp.zeros((3, 2)), jnp.zeros(3, int), reduction="median")  # pyright: ignore
    with pytest.raises(TypeError, match="`spikes` of"):
        metrics.firing_rate(jnp.zeros((3, 2), int))
    with pytest.raises(TypeError, match="`where` of"):
        metrics.firing_rate(jnp.zeros((3, 2)), where=jnp.ones(3, bool))
    with pytest.raises(TypeError, match="`predictions` of"):
        metrics.mean_absolute_error(jnp.zeros((3, 2), jnp.uint8), jnp.zeros((3, 2)))
