"""Gated linear units."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from ngcx.activations import GELU, GLU, LeakyReLU, ReLU, SiLU
from ngcx.testing import tolerance


GATES = [(GLU(), jax.nn.sigmoid)] + [
    (GLU(gate), peer)
    for gate, peer in (
        (SiLU(), jax.nn.silu),
        (GELU("tanh"), jax.nn.gelu),
        (ReLU(), jax.nn.relu),
    )
]


@pytest.mark.parametrize(
    ("glu", "gate"), GATES, ids=("GLU", "SwiGLU", "GEGLU", "ReGLU")
)
def test_the_gate_of_one_half_multiplies_the_other(glu, gate, dtype):
    x = jr.normal(jr.key(0), (3, 8)).astype(dtype)
    a, b = jnp.split(x.astype(dtype if dtype.itemsize > 2 else jnp.float32), 2, -1)
    result = glu(x)
    assert result.dtype == dtype
    got, expected = (np.asarray(each, float) for each in (result, a * gate(b)))
    np.testing.assert_allclose(got, expected, **tolerance(dtype, 64))


@pytest.mark.parametrize("axis", [0, -1])
def test_derivative_is_that_of_each_entry_in_its_two_inputs(axis):
    x = jr.normal(jr.key(1), (4, 6))
    glu = GLU(SiLU(), axis)
    # Each input reaches one entry, so that the gradient of the sum is its derivative.
    slopes = jax.grad(lambda x: jnp.sum(glu(x)))(x)
    np.testing.assert_allclose(glu.derivative(x), slopes, **tolerance("float32"))
    other = GLU(SiLU(), axis=-1 - axis)
    np.testing.assert_array_equal(glu(x).T, other(x.T))


def test_the_gate_learns():
    def total(slope):
        return jnp.sum(GLU(LeakyReLU(slope))(jnp.array([2.0, 3.0, -1.0, 1.0])))

    assert jax.grad(total)(jnp.array(0.5)) == -2


def test_an_odd_axis_is_an_error():
    with pytest.raises(ValueError, match="`x` must have an even size along `axis`.* 3"):
        GLU()(jnp.ones((2, 3)))
