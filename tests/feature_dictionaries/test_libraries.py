import itertools
import time
from fractions import Fraction
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
import sklearn.preprocessing
from hypothesis import given, strategies as st

from ngcx._numerics import wide_dtype
from ngcx.feature_dictionaries import (
    ConcatenatedLibrary,
    FourierLibrary,
    FunctionLibrary,
    PolynomialLibrary,
    ProductLibrary,
)
from ngcx.testing import tolerance


pytestmark = pytest.mark.in_turn(2)


# Each pair of sizes, and of the two choices, is a program of its own.
@given(
    seed=st.integers(0, 999),
    sizes=st.sampled_from([(1, 4), (2, 3), (3, 1), (4, 2), (5, 3)]),
    bias=st.booleans(),
)
def test_polynomials_are_those_of_scikit_learn(seed, sizes, bias, dtype):
    variables, order = sizes
    # Each size meets one of the two in half of the dtypes, and the other in the rest.
    interactions = (variables + dtype.itemsize // 4) % 2 == 0
    x = np.random.default_rng(seed).normal(size=(4, variables)).astype(dtype)
    library = PolynomialLibrary(order, bias, interactions)
    oracle = sklearn.preprocessing.PolynomialFeatures(
        order, include_bias=bias, interaction_only=interactions
    )
    expected = oracle.fit_transform(x.astype(float))
    got = library(jnp.asarray(x))
    assert got.dtype == dtype
    np.testing.assert_allclose(np.asarray(got, float), expected, **tolerance(dtype))
    names = [f"x{i}" for i in range(variables)]
    assert library.names(names) == tuple(oracle.get_feature_names_out(names))


def test_leading_axes_of_polynomials_are_a_batch():
    x = jnp.asarray(np.random.default_rng(0).normal(size=(2, 2, 3)), jnp.float32)
    for library in (PolynomialLibrary(3), PolynomialLibrary(2, False, True)):
        expected = library(x.reshape(4, 3)).reshape(2, 2, -1)
        np.testing.assert_array_equal(library(x), expected)
        np.testing.assert_array_equal(jax.jit(library)(x), expected)


def test_gradients_of_polynomials():
    library = PolynomialLibrary(3)
    jacobian = jax.jacobian(lambda x: library(x))(jnp.asarray([2.0, 3.0]))
    # 1, x, y, x², x y, y², x³, x² y, x y², y³
    expected = [0, 1, 0, 4, 3, 0, 12, 12, 9, 0]
    np.testing.assert_allclose(jacobian[:, 0], expected, rtol=1e-6)


@given(
    seed=st.integers(0, 999),
    # Each number is a program of its own, and all arrays share one.
    number=st.sampled_from([0.5, 2 * np.pi]) | st.none(),
    array=st.floats(0.5, 10),
)
def test_fourier_features_are_their_formula(seed, number, array, dtype):
    x = np.random.default_rng(seed).normal(size=(4, 2)).astype(dtype)
    period = jnp.asarray(array, wide_dtype(dtype)) if number is None else number
    library = FourierLibrary(3, period)
    period = float(period)
    wide = x.astype(float)
    expected = [
        function(2 * np.pi * k * wide / period)
        for k in (1, 2, 3)
        for function in (np.sin, np.cos)
    ]
    got = library(jnp.asarray(x))
    assert got.dtype == dtype
    # An angle of many turns is rounded before its sine is taken.
    atol = tolerance(dtype)["rtol"] * (1 + 6 * np.pi * np.abs(wide / period).max())
    np.testing.assert_allclose(
        np.asarray(got, float), np.concatenate(expected, -1), atol=atol
    )
    assert len(library.names(["x", "y"])) == got.shape[-1]


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        (lambda: PolynomialLibrary(0), "`order` must be 1 or more; got 0"),
        (lambda: PolynomialLibrary(2.0), "`order` of"),  # pyright: ignore
        (lambda: PolynomialLibrary(2)(jnp.zeros(3, int)), "`x` of"),
        (lambda: FourierLibrary(0), "`num_frequencies` must be"),
        (lambda: FourierLibrary(2, -1.0), "`period` must be"),
    ],
)
def test_wrong_arguments_are_errors(wrong, match):
    with pytest.raises((ValueError, TypeError), match=match):
        wrong()


@pytest.mark.parametrize("half", [jnp.float16, jnp.bfloat16])
def test_half_precisions_are_computed_in_float32(half):
    x = jnp.array([[100.0, 0.001], [300.0, -2.5]], half)
    for library in (FourierLibrary(2), PolynomialLibrary(3)):
        once = library(x.astype(jnp.float32)).astype(half)
        np.testing.assert_array_equal(library(x), once)


def waves_by_fractions(x, period, count):
    """The columns, whose whole turns are taken away from rational numbers."""
    columns = []
    for k in range(1, count + 1):
        turns = [Fraction(float(each)) * k / Fraction(period) for each in x]
        angles = [2 * np.pi * float(each - round(each)) for each in turns]
        columns += [np.sin(angles), np.cos(angles)]
    return np.stack(columns, -1)


def numbers(seed, dtype):
    """Finite numbers of every magnitude, as numpy's."""
    largest = float(jnp.finfo(dtype).max)
    rng = np.random.default_rng(seed)
    draws = np.exp2(rng.uniform(-100, np.log2(largest), 12)) * rng.choice([-1, 1], 12)
    known = np.array([0, 123450, largest, -largest])
    numbers = np.clip(np.concatenate([known, draws]), -largest, largest)
    return np.asarray(jnp.asarray(numbers, dtype))


@given(seed=st.integers(0, 999), period=st.sampled_from([0.1, 1e-3, 24, 365.25, 1e30]))
def test_no_number_of_periods_costs_accuracy(seed, period, dtype):
    x = numbers(seed, dtype)
    # A Python number counts with all of its digits.
    array = jnp.asarray(period, wide_dtype(dtype))
    for given_, exact in ((period, period), (array, float(array))):
        got = FourierLibrary(3, given_)(jnp.asarray(x)[:, None])
        expected = waves_by_fractions(x, exact, 3)
        assert got.dtype == dtype
        # The angles of the oracle are rounded too.
        atol = 1.5 * float(jnp.finfo(dtype).eps) + 5e-16
        np.testing.assert_allclose(np.asarray(got, float), expected, rtol=0, atol=atol)


@given(seed=st.integers(0, 999))
def test_by_default_they_are_the_sines_themselves(seed, dtype):
    x = numbers(seed, dtype)
    got = np.asarray(FourierLibrary(2)(jnp.asarray(x)[:, None]), float)
    angles = x.astype(float) / 2  # Twice the largest number is none.
    half = np.stack([np.sin(angles), np.cos(angles)])
    for column, expected in enumerate(
        [2 * half[0] * half[1], half[1] ** 2 - half[0] ** 2]
    ):
        atol = 2 * float(jnp.finfo(dtype).eps)
        np.testing.assert_allclose(got[:, column], expected, rtol=0, atol=atol)
    # The second pair follows from the first.
    sine, cosine = got[:, 0], got[:, 1]
    atol = 4 * float(jnp.finfo(dtype).eps)
    np.testing.assert_allclose(got[:, 2], 2 * sine * cosine, rtol=0, atol=atol)
    np.testing.assert_allclose(got[:, 3], cosine**2 - sine**2, rtol=0, atol=atol)


def test_small_angles_keep_their_digits(dtype):
    x = jnp.asarray([1e-30, -1e-20, 1e-7, 3e-5, 1e-3], dtype)
    for period in (2 * np.pi, 0.7, jnp.asarray(0.7, wide_dtype(dtype))):
        sines = FourierLibrary(1, period)(x[:, None])[:, 0]
        expected = np.sin(2 * np.pi * np.asarray(x, float) / float(period))
        rtol = tolerance(dtype)["rtol"]
        np.testing.assert_allclose(np.asarray(sines, float), expected, rtol, atol=0)


def test_derivatives_of_fourier_features():
    def explicit(x, period):
        waves = [
            g(2 * jnp.pi * k * x / period) for k in (1, 2) for g in (jnp.sin, jnp.cos)
        ]
        return jnp.concatenate(waves)

    x, period = jnp.array([3.0, -0.4]), jnp.asarray(7.0)

    def library(x, period):
        return FourierLibrary(2, period)(x)

    for derive in (jax.jacrev, jax.hessian):
        got = jax.jit(derive(library, (0, 1)))(x, period)
        expected = jax.jit(derive(explicit, (0, 1)))(x, period)
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5), got, expected
        )
    # The number of turns is infinite in float32.
    slope = jax.grad(lambda x: FourierLibrary(1, 1e-3)(x)[0])(jnp.array([1e38]))
    assert np.all(np.isfinite(slope))


@pytest.mark.parametrize(
    "library",
    [
        PolynomialLibrary(3),
        ProductLibrary((PolynomialLibrary(2), FunctionLibrary(sin=jnp.sin))),
        ProductLibrary((FunctionLibrary(sin=jnp.sin), PolynomialLibrary(2))),
    ],
)
def test_zero_times_what_has_overflowed_is_zero(library, dtype):
    largest = float(jnp.finfo(dtype).max)
    x = jnp.asarray([[largest, 0.0], [0.0, -largest]], dtype)
    columns = np.asarray(library(x), np.float64)
    assert not np.isnan(columns).any()
    scaled = np.asarray(library(jnp.asarray([[2.0, 0.0], [0.0, -2.0]], dtype)))
    np.testing.assert_array_equal(columns == 0, scaled == 0)


def test_infinite_angles_have_no_sine(dtype):
    x = jnp.asarray([[jnp.inf], [jnp.nan]], dtype)
    for period in (2 * np.pi, jnp.asarray(3.0, wide_dtype(dtype))):
        assert jnp.all(jnp.isnan(FourierLibrary(1, period)(x)))


# One operation


def operations(function, *shape) -> int:
    return len(jax.make_jaxpr(function)(jnp.ones(shape)).eqns)


def test_the_program_does_not_grow_with_the_columns():
    for make in (PolynomialLibrary, FourierLibrary):
        sizes = [operations(make(3).__call__, 5, n) for n in (2, 20)]
        assert sizes[0] == sizes[1]
    # Each degree is one product of two gathers.
    assert operations(PolynomialLibrary(6).__call__, 5, 3) < 120
    assert operations(FourierLibrary(50).__call__, 5, 2) == operations(
        FourierLibrary(2).__call__, 5, 2
    )


@pytest.mark.thorough  # It takes the time of several compilations.
def test_polynomials_compile_about_as_fast_as_a_gather_and_a_product():
    factors = itertools.combinations_with_replacement(range(21), 3)
    index = np.array(list(factors))

    def plain(x):
        ones = jnp.ones_like(x[:, :1])
        return jnp.prod(jnp.append(x, ones, axis=-1)[:, index], axis=-1)

    def squares(function):
        return lambda x: jnp.sum(jnp.square(function(x)))

    def seconds(function) -> float:
        began = time.perf_counter()
        # No cache has a program with this constant in it.
        jax.jit(lambda x: began * function(x)).lower(jnp.ones((100, 20))).compile()
        return time.perf_counter() - began

    library = PolynomialLibrary(3)
    for function, other in (
        (lambda x: library(x), plain),
        (jax.grad(squares(library)), jax.grad(squares(plain))),
    ):
        fastest = min(seconds(function) for _ in range(3))
        assert fastest < 2 * min(seconds(other) for _ in range(3)) + 0.05


@given(seed=st.integers(0, 99), zeros=st.integers(0, 3))
def test_derivatives_of_polynomials_at_zeros(seed, zeros):
    x = np.random.default_rng(seed).normal(size=3).astype("f4")
    x[:zeros] = 0
    value, jacobian, hessian = value_and_derivatives(jnp.asarray(x))
    powers = np.array(
        [
            [monomial.count(i) for i in range(3)]
            for degree in range(4)
            for monomial in itertools.combinations_with_replacement(range(3), degree)
        ]
    )

    def monomials(orders):
        """Derivatives by falling factorials; 0 ** 0 is 1."""
        falling = scipy.special.perm(powers, orders)
        left = np.maximum(powers - orders, 0)
        return np.prod(falling * x.astype(float) ** left, axis=-1)

    eye = np.eye(3, dtype=int)
    np.testing.assert_allclose(value, monomials(0 * eye[0]), rtol=1e-6)
    for i in range(3):
        np.testing.assert_allclose(jacobian[:, i], monomials(eye[i]), rtol=1e-6)
        for j in range(3):
            expected = monomials(eye[i] + eye[j])
            np.testing.assert_allclose(hessian[:, i, j], expected, rtol=1e-6)


@jax.jit
def value_and_derivatives(x):
    library = PolynomialLibrary(3)
    return library(x), jax.jacrev(library)(x), jax.hessian(library)(x)


def test_arrays_of_numpy_are_arrays():
    x: Any = np.ones((3, 2))
    with jax.numpy_dtype_promotion("standard"):
        assert PolynomialLibrary(2)(x).shape == (3, 6)
        assert FourierLibrary(2)(x).shape == (3, 8)


# Libraries of one's own, and of others


def gap(x, y, power=2.0):
    return (x - y) ** power


MADE = FunctionLibrary(tanh=jnp.tanh, gap=gap)
JOINED = ConcatenatedLibrary((PolynomialLibrary(2), MADE))
PRODUCT = ProductLibrary((PolynomialLibrary(1), MADE, FourierLibrary(1)))


def test_libraries_of_functions_are_their_values_and_names(dtype):
    x = np.random.default_rng(0).normal(size=(2, 4, 3)).astype(dtype)
    wide = x.astype(float)
    pairs = [(0, 1), (0, 2), (1, 2)]
    gaps = [(wide[..., i] - wide[..., j]) ** 2 for i, j in pairs]
    made = np.concatenate([np.tanh(wide), np.stack(gaps, -1)], -1)
    atol = 16 * tolerance(dtype)["rtol"]
    got = MADE(jnp.asarray(x))
    assert got.dtype == dtype
    np.testing.assert_allclose(np.asarray(got, float), made, atol=atol)
    joined = JOINED(jnp.asarray(x))
    np.testing.assert_array_equal(joined[..., 10:], got)
    np.testing.assert_array_equal(
        joined[..., :10], PolynomialLibrary(2)(jnp.asarray(x))
    )
    linear = np.concatenate([np.ones((2, 4, 1)), wide], -1)
    waves = np.concatenate([np.sin(wide), np.cos(wide)], -1)
    product = np.einsum("...i,...j,...k->...ijk", linear, made, waves)
    got = PRODUCT(jnp.asarray(x))
    assert got.dtype == dtype
    scale = max(1, np.abs(product).max())
    np.testing.assert_allclose(
        np.asarray(got, float), product.reshape(2, 4, -1), atol=atol * scale
    )


def test_names_of_combined_libraries():
    assert MADE.names(["x", "y"]) == ("tanh(x)", "tanh(y)", "gap(x, y)")
    assert JOINED.names(["x"]) == ("1", "x", "x^2", "tanh(x)")
    names = PRODUCT.names(["x", "y"])
    assert len(names) == 3 * 3 * 4 == PRODUCT(jnp.ones(2)).shape[-1]
    assert names[0] == "tanh(x) sin(1 x)" and names[-1] == "y gap(x, y) cos(1 y)"
    ones = ProductLibrary((PolynomialLibrary(1), PolynomialLibrary(1)))
    assert ones.names(["x"]) == ("1", "x", "x", "x x")
    # Some have no columns at all.
    assert FunctionLibrary(gap=gap).names(["x"]) == ()
    assert FunctionLibrary(gap=gap)(jnp.ones((2, 1))).shape == (2, 0)
    assert ConcatenatedLibrary(())(jnp.ones((2, 1))).shape == (2, 0)


def test_functions_may_have_parameters_and_must_be_elementwise():
    class Scaled(eqx.Module):
        by: jax.Array

        def __call__(self, x):
            return self.by * x

    library = ConcatenatedLibrary((FunctionLibrary(scaled=Scaled(jnp.asarray(3.0))),))
    gradient = eqx.filter_grad(lambda library: library(jnp.asarray([2.0]))[0])(library)
    assert jax.tree.leaves(gradient) == [2.0]
    with pytest.raises(ValueError, match="`mean` must be elementwise"):
        FunctionLibrary(mean=lambda x: x.mean())(jnp.ones((2, 3)))
    with pytest.raises(TypeError, match="`functions` of|`sin` of"):
        FunctionLibrary(sin=3)  # pyright: ignore[reportArgumentType]
