"""The ground floor of arithmetic: values, first and second derivatives at the inputs
where plain JAX goes wrong, beside closed forms in float64.
"""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
from hypothesis import given, strategies as st

from ngcx import _numerics
from ngcx.testing import tolerance


WIDE = pytest.mark.parametrize("dtype", ["float32", "float64"], indirect=True)


@functools.cache
def jitted(name: str, mode: str):
    """A function of the ground floor, or a derivative of it, compiled once a dtype."""
    function = getattr(_numerics, name)

    def forward(function):
        return lambda x: jax.jvp(function, (x,), (jnp.ones_like(x),))[1]

    def reverse(function):
        return jax.grad(lambda x: jnp.sum(function(x)))

    derived = {
        "value": function,
        "forward": forward(function),
        "reverse": reverse(function),
        "second": forward(forward(function)),
        "reverse of forward": reverse(forward(function)),
    }
    return jax.jit(derived[mode])


def close(got, expected, dtype, ulps=4.0):
    with np.errstate(over="ignore"):
        expected = np.asarray(expected, float)
    np.testing.assert_allclose(
        np.asarray(got, float), expected, **tolerance(dtype, ulps)
    )


def points(dtype):
    """Numbers from 0 to the largest, of both signs, and where exponentials run out."""
    info = jnp.finfo(dtype)
    sizes = [0, 1e-30, 1e-8, 0.01, 0.5, 1, 3, 9, 17, 40, 86, 104, 700, 1e4, info.max]
    sizes = np.asarray(sizes).astype(dtype)
    return jnp.asarray(np.concatenate([sizes, -sizes]))


def slope(x):
    return scipy.special.expit(x) * scipy.special.expit(-x)


def sech_squared(x):
    return 4 * slope(2 * x)


CURVES = {
    "sigmoid": (scipy.special.expit, slope, lambda x: -slope(x) * np.tanh(x / 2)),
    "tanh": (np.tanh, sech_squared, lambda x: -2 * np.tanh(x) * sech_squared(x)),
    "softplus": (lambda x: np.logaddexp(x, 0), scipy.special.expit, slope),
    "sigmoid_slope": (
        slope,
        lambda x: -slope(x) * np.tanh(x / 2),
        lambda x: slope(x) * (np.tanh(x / 2) ** 2 - sech_squared(x / 2) / 2),
    ),
    "tanh_slope": (
        sech_squared,
        lambda x: -2 * np.tanh(x) * sech_squared(x),
        lambda x: sech_squared(x) * (4 * np.tanh(x) ** 2 - 2 * sech_squared(x)),
    ),
}


@WIDE
@pytest.mark.parametrize("name", CURVES)
def test_sigmoids_keep_both_tails_and_what_is_near_0(name, dtype):
    x = points(dtype)
    with np.errstate(over="ignore"):
        value, first, second = (f(np.asarray(x, float)) for f in CURVES[name])
    # An exponential is wrong by its own few units, and by those of its input.
    close(jitted(name, "value")(x), value, dtype, 6)
    for mode in ("forward", "reverse"):
        close(jitted(name, mode)(x), first, dtype, 8)
    for mode in ("second", "reverse of forward"):
        close(jitted(name, mode)(x), second, dtype, 12)


@WIDE
def test_the_sigmoid_and_its_slope_in_one(dtype):
    x = points(dtype)
    both, change = jax.jvp(_numerics.sigmoid_and_slope, (x,), (2 * jnp.ones_like(x),))
    with np.errstate(over="ignore"):
        value, first, second = (f(np.asarray(x, float)) for f in CURVES["sigmoid"])
    for got, expected in zip(
        (*both, *change), (value, first, 2 * first, 2 * second), strict=True
    ):
        close(got, expected, dtype, 6)
    close(_numerics.sigmoid_and_slope(jnp.zeros((), dtype))[0], 0.5, dtype, 0)


@WIDE
@given(x=st.floats(-20, 20))
def test_slopes_are_within_4_units(dtype, x):
    x = float(np.asarray(x).astype(dtype))
    got = jitted("sigmoid_slope", "value")(jnp.asarray(x, dtype))
    close(got, slope(x), dtype, 4)
    got = jitted("tanh_slope", "value")(jnp.asarray(x, dtype))
    close(got, sech_squared(x), dtype, 4)


def test_what_is_computed_in(dtype):
    wide = jnp.dtype("float64" if dtype == jnp.float64 else "float32")
    assert _numerics.wide_dtype(dtype) == wide
    assert _numerics.widened(jnp.ones(2, dtype)).dtype == wide


@WIDE
def test_exponents_stop_where_the_exponential_is_0(dtype):
    x = jnp.asarray([0.0, -3.0, -9999.0, -10001.0, -1e30], dtype)
    exponent = functools.partial(_numerics.exponent, scale=1.0)
    np.testing.assert_array_equal(exponent(x), [0, -3, -9999, -1e4, -1e4])
    slopes = jax.jvp(exponent, (x,), (jnp.ones_like(x),))[1]
    np.testing.assert_array_equal(slopes, [1, 1, 1, 0, 0])
    # The usual rule would make NaN of 0 divided by the square of a tiny scale.
    tiny = jnp.asarray(1e-30, dtype)
    for by, expected in ((0, 1e30), (1, 0)):
        got = jax.grad(_numerics.exponent, by)(jnp.zeros((), dtype), tiny)
        close(got, expected, dtype)
    got = jax.grad(_numerics.exponent, 1)(
        jnp.asarray(-6.0, dtype), jnp.asarray(2.0, dtype)
    )
    close(got, 6 / 4, dtype)


@WIDE
def test_squares_have_derivatives_far_out(dtype):
    limit = 2.0 ** (96 if dtype == jnp.float32 else 768)
    x = jnp.asarray([0.0, 3.0, limit, -limit, 4 * limit, -4 * limit], dtype)
    expected = [0, 3, limit, -limit, limit, -limit]
    np.testing.assert_array_equal(_numerics.squarable(x), expected)

    def bell(x):
        return 1 / (1 + jnp.square(_numerics.squarable(x)))

    largest = jnp.finfo(dtype).max
    for derivative in (jax.grad(bell), jax.grad(jax.grad(bell))):
        assert derivative(jnp.asarray(largest, dtype)) == 0
    assert jnp.isinf(jnp.square(jnp.asarray(limit, dtype)))


def test_powers_have_no_slope_at_0():
    x = jnp.array([-4.0, 0.0, 4.0])
    np.testing.assert_array_equal(_numerics.magnitude(x), [4, 0, 4])
    np.testing.assert_array_equal(jitted("magnitude", "reverse")(x), [-1, 0, 1])
    roots = x.at[0].set(9.0)
    np.testing.assert_array_equal(_numerics.root(roots), [3, 0, 2])
    np.testing.assert_allclose(jitted("root", "reverse")(roots), [1 / 6, 0, 1 / 4])
    assert np.isnan(_numerics.root(jnp.asarray(-1.0)))
    for exponent in (0.5, 1.0, 2.0):
        power, by_exponent = (
            jax.jit(
                jax.vmap(jax.value_and_grad(_numerics.rectified_power, by), (0, None))
            )(x, jnp.asarray(exponent))
            for by in (0, 1)
        )
        np.testing.assert_allclose(power[0], [0, 0, 4**exponent], rtol=1e-6)
        slope = exponent * 4 ** (exponent - 1)
        np.testing.assert_allclose(power[1], [0, 0, slope], rtol=1e-6)
        expected = [0, 0, 4**exponent * math.log(4)]
        np.testing.assert_allclose(by_exponent[1], expected, rtol=1e-6)


def test_a_ratio_to_0_is_a_value_of_choice():
    x, y = jnp.array([6.0, 6.0, 0.0, 0.0]), jnp.array([-3.0, 0.0, 0.0, 5.0])
    np.testing.assert_array_equal(_numerics.ratio(x, y), [-2, 0, 0, 0])
    np.testing.assert_array_equal(_numerics.ratio(x, y, 7), [-2, 7, 7, 0])
    gradients = jax.grad(lambda x, y: jnp.sum(_numerics.ratio(x, y, 7)), (0, 1))(x, y)
    np.testing.assert_allclose(gradients[0], [-1 / 3, 0, 0, 1 / 5], rtol=1e-6)
    np.testing.assert_allclose(gradients[1], [-2 / 3, 0, 0, 0], rtol=1e-6)


def test_quotients_of_numbers_whose_squares_overflow():
    x, y = jnp.asarray(3e30), jnp.asarray(2e30)
    np.testing.assert_allclose(_numerics.quotient(x, y), 1.5, rtol=1e-6)
    by_x, by_y = jax.grad(_numerics.quotient, (0, 1))(x, y)
    np.testing.assert_allclose([by_x, by_y], [0.5e-30, -0.75e-30], rtol=1e-6)
    hessian = jax.hessian(_numerics.quotient, (0, 1))(
        jnp.asarray(3.0), jnp.asarray(2.0)
    )
    np.testing.assert_allclose(hessian, [[0, -1 / 4], [-1 / 4, 6 / 8]], rtol=1e-6)


@WIDE
def test_division_by_the_largest_numbers(dtype):
    info = jnp.finfo(dtype)
    divided = jax.jit(_numerics.divided)
    shares = jnp.asarray([1.0, 0.5, -0.25, 0.0], dtype)
    for scale in (info.max, info.max / 3, 4.0, 1.0, 0.75, 8 * info.tiny):
        scale = jnp.asarray(scale, dtype)
        rows = jnp.broadcast_to(shares * scale, (64, 4))
        close(divided(rows, scale), np.broadcast_to(shares, (64, 4)), dtype, 1)


@WIDE
def test_powers_of_two_round_nothing(dtype):
    info = jnp.finfo(dtype)
    numbers = [1, 0.5, 0.75, 3, 1e-20, 1e30, info.tiny, info.max, info.max / 2, -6]
    for number in map(float, numbers):
        factor = float(_numerics.power_of_two(jnp.asarray(number, dtype)))
        assert math.frexp(factor)[0] == 0.5
        # Neither the factor nor its reciprocal is subnormal.
        assert info.tiny <= factor <= 1 / info.tiny
        size = abs(number) * factor
        assert 0.5 <= size < 1 or number > info.max / 16
        assert size < 8
    assert _numerics.power_of_two(jnp.zeros((), dtype)) == 1
    largest = jnp.asarray(info.max, dtype)
    assert _numerics.power_of_two(largest) == 2.0 ** -(info.maxexp - 3)
    smallest = jnp.asarray(info.smallest_subnormal, dtype)
    assert _numerics.power_of_two(smallest) in (1, 2.0 ** (info.maxexp - 3))
    assert jax.grad(_numerics.power_of_two)(jnp.asarray(3.0, dtype)) == 0


@WIDE
@pytest.mark.parametrize("axis", [-1, 0, (0, 1), None])
def test_rescaled_divides_by_the_largest_magnitude(dtype, axis):
    info = jnp.finfo(dtype)
    x = np.array([[1.0, -4.0, 2.0], [0.5, 0.25, -0.125]])
    for unit in (1.0, float(info.max) / 4, float(info.tiny) * 8):
        got, scale = _numerics.rescaled(jnp.asarray(x * unit, dtype), axis)
        largest = np.abs(x).max(axis, keepdims=True)
        close(got, x / largest, dtype, 2)
        close(scale, largest * unit, dtype, 0)
    for silent in (0.0, float(info.tiny) / 2):
        got, scale = _numerics.rescaled(jnp.full((2, 3), silent, dtype), axis)
        assert not np.any(got) and np.all(scale == 1)
    assert _numerics.rescaled(jnp.full((2, 3), info.tiny, dtype), axis)[0].min() == 1
    nothing, scale = _numerics.rescaled(jnp.zeros((2, 0), dtype), -1)
    assert nothing.shape == (2, 0) and np.all(scale == 1)


def test_the_gradient_through_the_scale_is_left_out():
    x = jnp.array([1.0, -4.0])
    gradient = jax.grad(lambda x: jnp.sum(_numerics.rescaled(x)[0]))(x)
    np.testing.assert_allclose(gradient, [0.25, 0.25])
    assert not np.any(jax.grad(lambda x: jnp.sum(_numerics.rescaled(x)[1]))(x))


@WIDE
@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 9])
def test_means_of_the_largest_numbers(dtype, size):
    largest = jnp.finfo(dtype).max
    for number in (largest, -largest, 3.0):
        rows = jnp.full((2, size), number, dtype)
        close(_numerics.mean(rows, -1), [number, number], dtype, 2)
        close(_numerics.mean(rows), number, dtype, 2)
    x = np.arange(2.0 * size).reshape(2, size)
    close(_numerics.mean(jnp.asarray(x, dtype), 0), x.mean(0), dtype)


def test_means_leave_out_what_is_masked():
    x = jnp.array([[1.0, jnp.nan, 4.0], [jnp.inf, 5.0, 6.0]])
    where = jnp.array([[True, False, True], [False, False, False]])
    np.testing.assert_array_equal(_numerics.mean(x, -1, where), [2.5, 0])
    assert _numerics.mean(x, where=where) == 2.5
    assert _numerics.mean(jnp.zeros(0)) == 0


@pytest.mark.parametrize("half", ["float16", "bfloat16", "float32"])
def test_a_floor_lets_the_gradient_pass(half):
    floor = float(jnp.finfo(half).tiny)
    x = jnp.asarray([0.0, floor / 4, floor, 2 * floor, 0.5], jnp.float32)

    def floored(x):
        return _numerics.floored(x, half)

    expected = np.asarray([floor, floor, floor, 2 * floor, 0.5], np.float32)
    np.testing.assert_array_equal(floored(x), expected)
    np.testing.assert_array_equal(jax.vmap(jax.grad(floored))(x), np.ones(5))


@WIDE
def test_logarithms_without_weight_are_silent(dtype):
    tiny, w, x = (jnp.asarray(a, dtype) for a in (jnp.finfo(dtype).tiny, 2, 3))
    zero = jnp.zeros((), dtype)
    log = _numerics.weighted_log
    close(log(w, x), 2 * math.log(3), dtype)
    close(jnp.stack(jax.grad(log, (0, 1))(w, x)), [math.log(3), 2 / 3], dtype)
    hessian = jnp.asarray(jax.hessian(log, (0, 1))(w, x))
    close(hessian, [[0, 1 / 3], [1 / 3, -2 / 9]], dtype)
    assert log(zero, tiny) == 0
    assert jax.grad(log, 1)(zero, tiny) == 0
    assert jax.grad(jax.grad(log, 1), 1)(zero, tiny) == 0
    close(jax.grad(log, 1)(w * tiny, tiny), 2, dtype)


@WIDE
def test_logarithms_of_ratios(dtype):
    eps = float(jnp.finfo(dtype).eps)
    ratios = [
        1,
        1 + eps,
        1 - eps,
        1.25,
        0.75,
        1.49,
        0.51,
        1.5,
        0.5,
        1.51,
        0.49,
        1e20,
        1e-20,
    ]
    for y in (1.0, 3.0, 1e-10):
        x = jnp.asarray([r * y for r in ratios], dtype)
        denominators = jnp.full_like(x, y)
        below = float(denominators[0])
        exact = [
            math.log1p((each - below) / below)
            if 0.25 < each / below < 4
            else math.log(each) - math.log(below)
            for each in map(float, x)
        ]
        got = np.asarray(_numerics.log_ratio(x, denominators), float)
        near = np.abs(np.asarray(ratios) - 1) < 0.499
        close(got[near], np.asarray(exact)[near], dtype)
        # Farther apart, it is the difference of two logarithms.
        size = np.abs(np.log(np.asarray(x, float))) + abs(math.log(below))
        assert np.all(np.abs(got - exact) <= 2 * eps * size)
    w, x, y = (jnp.asarray(a, dtype) for a in (2, 3, 4))
    weighted = _numerics.weighted_log_ratio
    close(weighted(w, x, y), 2 * math.log(3 / 4), dtype)
    gradient = jnp.stack(jax.grad(weighted, (0, 1, 2))(w, x, y))
    close(gradient, [math.log(3 / 4), 2 / 3, -2 / 4], dtype)
    second = jnp.stack([jax.grad(jax.grad(weighted, by), by)(w, x, y) for by in (1, 2)])
    close(second, [-2 / 9, 2 / 16], dtype)
    tiny = jnp.asarray(jnp.finfo(dtype).tiny, dtype)
    for by in (1, 2):
        assert jax.grad(weighted, by)(jnp.zeros_like(tiny), tiny, tiny) == 0


@WIDE
@given(x=st.floats(-0.999, 3))
def test_the_logarithm_of_1_plus_x(dtype, x):
    x = float(np.asarray(x).astype(dtype))
    got = _numerics.weighted_log1p(
        jnp.asarray(2.0, dtype), jnp.asarray(x, dtype), dtype
    )
    close(got, 2 * math.log1p(x), dtype)


@WIDE
def test_the_logarithm_of_1_plus_x_has_a_floor(dtype):
    for kind in ("float16", dtype):
        got = _numerics.weighted_log1p(
            jnp.asarray(3.0, dtype), jnp.asarray(-1.0, dtype), kind
        )
        close(got, 3 * math.log(jnp.finfo(kind).tiny), dtype)
