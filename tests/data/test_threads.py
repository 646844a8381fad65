"""Threads that read ahead or many at a time, and what they see."""

import contextlib
import contextvars
import threading
import time
import traceback

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from hypothesis import given, strategies as st

from ngcx.data import DataLoader, ItemSource, prefetch


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


@pytest.mark.parametrize("kind", ["generator", "map"])
@pytest.mark.parametrize("taken", [1, 3])
def test_a_thread_leaves_the_contexts_that_its_iterator_entered(kind, taken):
    def items():
        with jax.enable_x64(True), np.errstate(all="raise"):
            while True:
                # The settings hold for every item, and not for the first alone.
                yield jnp.ones(2).dtype, np.geterr()["over"]

    before = jnp.ones(2).dtype, np.geterr()
    stream = prefetch(items() if kind == "generator" else map(tuple, items()))
    for _ in range(taken):
        assert next(stream) == (jnp.float64, "raise")
    del stream
    assert (jnp.ones(2).dtype, np.geterr()) == before
    assert not prefetching()


VARIABLE = contextvars.ContextVar("VARIABLE", default=0)


def surroundings():
    """What a thread sees of its caller."""
    settings = {
        name: value
        for name, value in jax.config.values.items()
        # It is the short form of three others.
        if name != "jax_transfer_guard"
    }
    meshes = jax.sharding.get_mesh(), jax.sharding.get_abstract_mesh()
    return settings, meshes, np.geterr(), VARIABLE.get()


@contextlib.contextmanager
def changed(mesh):
    token = VARIABLE.set(1)
    with contextlib.ExitStack() as stack:
        for context in (
            np.errstate(over="raise"),
            jax.enable_x64(True),
            jax.default_device(jax.devices()[3]),
            jax.default_matmul_precision("highest"),
            jax.default_prng_impl("rbg"),
            jax.debug_nans(True),
            jax.disable_jit(),
            jax.numpy_dtype_promotion("standard"),
            jax.transfer_guard("allow"),
            jax.transfer_guard_device_to_host("log_explicit"),
            mesh,
        ):
            stack.enter_context(context)
        yield
    VARIABLE.reset(token)


@pytest.mark.parametrize("abstract", [False, True])
@pytest.mark.parametrize("reader", ["prefetch", "ItemSource"])
def test_a_thread_sees_all_that_its_caller_sees(reader, abstract):
    seen = []

    class Look:
        def __len__(self):
            return 3

        def __getitem__(self, i):
            seen.append(surroundings())
            return i

    mesh = jax.make_mesh((8,), ("d",))
    if abstract:
        mesh = jax.sharding.use_abstract_mesh(mesh.abstract_mesh)
    else:
        mesh = jax.set_mesh(mesh)
    with contextlib.ExitStack() as stack:
        # A mesh is set when `set_mesh` is called already.
        stack.enter_context(changed(mesh))
        expected = surroundings()
        if reader == "prefetch":
            seen += list(prefetch(surroundings() for _ in range(3)))
        else:
            ItemSource(Look(), threads=2)[np.arange(3)]
    assert seen == [expected] * 3
    seen += list(prefetch(surroundings() for _ in range(1)))
    assert seen[-1] == surroundings() != expected


def test_a_thread_places_batches_on_the_mesh_of_its_caller():
    batches = [np.arange(8), np.arange(8) * 2]
    with jax.set_mesh(jax.make_mesh((8,), ("d",))):
        spec = jax.sharding.PartitionSpec("d")
        for got, batch in zip(
            prefetch(jax.device_put(batch, spec) for batch in batches),
            batches,
            strict=True,
        ):
            np.testing.assert_array_equal(got, batch)
            assert got.sharding.spec == spec
