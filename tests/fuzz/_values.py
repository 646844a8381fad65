"""What is drawn: numbers of every kind, and what no argument should be."""

import math
from typing import Any

import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np

from ngcx.testing import floats_for

from ..robustness._entries import SIZES, Array, Key, Kind, Number


LANES = 8  # examples that go through one program at once, one for each device
# Few sizes, so that few programs are compiled: a batch, one, and nothing.
SHAPES = {
    "a batch": SIZES | {"*shape": (8, 12), "*batch": (2,)},
    "one of each": {n: () if n.startswith("*") else (1,) for n in SIZES},
    "no batch": {n: (0,) if n.startswith("*") else size for n, size in SIZES.items()},
}
DTYPES = ("float32", "float16", "bfloat16", "float64")
REGIMES = ("all equal", "from 0 to 1", "scaled", "close", "landmarks", "sparse", "wide")
BAD = (
    None,
    "text",
    "",
    -1,
    7,
    0.5,
    math.nan,
    -math.inf,
    1j,
    True,
    (),
    [],
    [1.0, 2.0],
    (1.0, (2.0,)),
    {},
    {"a": 1.0},
    object,
    len,
    np.float32(0.5),
    np.int64(-3),
    np.array(["a", "b"]),
    np.array([None, 1]),
    np.zeros((2, 3), ">f8"),
    np.zeros(3, "datetime64[s]"),
    jnp.zeros(()),
    jnp.zeros((0,)),
    jnp.full((2, 3), jnp.nan),
    jnp.ones((2, 3), jnp.int8),
    jnp.ones((1, 1, 1, 1, 1)),
    jnp.ones(3, bool),
    jr.key(0),
    jr.split(jr.key(0), 2),
    jax.ShapeDtypeStruct((2,), jnp.float32),
)


def floats(regime: str, rng: np.random.Generator, number: float, shape, dtype):
    """Finite numbers of the dtype; those of a regime are alike."""
    info = jnp.finfo(dtype)
    most, least = math.log2(float(info.max)), math.log2(float(info.tiny))
    if regime == "as the table":
        drawn = rng.uniform(0.1, 0.9, shape)
    elif regime == "all equal":
        drawn = np.full(shape, number)
    elif regime == "from 0 to 1":
        drawn = rng.uniform(0, 1, shape)
    elif regime == "scaled":
        drawn = rng.normal(size=shape) * 2.0 ** rng.uniform(least, most - 3)
    elif regime == "close":
        spread = float(info.eps) * 2.0 ** rng.integers(0, 6)
        drawn = number * (1 - spread * rng.uniform(0, 1, shape))
    elif regime == "landmarks":
        signs = rng.choice([-1, 1], shape)
        drawn = signs * rng.choice([0, 1, 0.5, abs(number), 2.0**least], shape)
    else:
        signs = rng.choice([-1, 1], shape)
        drawn = signs * 2.0 ** rng.uniform(least, most, shape)
        if regime == "sparse":
            drawn = np.where(rng.random(shape) < 0.7, 0.0, drawn)
    largest = float(info.max)
    return np.clip(drawn, -largest, largest).astype(dtype)


def lanes_of(kind: Kind, sizes, dtype, bounds) -> st.SearchStrategy[Any]:
    """What the argument is in each lane, stacked along the first axis."""
    if isinstance(kind, Key):
        return st.integers(0, 999).map(lambda seed: jr.split(jr.key(seed), LANES))
    drawn = st.tuples(
        st.sampled_from(("as the table", *REGIMES)),
        st.integers(0, 999).map(np.random.default_rng),
        floats_for(dtype) if jnp.issubdtype(dtype, jnp.floating) else st.just(0.0),
    )

    def within(numbers):
        return np.clip(numbers, *bounds).astype(dtype)

    if isinstance(kind, Array):
        shape = (LANES, *kind.shape(sizes))
        return drawn.map(lambda how: within(_array(kind, shape, dtype, *how)))
    if isinstance(kind, Number):
        return drawn.map(lambda how: within(_numbers(kind, dtype, *how)))
    parts, treedef = jax.tree.flatten(kind.valid)  # a tree of arrays
    shapes = [(LANES, *part.shape) for part in parts]
    return st.tuples(*(drawn for _ in parts)).map(
        lambda hows: treedef.unflatten(
            within(floats(regime, rng, number, shape, dtype))
            for (regime, rng, number), shape in zip(hows, shapes, strict=True)
        )
    )


def _array(kind: Array, shape, dtype, regime: str, rng, number: float):
    if jnp.issubdtype(dtype, jnp.bool_):
        return rng.random(shape) < rng.random()
    if jnp.issubdtype(dtype, jnp.integer):
        low, high = {"wide": (-3, 99), "sparse": (0, 2)}.get(regime, (0, 3))
        return rng.integers(max(low, int(jnp.iinfo(dtype).min)), high, shape)
    # What has a form, such as probabilities, keeps to it.
    if kind.make:
        return kind.make(rng, shape)
    return floats(regime, rng, number, shape, dtype)


def _numbers(kind: Number, dtype, regime: str, rng, number: float):
    if regime == "as the table":
        return np.full(LANES, kind.valid)
    return np.asarray([number_in(kind, rng, dtype) for _ in range(LANES)])


def number_in(kind: Number, rng: np.random.Generator, dtype="float32") -> float:
    """A number in the range of the argument. It is never subnormal: XLA takes that for
    0.
    """
    info = jnp.finfo(dtype)
    largest, tiny = min(float(info.max), 1e30), max(float(info.tiny), 1e-30)
    low, high = max(kind.low, -largest), min(kind.high, largest)
    for _ in range(20):
        near = rng.uniform(max(low, -10), min(high, max(low, -10) + 20))
        far = math.exp(rng.uniform(math.log(tiny), math.log(largest)))
        bound = rng.choice([low, high])
        number = float(rng.choice([kind.valid, near, far, -far, 1 - 1e-3 * far, bound]))
        number = float(np.asarray(number).astype(dtype))
        inside = low <= number <= high and (number > low or not kind.open)
        if inside and (abs(number) >= tiny or number == 0):
            return number
    return kind.valid
