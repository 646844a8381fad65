"""The ground floor of arithmetic: values, first and second derivatives at the inputs
where plain JAX goes wrong, beside closed forms in extended precision.
"""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy.special import expit

from ngcx import _numerics
from ngcx.testing import arrays, tolerance


pytestmark = pytest.mark.in_turn(3)


WIDE = pytest.mark.parametrize("dtype", ["float32", "float64"], indirect=True)


@functools.cache
def program(function):
    """All derivatives of a function of numbers in one program, mapped over arrays."""

    def beside(*x):
        return jax.jvp(function, x, tuple(map(jnp.ones_like, x)))[0]

    def everything(*x):
        by = tuple(range(len(x)))
        results = {
            "value": function(*x),
            "value beside a derivative": beside(*x),
            "first forward": jax.jacfwd(function, by)(*x),
            "first reverse": jax.grad(function, by)(*x),
            "second forward": jax.jacfwd(jax.jacfwd(function, by), by)(*x),
            "second reverse": jax.jacrev(jax.grad(function, by), by)(*x),
            # Derivatives of a value that came with a derivative follow the same rules.
            "first beside a derivative": jax.grad(beside, by)(*x),
            "second beside a derivative": jax.jacfwd(jax.grad(beside, by), by)(*x),
        }
        return {mode: jax.tree.leaves(result) for mode, result in results.items()}

    return jax.jit(jax.vmap(everything))


def close(got, expected, dtype, ulps=4, slack: float | np.ndarray = 0, name=""):
    """Compares what `dtype` can hold, up to units in the last place of the result, and
    of `slack` where larger terms cancel.
    """
    got, limits = np.asarray(got, float), tolerance(dtype, ulps)
    with np.errstate(all="ignore"):
        expected = np.broadcast_to(np.asarray(expected, float), got.shape)
        allowed = limits["rtol"] * (np.abs(expected) + slack) + limits["atol"]
        wrong = ~(np.abs(got - expected) <= allowed)
    wrong &= np.abs(expected) <= float(jnp.finfo(dtype).max)
    assert not np.any(wrong), (name, np.argwhere(wrong), got[wrong], expected[wrong])


def check(function, arguments, forms, dtype, ulps=(4, 8, 12), slack=None):
    """Compares a function of numbers with its closed `forms`, a function of the same
    numbers: the value, all first and all second derivatives, which may have a slack.
    """
    arguments = [jnp.asarray(each, dtype) for each in arguments]
    exact = [np.asarray(each).astype(np.longdouble) for each in arguments]
    with np.errstate(all="ignore"):
        value, first, second = forms(*exact)
        slacks = {"second": slack(*exact) if slack else 0}
    expected = {"value": [value], "first": first, "second": second}
    ulps = dict(zip(expected, ulps, strict=True))
    for mode, results in program(function)(*arguments).items():
        order = mode.split()[0]
        for got, form in zip(results, expected[order], strict=True):
            close(got, form, dtype, ulps[order], slacks.get(order, 0), mode)


def slope(x):
    return np.exp(-np.abs(x)) / (1 + np.exp(-np.abs(x))) ** 2


def bend(x):
    return -slope(x) * np.tanh(x / 2)


def bend_slope(x):
    return slope(x) * (np.tanh(x / 2) ** 2 - 2 * slope(x))


def twice(curve, factor):
    return lambda x: factor * curve(2 * x)


# The value, the first and the second derivative, and terms that cancel in the latter.
sech_squared = twice(slope, 4)
CURVES = {
    "sigmoid": (expit, slope, bend, None),
    "sigmoid_slope": (slope, bend, bend_slope, slope),
    "tanh": (np.tanh, sech_squared, twice(bend, 8), None),
    "tanh_slope": (sech_squared, twice(bend, 8), twice(bend_slope, 16), sech_squared),
    "softplus": (lambda x: np.logaddexp(x, 0), expit, slope, None),
    "expm1": (np.expm1, np.exp, np.exp, None),
}
BOTH = [lambda x, i=i: _numerics.sigmoid_and_slope(x)[i] for i in (0, 1)]
FUNCTIONS = {name: (getattr(_numerics, name), curve) for name, curve in CURVES.items()}
FUNCTIONS["sigmoid of both"] = BOTH[0], CURVES["sigmoid"]
FUNCTIONS["slope of both"] = BOTH[1], CURVES["sigmoid_slope"]


@WIDE
@pytest.mark.parametrize("name", FUNCTIONS)
@given(data=st.data())
def test_sigmoids_keep_both_tails_and_what_is_near_0(name, dtype, data):
    function, (value, first, second, slack) = FUNCTIONS[name]
    sizes = [0, 1e-30, 1e-8, 0.01, 0.5, 1, 3, 9, 17, 40, 60, 86, 104, 700, 1e4]
    sizes = np.array([*sizes, jnp.finfo(dtype).max], float)
    near = data.draw(st.lists(st.floats(-30, 30), min_size=16, max_size=16))
    anywhere = np.asarray(data.draw(arrays(dtype, (16,))), float)
    x = np.concatenate([sizes, -sizes, near, anywhere])
    forms = lambda x: (value(x), [first(x)], [second(x)])  # noqa: E731
    check(function, [x], forms, dtype, slack=slack)


def test_every_curve_at_ordinary_numbers():
    """Nothing is compiled, so that the quick suite looks at all of them."""
    x = jnp.linspace(-2.0, 2.0, 5)
    with jax.disable_jit():
        for name, (function, (value, first, second, _)) in FUNCTIONS.items():
            slope = jax.grad(lambda x, f=function: jnp.sum(f(x)))
            by_two = jax.jvp(slope, (x,), (jnp.full_like(x, 2.0),))
            got = function(x), *by_two
            expected = value(x), first(x), 2 * np.asarray(second(x))
            for one, other in zip(got, expected, strict=True):
                assert np.allclose(one, other, rtol=1e-5, atol=1e-6), name


def test_what_is_computed_in(dtype):
    wide = jnp.dtype("float64" if dtype == jnp.float64 else "float32")
    assert _numerics.wide_dtype(dtype) == wide
    x = _numerics.widened(jnp.asarray([1.5, -3], dtype))
    assert x.dtype == wide and list(x) == [1.5, -3]


def of_exponent(x, scale, lowest):
    inside = x > lowest * scale
    x, first = np.where(inside, x, 0), inside / scale
    mixed, value = -first / scale, np.where(inside, x / scale, 2 * lowest)
    return value, [first, x * mixed], [0, mixed, mixed, -2 * x * mixed / scale]


@WIDE
@given(x=st.floats(-1e6, 0), scale=st.floats(1e-9, 1e9))
def test_exponents_stop_where_the_exponential_is_0(dtype, x, scale):
    lowest = math.log(jnp.finfo(dtype).tiny)
    # Rounding takes quotients to either side of the bound; XLA takes subnormals for 0.
    x = 0 if abs(x) < 1e-37 or abs(x / scale - lowest) < 1 else x
    x = [0, -3, 0.99 * lowest, 1.01 * lowest, -1e30, -6, -3e4, -3, x]
    forms = functools.partial(of_exponent, lowest=lowest)
    check(_numerics.exponent, [x, [1] * 5 + [2, 4, 0.5, scale]], forms, dtype)


@WIDE
def test_a_scale_may_be_tiny_or_a_number(dtype):
    # The usual rule would make NaN of 0 divided by the square of a tiny scale.
    slopes = jax.grad(_numerics.exponent, (0, 1))(*jnp.asarray([0, 1e-30], dtype))
    close(jnp.stack(slopes), [1e30, 0], dtype)
    assert _numerics.exponent(jnp.asarray(-3.0, dtype), jnp.int32(2)) == -1.5


@WIDE
def test_magnitudes_and_roots_have_no_slope_at_0(dtype):
    info = jnp.finfo(dtype)
    x = [-4, 0, 4, info.tiny, info.max]
    forms = lambda x: (np.abs(x), [np.sign(x)], [0])  # noqa: E731
    check(_numerics.magnitude, [x], forms, dtype, (0, 0, 0))

    def of_root(x):
        root = np.sqrt(x)
        slopes = np.where(x > 0, [1 / (2 * root), -1 / (4 * x * root)], 0)
        return root, slopes[:1], slopes[1:]

    check(_numerics.root, [[9, 0, 1, info.tiny, info.max, 0.25]], of_root, dtype)
    assert np.isnan(_numerics.root(jnp.asarray(-1.0, dtype)))


@WIDE
def test_powers_have_no_slope_at_0(dtype):
    def of_power(x, exponent):
        kept, x = x > 0, np.where(x > 0, x, 1)
        power, log = x**exponent, np.log(x)
        first, mixed = exponent * power / x, power / x * (1 + exponent * log)
        second = [(exponent - 1) / x * first, mixed, mixed, power * log**2]
        first = [first, power * log]
        return power * kept, [each * kept for each in first], [s * kept for s in second]

    grid = np.meshgrid([-4, -0.5, 0, 0.25, 0.5, 1, 4], [0.5, 1, 1.5, 2, 3])
    check(_numerics.rectified_power, map(np.ravel, grid), of_power, dtype, (8, 16, 32))


def of_quotient(x, y):
    return x / y, [1 / y, -x / y**2], [0, -1 / y**2, -1 / y**2, 2 * x / y**3]


@WIDE
def test_quotients_of_numbers_whose_squares_overflow(dtype):
    x = [3, 3e30, 0, 1e-30, -3, 0]
    y = [2, 2e30, 1e-12, 1e-12, 0.5, -3]
    check(_numerics.quotient, [x, y], of_quotient, dtype)
    zero, tiny = (jnp.asarray(number, dtype) for number in (0, 1e-20))
    close(jax.grad(_numerics.quotient, 1)(tiny, tiny), -1e20, dtype)
    assert jax.jacfwd(jax.jacfwd(_numerics.quotient, 1), 1)(zero, tiny) == 0


@WIDE
@pytest.mark.parametrize("options", [{}, {"otherwise": 7}])
def test_a_ratio_to_0_is_a_value_of_choice(dtype, options):
    ratio = functools.partial(_numerics.ratio, **options)

    def of_ratio(x, y):
        value, *orders = of_quotient(x, np.where(y == 0, 1, y))
        first, second = ([each * (y != 0) for each in order] for order in orders)
        return np.where(y == 0, options.get("otherwise", 0), value), first, second

    check(ratio, [[6, 6, 0, 0, 5, 5], [-3, 0, 0, 5, 1, 1e-6]], of_ratio, dtype)


@WIDE
def test_division_by_any_normal_number(dtype):
    info = jnp.finfo(dtype)
    divided = jax.jit(_numerics.divided)
    shares = jnp.asarray([1.0, 0.5, -0.25, 0.0], dtype)
    for scale in (info.max, info.max / 3, 4.0, 1.0, 0.75, 8 * info.tiny):
        scale = jnp.asarray(scale, dtype)
        rows = jnp.broadcast_to(shares * scale, (64, 4))
        close(divided(rows, scale), np.broadcast_to(shares, (64, 4)), dtype, 1)
    # What is normal before and after the division is so in between too.
    tiny, largest = float(info.tiny), float(info.max)
    rows = [tiny, 4 * tiny, -8 * tiny, largest, largest / 4]
    for x, scale in zip(rows, [1, 2, tiny, 1, 0.5], strict=True):
        got = divided(jnp.full((64, 4), x, dtype), jnp.asarray(scale, dtype))
        assert np.all(got == jnp.asarray(x / scale, dtype))


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
        assert 0.5 <= size < (8 if number > info.max / 16 else 1)
    bound = 2.0 ** (info.maxexp - 3)
    numbers = [0, float(info.max), float(info.smallest_subnormal)]
    none, largest, subnormal = _numerics.power_of_two(jnp.asarray(numbers, dtype))
    assert none == 1 and largest == 1 / bound and subnormal in (1, bound)
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
    # The last axis is the default one, and where all is 0 nothing changes.
    x = jnp.array([[1.0, -4.0], [2.0, 0.0], [0.0, 0.0]])
    pull = jax.vjp(_numerics.rescaled, x)[1]
    (gradient,) = pull((jnp.ones((3, 2)), jnp.ones((3, 1))))
    np.testing.assert_array_equal(gradient, [[0.25, 0.25], [0.5, 0.5], [0, 0]])


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 9])
def test_means_of_the_largest_and_the_smallest_numbers(dtype, size):
    info = jnp.finfo(dtype)
    # The share of a smaller number would be subnormal, and flushed to 0.
    smallest = float(info.tiny) * 2 ** math.ceil(math.log2(size))
    for number in (float(info.max), -float(info.max), smallest, 3.0):
        rows = jnp.full((2, size), number, dtype)
        means = _numerics.mean(rows, -1)
        assert means.dtype == dtype
        close(np.asarray(means, float) / number, 1, dtype, 2)
        close(_numerics.mean(rows), number, dtype, 2)
    x = np.arange(2.0 * size).reshape(2, size)
    close(_numerics.mean(jnp.asarray(x, dtype), 0), x.mean(0), dtype)


def test_means_leave_out_what_is_masked():
    x = jnp.array([[1.0, jnp.nan, 4.0], [jnp.inf, 5.0, 6.0]])
    where = jnp.array([[True, False, True], [False, False, False]])
    np.testing.assert_array_equal(_numerics.mean(x, -1, where), [2.5, 0])
    assert _numerics.mean(x, where=where) == 2.5
    assert _numerics.mean(jnp.zeros(0)) == 0
    gradient = jax.grad(lambda x: jnp.sum(_numerics.mean(x, -1, where)))(x)
    np.testing.assert_array_equal(gradient, [[0.5, 0, 0.5], [0, 0, 0]])


def test_a_floor_lets_the_gradient_pass(dtype):
    # Wider numbers are compared with the floor of what they were widened from.
    halves = [] if dtype.itemsize == 2 else ["float16", "bfloat16"]
    for kind in (*halves, dtype):
        floored = functools.partial(_numerics.floored, dtype=kind)
        floor = float(jnp.finfo(kind).tiny)
        x = jnp.asarray([0.0, floor / 4, floor, 2 * floor, 0.5], dtype)
        value, gradient = jax.vmap(jax.value_and_grad(floored))(x)
        expected = jnp.asarray([floor, floor, floor, 2 * floor, 0.5], dtype)
        assert value.dtype == dtype and np.all(value == expected)
        assert np.all(gradient == 1)


def of_log(weight, x, log=None):
    log = np.log(x) if log is None else log
    return weight * log, [log, weight / x], [0, 1 / x, 1 / x, -weight / x / x]


@WIDE
def test_logarithms_without_weight_are_silent(dtype):
    tiny, eps = (float(getattr(jnp.finfo(dtype), name)) for name in ("tiny", "eps"))
    arguments = [[0, 0, 2, 2, -1, 2 * tiny], [tiny, 1, 3, 1e-10, 1e10, tiny]]
    check(_numerics.weighted_log, arguments, of_log, dtype)

    def of_log_ratio(weight, x, y):
        log = np.log1p((x - y) / y)
        second = [0, 1 / x, -1 / y, 1 / x, -weight / x**2, 0, -1 / y, 0, weight / y**2]
        return weight * log, [log, weight / x, -weight / y], second

    weights = [0, 2, 2, -1, 2, 1, 2 * tiny]
    x = [tiny, 3, 1 + eps, 3, 1e10, 1 - eps / 2, 4 * tiny]
    y = [tiny, 4, 1, 2.9, 1e-10, 1, 5 * tiny]
    check(_numerics.weighted_log_ratio, [weights, x, y], of_log_ratio, dtype)


@WIDE
def test_logarithms_of_ratios(dtype):
    eps = float(jnp.finfo(dtype).eps)
    ratios = [1, 1 + eps, 1 - eps, 1.25, 0.75, 1.49, 0.51, 1.5, 0.5, 1.51, 0.49, 1e-5]
    y = np.repeat([1.0, 3.0, 1e-10, 1e-25], len(ratios)).astype(dtype)
    x = y * np.tile(ratios, 4).astype(dtype)
    # The ratios of the last two overflow or vanish.
    x = np.append(x, [1e20, 1e-20, 1e10, 1e-30, 1e30, 1e-30]).astype(dtype)
    y = np.append(y, [1, 1, 1e-10, 1e-10, 1e-30, 1e30]).astype(dtype)
    got = program(_numerics.log_ratio)(jnp.asarray(x), jnp.asarray(y))
    x, y = x.astype(np.longdouble), y.astype(np.longdouble)
    with np.errstate(divide="ignore"):
        exact = np.where(x > y / 2, np.log1p((x - y) / y), np.log(x) - np.log(y))
    size = np.abs(np.log(x)) + np.abs(np.log(y))
    value, near = np.asarray(got["value"][0], float), np.abs(x / y - 1) < 0.499
    close(value[near], exact[near], dtype)
    # Farther apart, it is the difference of two logarithms.
    assert np.all(np.abs(value - exact) <= 2 * eps * size)
    for mode in ("first forward", "first reverse"):
        close(np.stack(got[mode]), np.stack([1 / x, -1 / y]), dtype, 8, 0, mode)
    for mode in ("second forward", "second reverse"):
        # What cancels leaves the rounding errors of the larger of the two.
        usual, expected = size < 4, np.stack([-1 / x**2, 0 * x, 0 * x, 1 / y**2])
        slack = np.asarray(np.max(np.abs(expected), 0), float)[usual]
        close(np.stack(got[mode])[:, usual], expected[:, usual], dtype, 8, slack, mode)


def of_log1p(weight, x):
    return of_log(weight, 1 + x, np.log1p(x))


def weighted_log1p(weight, x):
    return _numerics.weighted_log1p(weight, x, x.dtype)


@WIDE
@given(x=st.lists(st.floats(-0.999, 3), min_size=8, max_size=8))
def test_the_logarithm_of_1_plus_x(dtype, x):
    dangerous = [0, 1e-8, -1e-8, 1e-20, -1e-20, -0.999, 1e-3, -1e-3, 1e5, 1e10]
    check(weighted_log1p, [[2] * 18, [*x, *dangerous]], of_log1p, dtype)


@WIDE
@pytest.mark.parametrize("kind", ["float16", None])
def test_the_logarithm_of_1_plus_x_has_a_floor(dtype, kind):
    kind = kind or dtype
    floor = float(jnp.finfo(kind).tiny)
    function = functools.partial(_numerics.weighted_log1p, dtype=kind)
    # A greater weight would have an infinite second derivative.
    arguments = [[0, floor], [-1, -1]]
    check(function, arguments, lambda weight, x: of_log(weight, x + 1 + floor), dtype)
