import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, strategies as st

from ngcx import surrogate
from ngcx._registry import classes
from ngcx.testing import arrays, check_derivative
from ngcx.testing._strategies import instances


pytestmark = pytest.mark.in_turn(3)


MEMBERS = {
    name: member
    for name, member in classes(surrogate.__name__, surrogate.AbstractSurrogate).items()
    if member.equation != "F(x)"  # those have the derivative of another
}


HALVES = ("float16", "bfloat16")
# Every class takes turns with the half precisions; `nox -s thorough` tries both.
CASES = [
    pytest.param(
        member,
        dtype,
        id=f"{name}-{dtype}",
        marks=[pytest.mark.thorough] if dtype == HALVES[i % 2] else [],
    )
    for i, (name, member) in enumerate(MEMBERS.items())
    for dtype in (*HALVES, "float32", "float64")
]


@pytest.mark.parametrize(("member", "dtype"), CASES, indirect=["dtype"])
@given(data=st.data())
def test_derivative_is_the_derivative(member, dtype, data):
    # The step of a difference quotient far from 0 spans many periods of a wave.
    check_derivative(
        data.draw(instances(member)),
        data.draw(arrays(dtype)),
        finite_differences=member is not surrogate.SquareWaveFourierSeries,
        # Its terms cancel where others of its parameters are rounded.
        ulps=64 if member is surrogate.MultiGaussian else 16,
    )


@pytest.mark.parametrize("n", [1, 2, 5])
def test_fourier_series_is_differentiated_within_its_period(n):
    with jax.enable_x64(True):
        x = jnp.linspace(-10, 10, 101)
        check_derivative(surrogate.SquareWaveFourierSeries(n), x)


def test_flanks_that_outweigh_the_centre_do_not_cancel():
    x = jnp.array([-9.0, -6.0, -0.5, 0.0, 0.5, 6.0, 9.0])
    for h in (0.15, 1.0, 2.0):
        check_derivative(surrogate.MultiGaussian(jnp.array(h), 1.0, 1.0, 1.0), x)


def test_flanks_of_any_width_and_weight_are_no_nan():
    sizes = (1e-30, 1e-10, 0.5, 6.0, 1e10, 1e30)
    table = itertools.product((0.0, 1e-30, 0.5, 3e38), (0.0, 0.15, 1e30), sizes, sizes)
    arguments = jnp.asarray([*table], jnp.float32).T

    def both(x, *parameters):
        member = surrogate.MultiGaussian(*parameters)
        return member.primitive(x), member.derivative(x)

    for values in jax.jit(jax.vmap(both))(*arguments):
        assert not np.any(np.isnan(values))


@pytest.mark.parametrize("alpha", [1.5, 32.0, 40.0, 1000.0])
def test_a_learnt_decay_of_tails_gets_a_gradient(alpha):
    x = jnp.array([-0.3, 0.0, 0.01, 1.0])

    def area(alpha, x):
        return jnp.sum(surrogate.QPseudoSpike(alpha).primitive(x))

    got = jax.grad(area)(jnp.array(alpha), x)
    with jax.enable_x64(True):
        wide = jnp.array(x, jnp.float64)
        expected = jax.grad(area)(jnp.array(alpha, jnp.float64), wide)
    assert np.isfinite(expected)
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-7)


def test_higher_derivatives_of_the_inverse_square_root():
    member = surrogate.InverseSquareRoot(1.0, gain=1.0)
    # E' = (1 + x^2)^(-3/2) / 2
    third = jax.grad(jax.grad(member.derivative))
    for x in (0.0, 0.999, 1.0, -1.0, 1.001):
        expected = (12 * x**2 - 3) / 2 * (1 + x**2) ** -3.5
        np.testing.assert_allclose(third(x), expected, rtol=1e-5)

    def primitive(alpha):
        return surrogate.InverseSquareRoot(alpha, gain=1.0).primitive(jnp.array(1.0))

    # E = 1/2 + (1 + alpha^2)^(-1/2) / 2 at 1
    for alpha in (0.999, 1.0, 1.001):
        expected = (2 * alpha**2 - 1) / 2 * (1 + alpha**2) ** -2.5
        np.testing.assert_allclose(
            jax.grad(jax.grad(primitive))(alpha), expected, rtol=1e-5
        )


def test_the_gradient_of_a_secant_does_not_cancel():
    def primitive(c2, j):
        return surrogate.SecantLIF(c2=c2).primitive(j)

    for j in (1e-3, 60.0, 88.0, 1e4):
        expected = 0.82 * j * np.exp(-2 * np.logaddexp(0.125 * j, -0.125 * j)) * 4
        got = jax.grad(primitive)(jnp.array(0.125), jnp.array(j))
        np.testing.assert_allclose(got, expected, rtol=1e-5)
