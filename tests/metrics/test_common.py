"""What holds of every metric that scores rows."""

import functools as ft

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, strategies as st

from ngcx import metrics
from ngcx.testing import tolerance


def result_dtype(case, dtype):
    args = case.draw(0, dtype)
    floating = jnp.issubdtype(args[0].dtype, jnp.floating)
    return dtype if floating else jnp.result_type(float)


# Sums of scores of either sign lose relative accuracy.
def close(got, expected, dtype, scale=1.0):
    limits = tolerance(dtype)
    np.testing.assert_allclose(
        np.asarray(got, np.float64),
        np.asarray(expected, np.float64),
        rtol=limits["rtol"],
        atol=limits["rtol"] * scale,
    )


@given(seed=st.integers(0, 10_000))
def test_mean_and_sum_are_those_of_the_scores(seed, case, dtype):
    args = case.draw(seed, dtype)
    scores = case.metric(*args, reduction="none")
    assert scores.shape == (6, *case.scores)
    wide = np.asarray(scores, np.float64)
    for reduction, expected in (("mean", wide.mean()), ("sum", wide.sum())):
        got = case.metric(*args, reduction=reduction)
        assert got.shape == () and got.dtype == scores.dtype
        close(got, expected, got.dtype, np.abs(wide).sum())
    assert scores.dtype == result_dtype(case, dtype)
    assert case.metric(*args) == case.metric(*args, reduction="mean")


@given(seed=st.integers(0, 10_000))
def test_halves_are_rounded_once(seed, case):
    for dtype in (jnp.float16, jnp.bfloat16):
        args = case.draw(seed, dtype)
        if not jnp.issubdtype(args[0].dtype, jnp.floating):
            return
        wide = [
            x.astype(jnp.float32) if jnp.issubdtype(x.dtype, jnp.floating) else x
            for x in args
        ]
        expected = case.metric(*wide, reduction="none").astype(dtype)
        got = case.metric(*args, reduction="none")
        # Two programs may order a sum differently.
        close(got, expected, dtype)


@given(seed=st.integers(0, 10_000))
def test_where_leaves_scores_out(seed, case):
    args = case.draw(seed, jnp.float32)
    scores = np.asarray(case.metric(*args, reduction="none"))
    if case.metric in CLUSTERING:
        pytest.skip("masks samples; see test_clustering.py")
    mask = np.random.default_rng(seed).random(scores.shape) < 0.5
    where = jnp.asarray(mask)
    np.testing.assert_array_equal(
        case.metric(*args, reduction="none", where=where), np.where(mask, scores, 0)
    )
    kept = scores[mask].astype(np.float64)
    got = case.metric(*args, where=where)
    close(got, kept.mean() if kept.size else 0, jnp.float32, np.abs(scores).sum())
    close(
        case.metric(*args, reduction="sum", where=where),
        kept.sum(),
        jnp.float32,
        np.abs(scores).sum(),
    )


CLUSTERING = (
    metrics.adjusted_rand_index,
    metrics.fowlkes_mallows_index,
    metrics.v_measure,
)


def test_a_mask_of_nothing_gives_0(case):
    args = case.draw(0, jnp.float32)
    shape = args[0].shape if case.metric in CLUSTERING else (6, *case.scores)
    nothing = jnp.zeros(shape, bool)
    got = case.metric(*args, reduction="mean", where=nothing)
    if case.metric in CLUSTERING:
        assert np.isfinite(got)
    else:
        assert got == 0


def test_masked_rows_may_hold_anything(case):
    args = case.draw(0, jnp.float32)
    if case.metric in CLUSTERING:
        return
    spoilt = [
        x.at[0].set(jnp.nan) if jnp.issubdtype(x.dtype, jnp.floating) else x
        for x in args
    ]
    where = jnp.ones((6, *case.scores), bool).at[0].set(False)
    expected = case.metric(*args, where=where)
    np.testing.assert_array_equal(case.metric(*spoilt, where=where), expected)


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0])
@given(seed=st.integers(0, 10_000))
def test_masked_samples_are_as_if_they_were_not_there(seed, masking_case, value):
    case = masking_case
    if case.metric in CLUSTERING:
        return
    args = case.draw(seed, jnp.float32)
    rng = np.random.default_rng(seed)
    if case.scores:  # neurons one by one
        args = [jnp.moveaxis(x, -1, 1).reshape(18, 12, 1) for x in args]
    mask = rng.permutation(len(args[0])) % 3 > 0
    spoilt = [
        x.at[~mask].set(value) if jnp.issubdtype(x.dtype, jnp.floating) else x
        for x in args
    ]
    where = jnp.asarray(mask[:, None] if case.scores else mask)

    masked = case._replace(metric=ft.partial(case.metric, where=where))
    loss, chosen, with_masked = gradients(masked, spoilt)
    fewer, few, without = gradients(case, [x[mask] for x in args])
    close(loss(*chosen), fewer(*few), jnp.float32, 10)
    for got, expected in zip(with_masked, without, strict=True):
        np.testing.assert_array_equal(got[~mask], 0)
        close(got[mask], expected, jnp.float32, 10)


def test_leading_axes_and_vmap(case):
    args = case.draw(0, jnp.float32, (2, 3))
    scores = case.metric(*args, reduction="none")
    assert scores.shape == (2, 3, *case.scores)
    flat = case.metric(*(x.reshape(6, *x.shape[2:]) for x in args), reduction="none")
    np.testing.assert_array_equal(scores.reshape(flat.shape), flat)

    def score(*args):
        return case.metric(*args, reduction="none")

    mapped = jax.jit(jax.vmap(jax.vmap(score)))(*args)
    np.testing.assert_allclose(mapped, scores, rtol=1e-5, atol=1e-6)
    assert score(*(x[0, 0] for x in args)).shape == case.scores


def gradients(case, args):
    floats = [i for i, x in enumerate(args) if jnp.issubdtype(x.dtype, jnp.floating)]

    def loss(*chosen):
        changed = list(args)
        for i, x in zip(floats, chosen, strict=True):
            changed[i] = x
        return case.metric(*changed)

    chosen = [args[i] for i in floats]
    return loss, chosen, jax.grad(loss, tuple(range(len(floats))))(*chosen)


@pytest.mark.parametrize("dtype", ["float64"], indirect=True)
def test_gradients_are_those_of_differences(case, dtype):
    args = case.draw(1, dtype)
    if not jnp.issubdtype(args[0].dtype, jnp.floating):
        return
    loss, chosen, reverse = gradients(case, args)
    if not case.differentiable:
        assert all(np.all(np.asarray(g) == 0) for g in reverse)
        return
    rng = np.random.default_rng(0)
    directions = [rng.normal(size=x.shape) for x in chosen]
    if case.metric is metrics.gaussian_kl_divergence:  # covariances are symmetric
        directions = [d + d.swapaxes(-1, -2) if d.ndim == 3 else d for d in directions]
    # Entries of 0 are kinks of some measures, so they stay.
    directions = [
        jnp.where(x != 0, d, 0) for d, x in zip(directions, chosen, strict=True)
    ]
    step = 1e-6
    ahead, behind = (
        loss(*(x + sign * step * d for x, d in zip(chosen, directions, strict=True)))
        for sign in (1, -1)
    )
    got = sum(jnp.sum(g * d) for g, d in zip(reverse, directions, strict=True))
    np.testing.assert_allclose(got, (ahead - behind) / (2 * step), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("value", [0.0, 1.0, 1e-30, 1e30])
def test_constant_arguments_give_finite_values_and_gradients(case, value, dtype):
    if dtype == jnp.float16 and value not in (0.0, 1.0):
        return
    args = case.draw(0, dtype)
    if case.metric is metrics.gaussian_kl_divergence:
        return
    if value > 1 and case.metric in (
        metrics.binary_cross_entropy,
        metrics.categorical_nll,
        metrics.kl_divergence,
    ):
        return  # no probability
    args = [
        jnp.full_like(x, value) if jnp.issubdtype(x.dtype, jnp.floating) else x
        for x in args
    ]
    assert np.all(np.isfinite(case.metric(*args, reduction="none")))
    assert np.isfinite(case.metric(*args))
    if jnp.issubdtype(args[0].dtype, jnp.floating):
        *_, reverse = gradients(case, args)
        assert all(np.all(np.isfinite(g)) for g in reverse)


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
    with pytest.raises(TypeError, match="'targets'"):
        metrics.accuracy(jnp.zeros((3, 2)), jnp.zeros(4, int))
    with pytest.raises(TypeError, match="'targets'"):
        metrics.mean_squared_error(jnp.zeros((3, 1)), jnp.zeros((1, 3)))
    with pytest.raises(TypeError, match="'reduction'"):
        metrics.accuracy(jnp.zeros((3, 2)), jnp.zeros(3, int), reduction="median")  # pyright: ignore
    with pytest.raises(TypeError, match="'spikes'"):
        metrics.firing_rate(jnp.zeros((3, 2), int))
    with pytest.raises(TypeError, match="'where'"):
        metrics.firing_rate(jnp.zeros((3, 2)), where=jnp.ones(3, bool))
    with pytest.raises(TypeError, match="'predictions'"):
        metrics.mean_absolute_error(jnp.zeros((3, 2), jnp.uint8), jnp.zeros((3, 2)))
