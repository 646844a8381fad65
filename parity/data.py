import itertools

import jax
import jax.numpy as jnp
import numpy as np

from ngcx import data

from ._entries import differs, equal, ref


X = jnp.arange(10)
KEY = jax.random.key(0)


def theirs(x, size, **keywords):
    return ref.data_loader.DataLoader([("x", x)], size, **keywords)


for equal_batches, remainder in ((True, "wrap"), (False, "partial")):
    equal(
        lambda equal_batches=equal_batches: [
            batch[0][1]
            for batch in theirs(
                X, 4, disable_shuffle=True, ensure_equal_batches=equal_batches
            )
        ],
        lambda remainder=remainder: [
            batch["x"]
            for batch in data.DataLoader(
                {"x": X}, 4, shuffle=False, remainder=remainder
            ).epoch(KEY)
        ],
    )
equal(
    lambda: np.sort(np.concatenate([b[0][1] for b in theirs(X, 5, key=KEY)])),
    lambda: np.sort(np.concatenate(list(data.DataLoader(X, 5).epoch(KEY)))),
)


def seen(first, second):
    """What the first of two interleaved epochs sees."""
    return np.sort(np.concatenate([a for a, _ in zip(first, second, strict=False)]))


def their_interleaved():
    loader = theirs(X, 2, key=jax.random.key(0))
    first, second = iter(loader), iter(loader)
    return seen((b[0][1] for b in first), (b[0][1] for b in second))


def our_interleaved():
    loader = data.DataLoader(X, 2)
    return seen(loader.epoch(KEY), loader.epoch(jax.random.key(1)))


differs(
    "two epochs of one loader at the same time",
    their_interleaved,
    our_interleaved,
    np.arange(10),
)
differs(
    "a loader of nothing, or with batches larger than the data",
    (lambda: ref.data_loader.DataLoader([], 2), lambda: theirs(X, 40)),
    (
        lambda: data.DataLoader([], 2),
        lambda: data.DataLoader(X, 40, remainder="drop"),
    ),
    (ValueError, ValueError),
)
differs(
    "`batch_size=0`, `-1`",
    tuple(
        lambda size=size: len(list(itertools.islice(theirs(X, size), 100)))
        for size in (0, -1)
    ),
    tuple(lambda size=size: data.DataLoader(X, size) for size in (0, -1)),
    (ValueError, ValueError),
)
UNLIKE = [("x", X), ("y", X[:7])]
differs(
    "matrices of 10 and 7 rows",
    lambda: np.concatenate(
        [
            batch[1][1]
            for batch in ref.data_loader.DataLoader(UNLIKE, 5, disable_shuffle=True)
        ]
    ),
    lambda: data.DataLoader.from_named(UNLIKE, 5),
    ValueError,
)
differs(
    "`len(loader)`",
    lambda: len(theirs(X, 4)),
    lambda: len(data.DataLoader(X, 4)),
    3,
)
