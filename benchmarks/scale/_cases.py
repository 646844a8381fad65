"""The operations, each with what else does the same work."""

import functools as ft
import itertools
import pathlib
import tempfile

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import sklearn.metrics
from sklearn.mixture import GaussianMixture as Peer
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import PolynomialFeatures

from ngcx import io
from ngcx.activations import BinaryKWTA
from ngcx.analysis import KNNProbe
from ngcx.data import DataLoader, random_permutation_index
from ngcx.density import GaussianMixture, Mixture
from ngcx.feature_dictionaries import PolynomialLibrary
from ngcx.metrics import classification_report, roc_auc, victor_purpura_distance
from ngcx.neurons import LIF, Stack

from ._work import Case, Work, on_device, on_host


BATCH = 1024
# More rows than these would take minutes.
STORED, SORTED = 10_000_000, 500_000


def powers(least: int, most: int) -> tuple[int, ...]:
    return tuple(10**power for power in range(least, most + 1))


def normal(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(shape, np.float32)


def batches(data: np.ndarray) -> Work:
    loader, key = DataLoader(data, BATCH), jr.key(0)
    steps = itertools.cycle(range(len(loader)))
    return on_host(lambda: loader.batch(key, next(steps)))


def from_memory(size: int) -> dict[str, Work]:
    data = np.ones(size, np.float32)
    works = {"ngcx": batches(data)}
    if size <= STORED:
        random = np.random.default_rng(0)
        works["numpy permutation and take"] = on_host(
            lambda: data.take(random.permutation(size)[:BATCH])
        )
    return works


def from_file(size: int) -> dict[str, Work]:
    # The file has no blocks on the disk: what is read of it is zeros. Its name is gone
    # at once, and the map keeps it.
    with tempfile.NamedTemporaryFile() as file:
        file.truncate(size * 64 * 4)
        data = np.memmap(file.name, np.float32, "r", shape=(size, 64))
    return {"ngcx": batches(data)}


def shuffle(size: int) -> dict[str, Work]:
    random, positions = np.random.default_rng(0), jnp.arange(size)

    def ours(key, positions):
        return random_permutation_index(key, positions, size)

    works = {
        "ngcx": on_device(ours, jr.key(0), positions),
        "numpy permutation": on_host(lambda: random.permutation(size)),
    }
    if size <= SORTED:
        works["jax.random.permutation"] = on_device(
            lambda key: jr.permutation(key, size), jr.key(0)
        )
    return works


def winners(width: int) -> dict[str, Work]:
    x = normal(16, width)
    tenth = width // 10

    def by_numpy():
        least = np.partition(x, width - tenth, axis=-1)[:, width - tenth]
        return (x >= least[:, None]).astype(x.dtype)

    return {
        "ngcx, a tenth": on_device(BinaryKWTA(tenth), jnp.asarray(x)),
        "ngcx, 32 winners": on_device(BinaryKWTA(32), jnp.asarray(x)),
        "numpy partition, a tenth": on_host(by_numpy),
    }


def mixture(features: int = 16, components: int = 8) -> Mixture:
    covariances = jnp.broadcast_to(jnp.eye(features), (components, *[features] * 2))
    return GaussianMixture.from_parameters(
        jnp.full(components, 1 / components),
        jnp.asarray(normal(components, features)),
        covariances,
    )


def em(rows: int) -> dict[str, Work]:
    x = normal(rows, 16)
    works = {
        "ngcx": on_device(lambda m, x: m.em_step(x), mixture(), jnp.asarray(x)),
    }
    if rows <= 100_000:
        peer = Peer(8, max_iter=1, tol=1e9, init_params="random_from_data")
        works["scikit-learn"] = on_host(lambda: peer.fit(x))
    return works


def neighbours(references: int) -> dict[str, Work]:
    x, queries = normal(references, 32), normal(128, 32)[::-1].copy()
    labels = np.zeros(references, np.int32)
    probe, _ = KNNProbe(10, num_classes=1).fit(jr.key(0), jnp.asarray(x), labels)
    peer = NearestNeighbors(n_neighbors=10, algorithm="brute").fit(x)
    return {
        "ngcx": on_device(
            lambda probe, queries: probe.neighbors(queries), probe, jnp.asarray(queries)
        ),
        "scikit-learn, brute force": on_host(lambda: peer.kneighbors(queries)),
    }


def report(rows: int) -> dict[str, Work]:
    scores, labels = normal(rows, 10), np.arange(rows) % 10

    def by_scikit_learn():
        guesses = scores.argmax(1)
        sklearn.metrics.confusion_matrix(labels, guesses)
        for score in (sklearn.metrics.precision_score, sklearn.metrics.recall_score):
            score(labels, guesses, average="macro")

    return {
        "ngcx": on_device(
            classification_report, jnp.asarray(scores), jnp.asarray(labels)
        ),
        "scikit-learn": on_host(by_scikit_learn),
    }


def ranking(rows: int) -> dict[str, Work]:
    scores, labels = normal(rows), np.arange(rows) % 2
    return {
        "ngcx": on_device(roc_auc, jnp.asarray(scores), jnp.asarray(labels)),
        "scikit-learn": on_host(lambda: sklearn.metrics.roc_auc_score(labels, scores)),
    }


def edits(steps: int) -> dict[str, Work]:
    one, other = (jnp.asarray(x, jnp.float32) for x in normal(2, steps, 8) > 1)
    distance = ft.partial(victor_purpura_distance, cost=0.1)
    return {"ngcx": on_device(distance, one, other)}


def polynomials(rows: int, variables: int) -> dict[str, Work]:
    x, peer = normal(rows, variables), PolynomialFeatures(3)
    return {
        "ngcx": on_device(PolynomialLibrary(3), jnp.asarray(x)),
        "scikit-learn": on_host(lambda: peer.fit_transform(x)),
    }


def loss(network: Stack, inputs: jax.Array, labels: jax.Array) -> jax.Array:
    _, spikes = network.run(inputs, batched=True)
    scores = jax.nn.log_softmax(jnp.mean(spikes, 0))
    return -jnp.mean(jnp.take_along_axis(scores, labels[:, None], 1))


def spiking(inputs: int, width: int) -> Stack:
    one, other = jr.split(jr.key(0))
    layers = eqx.nn.Linear(inputs, width, key=one), eqx.nn.Linear(width, 10, key=other)
    return Stack(layers[0], LIF(), layers[1], LIF())


def training(steps: int = 20, width: int = 128, batch: int = 32) -> dict[str, Work]:
    inputs = jnp.asarray(normal(steps, batch, width))
    labels = jnp.zeros(batch, jnp.int32)
    gradient = eqx.filter_value_and_grad(loss)
    return {"ngcx": on_device(gradient, spiking(width, width), inputs, labels)}


def saved(size: int) -> tuple[jax.Array, pathlib.Path]:
    folder = pathlib.Path(tempfile.mkdtemp())
    return jnp.asarray(normal(size // 4)), folder / "array"


def saving(size: int) -> dict[str, Work]:
    array, path = saved(size)

    def by_numpy():
        with path.with_suffix(".npy").open("wb") as file:
            np.save(file, array)

    return {
        "ngcx serialize": on_host(lambda: io.serialize(path, array)),
        "numpy save, not flushed": on_host(by_numpy),
    }


def loading(size: int) -> dict[str, Work]:
    array, path = saved(size)
    io.serialize(path, array)
    np.save(path, array)
    like = jax.ShapeDtypeStruct(array.shape, array.dtype)
    return {
        "ngcx deserialize": on_host(
            lambda: jax.block_until_ready(io.deserialize(path, like))
        ),
        "numpy load": on_host(lambda: np.load(path.with_suffix(".npy"))),
    }


# The keys are the titles on the page.
CASES = {
    "Loader: a batch of 1,024 numbers from memory": Case(
        "rows", powers(4, 8), from_memory, order=0, memory=0
    ),
    "Loader: a batch of 1,024 rows of 64 from a memory-mapped file": Case(
        "rows", powers(4, 8), from_file, order=0, memory=0
    ),
    "Shuffle: a whole permutation": Case(
        "elements", (5_000, 50_000, 500_000, 5_000_000), shuffle, order=1, memory=1
    ),
    "k-WTA: winners in each of 16 rows": Case(
        "width", powers(3, 6), winners, order=1, memory=1
    ),
    "Mixture: a step of EM, 8 full covariances of 16 features": Case(
        "rows", powers(3, 6), em, order=1, memory=1
    ),
    "Neighbours: the 10 nearest of 128 queries, 32 features": Case(
        "references", powers(3, 6), neighbours, order=1, memory=1
    ),
    "Metrics: a report of 10 classes": Case(
        "rows", powers(3, 6), report, order=1, memory=1
    ),
    "Metrics: the area under the curve": Case(
        "rows", powers(3, 6), ranking, order=1, memory=1
    ),
    "Metrics: edit distance of 8 pairs of spike trains": Case(
        "time steps", (100, 300, 1000, 3000), edits, order=2, memory=1
    ),
    "Polynomials of degree 3 in 8 variables": Case(
        "rows", powers(2, 5), ft.partial(polynomials, variables=8), order=1, memory=1
    ),
    "Polynomials of degree 3 of 100 rows": Case(
        "variables",
        (4, 8, 16, 32, 64),
        ft.partial(polynomials, 100),
        order=3,
        memory=3,
    ),
    "Spiking network: a training step, by its length": Case(
        "time steps",
        (10, 30, 100, 300, 1000),
        lambda steps: training(steps=steps),
        order=1,
        memory=1,
    ),
    "Spiking network: a training step, by its width": Case(
        "neurons",
        (32, 128, 512, 2048),
        lambda width: training(width=width),
        order=2,
        memory=2,
    ),
    "Spiking network: a training step, by its batch": Case(
        "samples",
        (8, 32, 128, 512),
        lambda batch: training(batch=batch),
        order=1,
        memory=1,
    ),
    "Files: saving an array": Case("bytes", powers(4, 8), saving, order=1, memory=1),
    "Files: loading an array": Case("bytes", powers(4, 8), loading, order=1, memory=1),
}
