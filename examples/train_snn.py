"""Trains a spiking network on handwritten digits with a surrogate gradient.

The 1,797 images that scikit-learn ships are shown to a dense, convolutional or
recurrent network of leaky integrate-and-fire neurons: the first two see the image as a
constant current, the last one row after row. Prints a table, draws a spike raster, the
membrane traces and the loss curve, and saves the network if told where.
"""

import time
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
from _shared import Parser, digits, positive, rate, until_interrupted, writable
from jaxtyping import Array, Float, Int, PRNGKeyArray
from tqdm import tqdm

from ngcx import io
from ngcx.data import DataLoader
from ngcx.init import FanInGaussian, reinitialize
from ngcx.losses import cross_entropy, mean_over_time
from ngcx.metrics import accuracy, firing_rate
from ngcx.neurons import (
    LIF,
    AdaptiveLIF,
    BatchNorm,
    Dropout,
    LeakyIntegrator,
    Recurrent,
    Stack,
    TimeConstant,
)


def lif() -> LIF:
    # A time constant given as an array is learnt.
    return LIF(TimeConstant(jnp.array(10.0)))


def dense(hidden: int, key: PRNGKeyArray) -> Stack:
    first, second, last = jr.split(key, 3)
    return Stack(
        eqx.nn.Linear(64, hidden, use_bias=False, key=first),
        lif(),
        eqx.nn.Linear(hidden, hidden, use_bias=False, key=second),
        lif(),
        eqx.nn.Linear(hidden, 10, use_bias=False, key=last),
        LeakyIntegrator(TimeConstant(10.0)),
    )


def as_image(pixels: Float[Array, " pixels"]) -> Float[Array, "1 8 8"]:
    return pixels.reshape(1, 8, 8)


def convolutional(hidden: int, key: PRNGKeyArray) -> Stack:
    def block(inputs: int, outputs: int, key: PRNGKeyArray):
        convolution = eqx.nn.Conv2d(
            inputs, outputs, 3, padding=1, use_bias=False, key=key
        )
        return Stack(convolution, BatchNorm(outputs), lif(), eqx.nn.MaxPool2d(2, 2))

    first, second, last = jr.split(key, 3)
    return Stack(
        as_image,
        block(1, 16, first),
        block(16, 32, second),
        jnp.ravel,
        Dropout(0.25),
        eqx.nn.Linear(128, 10, use_bias=False, key=last),
        LeakyIntegrator(TimeConstant(10.0)),
    )


def recurrent(hidden: int, key: PRNGKeyArray) -> Stack:
    first, last = jr.split(key)
    neurons = AdaptiveLIF(TimeConstant(jnp.array(10.0)))
    return Stack(
        eqx.nn.Linear(8, hidden, use_bias=False, key=first),
        Recurrent(neurons, jnp.zeros((hidden, hidden))),
        eqx.nn.Linear(hidden, 10, use_bias=False, key=last),
        LeakyIntegrator(TimeConstant(10.0)),
    )


def row_by_row(images: Float[Array, "batch pixels"], steps: int):
    """Eight rows, each seen for so many steps: (time, batch, 8)."""
    rows = jnp.moveaxis(images.reshape(-1, 8, 8), 1, 0)
    return jnp.repeat(rows, steps, axis=0)


class Architecture(NamedTuple):
    make: Callable[[int, PRNGKeyArray], Stack]
    steps: int
    """How many steps an image, or a row of it, is seen by default."""
    learning_rate: float
    hidden: str
    """The path of the spikes to count and draw."""
    by_row: bool = False


ARCHITECTURES = {
    "dense": Architecture(dense, 25, 2e-3, "1.out"),
    "conv": Architecture(convolutional, 8, 1e-2, "2.2.out"),
    "recurrent": Architecture(recurrent, 3, 5e-3, "1.out", by_row=True),
}


def run(architecture: Architecture, stack, images, steps: int, state=None, key=None):
    """The potentials of the readout, the state, and the spikes of a hidden layer."""
    settings = {"batched": True, "key": key, "watch": (architecture.hidden,)}
    if architecture.by_row:
        ran = stack.run(row_by_row(images, steps), state, **settings)
    else:
        ran = stack.run(images, state, steps=steps, **settings)
    state, potentials, seen = ran
    return potentials, state, seen[architecture.hidden]


@eqx.filter_jit
def train_step(
    architecture: Architecture, stack, optimizer, state, running, batch, key, steps: int
):
    def loss(stack):
        potentials, state, _ = run(
            architecture, stack, batch["image"], steps, running, key
        )
        value = cross_entropy(mean_over_time(potentials), batch["label"])
        # The statistics of the normalisations go on to the next batch.
        return value, stack.rest(state)

    (value, running), gradients = eqx.filter_value_and_grad(loss, has_aux=True)(stack)
    parameters = eqx.filter(stack, eqx.is_inexact_array)
    updates, state = optimizer.update(gradients, state, parameters)
    return eqx.apply_updates(stack, updates), state, running, value


@eqx.filter_jit
def evaluate(
    architecture: Architecture,
    stack,
    running,
    images,
    labels: Int[Array, " batch"],
    steps: int,
):
    deployed = eqx.nn.inference_mode(stack)
    potentials, _, spikes = run(architecture, deployed, images, steps, running)
    logits = mean_over_time(potentials)
    rates = firing_rate(spikes.reshape(len(spikes), -1), dt=1)
    return accuracy(logits, labels), jnp.mean(rates)


def draw(path: Path, spikes, potentials, label: int, losses: list[float]):
    """A raster and the membrane traces for one test image, and the loss curve."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, (raster, traces, curve) = plt.subplots(
        1, 3, figsize=(15, 4.5), layout="constrained"
    )
    figure.suptitle(f"Spiking network, test image of a {label}")
    times, neurons = np.nonzero(np.asarray(spikes).reshape(len(spikes), -1))
    raster.scatter(times, neurons, s=6, marker="|", color="black")
    raster.set(title="Hidden spikes", xlabel="time (ms)", ylabel="neuron")
    for digit, trace in enumerate(np.asarray(potentials).T):
        traces.plot(trace, label=str(digit), color=f"C{digit}")
    traces.set(title="Readout", xlabel="time (ms)", ylabel="membrane potential")
    traces.legend(title="digit", ncols=2, fontsize="small")
    curve.plot(losses, color="tab:blue", linewidth=0.8)
    curve.set(title="Loss", xlabel="training step", ylabel="nats", yscale="log")
    figure.savefig(path, dpi=120)
    plt.close(figure)


def parse(arguments: list[str] | None) -> Namespace:
    parser = Parser(__doc__, "snn.png")
    parser.add_argument(
        "--architecture", choices=ARCHITECTURES, default="dense", help="which network"
    )
    parser.add_argument("--seed", type=int, default=0, help="decides every random draw")
    parser.add_argument(
        "--epochs", type=positive, default=20, help="passes of the data"
    )
    parser.add_argument(
        "--batch-size", type=positive, default=64, help="images a batch"
    )
    parser.add_argument(
        "--steps", type=positive, help="time steps of 1 ms for an image, or for a row"
    )
    parser.add_argument("--hidden", type=positive, default=256, help="neurons a layer")
    parser.add_argument("--learning-rate", type=rate, help="peak rate of adam")
    parser.add_argument("--model", type=writable, help="where to save the network")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> float:
    """Trains, prints, draws and saves; returns the final test accuracy."""
    options = parse(arguments)
    began = time.perf_counter()
    architecture = ARCHITECTURES[options.architecture]
    steps = options.steps or architecture.steps
    keys = jr.split(jr.key(options.seed), 5)
    train, test = digits(keys[0])
    loader = DataLoader(train, options.batch_size)
    stack = architecture.make(options.hidden, keys[1])
    # These weights are wider than those of Equinox, so that currents reach the
    # threshold from the first epoch on.
    stack = reinitialize(stack, FanInGaussian(), keys[2])
    number = options.epochs * len(loader)
    peak = options.learning_rate or architecture.learning_rate
    optimizer = optax.adam(optax.cosine_decay_schedule(peak, number))
    state = optimizer.init(eqx.filter(stack, eqx.is_inexact_array))

    losses, rows, running = [], [], None
    with tqdm(total=number, unit="batch") as progress:
        for epoch in range(options.epochs):
            for batch in loader.epoch(jr.fold_in(keys[3], epoch)):
                key = jr.fold_in(keys[4], len(losses))
                stack, state, running, loss = train_step(
                    architecture, stack, optimizer, state, running, batch, key, steps
                )
                losses.append(loss)
                progress.update()
            score, rate = evaluate(
                architecture, stack, running, test["image"], test["label"], steps
            )
            recent = float(jnp.mean(jnp.stack(losses[-len(loader) :])))
            rows.append((epoch + 1, recent, float(score), float(rate)))
            progress.set_postfix(loss=f"{recent:.4f}", accuracy=f"{score:.1%}")

    print("epoch    loss  test accuracy  firing rate (Hz)")
    for epoch, loss, score, rate in rows:
        print(f"{epoch:5d}  {loss:6.4f}  {score:13.2%}  {rate:16.1f}")
    potentials, _, spikes = run(
        architecture, eqx.nn.inference_mode(stack), test["image"][:1], steps, running
    )
    draw(
        options.picture,
        spikes[:, 0],
        potentials[:, 0],
        test["label"][0],
        [float(loss) for loss in losses],
    )
    if options.model:
        io.serialize(options.model, {"stack": stack, "running": running})
        print(f"{options.model} saved")
    print(f"{options.picture} drawn; {time.perf_counter() - began:.0f} s in all")
    return rows[-1][2]


if __name__ == "__main__":
    until_interrupted(main)
