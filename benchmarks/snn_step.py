"""This takes a training step of a spiking network of 784-256-10 leaky
integrate-and-fire neurons, on a batch of 128, with an arctan surrogate and adam.
"""

import functools as ft
import sys
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
from jaxtyping import Array, Float, Int

from ngcx.neurons import LIF, Stack
from ngcx.surrogate import Arctan

from ._measure import (
    compare,
    forget_peak,
    in_new_process,
    resident,
    scaling,
    tabulate,
)
from ._snn_peers import PEERS
from .surrogates import by_hand as spike


class Problem(NamedTuple):
    """Random spikes and labels, and the widths of the layers."""

    inputs: Float[Array, "time batch inputs"]
    labels: Int[Array, " batch"]
    sizes: tuple[int, int, int] = (784, 256, 10)


def problem(steps: int = 50, batch: int = 128, width: int = 256) -> Problem:
    random, inputs = np.random.default_rng(0), np.empty((steps, batch, 784), np.float32)
    # One at a time keeps the peak of memory low.
    for step in inputs:
        step[:] = random.random(step.shape) < 0.1
    labels = random.integers(0, 10, batch)
    return jax.block_until_ready(
        Problem(jnp.asarray(inputs), jnp.asarray(labels), (784, width, 10))
    )


def initial_weights(sizes):
    """The weights, as `x @ weight.T` wants them: the gradient of that is faster."""
    keys = jr.split(jr.key(1), 2)
    return [
        0.1 * jr.normal(key, shape)
        for key, shape in zip(keys, (sizes[1::-1], sizes[:0:-1]), strict=True)
    ]


def trainer(problem, model, forward):
    """A training step of the outputs of `forward(model, inputs)`, time first."""
    optimizer = optax.adam(1e-3)
    state = optimizer.init(eqx.filter(model, eqx.is_inexact_array))

    @eqx.filter_jit
    def train(model, state, inputs, labels):
        @eqx.filter_value_and_grad
        def loss(model):
            logits = jnp.mean(forward(model, inputs), axis=0)
            return jnp.mean(
                optax.softmax_cross_entropy_with_integer_labels(logits, labels)
            )

        value, gradients = loss(model)
        updates, state = optimizer.update(gradients, state)
        return eqx.apply_updates(model, updates), state, value

    return lambda: jax.block_until_ready(
        train(model, state, problem.inputs, problem.labels)
    )


def lif(currents):
    """Leaky integrate-and-fire neurons through time in plain JAX."""

    def step(v, current):
        v = 0.9 * v + current
        spikes = spike(v - 1)
        return v - jax.lax.stop_gradient(spikes), spikes

    return jax.lax.scan(step, jnp.zeros_like(currents[0]), currents)[1]


def by_hand(problem):
    """Layer by layer in plain JAX: the matrix product outside the scan."""

    def forward(weights, inputs):
        return lif(lif(inputs @ weights[0].T) @ weights[1].T)

    return trainer(problem, initial_weights(problem.sizes), forward)


def floor(problem):
    """The matrix products alone."""

    def forward(weights, inputs):
        return inputs @ weights[0].T @ weights[1].T

    return trainer(problem, initial_weights(problem.sizes), forward)


def ngcx_cells(problem):
    cell = LIF(decay=0.9, surrogate=Arctan())

    def forward(weights, inputs):
        for weight in weights:
            _, inputs = cell.run(inputs @ weight.T)
        return inputs

    return trainer(problem, initial_weights(problem.sizes), forward)


def ngcx_stack(**options):
    def make(problem):
        cell = LIF(decay=0.9, surrogate=Arctan())
        sizes, keys = problem.sizes, jr.split(jr.key(1), 2)
        stack = Stack(
            eqx.nn.Linear(sizes[0], sizes[1], use_bias=False, key=keys[0]),
            cell,
            eqx.nn.Linear(sizes[1], sizes[2], use_bias=False, key=keys[1]),
            cell,
        )

        def forward(stack, inputs):
            return stack.run(inputs, batched=True, **options)[1]

        return trainer(problem, stack, forward)

    return make


CONTENDERS = {
    "JAX by hand": by_hand,
    "matrix products alone": floor,
    "ngcx LIF.run": ngcx_cells,
    "ngcx Stack": ngcx_stack(),
    "ngcx Stack, checkpoint": ngcx_stack(checkpoint=True),
    **PEERS,
}


SCALED = {name: CONTENDERS[name] for name in ("JAX by hand", "ngcx Stack", *PEERS)}


def main():
    fifty = problem()
    yield compare(
        "A training step of 50 time steps",
        {name: make(fifty) for name, make in CONTENDERS.items()},
        rounds=20,
    )
    for argument, title, size, sizes in (
        ("steps", "A training step, by its length", "time steps", (12, 50, 200)),
        ("batch", "A training step, by its batch", "samples", (8, 32, 128, 512)),
        ("width", "A training step, by its width", "neurons", (64, 256, 1024)),
    ):
        yield scaling(title, size, sizes, ft.partial(_scaled, argument), rounds=5)
    for steps in (500, 2000):
        inputs = steps * 128 * 784 * 4 // 2**20
        yield tabulate(
            f"Peak memory of {steps} time steps, with inputs of {inputs} MiB",
            {
                # What a process has imported is not counted.
                name: in_new_process("benchmarks.snn_step", name, str(steps))
                for name in CONTENDERS
            },
            "MiB",
        )


def _scaled(argument: str, value: int):
    scaled = problem(**{argument: value})
    return {name: make(scaled) for name, make in SCALED.items()}


if __name__ == "__main__":
    name, steps = sys.argv[1:]
    # A first step imports and starts what is needed.
    CONTENDERS[name](problem(1))()
    before = resident("VmRSS")
    step = CONTENDERS[name](problem(int(steps)))
    forget_peak()
    for _ in range(2):
        step()
    print(resident("VmHWM") - before)
