import jax.numpy as jnp
import pytest
from hypothesis import given, strategies as st

from ngcx import activations
from ngcx.testing import arrays, check_derivative
from ngcx.testing._strategies import ACTIVATIONS


STRAIGHT_THROUGH = (
    activations.BinaryKWTA,
    activations.Heaviside,
    activations.Threshold,
)
RANKED = (activations.BinaryKWTA, activations.KWTA)
ROWS = (activations.LogSoftmax, activations.Softmax, activations.Sparsemax)


@pytest.mark.parametrize("member", ACTIVATIONS, ids=lambda member: member.__name__)
@given(data=st.data())
def test_derivative_is_the_derivative(member, dtype, data):
    shape = (3, 4) if member in ROWS else (16,)
    activation = data.draw(ACTIVATIONS[member])
    x = data.draw(arrays(dtype, shape))
    if member is activations.Sparsemax:
        # Eighths, whose sums are exact: at a kink, rounding decides what is in the
        # support, in float32 otherwise than in float64.
        x = jnp.where(jnp.abs(x) < 8, jnp.round(x * 8) / 8, x)
    if member in RANKED:
        # They tell subnormal numbers apart, which the float64 evaluation takes for 0.
        x = jnp.where(jnp.abs(x) < 2.0**-126, 0, x)
    smooth = member not in STRAIGHT_THROUGH
    check_derivative(activation, x, finite_differences=smooth)


def test_every_activation_has_a_strategy():
    public = {each for each in vars(activations).values() if isinstance(each, type)}
    assert public - set(ACTIVATIONS) == {
        activations.AbstractActivation,
        activations.AbstractElementwise,
    }
