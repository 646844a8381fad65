import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
from hypothesis import given, strategies as st

from ngcx import ops
from ngcx.testing import tolerance


INF, NAN = float("inf"), float("nan")


@given(
    numbers=st.lists(st.floats(-0.5, 1.5), min_size=4, max_size=4),
    bound=st.sampled_from([0.0, 1e-8, 0.03, 0.25, 0.49]),
)
def test_inverse_logistic(numbers, bound, dtype):
    x = jnp.asarray([0.0, 0.5, 1.0, *numbers], dtype)
    x = jnp.asarray(np.asarray(x) * (np.abs(x) >= 1e-30))
    exact = np.asarray(x, np.float64)
    p = np.clip(np.minimum(exact, 1 - exact), bound, None)
    expected = scipy.special.logit(p) * np.where(exact < 0.5, 1, -1)
    for clip_bound in (bound, jnp.asarray(bound, dtype)):
        got = ops.inverse_logistic(x, clip_bound)
        assert got.dtype == dtype
        if clip_bound is bound or dtype.itemsize >= 4:
            np.testing.assert_allclose(
                np.asarray(got, float), expected, **tolerance(dtype)
            )


@given(st.lists(st.integers(0, 2**24), min_size=4, max_size=4))
def test_inverse_logistic_is_odd_around_one_half(numbers):
    x = jnp.asarray(np.array(numbers) / 2**24, jnp.float32)  # so that 1 - x is exact
    for bound in (0.0, 0.03):
        np.testing.assert_array_equal(
            ops.inverse_logistic(1 - x, bound), -ops.inverse_logistic(x, bound)
        )


def test_inverse_logistic_by_value():
    x = jnp.array([0.5, 0.3, 0.03, 0.97, NAN])
    got = ops.inverse_logistic(x)
    expected = [0, -0.8472979, -3.4760987, 3.4760987, NAN]
    np.testing.assert_allclose(got, expected, rtol=1e-6)
    assert got[0] == 0 and got[2] == -got[3]
    ends = ops.inverse_logistic(jnp.array([0.0, 1.0]), 0.0)
    np.testing.assert_array_equal(ends, [-INF, INF])


def test_inverse_logistic_undoes_the_logistic_function():
    v = jnp.linspace(-5, 5, 101)
    back = ops.inverse_logistic(jax.nn.sigmoid(v), 0.0)
    np.testing.assert_allclose(back, v, rtol=1e-4, atol=1e-6)


@given(st.lists(st.floats(1e-6, 1 - 1e-6), min_size=4, max_size=4))
def test_derivatives_of_inverses(numbers):
    x = jnp.asarray([0.25, 0.5, 0.75, *numbers], jnp.float32)
    p = np.asarray(x, np.float64)
    got = jax.vmap(jax.grad(lambda x: ops.inverse_logistic(x, 0.0)))(x)
    np.testing.assert_allclose(got, 1 / (p * (1 - p)), rtol=1e-6)
    got = jax.vmap(jax.grad(ops.inverse_tanh))(x)
    np.testing.assert_allclose(got, 1 / ((1 - p) * (1 + p)), rtol=1e-6)


def test_derivatives_of_inverses_at_and_beyond_the_bound():
    got = jax.vmap(jax.grad(lambda x: ops.inverse_logistic(x, 0.25)))(
        jnp.array([-1.0, 0.0, 0.25, 0.75, 1.0])
    )
    np.testing.assert_allclose(got, [0, 0, 16 / 3, 16 / 3, 0], rtol=1e-6)
    got = jax.vmap(jax.grad(lambda x: ops.inverse_tanh(x, 0.5)))(
        jnp.array([-1.0, -0.5, 0.5, 2.0])
    )
    np.testing.assert_allclose(got, [0, 4 / 3, 4 / 3, 0], rtol=1e-6)


@given(
    numbers=st.lists(st.floats(-1.5, 1.5), min_size=4, max_size=4),
    bound=st.sampled_from([0.0, 0.03, 0.5, 0.99]),
)
def test_inverse_tanh(numbers, bound, dtype):
    x = jnp.asarray([-1.0, 0.0, 1.0, *numbers], dtype)
    x = jnp.asarray(np.asarray(x) * (np.abs(x) >= 1e-30))
    t = np.clip(np.asarray(x, np.float64), bound - 1, 1 - bound)
    with np.errstate(divide="ignore"):
        expected = np.arctanh(t)
    got = ops.inverse_tanh(x, bound)
    assert got.dtype == dtype
    limits = tolerance(dtype)
    # The difference 1 - bound is rounded.
    slack = float(jnp.finfo(dtype).eps) / bound if bound else 0
    limits["rtol"] += min(slack, 1e-5)
    np.testing.assert_allclose(np.asarray(got, float), expected, **limits)
    np.testing.assert_array_equal(ops.inverse_tanh(-x, bound), -got)


def test_inverse_tanh_by_value():
    x = jnp.array([0.5, 1e-8, -1.0, 1.0, NAN])
    np.testing.assert_allclose(
        ops.inverse_tanh(x), [0.5493061, 1e-8, -INF, INF, NAN], rtol=1e-6
    )
    np.testing.assert_allclose(jnp.tanh(ops.inverse_tanh(x))[:1], 0.5, rtol=1e-6)
    clipped = ops.inverse_tanh(jnp.array([-1.0, 0.5, 1.0]), clip_bound=0.03)
    np.testing.assert_allclose(clipped, [-2.0922957, 0.5493061, 2.0922957], rtol=1e-6)


@pytest.mark.parametrize("bound", [-0.1, 0.5, 0.6, NAN])
def test_a_clip_bound_out_of_range_is_an_error(bound):
    match = f"`clip_bound` must be 0 or more and below 0.5; got {bound}."
    with pytest.raises(ValueError, match=match):
        ops.inverse_logistic(jnp.zeros(2), bound)
    if not bound > 0:
        bound = bound * 10
        match = f"`clip_bound` must be 0 or more and below 1; got {bound}."
        with pytest.raises(ValueError, match=match):
            ops.inverse_tanh(jnp.zeros(2), bound)
    with pytest.raises(ValueError, match="below 1; got 1."):
        ops.inverse_tanh(jnp.zeros(2), 1)
