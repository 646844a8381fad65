"""The endless iteration: saved anywhere, it goes on with the very next batch."""

import itertools
import os
import signal
import subprocess
import sys

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from hypothesis import given, strategies as st

from ngcx.data import DataLoader, LoaderState
from ngcx.testing import keys


def endless(loader, state):
    while True:
        batch, state = loader.next(state)
        yield batch


@given(
    size=st.integers(1, 30),
    batch_size=st.integers(1, 30),
    remainder=st.sampled_from(["wrap", "drop", "partial"]),
    key=keys(),
    start=st.integers(0, 40),
)
def test_is_one_epoch_after_another(size, batch_size, remainder, key, start):
    if remainder == "drop" and batch_size > size:
        return
    loader = DataLoader(np.arange(size), batch_size, remainder=remainder)
    epochs = (loader.epoch(jr.fold_in(key, epoch)) for epoch in itertools.count())
    expected = itertools.islice(itertools.chain.from_iterable(epochs), start, start + 5)
    epoch, step = divmod(start, len(loader))
    state = LoaderState(key, jnp.asarray(epoch), jnp.asarray(step))
    for got, batch in zip(endless(loader, state), expected, strict=False):
        np.testing.assert_array_equal(got, batch)


@pytest.mark.parametrize("array", [np.arange, jnp.arange])
def test_is_the_carry_of_a_scan(array):
    loader = DataLoader(array(10), 4)
    state = loader.init(jr.key(0))
    expected = np.stack(list(itertools.islice(endless(loader, state), 8)))

    @eqx.filter_jit
    def run(loader, state):
        return jax.lax.scan(lambda state, _: loader.next(state)[::-1], state, length=8)

    last, batches = run(loader, state)
    np.testing.assert_array_equal(batches, expected)
    assert (last.epoch, last.step) == (2, 2)


def test_a_state_of_another_loader_is_an_error():
    state = DataLoader(np.arange(10), 2).init(jr.key(0))
    state = eqx.tree_at(lambda state: state.step, state, jnp.asarray(4))
    with pytest.raises(ValueError, match=r"`step` must be from 0 to 1; got 4"):
        DataLoader(np.arange(10), 5).next(state)
    with pytest.raises(TypeError, match="`state` of `"):
        DataLoader(np.arange(10), 5).next(jr.key(0))  # pyright: ignore[reportArgumentType]


MANY = np.broadcast_to(np.ones(1, np.float32), 2**32)


def test_more_batches_than_32_bits_can_count():
    loader = DataLoader(MANY, 1)
    small = DataLoader(np.arange(4), 1).init(jr.key(0))
    for wrong in (lambda: loader.init(jr.key(0)), lambda: loader.next(small)):
        with pytest.raises(ValueError, match=r"len\(loader\) must be below 2\*\*31"):
            wrong()
    with jax.enable_x64(True):
        for first in (0, 2**31 - 1, 2**32 - 1):
            state = loader.init(jr.key(0))
            state = eqx.tree_at(lambda state: state.step, state, jnp.asarray(first))
            batch, following = loader.next(state)
            assert batch.shape == (1,)
            assert int(following.step) == (first + 1) % 2**32
            assert int(following.epoch) == (first + 1) // 2**32


@pytest.mark.parametrize("dtype", [jnp.int8, jnp.int16, jnp.int32])
def test_a_state_of_a_narrow_dtype_does_not_overflow(dtype):
    loader, key = DataLoader(np.arange(40_000), 1), jr.key(0)
    last = min(int(jnp.iinfo(dtype).max), len(loader) - 1)
    state = LoaderState(key, jnp.asarray(last, dtype), jnp.asarray(last, dtype))
    for step in (loader.next, jax.jit(lambda state: loader.next(state))):
        batch, following = step(state)
        expected = LoaderState(key, jnp.asarray(last), jnp.asarray(last))
        np.testing.assert_array_equal(batch, loader.next(expected)[0])
        over = last + 1 == len(loader)
        assert int(following.step) == (0 if over else last + 1)
        assert int(following.epoch) == last + over


# This trains by gradient descent and saves after each step; it goes on where the file
# stands.
PROGRAM = """
import os, sys
import jax, jax.numpy as jnp, jax.random as jr, numpy as np
from ngcx.data import DataLoader, LoaderState

path, steps = sys.argv[1], int(sys.argv[2])
x = np.asarray(jr.normal(jr.key(0), (50, 3)))
loader = DataLoader({"x": x, "y": x @ np.ones(3, "f4")}, 8)  # seven steps an epoch
state, weights, done = loader.init(jr.key(1)), jnp.zeros(3), 0
if os.path.exists(path):
    saved = np.load(path)
    done, weights = int(saved["done"]), jnp.asarray(saved["weights"])
    key = jr.wrap_key_data(jnp.asarray(saved["key"]))
    state = LoaderState(key, jnp.asarray(saved["epoch"]), jnp.asarray(saved["step"]))
gradient = jax.jit(jax.grad(lambda w, b: jnp.mean((b["x"] @ w - b["y"]) ** 2)))
for done in range(done + 1, steps + 1):
    batch, state = loader.next(state)
    weights = weights - 0.01 * gradient(weights, batch)
    with open(path + ".new", "wb") as file:
        np.savez(file, done=done, weights=weights, key=jr.key_data(state.key),
                 epoch=state.epoch, step=state.step)
    os.replace(path + ".new", path)
    print(done, flush=True)
"""


@pytest.mark.thorough
def test_goes_on_after_a_kill_as_if_nothing_had_happened(tmp_path):
    def train(name, steps):
        return subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(tmp_path / name), str(steps)],
            env=os.environ,
            stdout=subprocess.PIPE,
            text=True,
        )

    killed = train("killed.npz", 10**6)
    assert killed.stdout is not None
    while int(killed.stdout.readline()) < 12:  # within the second epoch
        pass
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert killed.returncode == -signal.SIGKILL
    done = int(np.load(tmp_path / "killed.npz")["done"])
    for name in ("killed.npz", "whole.npz"):
        process = train(name, done + 20)
        process.communicate(timeout=120)
        assert process.returncode == 0
    resumed, whole = (np.load(tmp_path / name) for name in ("killed.npz", "whole.npz"))
    for name in ("done", "epoch", "step", "key", "weights"):
        np.testing.assert_array_equal(resumed[name], whole[name])
