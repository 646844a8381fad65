import functools as ft

import jax
import jax.numpy as jnp
import numpy as np
import pytest


@pytest.fixture
def check_derivatives():
    """Compares forward and reverse mode with a central difference, in float64."""

    @ft.partial(jax.jit, static_argnums=0)
    def derivatives(function, x, direction, weight):
        def loss(x):
            return jnp.sum(function(x) * weight)

        step = 1e-5 * direction
        return (
            jax.jvp(loss, (x,), (direction,))[1],
            jnp.sum(jax.grad(loss)(x) * direction),
            (loss(x + step) - loss(x - step)) / 2e-5,
        )

    def check(function, x):
        x = jnp.asarray(x)
        shape = jax.eval_shape(function, x).shape
        rng = np.random.default_rng(0)
        direction, weight = rng.normal(size=x.shape), rng.normal(size=shape)
        forward, reverse, difference = derivatives(function, x, direction, weight)
        np.testing.assert_allclose(forward, difference, rtol=1e-6, atol=1e-8)
        np.testing.assert_allclose(reverse, forward, rtol=1e-10, atol=1e-12)

    return check
