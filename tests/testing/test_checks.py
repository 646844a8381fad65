"""The checks catch what they are for: each planted error is found, and shown."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, strategies as st

from ngcx.activations import AbstractElementwise, Softmax, Tanh
from ngcx.testing import arrays, check_derivative, check_module, floats_for, tolerance


X = jnp.linspace(-3.0, 3.0, 16)


class Perturbed(AbstractElementwise):
    """A tanh whose derivative is off by one in a thousand."""

    equation = r"\tanh x"

    def _value(self, x):
        return jnp.tanh(x)

    def _derivative(self, x):
        return 1.001 * Tanh()._derivative(x)


class OwnDerivative(eqx.Module):
    """A right function whose `derivative` differs from what JAX makes of it."""

    factor: float

    def __call__(self, x):
        return jnp.sin(x)

    def derivative(self, x):
        return self.factor * jnp.cos(x)


class HoleAtTwo(AbstractElementwise):
    """NaN at one single input."""

    equation = r"x"

    def _value(self, x):
        return jnp.where(x == 2, jnp.nan, x)

    def _derivative(self, x):
        return jnp.ones_like(x)


class Leaky(eqx.Module):
    """float32 out, whatever comes in."""

    def __call__(self, x):
        return x.astype(jnp.float32) * 2


class Coupled(eqx.Module):
    """Subtracts the mean of the batch."""

    def __call__(self, x):
        return x - jnp.mean(x, axis=0, keepdims=True)


class NoGradient(eqx.Module):
    """An infinite gradient at 0."""

    def __call__(self, x):
        return jnp.sqrt(jnp.abs(x))


def test_finds_a_derivative_that_is_off_by_one_in_a_thousand():
    with pytest.raises(AssertionError, match="Perturbed: the derivative at x = "):
        check_derivative(Perturbed(), X)


def test_finds_a_derivative_that_is_not_that_of_jax():
    check_derivative(OwnDerivative(1.0), X)
    with pytest.raises(AssertionError, match=r"mode at x = .*float32.*got.*expected"):
        check_derivative(OwnDerivative(1.001), X, finite_differences=False)


@jax.custom_jvp
def tripled(x):
    return jax.nn.softmax(x)


@tripled.defjvp
def _(primals, tangents):
    out, tangent = jax.jvp(jax.nn.softmax, primals, tangents)
    return out, 3 * tangent


class Tripled(eqx.Module):
    """A softmax that agrees with JAX on three times its Jacobian."""

    def __call__(self, x):
        return tripled(x)

    def derivative(self, x):
        return 3 * Softmax().derivative(x)


def test_finds_a_jacobian_that_is_not_of_the_function():
    x = jnp.array([[0.0, 1.0, 2.0], [0.5, -1.0, 3.0]])
    check_derivative(Softmax(), x)
    with pytest.raises(AssertionError, match="Tripled: the derivative at x = 0.0 "):
        check_derivative(Tripled(), x)


class NanInReverse(eqx.Module):
    """The branch not taken has an infinite slope, which only reverse mode minds."""

    def __call__(self, x):
        return x

    def derivative(self, x):
        return jnp.where(x == 0, 1, 1 + 0 * jnp.sqrt(jnp.abs(x)))


def test_finds_a_second_derivative_that_only_reverse_mode_does_not_have():
    with pytest.raises(AssertionError, match=r"in reverse mode at x = 0.0 .*got .*nan"):
        check_derivative(NanInReverse(), X.at[3].set(0.0))


class Overflowing(AbstractElementwise):
    """The slope of the derivative is infinity by infinity, far out."""

    equation = r"\arctan \sinh x"

    def _value(self, x):
        return jnp.arctan(jnp.sinh(x))

    def _derivative(self, x):
        return 1 / jnp.cosh(x)


def test_says_of_a_second_derivative_that_it_is_nan_in_every_dtype():
    found = r"Overflowing: the second derivative at x = .*got .*nan"
    with pytest.raises(AssertionError, match=found):
        check_derivative(Overflowing(), X)


def test_finds_a_single_nan():
    check_derivative(HoleAtTwo(), X)
    with pytest.raises(AssertionError, match=r"HoleAtTwo: the value at x = 2\.0.*nan"):
        check_derivative(HoleAtTwo(), X.at[3].set(2.0))


@pytest.mark.parametrize(
    ("module", "match"),
    [
        (Leaky(), r"Leaky \(float16\): an output of float32\[8, 6\] for an input of"),
        (Coupled(), r"Coupled \(float16\): mapped"),
    ],
)
def test_finds_what_is_not_a_pure_function_of_each_sample(module, match):
    with pytest.raises((AssertionError, ValueError), match=match):
        check_module(module)


def test_finds_an_infinite_gradient():
    with pytest.raises(AssertionError, match=r"NoGradient .*: the gradient of float16"):
        check_module(NoGradient(), jnp.zeros((8, 6)))


@given(data=st.data())
def test_floats_are_finite_and_held_exactly(dtype, data):
    number = data.draw(floats_for(dtype))
    assert np.isfinite(number)
    assert float(np.asarray(number).astype(dtype)) == number


@given(data=st.data())
def test_arrays_have_the_dtype_and_shape(dtype, data):
    array = data.draw(arrays(dtype, (2, 3)))
    assert array.dtype == dtype and array.shape == (2, 3)


def test_tolerance_follows_the_dtype():
    assert tolerance("float32", 4)["rtol"] == 4 * 2.0**-23
    assert tolerance("float16", 4)["rtol"] == 4 * 2.0**-10
