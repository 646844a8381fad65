"""Sequences of unequal length: padded, and in batches of similar lengths."""

import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from hypothesis import given, strategies as st

from ngcx.data import BucketLoader, PaddedSource
from ngcx.io import deserialize, serialize
from ngcx.losses import spike_rate
from ngcx.neurons import LIF, Stack
from ngcx.testing import keys


some_lengths = st.lists(st.integers(1, 12), min_size=1, max_size=40)


def ragged(lengths):
    """Sequences that tell their own number and step."""
    return [
        np.stack([np.full(n, i), np.arange(n)], -1).astype(np.float32)
        for i, n in enumerate(lengths)
    ]


@given(some_lengths, st.integers(0, 5))
def test_rows_are_the_sequences_and_zeros(lengths, more):
    sequences = ragged(lengths)
    source = PaddedSource(sequences, max(lengths) + more)
    rows = np.random.default_rng(0).permutation(len(lengths))
    batch = source[rows]
    assert batch["sequence"].shape == (len(lengths), max(lengths) + more, 2)
    for row, padded, length in zip(
        rows, batch["sequence"], batch["length"], strict=True
    ):
        np.testing.assert_array_equal(padded[:length], sequences[row])
        assert not padded[length:].any()
    empty = np.sum(max(lengths) + more - np.array(lengths))
    assert np.isclose(source.padding, empty / batch["sequence"][..., 0].size)


@given(some_lengths, st.integers(1, 6))
def test_buckets_have_the_least_padding(lengths, buckets):
    loader = BucketLoader(PaddedSource(ragged(lengths)), 3, buckets)
    sizes = sorted(set(lengths))
    number = min(buckets, len(sizes))
    assert len(loader.lengths) <= number

    def steps(bounds):
        return sum(min(b for b in bounds if b >= n) for n in lengths)

    best = min(
        steps((*bounds, sizes[-1]))
        for bounds in itertools.combinations(sizes[:-1], number - 1)
    )
    assert steps(loader.lengths) == best
    assert np.isclose(loader.padding, 1 - sum(lengths) / best)


@given(keys(), some_lengths, st.integers(1, 5), st.integers(1, 4))
def test_an_epoch_gives_every_sample_in_its_bucket(key, lengths, batch_size, buckets):
    sequences = ragged(lengths)
    data = {"x": PaddedSource(sequences), "number": np.arange(len(lengths))}
    loader = BucketLoader(data, batch_size, buckets, remainder="partial")
    seen = []
    for batch in loader.epoch(key):
        assert batch["x"]["sequence"].shape[1] in loader.lengths
        for i, padded in enumerate(batch["x"]["sequence"]):
            number, length = batch["number"][i], batch["x"]["length"][i]
            np.testing.assert_array_equal(padded[:length], sequences[number])
            seen.append(int(number))
    assert sorted(seen) == list(range(len(lengths)))


LENGTHS = np.random.default_rng(0).integers(1, 13, 50)
DATA = {"x": PaddedSource(ragged(LENGTHS)), "y": np.arange(50, dtype=np.int32)}


def test_the_shapes_are_a_handful_and_full():
    loader = BucketLoader(DATA, 8)
    shapes = {batch["x"]["sequence"].shape for batch in loader.epoch(jr.key(0))}
    assert shapes == {(8, length, 2) for length in loader.lengths}
    assert len(shapes) == 4 and loader.padding < DATA["x"].padding / 3


def test_resuming_is_exact(tmp_path):
    loader = BucketLoader(DATA, 8)
    state, batches = loader.init(jr.key(0)), []
    for step in range(2 * len(loader)):
        if step == len(loader) + 2:
            serialize(tmp_path / "state", state)
        batch, state = loader.next(state)
        batches.append(batch)
    epochs = [loader.epoch(jr.fold_in(jr.key(0), e)) for e in range(2)]
    assert eqx.tree_equal(batches, list(itertools.chain(*epochs)))
    state = deserialize(tmp_path / "state", like=loader.init(jr.key(1)))
    for expected in batches[len(loader) + 2 :]:
        batch, state = loader.next(state)
        assert eqx.tree_equal(batch, expected)
    late = loader.epoch(jr.fold_in(jr.key(0), 1), start=3)
    assert eqx.tree_equal(list(late), batches[len(loader) + 3 :])
    other = list(loader.epoch(jr.key(5)))
    assert not eqx.tree_equal(other, batches[: len(loader)])


def test_unshuffled_batches_go_from_short_to_long():
    loader = BucketLoader(DATA, 8, shuffle=False)
    longest = [batch["x"]["sequence"].shape[1] for batch in loader.epoch(jr.key(0))]
    assert longest == sorted(longest)


def test_batches_lie_on_all_devices_and_are_those_of_one():
    mesh = jax.make_mesh((8,), ("batch",))
    sharding = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("batch"))
    there = BucketLoader(DATA, 8, sharding=sharding).epoch(jr.key(0))
    for batch, expected in zip(
        there, BucketLoader(DATA, 8).epoch(jr.key(0)), strict=True
    ):
        assert batch["x"]["sequence"].sharding.is_equivalent_to(sharding, 3)
        assert eqx.tree_equal(jax.device_get(batch), expected)


def test_a_network_gives_each_sample_what_it_gives_it_alone():
    stack = Stack(LIF(0.5, 3.0))
    (batch, *_) = BucketLoader(DATA, 8).epoch(jr.key(0))
    x, lengths = jnp.moveaxis(batch["x"]["sequence"], 1, 0), batch["x"]["length"]
    _, spikes = stack.run(x, batched=True, lengths=jnp.asarray(lengths))
    rates = spike_rate(spikes, lengths=jnp.asarray(lengths))
    for rate, number in zip(rates, batch["y"], strict=True):
        _, alone = stack.run(jnp.asarray(ragged(LENGTHS)[number]))
        np.testing.assert_allclose(rate, spike_rate(alone), 1e-6)


def test_wrong_data_are_errors():
    with pytest.raises(ValueError, match="`sequences` must be arrays of one dtype"):
        PaddedSource([np.ones((3, 2)), np.ones((3, 1))])
    with pytest.raises(ValueError, match="`length` must be at least that of the long"):
        PaddedSource([np.ones(3)], 2)
    with pytest.raises(ValueError, match="`data` must hold a `PaddedSource`"):
        BucketLoader(np.ones((3, 2)), 2)
    with pytest.raises(ValueError, match="`step` must not be traced"):
        jax.jit(lambda step: BucketLoader(DATA, 8).batch(jr.key(0), step))(0)


PROGRAM = """
import sys
import jax
jax.config.update("jax_cpu_collectives_implementation", "gloo")
jax.distributed.initialize(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
import jax.random as jr, numpy as np
from jax.experimental.multihost_utils import process_allgather
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from ngcx.data import BucketLoader, PaddedSource

lengths = np.random.default_rng(0).integers(1, 13, 50)
data = {"x": PaddedSource([np.ones(n, np.float32) for n in lengths]), "y": lengths}
sharding = NamedSharding(Mesh(jax.devices(), "batch"), PartitionSpec("batch"))
assert jax.process_count() == int(sys.argv[2]) and len(jax.devices()) == 4
loader = BucketLoader({**data, "y": lengths.astype(np.int32)}, 8, sharding=sharding)
for batch in loader.epoch(jr.key(0)):
    whole = process_allgather(batch, tiled=True)
    np.testing.assert_array_equal(whole["x"]["sequence"].sum(1), whole["y"])
    print(whole["x"]["sequence"].shape, whole["y"].tolist())
jax.distributed.shutdown()
"""


@pytest.mark.thorough  # It starts processes.
def test_two_hosts_see_the_batches_of_one(distributed):
    one, first, second = distributed(PROGRAM, 1, devices=4) + distributed(
        PROGRAM, 2, devices=4
    )
    assert one == first == second and len(one) >= 7
