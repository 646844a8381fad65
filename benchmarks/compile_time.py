"""This shows what tracing and compiling cost, beside the same program by hand."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr

from ngcx import activations
from ngcx.neurons import LIF, Stack
from ngcx.surrogate import Arctan

from . import snn_step
from ._measure import Contenders, compare


def compiling(function, *arguments):
    def run():
        jax.clear_caches()
        # The function is new each time, so that nothing of the last one is found again.
        jax.jit(lambda *arguments: function(*arguments)).lower(*arguments).compile()

    return run


def gradient(function):
    return jax.grad(lambda x: jnp.sum(function(x)))


def six_layers() -> Contenders:
    """The same network of six layers twice: in plain JAX, and as a `Stack`."""
    weights = [jnp.ones((16, 16))] * 3
    cell = LIF(decay=0.9, surrogate=Arctan())
    layers = [eqx.nn.Linear(16, 16, use_bias=False, key=jr.key(0)), cell] * 3

    def by_hand(inputs, weights):
        for weight in weights:
            inputs = snn_step.lif(inputs @ weight.T)
        return jnp.sum(inputs)

    # The numbers of the neurons are constants, as in the other.
    arrays, rest = eqx.partition(Stack(*layers), eqx.is_array)

    def as_stack(inputs, arrays):
        return jnp.sum(eqx.combine(arrays, rest).run(inputs, batched=True)[1])

    inputs = jnp.ones((10, 8, 16))
    return {
        "JAX by hand": compiling(jax.grad(by_hand, 1), inputs, weights),
        "ngcx Stack": compiling(jax.grad(as_stack, 1), inputs, arrays),
    }


def main():
    x = jnp.ones(1000)
    yield compare(
        "Tracing and compiling a gradient",
        {
            "jax.nn.gelu": compiling(gradient(jax.nn.gelu), x),
            "ngcx GELU": compiling(gradient(activations.GELU("tanh")), x),
        },
        rounds=9,
    )
    currents, neurons = jnp.ones((10, 8, 16)), LIF(decay=0.9, surrogate=Arctan())
    yield compare(
        "Tracing and compiling the gradient of a run of neurons",
        {
            "JAX by hand": compiling(gradient(snn_step.lif), currents),
            "ngcx LIF.run": compiling(
                gradient(lambda x: neurons.run(x, batched=True)[1]), currents
            ),
        },
        rounds=9,
    )
    yield compare(
        "Tracing and compiling the gradient of six layers", six_layers(), rounds=9
    )
    problem = snn_step.problem(steps=2, batch=8)
    yield compare(
        "The first training step of a spiking network",
        {
            name: lambda make=make: (jax.clear_caches(), make(problem)())
            for name, make in snn_step.CONTENDERS.items()
            if name in ("JAX by hand", "ngcx Stack")
        },
        rounds=9,
    )
