"""Probes what a small network has learnt of handwritten digits.

A perceptron is trained to tell digits below 5 from the others, nothing more, on the
1,797 images that scikit-learn ships. Four probes then read all ten digits from the
pixels, from the network before training, and from the trained one. Prints their scores
and the dimensions of the three representations, and draws the representations and the
mistakes of the linear probe.
"""

import time
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import optax
from _shared import Parser, digits, positive, until_interrupted

from ngcx import analysis
from ngcx.data import DataLoader
from ngcx.metrics import classification_report


SIZE = 64  # An image has as many pixels as a hidden layer has units.


@eqx.filter_jit
def trained(network, data, key, epochs: int):
    """The network after training, and all of that compiled into one program."""
    loader = DataLoader(data, 64)
    optimizer = optax.adam(2e-3)
    weights, rest = eqx.partition(network, eqx.is_array)

    def loss(weights, batch):
        images, labels = batch
        logits = jax.vmap(eqx.combine(weights, rest))(images)[:, 0]
        small = (labels < 5).astype(logits.dtype)
        return jnp.mean(optax.sigmoid_binary_cross_entropy(logits, small))

    def step(carry, _):
        weights, state, order = carry
        batch, order = loader.next(order)
        updates, state = optimizer.update(jax.grad(loss)(weights, batch), state)
        return (optax.apply_updates(weights, updates), state, order), None

    start = weights, optimizer.init(weights), loader.init(key)
    (weights, _, _), _ = jax.lax.scan(step, start, length=epochs * len(loader))
    return eqx.combine(weights, rest)


@eqx.filter_jit
def hidden(network, images):
    """What the last hidden layer represents."""

    def one(image):
        for layer in network.layers[:-1]:
            image = network.activation(layer(image))
        return image

    return jax.vmap(one)(images)


def probes(epochs: int) -> dict[str, tuple[Any, dict]]:
    """The probes by name, each with what its `fit` is told."""
    training = {"epochs": epochs, "patience": epochs, "batch_size": 64}
    attentive = analysis.AttentiveProbe(dropout=0.1)
    return {
        "linear": (
            analysis.LinearProbe(layer_norm=True),
            training | {"optimizer": optax.adam(1e-2)},
        ),
        # The 64 features are seen as 8 tokens, the rows of an image.
        "attentive": (attentive, training | {"optimizer": optax.adam(3e-3)}),
        "3 neighbours": (analysis.KNNProbe(3), {}),
        "30 clusters": (analysis.KMeansProbe(30), {"n_init": 4}),
    }


def fit_and_score(key, name: str, options, train, test, held_out):
    """The fitted probe, and its accuracy on the test data."""
    probe, options = options

    def shaped(x):
        return x.reshape(len(x), 8, -1) if name == "attentive" else x

    if "epochs" in options:
        options = options | {"validation": (shaped(held_out[0]), held_out[1])}
    probe, _ = probe.fit(key, shaped(train[0]), train[1], **options)
    return probe, float(jnp.mean(probe.predict(shaped(test[0])) == test[1]))


def draw(path: Path, representations, labels, confusion):
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    from ngcx import viz

    figure, axes = plt.subplots(1, 4, figsize=(20, 4.8), layout="constrained")
    for ax, (name, x) in zip(axes, representations.items(), strict=False):
        viz.latents(viz.pca(x), labels, ax=ax)
        ax.set_title(name)
    viz.confusion(confusion, ax=axes[-1])
    axes[-1].set_title("linear probe, trained network")
    figure.savefig(path, dpi=120)
    plt.close(figure)


def main(arguments: list[str] | None = None) -> dict[str, dict[str, float]]:
    """Trains, probes, prints and draws; returns accuracies, by what is probed."""
    parser = Parser(__doc__, "probes.png")
    parser.add_argument("--seed", type=int, default=0, help="decides every random draw")
    parser.add_argument(
        "--epochs", type=positive, default=60, help="of the network, and of a probe"
    )
    parser.add_argument(
        "--beside",
        nargs="*",
        choices=(others := ["attentive", "3 neighbours", "30 clusters"]),
        default=others,
        help="which probes to fit beside the linear one",
    )
    options = parser.parse_args(arguments)
    began = time.perf_counter()
    split_key, network_key, order_key, probe_key = jr.split(jr.key(options.seed), 4)
    train, test = (tuple(part.values()) for part in digits(split_key))
    cut = len(train[1]) * 7 // 8
    held_out = train[0][cut:], train[1][cut:]
    train = train[0][:cut], train[1][:cut]

    network = eqx.nn.MLP(SIZE, 1, SIZE, depth=2, key=network_key)
    after = trained(network, train, order_key, options.epochs)
    encoders = {
        "pixels": lambda x: x,
        "untrained network": lambda x: hidden(network, x),
        "trained network": lambda x: hidden(after, x),
    }

    # The probes are made once, since a new optimizer would compile anew.
    every = probes(options.epochs)
    unfitted = {kind: every[kind] for kind in ("linear", *options.beside)}
    results, represented, confusion = {}, {}, None
    for name, encode in encoders.items():
        represented[name] = encode(test[0])
        sets = [(encode(x), y) for x, y in (train, test, held_out)]
        scores = results[name] = {}
        for kind, probe in unfitted.items():
            fitted, scores[kind] = fit_and_score(probe_key, kind, probe, *sets)
            if kind == "linear":
                confusion = classification_report(fitted(sets[1][0]), test[1]).confusion

    print(" " * 20 + "".join(f"{kind:>14}" for kind in unfitted) + "   RankMe")
    for name, scores in results.items():
        row = "".join(f"{score:14.1%}" for score in scores.values())
        print(f"{name:20}{row}{float(analysis.rankme(represented[name])):9.1f}")
    draw(options.picture, represented, test[1], confusion)
    print(f"{options.picture} drawn; {time.perf_counter() - began:.0f} s in all")
    return results


if __name__ == "__main__":
    until_interrupted(main)
