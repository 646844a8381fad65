"""A loader inside of every transform, its key made outside or inside."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from ngcx.data import DataLoader, ItemSource


pytestmark = pytest.mark.in_turn(4)


X = np.arange(21, dtype=np.float32)
MESH = Mesh(np.array(jax.devices()), "d")


class Rows:
    """A source that computes by JAX."""

    def __len__(self):
        return len(X)

    def __getitem__(self, rows):
        return jnp.asarray(X)[rows]


class Item(Rows):
    """A dataset that computes by JAX."""

    def __getitem__(self, i):
        return jnp.asarray(X)[i] + 0


def scanned(f):
    def run(w):
        return jax.lax.scan(lambda carry, _: (carry, f(w)), 0, length=1)[1][0]

    return run


def on_every_device(f):
    specs = PartitionSpec()
    return jax.shard_map(f, mesh=MESH, in_specs=specs, out_specs=specs)


TRANSFORMS = {
    "none": lambda f: f,
    "jit": jax.jit,
    "checkpoint": lambda f: jax.jit(jax.checkpoint(f)),
    "vmap": lambda f: lambda w: jax.vmap(f)(jnp.stack([w, w]))[0],
    "jitted vmap": lambda f: jax.jit(lambda w: jax.vmap(f)(jnp.stack([w, w]))[0]),
    "jvp": lambda f: lambda w: jax.jvp(f, (w,), (w,))[1],
    "grad": lambda f: lambda w: jax.jacrev(f)(w),
    "scan": scanned,
    "while": lambda f: (
        lambda w: jax.lax.fori_loop(0, 1, lambda _, batch: f(w) + 0 * batch, X[:8])
    ),
    "cond": lambda f: lambda w: jax.lax.cond(w > 0, f, lambda w: 0 * f(w), w),
    "shard_map": on_every_device,
    "jitted shard_map": lambda f: jax.jit(on_every_device(f)),
}

SOURCES = {
    "numpy": lambda: X,
    "jax": lambda: jnp.asarray(X),
    "rows": Rows,
    "items": lambda: ItemSource(Item()),
    "strided": lambda: np.stack([X] * 3, 1)[:, 0],
}


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("source", SOURCES)
def test_a_key_from_outside(transform, source):
    loader, key = DataLoader(SOURCES[source](), 8), jr.key(0)
    state = loader.init(key)
    expected = {
        "batch": loader.batch(key, 1),
        "epoch": list(loader.epoch(key))[1],
        "next": loader.next(state)[0],
        "indices": loader.indices(key, 2),
    }
    made = {
        "batch": lambda: loader.batch(key, 1),
        "epoch": lambda: list(loader.epoch(key))[1],
        "next": lambda: loader.next(state)[0],
        "indices": lambda: loader.indices(key, 2),
    }
    w = jnp.float32(1)
    for name, make in made.items():
        got = TRANSFORMS[transform](lambda w, make=make: w * jnp.asarray(make(), "f4"))
        np.testing.assert_array_equal(got(w), expected[name], err_msg=name)
    assert jax.eval_shape(made["batch"]).shape == (8,)


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("source", ["numpy", "jax"])
def test_a_key_from_inside(transform, source):
    loader = DataLoader(SOURCES[source](), 8)
    expected = loader.batch(jr.fold_in(jr.key(0), 7), 1)
    got = TRANSFORMS[transform](
        lambda w: w * loader.batch(jr.fold_in(jr.key(0), 7), 1)
    )(jnp.float32(1))
    np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("source", SOURCES)
def test_a_sharded_batch_within_a_compiled_function(source):
    sharding = NamedSharding(MESH, PartitionSpec("d"))
    loader = DataLoader(SOURCES[source](), 8, sharding=sharding)
    expected = loader.batch(jr.key(0), 1)
    key = jr.key(0)
    got = jax.jit(lambda w: w * loader.batch(key, 1))(jnp.float32(1))
    np.testing.assert_array_equal(got, expected)


def test_a_state_from_outside_stays_outside():
    loader = DataLoader(ItemSource(Item()), 8)
    state, seen = loader.init(jr.key(0)), []

    @jax.jit
    def trace(w):
        seen.append(loader.next(state)[1])
        return w

    trace(1.0)
    (following,) = seen
    _, expected = loader.next(state)
    assert (following.epoch, following.step) == (expected.epoch, expected.step)


def test_threads_of_items_within_a_mesh():
    with jax.set_mesh(MESH):
        loader, key = DataLoader(ItemSource(Item()), 8), jr.key(0)
        expected = loader.batch(key, 0)
        got = jax.jit(lambda w: w * loader.batch(key, 0))(jnp.float32(1))
    np.testing.assert_array_equal(got, expected)
