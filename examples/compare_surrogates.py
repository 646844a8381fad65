"""Compares surrogates, and slopes of each, by the accuracy that they train to.

For each surrogate, one compiled program trains a spiking network on the handwritten
digits that scikit-learn ships, once for every slope, by `vmap` over the slopes. All
derivatives are scaled to 1 at the threshold. Prints a table, and draws accuracy against
slope.
"""

import functools as ft
import time
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
from _shared import Parser, digits, positive, until_interrupted
from tqdm import tqdm

from ngcx import surrogate
from ngcx.data import DataLoader
from ngcx.losses import cross_entropy, mean_over_time
from ngcx.metrics import accuracy
from ngcx.neurons import LIF, LeakyIntegrator, Stack


SURROGATES = {
    "Arctan": surrogate.Arctan,
    "FastSigmoid": surrogate.FastSigmoid,
    "Sigmoid": surrogate.Sigmoid,
    "Triangular": surrogate.Triangular,
    "Rectangular": surrogate.Rectangular,
}


def network(make, slope, key):
    unit = make(slope, gain=1.0)
    spike = make(slope, gain=1 / unit.derivative(jnp.zeros(())))
    keys = jr.split(key, 3)
    return Stack(
        linear(64, 64, 2.0, keys[0]),
        LIF(surrogate=spike),
        linear(64, 64, 2.0, keys[1]),
        LIF(surrogate=spike),
        linear(64, 10, 1.0, keys[2]),
        LeakyIntegrator(),
    )


def linear(inputs: int, outputs: int, scale: float, key):
    # The weights are wider than usual, so that currents reach the threshold from the
    # first step on.
    layer = eqx.nn.Linear(inputs, outputs, use_bias=False, key=key)
    return eqx.tree_at(lambda layer: layer.weight, layer, scale * layer.weight)


def scores(stack, images, steps: int):
    return mean_over_time(stack.run(images, steps=steps, batched=True)[1])


@eqx.filter_jit
def train(make, slopes, loader, test, key, *, epochs: int, steps: int):
    """The test accuracy of a network trained with each of the slopes."""

    def one(slope):
        network_key, order_key = jr.split(key)
        stack = network(make, slope, network_key)
        # The slope is an array, but no parameter to train.
        weights, rest = eqx.partition(stack, trainable(stack))
        optimizer = optax.adam(2e-3)

        def loss(weights, batch):
            logits = scores(eqx.combine(weights, rest), batch["image"], steps)
            return cross_entropy(logits, batch["label"])

        def update(carry, step):
            weights, state = carry
            epoch, step = jnp.divmod(step, len(loader))
            batch = loader.batch(jr.fold_in(order_key, epoch), step)
            updates, state = optimizer.update(jax.grad(loss)(weights, batch), state)
            return (optax.apply_updates(weights, updates), state), None

        (weights, _), _ = jax.lax.scan(
            update, (weights, optimizer.init(weights)), jnp.arange(epochs * len(loader))
        )
        return accuracy(
            scores(eqx.combine(weights, rest), test["image"], steps), test["label"]
        )

    return jax.vmap(one)(slopes)


def trainable(stack):
    """Whether each leaf is a weight."""

    def is_linear(node):
        return isinstance(node, eqx.nn.Linear)

    return jax.tree.map(
        lambda node: jax.tree.map(lambda _: is_linear(node), node),
        stack,
        is_leaf=is_linear,
    )


def draw(path: Path, slopes, results: dict[str, np.ndarray]):
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, ax = plt.subplots(figsize=(7, 4.5), layout="constrained")
    for name, result in results.items():
        ax.plot(slopes, 100 * result, marker="o", markersize=4, label=name)
    ax.set(
        title="Test accuracy by slope of the surrogate (height 1)",
        xlabel=r"slope $\alpha$",
        ylabel="test accuracy (%)",
        xscale="log",
    )
    ax.legend()
    figure.savefig(path, dpi=120)
    plt.close(figure)


def main(arguments: list[str] | None = None) -> dict[str, np.ndarray]:
    """Trains, prints and draws; returns the accuracies by surrogate and slope."""
    parser = Parser(__doc__, "surrogates.png")
    parser.add_argument("--seed", type=int, default=0, help="decides every random draw")
    parser.add_argument("--epochs", type=positive, default=4, help="passes of the data")
    parser.add_argument("--steps", type=positive, default=20, help="time steps")
    parser.add_argument("--slopes", type=positive, default=8, help="from 0.1 to 100")
    parser.add_argument(
        "--surrogates", nargs="+", choices=SURROGATES, default=list(SURROGATES)
    )
    options = parser.parse_args(arguments)
    began = time.perf_counter()
    split_key, train_key = jr.split(jr.key(options.seed))
    training, test = digits(split_key)
    loader = DataLoader(training, 64)
    slopes = jnp.geomspace(0.1, 100, options.slopes)
    run = ft.partial(train, epochs=options.epochs, steps=options.steps)
    results = {}
    for name in tqdm(options.surrogates):
        scores = run(SURROGATES[name], slopes, loader, test, train_key)
        results[name] = np.asarray(scores)

    print("slope".ljust(12) + "".join(f"{slope:8.2f}" for slope in slopes))
    for name, result in results.items():
        print(name.ljust(12) + "".join(f"{score:8.1%}" for score in result))
    draw(options.picture, slopes, results)
    print(f"{options.picture} drawn; {time.perf_counter() - began:.0f} s in all")
    return results


if __name__ == "__main__":
    until_interrupted(main)
