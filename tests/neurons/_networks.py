"""Two networks, and inputs for them."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr

from ngcx.activations import Tanh
from ngcx.neurons import (
    LIF,
    LeakyIntegrator,
    Recurrent,
    Stack,
)


def dense(key=jr.key(0)):
    keys = jr.split(key, 3)
    return Stack(
        eqx.nn.Linear(6, 5, key=keys[0]),
        LIF(jnp.full(5, 0.9)),
        Tanh(),
        eqx.nn.Linear(5, 4, use_bias=False, key=keys[1]),
        Recurrent(LIF(0.5), 0.3 * jr.normal(keys[2], (4, 4))),
        LeakyIntegrator(),
    )


def convolutional(key=jr.key(0), norm=()):
    return Stack(
        eqx.nn.Conv2d(1, 3, 3, key=key),
        *norm,
        jax.nn.relu,
        LIF(threshold=0.1),
        eqx.nn.AvgPool2d(2),
        jnp.ravel,
    )


X = 2 * jr.normal(jr.key(1), (9, 8, 6))
IMAGES = jr.normal(jr.key(2), (4, 8, 1, 6, 6))
