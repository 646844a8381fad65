"""Tells nine speakers by two vowels, with a recurrent spiking network.

The data are JapaneseVowels, 270 utterances to learn from and 370 to test on, of 7 to 29
steps and 12 channels, which the package sktime brings along. One layer of adaptive
neurons that are connected to each other is trained on padded batches of similar
lengths; a gated recurrent unit of equal size and a linear model of the mean are trained
in the same way. Prints their accuracies and what the network costs, and draws the
spikes for one utterance of each speaker and the mistakes.
"""

import importlib.util
import math
import sys
import time
from argparse import ArgumentTypeError, Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
from _shared import Parser, positive, rate, until_interrupted
from jaxtyping import PRNGKeyArray
from tqdm import tqdm

from ngcx import viz
from ngcx.data import BucketLoader, PaddedSource
from ngcx.init import FluctuationDriven
from ngcx.losses import cross_entropy, mean_over_time, rate_penalty, spike_rate
from ngcx.metrics import accuracy, classification_report, synaptic_operations
from ngcx.neurons import (
    AdaptiveLIF,
    LeakyIntegrator,
    Recurrent,
    Stack,
    TimeConstant,
    decay_factor,
)


CHANNELS, SPEAKERS = 12, 9


class Utterances(NamedTuple):
    sound: list[np.ndarray]
    """Each of shape (time, channels)."""
    speaker: np.ndarray


def read(part: str) -> Utterances:
    """Reads a file of sktime, which need not be imported, nor what it depends on."""
    found = importlib.util.find_spec("sktime")
    if found is None or found.origin is None:
        sys.exit("The data are in sktime: python -m pip install --no-deps sktime")
    folder = Path(found.origin).parent / "datasets" / "data" / "JapaneseVowels"
    sound, speakers = [], []
    with open(folder / f"JapaneseVowels_{part}.ts", encoding="utf-8") as lines:
        for line in lines:
            if line.strip() and line[0] not in "#@":
                *channels, speaker = line.strip().split(":")
                values = [channel.split(",") for channel in channels]
                sound.append(np.array(values, np.float32).T)
                speakers.append(int(speaker) - 1)
    return Utterances(sound, np.array(speakers, np.int32))


def standardised() -> tuple[Utterances, Utterances]:
    """Both sets, in standard deviations from the mean of the first."""
    train, test = read("TRAIN"), read("TEST")
    every = np.concatenate(train.sound)
    mean, std = every.mean(axis=0), every.std(axis=0)

    def scaled(utterances: Utterances) -> Utterances:
        return utterances._replace(
            sound=[(each - mean) / std for each in utterances.sound]
        )

    return scaled(train), scaled(test)


class Model(NamedTuple):
    make: Callable[[int, PRNGKeyArray], Stack]
    hidden: tuple[str, ...] = ()
    """The path of the spikes, if there are any."""


def spiking(hidden: int, key: PRNGKeyArray) -> Stack:
    keys = jr.split(key, 4)
    tau = 5.0
    decay = float(decay_factor(tau))
    # The sound varies by 1, and makes the potential vary by about the threshold.
    inputs = math.sqrt((1 - decay**2) / CHANNELS) * jr.normal(
        keys[0], (hidden, CHANNELS)
    )
    recurrent = FluctuationDriven(rate=0.1, decay=decay, share=0.3)
    first = eqx.nn.Linear(CHANNELS, hidden, key=keys[1])
    return Stack(
        eqx.tree_at(lambda linear: linear.weight, first, inputs),
        Recurrent(
            # Time constants given as arrays are learnt.
            AdaptiveLIF(
                TimeConstant(jnp.full(hidden, tau)),
                adaptation_decay=TimeConstant(jnp.full(hidden, 20.0)),
            ),
            recurrent(keys[2], (hidden, hidden)),
        ),
        eqx.nn.Linear(hidden, SPEAKERS, key=keys[3]),
        LeakyIntegrator(TimeConstant(10.0)),
    )


def gated(hidden: int, key: PRNGKeyArray) -> Stack:
    first, last = jr.split(key)
    return Stack(
        eqx.nn.GRUCell(CHANNELS, hidden, key=first),
        eqx.nn.Linear(hidden, SPEAKERS, key=last),
    )


def linear(hidden: int, key: PRNGKeyArray) -> Stack:
    # The mean of what a linear layer gives is what it gives of the mean.
    return Stack(eqx.nn.Linear(CHANNELS, SPEAKERS, key=key))


MODELS = {
    "spiking": Model(spiking, ("1.out",)),
    "GRU": Model(gated),
    "linear": Model(linear),
}


@eqx.filter_jit
def scores(model: Model, stack: Stack, sound, lengths):
    """The logits of a padded batch, whose time comes second, and the hidden spikes."""
    time_first = jnp.moveaxis(sound, 1, 0)
    _, out, seen = stack.run(
        time_first, batched=True, lengths=lengths, watch=model.hidden
    )
    return mean_over_time(out, lengths=lengths), seen


def distorted(sound, key: PRNGKeyArray, noise: float, dropped: float):
    """Sound with noise, and without some channels of each utterance."""
    noise_key, drop_key = jr.split(key)
    batch, _, channels = sound.shape
    sound = sound + noise * jr.normal(noise_key, sound.shape)
    return sound * jr.bernoulli(drop_key, 1 - dropped, (batch, 1, channels))


@eqx.filter_jit
def train_step(model: Model, stack, optimizer, state, batch, key, noise, dropped):
    sound, lengths = batch["sound"]["sequence"], batch["sound"]["length"]

    def loss(stack):
        heard = distorted(sound, key, noise, dropped)
        logits, seen = scores(model, stack, heard, lengths)
        penalties = [
            rate_penalty(spikes, lower=0.02, upper=0.2, lengths=lengths)
            for spikes in seen.values()
        ]
        return cross_entropy(logits, batch["speaker"]) + sum(penalties)

    gradients = eqx.filter_grad(loss)(stack)
    parameters = eqx.filter(stack, eqx.is_inexact_array)
    updates, state = optimizer.update(gradients, state, parameters)
    return eqx.apply_updates(stack, updates), state


def train(model: Model, loader: BucketLoader, options, seed: int, progress) -> Stack:
    keys = jr.split(jr.key(seed), 3)
    stack = model.make(options.hidden, keys[0])
    number = options.epochs * len(loader)
    schedule = optax.cosine_decay_schedule(options.learning_rate, number)
    optimizer = optax.adam(schedule)
    state = optimizer.init(eqx.filter(stack, eqx.is_inexact_array))
    # Arrays are no constants of a program.
    noise, dropped = jnp.asarray(options.noise), jnp.asarray(options.dropped)
    place = loader.init(keys[1])
    for step in range(number):
        batch, place = loader.next(place)
        stack, state = train_step(
            model,
            stack,
            optimizer,
            state,
            jax.tree.map(jnp.asarray, batch),
            jr.fold_in(keys[2], step),
            noise,
            dropped,
        )
        progress.update()
    return jax.block_until_ready(stack)


def padded(utterances: Utterances):
    """All of them as one batch."""
    rows = PaddedSource(utterances.sound)[np.arange(len(utterances.speaker))]
    return jnp.asarray(rows["sequence"]), jnp.asarray(rows["length"])


def print_costs(stack: Stack, hidden: int, sound, lengths):
    """What an utterance takes on average, beside the recurrent unit."""
    counts = synaptic_operations(
        stack, jnp.moveaxis(sound, 1, 0), batched=True, lengths=lengths
    )
    names = {"0": "input", "1.1": "recurrent", "2": "output"}
    print("\nsynaptic operations an utterance, on average")
    for path, name in names.items():
        print(f"{name:10s}  {float(jnp.mean(counts[path])):12,.0f}")
    steps = float(jnp.mean(lengths))
    products = steps * hidden * (3 * (CHANNELS + hidden) + SPEAKERS)
    print(f"{'all':10s}  {float(sum(map(jnp.mean, counts.values()))):12,.0f}")
    print(f"{'GRU':10s}  {products:12,.0f}  (all of them multiplications)")


def draw(path: Path, spikes, logits, lengths, speakers):
    """The spikes for one utterance of each speaker, and the table of mistakes."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure = plt.figure(figsize=(15, 7), layout="constrained")
    parts: Any = figure.subfigures(1, 2, width_ratios=(3, 2))
    rasters, mistakes = parts
    axes = rasters.subplots(3, 3, sharex=True, sharey=True)
    for speaker, ax in enumerate(axes.flat):
        utterance = int(np.argmax(speakers == speaker))
        length = int(lengths[utterance])
        times, neurons = np.nonzero(np.asarray(spikes[:length, utterance]))
        ax.scatter(times, neurons, s=3, marker="|", color=f"C{speaker}")
        ax.set_title(f"speaker {speaker + 1}", fontsize="medium")
    rasters.supxlabel("step")
    rasters.supylabel("neuron")
    report = classification_report(logits, jnp.asarray(speakers))
    viz.confusion(
        report.confusion,
        names=[str(speaker + 1) for speaker in range(SPEAKERS)],
        ax=mistakes.subplots(),
    )
    figure.savefig(path, dpi=120)
    plt.close(figure)


def share(text: str) -> float:
    value = float(text)
    if not 0 <= value < 1:
        raise ArgumentTypeError(f"must be from 0 to below 1; got {text}")
    return value


def parse(arguments: list[str] | None) -> Namespace:
    parser = Parser(__doc__, "speakers.png")
    parser.add_argument("--seeds", type=positive, default=3, help="how many trainings")
    parser.add_argument(
        "--epochs", type=positive, default=150, help="passes of the data"
    )
    parser.add_argument(
        "--batch-size", type=positive, default=30, help="utterances a batch"
    )
    parser.add_argument(
        "--buckets", type=positive, default=3, help="lengths to pad utterances to"
    )
    parser.add_argument("--hidden", type=positive, default=256, help="neurons")
    parser.add_argument("--learning-rate", type=rate, default=3e-3, help="that of adam")
    parser.add_argument(
        "--noise", type=rate, default=1.0, help="in standard deviations of the sound"
    )
    parser.add_argument(
        "--dropped", type=share, default=0.1, help="share of channels left out"
    )
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> dict[str, list[float]]:
    """Trains, prints and draws; returns the test accuracies by model, one a seed."""
    options = parse(arguments)
    train_set, test_set = standardised()
    source = PaddedSource(train_set.sound)
    data = {"sound": source, "speaker": train_set.speaker}
    loader = BucketLoader(data, options.batch_size, options.buckets)
    sound, lengths = padded(test_set)
    speakers = jnp.asarray(test_set.speaker)
    results = {name: [] for name in MODELS}
    seconds, kept = [], []
    total = options.seeds * len(MODELS) * options.epochs * len(loader)
    with tqdm(total=total, unit="batch") as progress:
        for seed in range(options.seeds):
            for name, model in MODELS.items():
                progress.set_description(f"{name}, seed {seed}")
                began = time.perf_counter()
                stack = train(model, loader, options, seed, progress)
                logits, seen = scores(model, stack, sound, lengths)
                results[name].append(float(accuracy(logits, speakers)))
                if name == "spiking":
                    seconds.append(time.perf_counter() - began)
                    kept.append((stack, logits, seen["1.out"]))

    stack, logits, spikes = kept[0]
    print(f"padding: {source.padding:.1%}, in {len(loader.lengths)} buckets ", end="")
    print(f"{loader.padding:.1%}")
    rates = spike_rate(spikes, lengths=lengths)
    print(f"activity of the hidden neurons: {float(jnp.mean(rates)):.1%} of the steps")
    print_costs(stack, options.hidden, sound, lengths)
    print(
        "\nseed  " + "".join(f"{name:>9s}" for name in MODELS) + "  seconds (spiking)"
    )
    for seed, scored in enumerate(zip(*results.values(), strict=True)):
        columns = "".join(f"{100 * each:9.2f}" for each in scored)
        print(f"{seed:4d}  {columns}  {seconds[seed]:17.1f}")
    draw(options.picture, spikes, logits, lengths, test_set.speaker)
    print(f"{options.picture} drawn\n")
    print("model    mean test accuracy")
    for name, scored in results.items():
        print(f"{name:7s}  {100 * np.mean(scored):16.2f} %")
    return results


if __name__ == "__main__":
    until_interrupted(main)
