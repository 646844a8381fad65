"""What tracing and compiling cost, beside the same program by hand."""

import jax
import jax.numpy as jnp

from ngcx import activations

from . import snn_step
from ._measure import compare


def compiling(function, *arguments):
    def run():
        jax.clear_caches()
        # The function is new each time, so that nothing of the last one is found again.
        jax.jit(lambda *arguments: function(*arguments)).lower(*arguments).compile()

    return run


def gradient(function):
    return jax.grad(lambda x: jnp.sum(function(x)))


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
