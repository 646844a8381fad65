"""This computes activations and their derivatives for a million float32 numbers,
compiled, beside the functions of JAX and their gradients.

XLA counts the operations in the compiled program.
"""

import jax
import jax.numpy as jnp

from ngcx import activations

from ._measure import compare, tabulate


PAIRS = {
    "elu": (jax.nn.elu, activations.ELU()),
    "gelu": (jax.nn.gelu, activations.GELU("tanh")),
    "relu": (jax.nn.relu, activations.ReLU()),
    "sigmoid": (jax.nn.sigmoid, activations.Sigmoid()),
    "silu": (jax.nn.silu, activations.SiLU()),
    "softplus": (jax.nn.softplus, activations.Softplus()),
    "tanh": (jnp.tanh, activations.Tanh()),
}


def elementwise_gradient(function):
    return lambda x: jax.vjp(function, x)[1](jnp.ones_like(x))[0]


def main():
    x = jnp.linspace(-8, 8, 1_000_000)
    for name, (theirs, ours) in PAIRS.items():
        programs = {
            f"JAX {name}": theirs,
            f"ngcx {name}": ours,
            "JAX, gradient": elementwise_gradient(theirs),
            "ngcx, gradient": elementwise_gradient(ours),
            "ngcx, derivative": ours.derivative,
        }
        compiled = {
            contender: jax.jit(lambda x, f=function: f(x)).lower(x).compile()
            for contender, function in programs.items()
        }
        yield compare(
            f"{name} of a million numbers",
            {
                contender: lambda program=program: jax.block_until_ready(program(x))
                for contender, program in compiled.items()
            },
            rounds=30,
        )
        yield tabulate(
            f"{name}: operations a number",
            {
                contender: operations(program) / x.size
                for contender, program in compiled.items()
            },
            "",
        )


def operations(program) -> float:
    """How many arithmetic and transcendental operations a program has."""
    cost = program.cost_analysis()
    return cost.get("flops", 0) + cost.get("transcendentals", 0)
