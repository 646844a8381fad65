"""The ground floor of arithmetic at the ends of the range: no derivative is NaN or
flushed to 0 before its time.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ngcx import _numerics


WIDE = pytest.mark.parametrize("dtype", ["float32", "float64"], indirect=True)
MODES = {
    "forward": lambda f, i: jax.jacfwd(jax.jacfwd(f, i), i),
    "reverse": lambda f, i: jax.jacrev(jax.jacrev(f, i), i),
    "mixed": lambda f, i: jax.jacfwd(jax.jacrev(f, i), i),
}


@WIDE
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "function", [_numerics.quotient, _numerics.ratio, _numerics.exponent]
)
def test_second_derivatives_of_quotients_at_0(function, mode, dtype):
    zero, tiny = (jnp.asarray(each, dtype) for each in (0, 1e-30))
    for argument in (0, 1):
        second = jax.jit(MODES[mode](function, argument))
        assert second(zero, tiny) == 0


@WIDE
def test_gradients_of_ratios_whose_squares_are_out_of_range(dtype):
    root = math.sqrt(jnp.finfo(dtype).max)
    for y in (1e3 * root, 1e-3 / root):
        x, y = jnp.asarray(y, dtype), jnp.asarray(y, dtype)
        for function in (_numerics.ratio, _numerics.quotient):
            gradients = jax.jit(jax.grad(function, (0, 1)))(x, y)
            np.testing.assert_allclose(gradients, [1 / y, -1 / y], rtol=1e-6)


@WIDE
@pytest.mark.parametrize("power", [1, 2, 3])
def test_powers_of_a_denominator_neither_overflow_nor_vanish(power, dtype):
    size = 2.0 ** (jnp.finfo(dtype).maxexp // 2 + 4)
    for y in (size, 1 / size):
        x, y = jnp.asarray(y, dtype), jnp.asarray(y, dtype)
        got = jax.jit(_numerics.over_power, static_argnums=2)(x, y, power)
        expected = float(x) / float(y)
        for _ in range(power - 1):
            expected /= float(y)
        if float(jnp.finfo(dtype).tiny) < expected < float(jnp.finfo(dtype).max):
            np.testing.assert_allclose(got, expected, rtol=1e-6)


@WIDE
def test_numbers_above_the_smallest_are_not_flushed_by_a_scale(dtype):
    tiny = float(jnp.finfo(dtype).tiny)
    for scale in (1.5, 2.0, 3.0, 4.0):
        rows = jnp.full((64, 4), 1.25 * scale * tiny, dtype)
        got = jax.jit(_numerics.divided)(rows, jnp.asarray(scale, dtype))
        np.testing.assert_allclose(np.asarray(got, float) / tiny, 1.25, rtol=1e-6)


@WIDE
def test_slopes_underflow_with_their_result_alone(dtype):
    edge = -math.log(jnp.finfo(dtype).tiny)
    for slope, x, expected in (
        (_numerics.sigmoid_slope, edge - 0.01, math.exp(0.01)),
        (_numerics.tanh_slope, (edge + math.log(4)) / 2 - 0.01, math.exp(0.02)),
    ):
        got = float(jax.jit(slope)(jnp.asarray(x, dtype)))
        # An argument as large as this one moves the result by as many units.
        unit = edge * float(jnp.finfo(dtype).eps)
        assert abs(got / float(jnp.finfo(dtype).tiny) - expected) < 4 * unit


@WIDE
def test_the_derivative_of_expm1_does_not_cancel(dtype):
    x = jnp.asarray([-30.0, -20.0, -1.0, 0.0, 1.0], dtype)
    got = jax.vmap(jax.grad(jax.grad(_numerics.expm1)))(x)
    np.testing.assert_allclose(got, np.exp(np.asarray(x, float)), rtol=1e-6)
