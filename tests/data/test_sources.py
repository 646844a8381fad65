import threading
import time
import traceback

import jax
import jax.numpy as jnp
import jax.random as jr
import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, strategies as st

from ngcx.data import DataLoader, ItemSource, prefetch
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

    def __init__(self):
        self.threads = set()

    def __len__(self):
        return 21

    def __getitem__(self, i):
        assert type(i) is int
        self.threads.add(threading.get_ident())
        time.sleep(1e-4)
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
    items = Items()
    ItemSource(items, threads=4)[np.arange(21)]
    assert len(items.threads) == 4


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


def test_a_traced_step_needs_arrays(tmp_path):
    mapped = np.memmap(tmp_path / "data", "f4", "w+", shape=(20,))
    for source in (mapped, Ascending(), ItemSource(Items())):
        loader = DataLoader(source, 4)
        with pytest.raises(ValueError, match="`data` .* where the step is traced; got"):
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


@given(items=st.lists(st.integers()), size=st.integers(1, 5))
def test_prefetch_gives_the_same_items(items, size):
    assert list(prefetch(items, size)) == items


def prefetching():
    return [t for t in threading.enumerate() if t.name.startswith("ngcx-prefetch")]


def test_prefetch_runs_ahead_by_size_and_stops_with_its_consumer():
    taken, gate = [], threading.Semaphore(0)

    def produce():
        for item in range(100):
            taken.append(item)
            gate.release()
            yield item

    stream = prefetch(produce(), size=3)
    assert next(stream) == 0
    for _ in range(4):
        assert gate.acquire(timeout=10)
    time.sleep(0.05)
    assert taken == [0, 1, 2, 3] and len(prefetching()) == 1
    del stream
    assert not prefetching() and len(taken) == 4


def test_prefetch_overlaps_with_the_consumer():
    began = threading.Barrier(2, timeout=10)

    def produce():
        yield 0
        began.wait()  # passes only if the consumer is at work at the same time
        yield 1

    stream = prefetch(produce())
    assert next(stream) == 0
    began.wait()
    assert list(stream) == [1]


def test_prefetch_hands_on_exceptions_with_their_traceback():
    def produce():
        yield 0
        raise RuntimeError("broken pipe")

    stream = prefetch(produce())
    assert next(stream) == 0
    with pytest.raises(RuntimeError, match="broken pipe") as caught:
        next(stream)
    assert "in produce" in "".join(traceback.format_exception(caught.value))
    assert not prefetching() and list(stream) == []


def test_prefetch_of_an_epoch_on_the_device():
    loader = DataLoader(np.arange(20.0, dtype="f4"), 8)
    plain = loader.epoch(jr.key(0))
    ahead = prefetch(map(jax.device_put, loader.epoch(jr.key(0))))
    for got, expected in zip(ahead, plain, strict=True):
        assert isinstance(got, jax.Array)
        np.testing.assert_array_equal(got, jnp.asarray(expected))


def test_wrong_prefetch_is_an_error():
    with pytest.raises(ValueError, match="`size` must be .* got 0"):
        prefetch([], 0)
    with pytest.raises(TypeError, match="`iterator` of `"):
        prefetch(3)  # pyright: ignore[reportArgumentType]


def test_a_thread_knows_the_settings_of_its_caller():
    def items():
        for _ in range(3):
            yield jnp.ones(2) + np.float64(1)

    device = jax.devices()[3]
    with jax.enable_x64(True), jax.default_device(device):
        for item in prefetch(items()):
            assert item.dtype == jnp.float64 and item.devices() == {device}
