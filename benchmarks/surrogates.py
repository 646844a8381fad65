"""This emits the spikes of a million potentials, and takes their surrogate gradient,
an arctan of slope 2.

In PyTorch, each operation is a kernel of its own, forward and backward.
"""

# pyright: reportMissingImports=false

import importlib.util
import math

import jax
import jax.numpy as jnp
import numpy as np

from ngcx import surrogate

from ._measure import compare


@jax.custom_jvp
def by_hand(x):
    return (x > 0).astype(x.dtype)


@by_hand.defjvp
def _(primals, tangents):
    (x,), (tangent,) = primals, tangents
    return by_hand(x), tangent / (math.pi * (1 + jnp.square(math.pi * x)))


def spyx():
    import spyx.axn

    return spyx.axn.arctan(2.0)


def braintools():
    from braintools.surrogate import Arctan

    return Arctan(2.0)


def with_jax(spike, potentials):
    @jax.jit
    def gradient(potentials, weights):
        spikes, pull_back = jax.vjp(spike, potentials)
        return spikes, pull_back(weights)

    arguments = jnp.asarray(potentials), jnp.ones(potentials.shape)
    return lambda: jax.block_until_ready(gradient(*arguments))


def snntorch(potentials):
    import torch
    from snntorch.surrogate import atan

    spike, potentials = atan(alpha=2.0), torch.from_numpy(potentials).requires_grad_()
    weights = torch.ones_like(potentials)

    def run():
        return torch.autograd.grad(spike(potentials), potentials, weights)

    return run


def main():
    potentials = np.random.default_rng(0).normal(size=1_000_000).astype(np.float32)
    contenders = {
        "JAX by hand": with_jax(by_hand, potentials),
        "ngcx Arctan": with_jax(surrogate.Arctan(), potentials),
    }
    for peer in (spyx, braintools):
        if importlib.util.find_spec(peer.__name__):
            contenders[peer.__name__] = with_jax(peer(), potentials)
    if importlib.util.find_spec("snntorch"):
        contenders["snntorch"] = snntorch(potentials)
    yield compare("A million spikes and their gradient", contenders, rounds=30)
