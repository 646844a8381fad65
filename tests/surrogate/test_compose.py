"""Surrogates that are made of functions, or of other surrogates."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ngcx import surrogate


def test_custom_without_a_primitive_still_differentiates():
    member = surrogate.Custom(lambda x: jnp.exp(-(x**2)))
    x = jnp.linspace(-1, 1, 5)
    np.testing.assert_allclose(
        jax.vmap(jax.grad(member))(x), np.exp(-(np.asarray(x) ** 2)), rtol=1e-6
    )
    np.testing.assert_allclose(
        jax.vmap(jax.grad(jax.grad(member)))(x),
        -2 * x * np.exp(-(np.asarray(x) ** 2)),
        rtol=1e-6,
    )
    with pytest.raises(ValueError, match="`primitive` was not given to `Custom`"):
        member.primitive(x)


class Slope(eqx.Module):
    height: jax.Array

    def __call__(self, x):
        return self.height * jnp.ones_like(x)


class Line(eqx.Module):
    height: jax.Array

    def __call__(self, x):
        return self.height * x


def test_custom_trains_the_arrays_of_its_functions():
    def total(member):
        return jnp.sum(member(jnp.array([1.0, 2.0])))

    height = jnp.array(3.0)
    gradient = eqx.filter_grad(total)(surrogate.Custom(Slope(height), Line(height)))
    np.testing.assert_allclose(gradient.integral.height, 3)
    with pytest.raises(ValueError, match="for derivatives in its arrays"):
        eqx.filter_grad(total)(surrogate.Custom(Slope(height)))


def test_sum_adds_and_sparse_cuts():
    x = jnp.array([-2.0, -0.5, 0.5, 2.0])
    both = surrogate.Sum((surrogate.Erf(gain=2.0), surrogate.StraightThrough(0.1)), 3.0)
    np.testing.assert_allclose(
        both.derivative(x), 3 * (surrogate.Erf(gain=2.0).derivative(x) + 0.1), rtol=1e-6
    )
    np.testing.assert_allclose(
        surrogate.Sparse(surrogate.FastSigmoid(), 1.0).derivative(x),
        surrogate.SparseFastSigmoid().derivative(x),
    )
    np.testing.assert_array_equal(
        surrogate.SparseFastSigmoid().derivative(x) != 0, [0, 1, 1, 0]
    )
