"""Fitting a linear probe, and finding nearest neighbours, 5,000 rows of 64 features."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from sklearn.neighbors import NearestNeighbors

from ngcx.analysis import KNNProbe, LinearProbe
from ngcx.metrics import accuracy

from ._measure import compare


ROWS, FEATURES, CLASSES, EPOCHS, BATCH, K = 5_000, 64, 10, 20, 100, 5


def main():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(ROWS, FEATURES)).astype(np.float32)
    y = np.argmax(x @ rng.normal(size=(FEATURES, CLASSES)), -1).astype(np.int32)
    queries = rng.normal(size=(ROWS, FEATURES)).astype(np.float32)
    linear(x, y)
    print()
    neighbors(x, y, queries)


def linear(x, y):
    key, on_device = jr.key(0), (jnp.asarray(x), jnp.asarray(y))

    def ours():
        probe, result = LinearProbe(num_classes=CLASSES).fit(
            key, *on_device, batch_size=BATCH, epochs=EPOCHS
        )
        return jax.block_until_ready((probe, result))[0]

    print(f"ngcx LinearProbe: accuracy {ours().score(x, y):.4f}\n")
    contenders = {"ngcx LinearProbe": ours}
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

        print(f"ngclearn: accuracy {accuracy(theirs().predict(x), on_device[1]):.4f}\n")
        contenders["ngclearn"] = theirs
    compare(contenders, rounds=5)


def neighbors(x, y, queries):
    probe, _ = KNNProbe(K).fit(jr.key(0), jnp.asarray(x), jnp.asarray(y))
    on_device = jnp.asarray(queries)
    peer = NearestNeighbors(n_neighbors=K, algorithm="brute").fit(x)
    same = np.mean(probe.neighbors(on_device)[1] == peer.kneighbors(queries)[1])
    print(f"the same neighbours: {same:.2%}\n")
    compare(
        {
            "scikit-learn, brute force": lambda: peer.kneighbors(queries),
            "ngcx KNNProbe": lambda: jax.block_until_ready(probe.neighbors(on_device)),
        },
        rounds=15,
    )
