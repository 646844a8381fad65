import tracemalloc

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import jax.tree_util as jtu
import numpy as np
import pytest
from hypothesis import given, strategies as st

from ngcx.data import DataLoader
from ngcx.testing import keys


SIZES = st.integers(1, 30)
REMAINDERS = st.sampled_from(["wrap", "drop", "partial"])


def rows(batches):
    return np.concatenate([np.asarray(batch) for batch in batches])


@given(size=SIZES, batch_size=SIZES, remainder=REMAINDERS, key=keys())
def test_an_epoch_visits_every_sample_once(size, batch_size, remainder, key):
    if remainder == "drop" and batch_size > size:
        return
    loader = DataLoader(np.arange(size), batch_size, remainder=remainder)
    batches = list(loader.epoch(key))
    assert len(batches) == len(loader)
    visited = rows(batches)
    if remainder == "drop":
        assert len(visited) == size // batch_size * batch_size
        assert len(set(visited)) == len(visited)
    elif remainder == "partial":
        np.testing.assert_array_equal(np.sort(visited), np.arange(size))
    else:
        assert {len(batch) for batch in batches} == {batch_size}
        np.testing.assert_array_equal(np.sort(visited[:size]), np.arange(size))
        # It is filled up with the first samples of the epoch, over and over.
        np.testing.assert_array_equal(
            visited[size:], np.resize(visited[:size], visited.size)[size:]
        )


@given(
    size=SIZES,
    batch_size=SIZES,
    remainder=REMAINDERS,
    key=keys(),
    start=st.integers(0, 30),
)
def test_random_access_and_resumption(size, batch_size, remainder, key, start):
    if remainder == "drop" and batch_size > size:
        return
    loader = DataLoader(jnp.arange(size), batch_size, remainder=remainder)
    start = min(start, len(loader))
    epoch = list(loader.epoch(key))
    for step, batch in enumerate(epoch):
        np.testing.assert_array_equal(loader.batch(key, step), batch)
        np.testing.assert_array_equal(loader.indices(key, step), batch)
    resumed = list(loader.epoch(key, start))
    assert len(resumed) == len(epoch) - start
    for got, expected in zip(resumed, epoch[start:], strict=True):
        np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("array", [np.arange, jnp.arange])
@pytest.mark.parametrize("remainder", ["wrap", "drop"])
def test_compiled_and_scanned_as_on_the_host(array, remainder):
    loader = DataLoader({"x": array(10)}, 4, remainder=remainder)
    key = jr.key(3)
    epoch = jnp.stack([jnp.asarray(batch["x"]) for batch in loader.epoch(key)])
    steps = jnp.arange(len(loader))
    compiled = eqx.filter_jit(loader.batch)
    for step in steps:
        np.testing.assert_array_equal(compiled(key, step)["x"], epoch[step])
    _, scanned = jax.lax.scan(
        lambda _, step: (None, loader.batch(key, step)), None, steps
    )
    np.testing.assert_array_equal(scanned["x"], epoch)


def test_structure_and_dtypes_are_kept():
    data = {
        "image": np.zeros((6, 2, 3), np.uint8),
        "label": (np.arange(6), jnp.arange(6.0, dtype=jnp.bfloat16)),
    }
    batch = next(DataLoader(data, 4).epoch(jr.key(0)))
    assert jtu.tree_structure(batch) == jtu.tree_structure(data)
    for got, given_ in zip(*map(jtu.tree_leaves, (batch, data)), strict=True):
        assert type(got) is type(given_) and got.dtype == given_.dtype
        assert got.shape == (4, *given_.shape[1:])
    np.testing.assert_array_equal(batch["label"][0], np.asarray(batch["label"][1]))


def test_keys_decide_the_order_and_interleaved_epochs_are_independent():
    loader = DataLoader(np.arange(50), 10)
    first, second = loader.epoch(jr.key(0)), loader.epoch(jr.key(0))
    for _ in range(5):
        np.testing.assert_array_equal(next(first), next(second))
    others = [rows(loader.epoch(jr.key(seed))).tolist() for seed in range(20)]
    assert len(set(map(tuple, others))) == 20


def test_without_shuffling_the_order_is_that_of_the_data():
    loader = DataLoader(np.arange(10), 4, shuffle=False)
    assert [batch.tolist() for batch in loader.epoch(jr.key(0))] == [
        [0, 1, 2, 3],
        [4, 5, 6, 7],
        [8, 9, 0, 1],
    ]


@pytest.mark.parametrize("x64", [False, True])
@pytest.mark.parametrize("kind", ["float64", "complex128", ">f8", "float32", ">f2"])
def test_floats_have_one_dtype_on_the_host_and_on_a_device(kind, x64):
    with jax.enable_x64(x64):
        loader = DataLoader(np.arange(10).astype(kind), 4)
        there = jax.jit(lambda key, step: loader.batch(key, step))(jr.key(0), 1)
        assert loader.batch(jr.key(0), 1).dtype.newbyteorder("=") == there.dtype


ROWS = np.arange(10)


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        (lambda: DataLoader({}, 2), "`data` must hold at least one array"),
        (lambda: DataLoader([1.0, 2.0], 2), "`data` must be a pytree of arrays"),
        (lambda: DataLoader(np.zeros(()), 2), "leading axis"),
        (lambda: DataLoader((ROWS, ROWS[:7]), 2), r"one length; got \[7, 10\]"),
        (lambda: DataLoader(ROWS[:0], 2), "must not be empty"),
        (lambda: DataLoader(ROWS, 0), "`batch_size` must be 1 or more; got 0"),
        (lambda: DataLoader(ROWS, 4.0), "`batch_size` of `"),  # pyright: ignore
        (lambda: DataLoader(ROWS, 40, remainder="drop"), "at most the 10 samples.*40"),
        (lambda: DataLoader(ROWS, 4, remainder="pad"), "`remainder` of `"),  # pyright: ignore
        (lambda: DataLoader(ROWS, 4).epoch(0), "`key` of `"),  # pyright: ignore
        (lambda: DataLoader(ROWS, 4).epoch(jr.key(0), 4), "`start` .*; got 4"),
        (lambda: DataLoader(ROWS, 4).batch(jr.key(0), 3), "`step` .* 0 to 2; got 3"),
        (
            lambda: eqx.filter_jit(DataLoader(ROWS, 4, remainder="partial").batch)(
                jr.key(0), jnp.array(0)
            ),
            "`remainder` must be 'wrap' or 'drop' for a traced step",
        ),
    ],
)
def test_wrong_arguments_are_errors(wrong, match):
    with pytest.raises((ValueError, TypeError), match=match):
        wrong()


def test_a_loader_is_a_pytree_of_its_data():
    loader = DataLoader({"x": jnp.arange(5.0), "y": jnp.arange(5)}, batch_size=2)
    assert len(jtu.tree_leaves(loader)) == 2
    batch = jax.jit(lambda loader: loader.batch(jr.key(0), 1))(loader)
    np.testing.assert_array_equal(batch["y"], loader.batch(jr.key(0), 1)["y"])


def test_named_matrices():
    named = [("image", np.ones((10, 3))), ("label", ROWS)]
    loader = DataLoader.from_named(named, 4, shuffle=False, remainder="drop")
    assert len(loader) == 2
    batch = loader.batch(jr.key(0), 1)
    assert list(batch) == ["image", "label"] and batch["image"].shape == (4, 3)
    np.testing.assert_array_equal(batch["label"], [4, 5, 6, 7])
    with pytest.raises(ValueError, match=r"different names; got \['x', 'x'\]"):
        DataLoader.from_named([("x", ROWS), ("x", ROWS)], 4)
    with pytest.raises(TypeError, match="`named` of `"):
        DataLoader.from_named(ROWS, 4)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("size", [10**9, 2**31 - 1])
def test_costs_nothing_for_each_sample_that_is_not_read(size):
    array = np.broadcast_to(np.ones((1, 2), np.float32), (size, 2))
    loader = DataLoader(array, 64)
    tracemalloc.start()
    batch = next(loader.epoch(jr.key(0)))
    last = loader.batch(jr.key(0), len(loader) - 1)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert batch.shape == last.shape == (64, 2)
    assert peak < 10**7
    # The last batch wraps around beyond 2^31, where 32 bits must not.
    steps = np.array([0, len(loader) // 2, len(loader) - 1])
    rows = jax.vmap(lambda step: loader.indices(jr.key(0), step))(steps)
    for step, got in zip(steps, rows, strict=True):
        np.testing.assert_array_equal(got, loader.indices(jr.key(0), step))


@pytest.mark.parametrize("narrow", [jnp.int8, jnp.uint8, jnp.int16, jnp.uint32])
def test_a_traced_step_of_any_integer_dtype(narrow):
    loader, key = DataLoader(np.arange(3000), 2), jr.key(0)
    expected = loader.indices(key, 100)
    for step in (narrow(100), jnp.asarray(100, narrow)):
        np.testing.assert_array_equal(loader.indices(key, step), expected)
        rows = jax.jit(lambda step: loader.indices(key, step))(step)
        np.testing.assert_array_equal(rows, expected)


@pytest.mark.parametrize(
    "walk",
    [iter, list, next, enumerate, lambda loader: loader[0], lambda loader: [*loader]],
)
def test_who_walks_along_a_loader_is_told_of_its_epochs(walk):
    loader = DataLoader(np.arange(10), 4)
    with pytest.raises(TypeError, match=r"no order without a key; .*epoch\(key\)`"):
        walk(loader)


@pytest.mark.parametrize("dtype", ["int32", "uint32", "int64", "uint64"])
def test_a_traced_step_counts_modulo_the_length_in_its_own_dtype(dtype):
    loader, key = DataLoader(np.arange(3000), 7), jr.key(0)
    with jax.enable_x64("64" in dtype):
        large = int(jnp.iinfo(dtype).max)
        rows = jax.jit(lambda step: loader.indices(key, step))(
            jnp.asarray(large, dtype)
        )
    np.testing.assert_array_equal(rows, loader.indices(key, large % len(loader)))
