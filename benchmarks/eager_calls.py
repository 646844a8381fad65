"""This shows what an eager call costs with its type check, beside an eager
`jax.nn.tanh`."""

import jax
import jax.numpy as jnp

from ngcx import activations, surrogate

from ._measure import compare


def main():
    x, threshold = jnp.linspace(-2, 2, 128), jnp.array(1.0)
    arctan = surrogate.Arctan()
    learnable = surrogate.Arctan(jnp.array(2.0), jnp.array(1.0))
    calls = {
        "jax.nn.tanh": jax.nn.tanh,
        "ngcx Identity": activations.Identity(),
        "ngcx ReLU": activations.ReLU(),
        "ngcx Sigmoid": activations.Sigmoid(),
        "ngcx Softmax": activations.Softmax(),
        "ngcx Softplus": activations.Softplus(),
        "ngcx Tanh": activations.Tanh(),
        "ngcx StraightThrough": surrogate.StraightThrough(),
        "ngcx Arctan": arctan,
        "ngcx Arctan, array slope and gain": learnable,
        "ngcx Arctan, array threshold": lambda x: arctan(x, threshold),
        "ngcx Arctan, number as threshold": lambda x: arctan(x, 1.0),
        "ngcx Tanh.derivative": activations.Tanh().derivative,
    }
    yield compare(
        "An eager call of 128 numbers",
        {
            name: lambda call=call: call(x).block_until_ready()
            for name, call in calls.items()
        },
        rounds=100,
        repeats=300,
    )
