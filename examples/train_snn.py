"""Trains a two-layer spiking network on handwritten digits with a surrogate gradient.

The 1,797 images that scikit-learn ships are fed as constant currents to two layers of
leaky integrate-and-fire neurons; leaky integrators read them out. Prints a table, and
draws spike rasters, membrane traces and the loss curve.
"""

import itertools
import time
from argparse import Namespace
from pathlib import Path
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
from _shared import Parser, digits, positive, rate, until_interrupted
from jaxtyping import Array, Float, Int, PRNGKeyArray
from tqdm import tqdm

from ngcx.activations import Softmax
from ngcx.data import DataLoader
from ngcx.init import FanInUniform
from ngcx.metrics import accuracy, categorical_nll, firing_rate
from ngcx.neurons import LIF, LeakyIntegrator, decay_factor
from ngcx.surrogate import Arctan


class Activity(NamedTuple):
    """What happened in the network; the first axis is time."""

    spikes: Float[Array, "time neurons"]
    readout: Float[Array, "time classes"]


class SpikingNetwork(eqx.Module):
    """Two layers of LIF neurons, read out by leaky integrators."""

    weights: tuple[Float[Array, "inputs outputs"], ...]
    hidden: tuple[LIF, LIF]
    readout: LeakyIntegrator

    def __init__(self, sizes: tuple[int, int, int, int], *, key: PRNGKeyArray):
        # The weights are wider than for analog units, so that currents reach the
        # threshold from the first epoch on.
        self.weights = tuple(
            1.5 * FanInUniform()(layer_key, shape)
            for layer_key, shape in zip(
                jr.split(key, 3), itertools.pairwise(sizes), strict=True
            )
        )
        decay = decay_factor(time_constant=10.0, dt=1.0)
        self.hidden = (
            LIF(decay * jnp.ones(sizes[1]), surrogate=Arctan()),
            LIF(decay * jnp.ones(sizes[2]), surrogate=Arctan()),
        )
        self.readout = LeakyIntegrator(decay)

    def __call__(self, image: Float[Array, " pixels"], steps: int) -> Activity:
        signal, spikes = jnp.tile(image, (steps, 1)), []
        for weight, layer in zip(self.weights[:-1], self.hidden, strict=True):
            _, signal = layer.run(signal @ weight)
            spikes.append(signal)
        _, potentials = self.readout.run(signal @ self.weights[-1])
        return Activity(jnp.concatenate(spikes, axis=-1), potentials)


def probabilities(activity: Activity) -> Float[Array, "batch classes"]:
    return Softmax()(jnp.mean(activity.readout, axis=-2))


@eqx.filter_jit
def train_step(model, optimizer, state, batch, steps: int):
    def loss(model):
        activity = jax.vmap(model, in_axes=(0, None))(batch["image"], steps)
        return categorical_nll(probabilities(activity), batch["label"])

    value, gradients = eqx.filter_value_and_grad(loss)(model)
    updates, state = optimizer.update(gradients, state, eqx.filter(model, eqx.is_array))
    return eqx.apply_updates(model, updates), state, value


@eqx.filter_jit
def evaluate(model, images, labels: Int[Array, " batch"], steps: int):
    activity = jax.vmap(model, in_axes=(0, None))(images, steps)
    return accuracy(probabilities(activity), labels), firing_rate(activity.spikes, dt=1)


def draw(
    path: Path, model: SpikingNetwork, losses: list[float], test: dict, steps: int
):
    """A raster and the membrane traces for one test image, and the loss curve."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    activity = model(test["image"][0], steps)
    figure, (raster, traces, curve) = plt.subplots(
        1, 3, figsize=(15, 4.5), layout="constrained"
    )
    figure.suptitle(f"Spiking network, test image of a {test['label'][0]}")
    times, neurons = np.nonzero(np.asarray(activity.spikes))
    raster.scatter(times, neurons, s=6, marker="|", color="black")
    raster.axhline(model.weights[0].shape[1] - 0.5, color="tab:blue", linewidth=1)
    raster.set(title="Spikes", xlabel="time (ms)", ylabel="neuron (line: layer 1 | 2)")
    for digit, trace in enumerate(np.asarray(activity.readout).T):
        traces.plot(trace, label=str(digit), color=f"C{digit}")
    traces.set(title="Readout", xlabel="time (ms)", ylabel="membrane potential")
    traces.legend(title="digit", ncols=2, fontsize="small")
    curve.plot(losses, color="tab:blue", linewidth=0.8)
    curve.set(title="Loss", xlabel="training step", ylabel="nats", yscale="log")
    figure.savefig(path, dpi=120)
    plt.close(figure)


def parse(arguments: list[str] | None) -> Namespace:
    parser = Parser(__doc__, "snn.png")
    parser.add_argument("--seed", type=int, default=0, help="decides every random draw")
    parser.add_argument(
        "--epochs", type=positive, default=20, help="passes of the data"
    )
    parser.add_argument(
        "--batch-size", type=positive, default=64, help="images a batch"
    )
    parser.add_argument("--steps", type=positive, default=25, help="time steps of 1 ms")
    parser.add_argument("--hidden", type=positive, default=256, help="neurons a layer")
    parser.add_argument(
        "--learning-rate", type=rate, default=2e-3, help="peak rate of adam"
    )
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> float:
    """Trains, prints and draws; returns the final test accuracy."""
    options = parse(arguments)
    began = time.perf_counter()
    split_key, model_key, order_key = jr.split(jr.key(options.seed), 3)
    train, test = digits(split_key)
    loader = DataLoader(train, options.batch_size)
    model = SpikingNetwork((64, options.hidden, options.hidden, 10), key=model_key)
    schedule = optax.cosine_decay_schedule(
        options.learning_rate, options.epochs * len(loader)
    )
    optimizer = optax.adam(schedule)
    state = optimizer.init(eqx.filter(model, eqx.is_array))

    losses, rows = [], []
    with tqdm(total=options.epochs * len(loader), unit="batch") as progress:
        for epoch in range(options.epochs):
            for batch in loader.epoch(jr.fold_in(order_key, epoch)):
                model, state, loss = train_step(
                    model, optimizer, state, batch, options.steps
                )
                losses.append(loss)
                progress.update()
            score, rate = evaluate(model, test["image"], test["label"], options.steps)
            recent = float(jnp.mean(jnp.stack(losses[-len(loader) :])))
            rows.append((epoch + 1, recent, float(score), float(rate)))
            progress.set_postfix(loss=f"{recent:.4f}", accuracy=f"{score:.1%}")

    print("epoch    loss  test accuracy  firing rate (Hz)")
    for epoch, loss, score, rate in rows:
        print(f"{epoch:5d}  {loss:6.4f}  {score:13.2%}  {rate:16.1f}")
    draw(options.picture, model, [float(loss) for loss in losses], test, options.steps)
    print(f"{options.picture} drawn; {time.perf_counter() - began:.0f} s in all")
    return rows[-1][2]


if __name__ == "__main__":
    until_interrupted(main)
