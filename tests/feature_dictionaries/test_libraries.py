import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sklearn.preprocessing
from hypothesis import given, strategies as st

from ngcx._numerics import wide_dtype
from ngcx.feature_dictionaries import FourierLibrary, PolynomialLibrary
from ngcx.testing import tolerance


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


def test_sines_of_many_periods_are_exact():
    x = jnp.array([60000.0, 1e37, -3.3e38])
    got = FourierLibrary(2, 1e-3)(x[:, None])
    turns = np.fmod(np.asarray(x, float), float(np.float32(1e-3)))[:, None]
    angles = 2 * np.pi * turns / float(np.float32(1e-3)) * np.array([1, 2])
    expected = np.stack([np.sin(angles), np.cos(angles)], -1).reshape(3, 4)
    np.testing.assert_allclose(got, expected, atol=2e-6)
    assert jnp.isfinite(jax.grad(lambda x: FourierLibrary(1)(x)[0])(jnp.array([1e38])))
