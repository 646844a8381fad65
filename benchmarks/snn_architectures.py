"""This takes a training step of a recurrent and of a convolutional spiking network,
with leaky integrate-and-fire neurons, an arctan surrogate, adam, and the cross-entropy
of the mean output.
"""

import functools as ft

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr

from ngcx.neurons import LIF, Recurrent, Stack
from ngcx.surrogate import Arctan

from ._measure import compare
from ._snn_peers import CONVOLUTIONAL, RECURRENT
from .snn_step import Problem, lif, problem, trainer
from .surrogates import by_hand as spike


CELL = LIF(decay=0.9, surrogate=Arctan())


def recurrent_by_hand(problem: Problem):
    """The product with the inputs outside the scan, that with the spikes inside."""
    inputs, hidden, outputs = problem.sizes
    keys = jr.split(jr.key(1), 3)
    weights = [
        0.1 * jr.normal(key, shape)
        for key, shape in zip(
            keys,
            ((hidden, inputs), (hidden, hidden), (outputs, hidden)),
            strict=True,
        )
    ]

    def forward(weights, inputs):
        def step(carry, current):
            v, spikes = carry
            v = 0.9 * v + current + spikes @ weights[1]
            spikes = spike(v - 1)
            return (v - jax.lax.stop_gradient(spikes), spikes), spikes

        currents = inputs @ weights[0].T
        start = jnp.zeros_like(currents[0]), jnp.zeros_like(currents[0])
        spikes = jax.lax.scan(step, start, currents)[1]
        return lif(spikes @ weights[2].T)

    return trainer(problem, weights, forward)


def recurrent_stack(problem: Problem):
    inputs, hidden, outputs = problem.sizes
    keys = jr.split(jr.key(1), 3)
    stack = Stack(
        eqx.nn.Linear(inputs, hidden, use_bias=False, key=keys[0]),
        Recurrent(CELL, 0.1 * jr.normal(keys[1], (hidden, hidden))),
        eqx.nn.Linear(hidden, outputs, use_bias=False, key=keys[2]),
        CELL,
    )
    return trainer(problem, stack, run_batched)


def convolutional_layers():
    """Two convolutions of 5 x 5 with pools of 2 x 2, and a readout."""
    keys = jr.split(jr.key(1), 3)
    convolution = ft.partial(eqx.nn.Conv2d, kernel_size=5, padding=2, use_bias=False)
    return (
        convolution(1, 16, key=keys[0]),
        convolution(16, 32, key=keys[1]),
        eqx.nn.Linear(32 * 7 * 7, 10, use_bias=False, key=keys[2]),
    )


POOL = eqx.nn.AvgPool2d(2, 2)


def convolutional_by_hand(problem: Problem):
    """Time and batch made one axis before each layer."""

    def merged(layer, xs):
        flat = jax.vmap(layer)(xs.reshape(-1, *xs.shape[2:]))
        return flat.reshape(*xs.shape[:2], *flat.shape[1:])

    def forward(layers, xs):
        for layer in layers[:2]:
            xs = merged(POOL, lif(merged(layer, xs)))
        return lif(merged(layers[2], xs.reshape(*xs.shape[:2], -1)))

    return trainer(problem, convolutional_layers(), forward)


def convolutional_stack(problem: Problem):
    first, second, readout = convolutional_layers()
    stack = Stack(
        first, CELL, POOL, second, CELL, POOL, jnp.ravel, readout,
        CELL,
    )  # fmt: skip
    return trainer(problem, stack, run_batched)


def run_batched(stack, inputs):
    return stack.run(inputs, batched=True)[1]


def images(steps: int = 16, batch: int = 64) -> Problem:
    flat = problem(steps, batch)
    return flat._replace(inputs=flat.inputs.reshape(steps, batch, 1, 28, 28))


def main():
    sequences = problem(steps=100, batch=128)
    contenders = {
        "JAX by hand": recurrent_by_hand,
        "ngcx Stack": recurrent_stack,
        **RECURRENT,
    }
    yield compare(
        "A recurrent layer of 256 neurons, 100 time steps of a batch of 128",
        {name: make(sequences) for name, make in contenders.items()},
        rounds=10,
    )
    pictures = images()
    contenders = {
        "JAX by hand, time and batch in one axis": convolutional_by_hand,
        "ngcx Stack": convolutional_stack,
        **CONVOLUTIONAL,
    }
    yield compare(
        "Two convolutions of images of 28 x 28, 16 time steps of a batch of 64",
        {name: make(pictures) for name, make in contenders.items()},
        rounds=5,
    )
