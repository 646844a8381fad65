import jax.numpy as jnp
import pytest
from hypothesis import given, strategies as st

from ngcx import surrogate
from ngcx.testing import arrays, check_derivative


@pytest.mark.parametrize(
    "member",
    [
        surrogate.StraightThrough(),
        surrogate.Arctan(),
        surrogate.Arctan(jnp.array(25.0), jnp.array(2.0)),
    ],
    ids=repr,
)
@given(data=st.data())
def test_derivative_is_the_derivative(member, dtype, data):
    check_derivative(member, data.draw(arrays(dtype)))
