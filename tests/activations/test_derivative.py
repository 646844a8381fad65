import jax.numpy as jnp
import pytest
from hypothesis import given, strategies as st

from ngcx import activations
from ngcx.testing import arrays, check_derivative


ELEMENTWISE = [
    activations.Identity(),
    activations.ReLU(),
    activations.Sigmoid(),
    activations.Softplus(),
    activations.Tanh(),
    activations.Softmax(),
    activations.Softmax(jnp.array(0.3)),
]


@pytest.mark.parametrize("activation", ELEMENTWISE, ids=repr)
@given(data=st.data())
def test_derivative_is_the_derivative(activation, dtype, data):
    shape = (3, 4) if isinstance(activation, activations.Softmax) else (16,)
    check_derivative(activation, data.draw(arrays(dtype, shape)))
