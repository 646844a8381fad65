"""Batches on meshes, of one process and of several."""

import json

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from ngcx.data import DataLoader, ItemSource


pytestmark = pytest.mark.in_turn(2)


def shardings():
    mesh = Mesh(np.reshape(jax.devices(), (4, 2)), ("data", "model"))
    specs = (("data",), (("data", "model"),), ("data", "model"), (None, "model"), ())
    return [NamedSharding(mesh, PartitionSpec(*spec)) for spec in specs]


DATA = np.arange(42 * 4, dtype=np.float32).reshape(42, 4)


def assert_placed(batch, expected, sharding):
    assert batch.sharding.is_equivalent_to(sharding, batch.ndim)
    np.testing.assert_array_equal(batch, expected)


class Rows:
    def __len__(self):
        return len(DATA)

    def __getitem__(self, rows):
        return DATA[rows]


def explicit():
    kinds = (AxisType.Explicit,) * 2
    mesh = jax.make_mesh((4, 2), ("data", "model"), axis_types=kinds)
    return [NamedSharding(mesh, PartitionSpec(*each)) for each in (("data",), ())]


@pytest.mark.parametrize("sharding", shardings() + explicit(), ids=str)
def test_a_mesh_gets_what_one_device_gets(sharding):
    on_mesh = jax.device_put(DATA[:40], NamedSharding(sharding.mesh, PartitionSpec()))
    for data in (DATA, jnp.asarray(DATA), on_mesh, Rows(), ItemSource(Rows())):
        plain = DataLoader(DATA[: len(data)], 16)
        loader = DataLoader(data, 16, sharding=sharding)
        batches = list(plain.epoch(jr.key(0)))
        for got, expected in zip(loader.epoch(jr.key(0)), batches, strict=True):
            assert_placed(got, expected, sharding)
        assert_placed(loader.batch(jr.key(0), 1), batches[1], sharding)
        if isinstance(data, Rows | ItemSource):
            continue
        traced = jax.jit(lambda step, loader=loader: loader.batch(jr.key(0), step))(1)
        assert_placed(traced, batches[1], sharding)


def test_a_scan_over_sharded_batches():
    loader = DataLoader(DATA, 16, sharding=shardings()[0])
    plain = DataLoader(DATA, 16)
    state = plain.init(jr.key(0))

    def step(state, _):
        batch, state = loader.next(state)
        return state, batch

    _, batches = jax.jit(lambda state: jax.lax.scan(step, state, length=5))(state)
    for batch in batches:
        expected, state = plain.next(state)
        np.testing.assert_array_equal(batch, expected)


@pytest.mark.parametrize("sharding", shardings()[:2], ids=lambda s: str(s.spec))
def test_traced_data(sharding):
    def second(data):
        loader = DataLoader(data, 8, sharding=sharding)
        return list(loader.epoch(jr.key(0)))[1], loader.batch(jr.key(0), 1)

    expected = DataLoader(DATA, 8).batch(jr.key(0), 1)
    for batch in jax.jit(second)(jnp.asarray(DATA)):
        assert_placed(batch, expected, sharding)


def test_leaves_of_any_rank_and_dtype():
    data = {"x": DATA, "label": np.arange(42), "image": np.ones((42, 2, 2), np.uint8)}
    (sharding, *_) = shardings()
    batch = next(DataLoader(data, 8, shuffle=False, sharding=sharding).epoch(jr.key(0)))
    for name, array in data.items():
        assert_placed(batch[name], array[:8], sharding)
    assert batch["image"].dtype == np.uint8


def test_a_batch_that_the_mesh_cannot_share_is_an_error():
    (sharding, *_) = shardings()
    with pytest.raises(ValueError, match="`batch_size` must divide .* got 6 rows"):
        DataLoader(DATA, 6, sharding=sharding)
    # There are 42 rows: five batches of 8, and one of 2.
    with pytest.raises(ValueError, match="`batch_size` must divide .* got 2 rows"):
        DataLoader(DATA, 8, remainder="partial", sharding=sharding)
    assert len(DataLoader(DATA[:40], 16, remainder="partial", sharding=sharding)) == 3


PROGRAM = """
import json, sys
import jax
jax.config.update("jax_cpu_collectives_implementation", "gloo")
jax.distributed.initialize(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
import jax.numpy as jnp, jax.random as jr, numpy as np
from jax.experimental.multihost_utils import process_allgather
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from ngcx.data import DataLoader, LoaderState

class Source:
    asked = 0
    def __len__(self):
        return 42
    def __getitem__(self, rows):
        self.asked += len(rows)
        return rows * 10

number, (path, steps) = int(sys.argv[2]), sys.argv[4:]
sharding = NamedSharding(Mesh(jax.devices(), "data"), PartitionSpec("data"))
assert len(jax.devices()) == 4 and jax.process_count() == number
data = {"array": np.arange(42), "device": jnp.arange(42), "source": Source()}
loader = DataLoader(data, 8, sharding=sharding)
state = loader.init(jr.key(0))
try:
    key, epoch, step = json.load(open(path))
    key = jr.wrap_key_data(jnp.asarray(key, jnp.uint32))
    state = LoaderState(key, jnp.asarray(epoch), jnp.asarray(step))
except FileNotFoundError:
    pass
for _ in range(int(steps)):
    batch, state = loader.next(state)
    whole = process_allgather(batch, tiled=True)
    np.testing.assert_array_equal(whole["source"], whole["array"] * 10)
    np.testing.assert_array_equal(whole["device"], whole["array"])
    print(whole["array"].tolist())
assert data["source"].asked == int(steps) * 8 // number  # its own rows, and no others
if jax.process_index() == 0:
    key = jr.key_data(state.key).tolist()
    json.dump([key, int(state.epoch), int(state.step)], open(path, "w"))
jax.distributed.shutdown()
"""


@pytest.fixture
def run(distributed):
    """Takes steps in several processes, and returns the batches that all saw."""

    def run(number, path, steps):
        outputs = distributed(PROGRAM, number, str(path), str(steps), devices=4)
        assert outputs == [outputs[0]] * number
        return [json.loads(line) for line in outputs[0]]

    return run


def expected(steps):
    """The batches of one process."""
    loader = DataLoader(np.arange(42), 8)
    state, batches = loader.init(jr.key(0)), []
    for _ in range(steps):
        batch, state = loader.next(state)
        batches.append(batch.tolist())
    return batches


def test_two_processes_see_the_batches_of_one(tmp_path, run):
    assert run(2, tmp_path / "two", 2) == expected(2)


@pytest.mark.thorough
def test_any_number_of_processes_sees_the_same_batches(tmp_path, run):
    # The ninth step is in the second epoch.
    assert run(1, tmp_path / "one", 9) == expected(9)
    # Two processes go on with what four began.
    begun = run(4, tmp_path / "more", 4)
    assert begun + run(2, tmp_path / "more", 5) == expected(9)
