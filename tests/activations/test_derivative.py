import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, strategies as st

from ngcx import activations
from ngcx._registry import classes
from ngcx.testing import arrays, check_derivative
from ngcx.testing._strategies import instances


pytestmark = pytest.mark.in_turn(3)


MEMBERS = classes(activations.__name__, activations.AbstractActivation)
STRAIGHT_THROUGH = (
    activations.BinaryKWTA,
    activations.Heaviside,
    activations.Threshold,
)
RANKED = (activations.BinaryKWTA, activations.KWTA)
HALVES = ("float16", "bfloat16")
ROWS = (activations.LogSoftmax, activations.Softmax, activations.Sparsemax)


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
    shape = (3, 4) if member in ROWS else (16,)
    activation = data.draw(instances(member))
    x = data.draw(arrays(dtype, shape))
    if member is activations.Sparsemax:
        # Sums of eighths are exact. Otherwise rounding decides at a kink what is in the
        # support, and does so in float32 differently from float64.
        x = jnp.where(jnp.abs(x) < 8, jnp.round(x * 8) / 8, x)
    if member in RANKED:
        # They tell subnormal numbers apart, which the float64 evaluation takes for 0.
        x = jnp.where(jnp.abs(x) < 2.0**-126, 0, x)
    smooth = member not in STRAIGHT_THROUGH
    check_derivative(activation, x, finite_differences=smooth)


@pytest.mark.parametrize(
    ("activation", "x"),
    [
        (activations.CauchyThreshold(0.5), 0.0),
        (activations.CauchyThreshold(0.0), 1e-45),
        (activations.GELU("none"), 3e38),
        (activations.GELU("tanh"), 2e35),
        (activations.Mish(), 1e38),
        (activations.TeLU(), 1e34),
    ],
)
def test_second_derivatives_where_a_factor_is_infinite(activation, x):
    for signed in (x, -x):
        assert jnp.isfinite(jax.grad(jax.grad(activation))(signed))


@pytest.mark.parametrize("mode", [jax.jacfwd, jax.jacrev])
@pytest.mark.parametrize(
    ("make", "parameter", "x"),
    [
        (activations.Softmax, 0.5, [1.0, 2.0, -3.4e38]),
        (activations.Softmax, 0.5, [1.0, 2.0, -jnp.inf]),
        (activations.Softmax, 1.0, [3e38, -3e38]),
        (activations.Softmax, 1e-20, [0.0, -1.0]),
        (activations.CELU, 1e-5, [-1e30, -1e-6]),
        (activations.CELU, 0.1, [-1e38]),
        (activations.CELU, 1e-20, [-1.0, 1.0]),
    ],
)
def test_derivatives_in_a_scale_by_which_entries_are_far(make, parameter, x, mode):
    def function(parameter, x):
        return make(parameter)(x)

    got = mode(function)(jnp.array(parameter), jnp.array(x))
    with jax.enable_x64(True):
        wide = jnp.array(x, jnp.float64)
        expected = jax.jacfwd(function)(jnp.array(parameter, jnp.float64), wide)
        # What underflows in float64 as well has no derivative.
        expected = jnp.where(jnp.isnan(expected), 0, expected)
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-30)
