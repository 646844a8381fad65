"""This takes a shuffled epoch of 60,000 images of 784 float32 with their labels, in
batches of 128, then the first batch of ever more samples, and the shuffle alone.
"""

import itertools
import sys

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np

from ngcx.data import DataLoader, random_permutation_index

from ._loader_peers import PEERS
from ._measure import (
    compare,
    forget_peak,
    in_new_process,
    resident,
    scaling,
    tabulate,
)


BATCH = 128


def samples() -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    images = random.random((60_000, 784), np.float32)
    return {"image": images, "label": random.integers(0, 10, len(images), np.int32)}


def with_numpy(data):
    """An epoch by a permutation of all rows, and `take`."""
    random = np.random.default_rng(0)

    def epoch():
        order = random.permutation(len(data["label"]))
        for start in range(0, len(order), BATCH):
            rows = order[start : start + BATCH]
            for array in data.values():
                np.take(array, rows, axis=0)

    return epoch


def with_ngcx(data):
    loader, epochs = DataLoader(data, BATCH, remainder="partial"), itertools.count()

    def epoch():
        for _ in loader.epoch(jr.fold_in(jr.key(0), next(epochs))):
            pass

    return epoch


def scanned(order_of, batch_of):
    """An epoch as one compiled scan over arrays of the device, summing each batch."""

    def make(data):
        arrays = jax.tree.map(jnp.asarray, data)
        steps, epochs = -(-len(data["label"]) // BATCH), itertools.count()

        @jax.jit
        def epoch(key, arrays):
            order = order_of(key, arrays)

            def step(total, step):
                batch = batch_of(key, arrays, order, step)
                return total + jnp.sum(batch["image"]) + jnp.sum(batch["label"]), None

            return jax.lax.scan(step, jnp.zeros(()), jnp.arange(steps))[0]

        return lambda: epoch(
            jr.fold_in(jr.key(0), next(epochs)), arrays
        ).block_until_ready()

    return make


def by_hand(key, arrays, order, step):
    size = len(order)
    rows = order[(step * BATCH + jnp.arange(BATCH)) % size]
    return jax.tree.map(lambda array: array[rows], arrays)


HOST = {"numpy permutation and take": with_numpy, "ngcx epoch": with_ngcx}
DEVICE = {
    "jax.random.permutation, indexed": scanned(
        lambda key, arrays: jr.permutation(key, len(arrays["label"])), by_hand
    ),
    "ngcx batch": scanned(
        lambda key, arrays: None,
        lambda key, arrays, order, step: DataLoader(arrays, BATCH).batch(key, step),
    ),
}


def first_batch(size: int):
    loader = DataLoader(np.broadcast_to(np.zeros(1, "f4"), (size,)), BATCH)
    keys = (jr.fold_in(jr.key(0), epoch) for epoch in itertools.count())
    return lambda: next(loader.epoch(next(keys)))


def shuffles(size: int):
    positions = jnp.arange(size)
    ours = jax.jit(lambda key, i: random_permutation_index(key, i, size))
    return {
        "jax.random.permutation": lambda: jax.block_until_ready(
            jr.permutation(jr.key(0), size)
        ),
        "ngcx random_permutation_index": lambda: jax.block_until_ready(
            ours(jr.key(0), positions)
        ),
        "numpy permutation": lambda: np.random.default_rng(0).permutation(size),
    }


def main():
    data = samples()
    makers = HOST | PEERS
    yield compare(
        "An epoch from arrays of the host",
        {name: make(data) for name, make in makers.items()},
        rounds=7,
    )
    yield compare(
        "An epoch from arrays of the device, in one scan",
        {name: make(data) for name, make in DEVICE.items()},
        rounds=7,
    )
    sizes = [10**power for power in range(4, 10)]
    yield scaling(
        "To the first batch of an epoch",
        "samples",
        sizes,
        lambda size: {"ngcx": first_batch(size)},
        rounds=50,
    )
    yield tabulate(
        "Peak memory of a process that draws ten batches",
        {
            f"{size:,} samples": in_new_process("benchmarks.loader", str(size))
            for size in sizes
        },
        "MiB",
    )
    # 999,983 is a prime: no grid fits it, and some indices are shuffled again.
    yield scaling(
        "A whole permutation",
        "elements",
        (65_536, 999_983, 1_000_000, 16_777_216),
        shuffles,
        rounds=7,
    )


if __name__ == "__main__":
    # A first batch imports and starts what is needed.
    first_batch(1000)()
    draw = first_batch(int(sys.argv[1]))
    forget_peak()
    for _ in range(10):
        draw()
    print(resident("VmHWM"))
