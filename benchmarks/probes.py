"""This fits a linear probe to 5,000 rows of 64 features, and finds their neighbours."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from sklearn.neighbors import NearestNeighbors

from ngcx.analysis import KNNProbe, LinearProbe
from ngcx.metrics import accuracy

from ._measure import compare, scaling, tabulate


ROWS, FEATURES, CLASSES, EPOCHS, BATCH, K = 5_000, 64, 10, 20, 100, 5


def main():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(ROWS, FEATURES)).astype(np.float32)
    y = np.argmax(x @ rng.normal(size=(FEATURES, CLASSES)), -1).astype(np.int32)
    queries = rng.normal(size=(ROWS, FEATURES)).astype(np.float32)
    yield from linear(x, y)
    yield neighbors(x, y, queries)
    yield scaling(
        "Neighbours of 5,000 rows among 5,000, by how many",
        "neighbours",
        (1, 5, 12, 20, 50),
        lambda k: searches(x, y, queries, k),
        rounds=5,
    )


def linear(x, y):
    key, on_device = jr.key(0), (jnp.asarray(x), jnp.asarray(y))

    def ours():
        probe, result = LinearProbe(num_classes=CLASSES).fit(
            key, *on_device, batch_size=BATCH, epochs=EPOCHS
        )
        return jax.block_until_ready((probe, result))[0]

    contenders = {"ngcx LinearProbe": ours}
    accuracies = {"ngcx LinearProbe": float(ours().score(x, y))}
    try:
        from ngclearn.utils.analysis.linear_probe import (  # pyright: ignore[reportMissingImports]
            LinearProbe as Reference,
        )
    except ImportError:
        pass
    else:
        hot = jnp.eye(CLASSES)[y]

        def theirs():
            probe = Reference(jr.PRNGKey(0), 1, FEATURES, CLASSES, BATCH, False, True)
            probe.fit((on_device[0], hot), n_iter=EPOCHS)
            return jax.block_until_ready(probe.probe_params) and probe

        contenders["ngclearn"] = theirs
        accuracies["ngclearn"] = float(accuracy(theirs().predict(x), on_device[1]))
    yield compare("20 epochs of a linear probe, batch 100", contenders, rounds=15)
    yield tabulate("Its accuracy after them", accuracies, "")


def neighbors(x, y, queries):
    contenders = searches(x, y, queries, K)
    theirs, ours = (np.asarray(search()[1]) for search in contenders.values())
    same = np.mean(theirs == ours)
    title = f"{K} neighbours of 5,000 rows among 5,000; {same:.1%} the same"
    return compare(title, contenders, rounds=15)


def searches(x, y, queries, k):
    """Functions that return distances and indices."""
    probe, _ = KNNProbe(k).fit(jr.key(0), jnp.asarray(x), jnp.asarray(y))
    on_device = jnp.asarray(queries)
    peer = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(x)
    return {
        "scikit-learn, brute force": lambda: peer.kneighbors(queries),
        "ngcx KNNProbe": lambda: jax.block_until_ready(probe.neighbors(on_device)),
    }
