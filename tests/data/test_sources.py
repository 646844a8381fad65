import collections
import mmap
import threading
import types

import jax
import jax.numpy as jnp
import jax.random as jr
import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, strategies as st

from ngcx.data import DataLoader, ItemSource, _gather
from ngcx.testing import keys


class Ascending:
    """Gives rows as HDF5 does, and no others."""

    def __len__(self):
        return 21

    def __getitem__(self, rows):
        assert np.all(np.diff(rows) > 0)
        return {"x": rows * 2, "y": -rows}


class Items:
    """Gives one item for one Python integer."""

    def __len__(self):
        return 21

    def __getitem__(self, i):
        assert type(i) is int
        return {"x": i * 2, "y": np.full((2,), -i)}


@given(key=keys(), batch_size=st.integers(1, 30))
def test_sources_give_the_rows_of_an_array(key, batch_size):
    expected = list(DataLoader(np.arange(21), batch_size).epoch(key))
    sources = {"ascending": Ascending(), "items": ItemSource(Items())}
    batches = DataLoader(sources, batch_size).epoch(key)
    for batch, rows in zip(batches, expected, strict=True):
        np.testing.assert_array_equal(batch["ascending"]["x"], rows * 2)
        np.testing.assert_array_equal(batch["ascending"]["y"], -rows)
        np.testing.assert_array_equal(batch["items"]["x"], rows * 2)
        np.testing.assert_array_equal(batch["items"]["y"], -np.stack([rows, rows], 1))


def test_items_are_read_in_threads():
    threads, together = set(), threading.Barrier(4)

    class Meeting(Items):
        def __getitem__(self, i):
            if len(threads) < 4:
                threads.add(threading.get_ident())
                together.wait(timeout=60)  # for the other three
            return super().__getitem__(i)

    ItemSource(Meeting(), threads=4)[np.arange(21)]
    assert len(threads) == 4


@pytest.mark.parametrize("dtype", ["uint8", "float32", ml_dtypes.bfloat16])
@pytest.mark.parametrize("shape", [(50,), (50, 3), (50, 2, 3000)])
def test_memory_maps_give_the_rows_of_an_array(tmp_path, dtype, shape):
    array = np.random.default_rng(0).integers(0, 99, shape).astype(dtype)
    (tmp_path / "data").write_bytes(array.tobytes())
    mapped = np.memmap(tmp_path / "data", dtype, "r", shape=shape)
    for view, whole in ((mapped, array), (mapped[::2], array[::2])):
        assert isinstance(view, np.memmap)
        batches = DataLoader(view, 8).epoch(jr.key(0))
        for got, expected in zip(
            batches, DataLoader(whole, 8).epoch(jr.key(0)), strict=True
        ):
            # It has memory of its own, which the file cannot change.
            assert type(got) is np.ndarray and got.flags.owndata
            np.testing.assert_array_equal(got, expected)


@pytest.mark.skipif(not hasattr(mmap, "MADV_RANDOM"), reason="takes no advice")
@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("exceeds", [True, False])
def test_pages_are_read_alone_where_data_exceed_memory(monkeypatch, shuffle, exceeds):
    heard = []

    class Map(mmap.mmap):
        def madvise(self, *advice):
            heard.extend(advice)

    monkeypatch.setattr(_gather, "_exceeds_memory", lambda array: exceeds)
    mapped = np.ndarray(1024, np.float32, Map(-1, 4096)).view(np.memmap)
    mapped[:] = np.arange(1024)
    batch = DataLoader(mapped, 8, shuffle=shuffle).batch(jr.key(0), 1)
    same = DataLoader(np.array(mapped), 8, shuffle=shuffle).batch(jr.key(0), 1)
    np.testing.assert_array_equal(batch, same)
    # Afterwards the map is as it was.
    advice = [mmap.MADV_RANDOM, mmap.MADV_NORMAL] if shuffle and exceeds else []
    assert heard == advice


def test_what_memory_holds_is_known():
    large = np.broadcast_to(np.float32(0), 1 << 50)
    assert not _gather._exceeds_memory(large[:9])
    assert _gather._exceeds_memory(large) == hasattr(mmap, "MADV_RANDOM")


def test_a_traced_step_needs_arrays(tmp_path):
    mapped = np.memmap(tmp_path / "data", "f4", "w+", shape=(20,))
    for source in (mapped, Ascending(), ItemSource(Items())):
        loader = DataLoader(source, 4)
        with pytest.raises(
            ValueError, match="`data` .* where the key or the step is traced; got"
        ):
            jax.jit(lambda step, loader=loader: loader.batch(jr.key(0), step))(1)


def test_wrong_sources_are_errors():
    with pytest.raises(TypeError, match="`dataset` must have a length .* got 3"):
        ItemSource(3)
    with pytest.raises(ValueError, match="`threads` must be .* got 0"):
        ItemSource(Items(), threads=0)
    for data in (object(), "text", {"x": np.zeros(3), "y": 1.0}):
        with pytest.raises(ValueError, match="`data` must be a pytree of arrays"):
            DataLoader(data, 2)
    with pytest.raises(ValueError, match=r"of one length; got \[20, 21\]"):
        DataLoader((np.zeros(20), Ascending()), 2)


def test_an_error_of_a_source_reaches_the_user():
    class Broken(Items):
        def __getitem__(self, i):
            raise OSError(f"cannot read item {i}")

    with pytest.raises(OSError, match="cannot read item"):
        next(DataLoader(ItemSource(Broken()), 4).epoch(jr.key(0)))


TABLE = np.arange(40.0).reshape(10, 4)
LABELS = np.random.default_rng(0).permutation(10)


class Given:
    """A source of ten rows that gives what a function makes of their numbers."""

    def __init__(self, give):
        self.give = give

    def __len__(self):
        return 10

    def __getitem__(self, rows):
        return self.give(rows)


class Labelled(Given):
    """Indexed by label, as a table of pandas is, but for `iloc`."""

    def __init__(self):
        super().__init__(lambda labels: TABLE[LABELS.argsort()[labels]])
        self.iloc = Given(lambda rows: TABLE[rows])


class Shaped:
    """Has a shape and no length, as an array of Zarr."""

    shape = (10, 4)

    def __getitem__(self, rows):
        return TABLE[rows]


ROWS_OF_ARRAYS = {
    "labelled": Labelled,
    "shaped": Shaped,
    "items of what is shaped": lambda: ItemSource(Shaped()),
    "of JAX": lambda: Given(lambda rows: jnp.asarray(TABLE, "f4")[rows]),
}


@pytest.mark.parametrize("source", ROWS_OF_ARRAYS)
@pytest.mark.parametrize("batch_size", [1, 2, 4, 10, 13])
def test_rows_are_positions_in_whatever_holds_them(source, batch_size):
    key = jr.key(0)
    loader = DataLoader((ROWS_OF_ARRAYS[source](), TABLE), batch_size)
    for got, expected in loader.epoch(key):
        np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("batch_size", [1, 2, 3, 4, 10])
@pytest.mark.parametrize(
    "give",
    [
        lambda rows: (TABLE[rows], TABLE[rows][:, 0]),
        lambda rows: (TABLE[rows],),
        lambda rows: {"x": (TABLE[rows],) * 3, "y": rows},
    ],
)
def test_a_tuple_of_arrays_is_a_pytree_whatever_its_length(give, batch_size):
    loader = DataLoader(Given(give), batch_size)
    rows = loader.indices(jr.key(0), 0)
    jax.tree.map(np.testing.assert_array_equal, loader.batch(jr.key(0), 0), give(rows))


NO_ROWS = {
    "a list of rows": lambda rows: [TABLE[i] for i in rows],
    "a tuple of rows": lambda rows: tuple(TABLE[i] for i in rows),
    "a dictionary of lists": lambda rows: {"x": [TABLE[i] for i in rows]},
    "a dictionary of tuples": lambda rows: {"x": tuple(TABLE[i] for i in rows)},
    "a list of numbers": lambda rows: rows.tolist(),
    "too few": lambda rows: TABLE[rows][1:],
    "too many": lambda rows: {"x": rows, "y": np.repeat(TABLE[rows], 2, 0)},
    "one row": lambda rows: {"x": rows, "y": TABLE[rows][0].sum()},
    "nothing": lambda rows: None,
    "no fields": lambda rows: {},
}


@pytest.mark.parametrize("batch_size", [2, 3, 4, 8])
@pytest.mark.parametrize("give", NO_ROWS)
def test_every_leaf_of_a_source_has_as_many_rows_as_were_asked_for(give, batch_size):
    loader = DataLoader({"s": Given(NO_ROWS[give])}, batch_size)
    asked = rf"`data\['s'\].* arrays of {batch_size} rows"
    with pytest.raises((ValueError, TypeError), match=asked) as caught:
        loader.batch(jr.key(0), 0)
    assert str(caught.value).count("\n") < 3


@pytest.mark.parametrize(
    ("item", "match"),
    [
        (lambda i: np.zeros(i + 1), r"`dataset\[i\]` must have one shape .*\(1,\) and"),
        (
            lambda i: {"x": np.zeros(i + 1)},
            r"`dataset\[i\]\['x'\]` must have one shape",
        ),
        (lambda i: {"x": [0] * (i + 1)}, "`dataset` must give items of one structure"),
        (lambda i: {"xy"[i % 2]: 1}, "`dataset` must give items of one structure"),
        (
            lambda i: {"x": object()},
            r"`dataset\[i\]\['x'\]` must be an array .* object",
        ),
        (lambda i: None, "`dataset` must give items; got nothing"),
        (
            lambda i: np.ma.masked_greater(TABLE[i], 1),
            r"`dataset\[i\]` must not be masked",
        ),
    ],
)
def test_what_is_wrong_with_an_item(item, match):
    with pytest.raises((ValueError, TypeError), match=match) as caught:
        ItemSource(Given(item))[np.arange(4)]
    assert str(caught.value).count("\n") < 3


def test_what_has_no_rows_to_give_by_their_numbers():
    masked = np.ma.masked_greater(TABLE, 30)
    with pytest.raises(ValueError, match=r"`data\['m'\]` must not be masked"):
        DataLoader({"m": masked}, 2)
    # A mask of nothing is no loss.
    batch = DataLoader(np.ma.asarray(TABLE), 2).batch(jr.key(0), 0)
    assert type(batch) is np.ndarray
    with pytest.raises(ValueError, match="`data` must not be masked"):
        DataLoader(Given(lambda rows: masked[rows]), 10).batch(jr.key(0), 0)
    # Groups of files are indexed by names.
    for group in (collections.UserDict(x=TABLE), types.MappingProxyType({"x": TABLE})):
        with pytest.raises(ValueError, match="a dictionary of the arrays"):
            DataLoader({"group": group}, 2)
    with pytest.raises(TypeError, match="`data` must give .* a range says.*\n.*Item"):
        DataLoader(range(10), 2).batch(jr.key(0), 0)


SHARDED = jax.sharding.NamedSharding(
    jax.make_mesh((8,), ("d",)), jax.sharding.PartitionSpec("d")
)
ON_A_DEVICE = {
    "step": lambda loader: jax.jit(lambda step: loader.batch(jr.key(0), step))(0),
    "key": lambda loader: jax.jit(lambda key: loader.batch(key, 0))(jr.key(0)),
    "sharding": lambda loader: DataLoader(loader.data, 8, sharding=SHARDED).batch(
        jr.key(0), 0
    ),
}


@pytest.mark.parametrize("way", ON_A_DEVICE)
@pytest.mark.parametrize("dtype", ["U3", "S3", "O", "M8[s]", "m8[s]", [("a", "f4")]])
def test_what_no_device_can_hold_is_named(way, dtype):
    array = np.zeros(8, dtype)
    loader = DataLoader({"x": np.arange(8), "name": array}, 8)
    assert loader.batch(jr.key(0), 0)["name"].dtype == array.dtype
    with pytest.raises(
        TypeError, match=r"`data\['name'\]` must hold numbers"
    ) as caught:
        ON_A_DEVICE[way](loader)
    assert str(array.dtype) in str(caught.value)


@pytest.mark.parametrize("way", ON_A_DEVICE)
@pytest.mark.parametrize("dtype", [">i2", ">i4", ">u4", ">f4", ">f2", "?", ">i8"])
def test_any_order_of_bytes_is_read_on_a_device(way, dtype):
    array = np.arange(8).astype(dtype)
    got = ON_A_DEVICE[way](DataLoader(array, 8))
    np.testing.assert_array_equal(got, DataLoader(array, 8).batch(jr.key(0), 0))


@pytest.mark.parametrize("way", ON_A_DEVICE)
@pytest.mark.parametrize("dtype", ["int64", "uint64"])
def test_integers_that_a_device_would_cut_are_an_error(way, dtype):
    kept = np.arange(8, dtype=dtype) + np.iinfo("int32").max - 7
    np.testing.assert_array_equal(np.sort(ON_A_DEVICE[way](DataLoader(kept, 8))), kept)
    cut = kept + np.asarray(2**32, dtype)
    with pytest.raises(ValueError, match=r"`data` must fit into u?int32 on a device"):
        ON_A_DEVICE[way](DataLoader(cut, 8))
    with jax.enable_x64(True):
        got = ON_A_DEVICE[way](DataLoader(cut, 8))
    np.testing.assert_array_equal(np.sort(got), cut)
