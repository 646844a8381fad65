"""Synaptic operations, counted by hand: a loop over spikes, and over where they go."""

import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from ngcx.losses import time_mask
from ngcx.metrics import sparsity, synaptic_operations
from ngcx.neurons import (
    LIF,
    BatchNorm,
    Each,
    Frozen,
    Parallel,
    Recurrent,
    Residual,
    Stack,
)


pytestmark = pytest.mark.in_turn(4)


T, B = 3, 2


def rounded(layer):
    """Weights in sixteenths, some of them 0, so that sums are exact in any order."""
    return jax.tree.map(
        lambda x: jnp.round(8 * x) / 16 if eqx.is_inexact_array(x) else x, layer
    )


def by_hand_dense(weight, x):
    """Each input that is not 0, to each output that has a weight for it."""
    return sum(
        int(x[i] != 0 and weight[o, i] != 0)
        for o, i in itertools.product(*map(range, weight.shape))
    )


def by_hand_conv(conv, x):
    """Each output, each kernel entry, and whether a spike lies there."""
    weight, total = np.asarray(conv.weight), 0
    out = jax.eval_shape(conv, x).shape
    (stride, _), ((pad, _), _) = conv.stride, conv.padding
    per_group = weight.shape[0] // conv.groups
    for o, i, j in np.ndindex(*out):
        for c, di, dj in np.ndindex(*weight.shape[1:]):
            row, column = i * stride - pad + di, j * stride - pad + dj
            inside = 0 <= row < x.shape[1] and 0 <= column < x.shape[2]
            channel = o // per_group * weight.shape[1] + c
            if inside and x[channel, row, column] != 0:
                total += int(weight[o, c, di, dj] != 0)
    return total


def counted(function, xs):
    """The counts of each sample, over all of its steps."""
    xs = np.asarray(xs)
    return [sum(function(xs[t, b]) for t in range(T)) for b in range(B)]


@pytest.mark.parametrize("seed", range(10))
def test_operations_are_those_counted_by_hand(seed):
    keys = jr.split(jr.key(seed), 5)
    rng = np.random.default_rng(seed)
    stride, padding, groups = 1 + seed % 2, seed % 3, 1 + seed // 5
    conv = rounded(eqx.nn.Conv2d(2, 2, 3, stride, padding, groups=groups, key=keys[0]))
    size = conv(jnp.zeros((2, 5, 5))).size
    dense = rounded(eqx.nn.Linear(size, 4, key=keys[1]))
    matrix = rounded(jr.normal(keys[2], (4, 4)))
    feedback = matrix if seed % 2 else Frozen(matrix)
    stack = Stack(
        conv, LIF(0.5, 0.1), jnp.ravel, dense, Recurrent(LIF(0.5, -0.2), feedback)
    )
    x = jnp.asarray(rng.random((T, B, 2, 5, 5)).round(), jnp.float32)
    found = synaptic_operations(stack, x, batched=True)
    _, out, seen = stack.run(x, batched=True, watch=("2.out",))
    before = np.concatenate([np.zeros_like(out[:1]), out[:-1]])
    assert sorted(found) == ["0", "3", "4.1"]
    kernel, recurrent = np.asarray(dense.weight), np.asarray(matrix).T
    by_hand = {
        "0": counted(lambda x: by_hand_conv(conv, x), x),
        "3": counted(lambda x: by_hand_dense(kernel, x), seen["2.out"]),
        "4.1": counted(lambda x: by_hand_dense(recurrent, x), before),
    }
    for path, counts in by_hand.items():
        np.testing.assert_array_equal(found[path], counts, path)
    assert np.sum(by_hand["0"]) > 0 and np.sum(by_hand["4.1"]) > 0


def test_branches_items_and_steps_are_counted():
    ones = jax.tree.map(
        lambda x: jnp.ones_like(x) if eqx.is_array(x) else x,
        eqx.nn.Linear(4, 4, key=jr.key(0)),
    )
    x = jnp.eye(4)[:3]  # one spike a step
    stack = Stack(
        Residual(ones, shortcut=Frozen(ones)),
        Parallel(Stack(ones), jnp.tanh, combine=jnp.add),
    )
    counts = synaptic_operations(stack, x)
    assert {path: float(n) for path, n in counts.items()} == {
        "0.0": 12,
        "0.1": 12,
        "1.0.0": 48,  # each input has arrived everywhere
    }
    items = synaptic_operations(
        Stack(Each(ones)), jnp.stack([x, x, 0 * x], 1)[:, None], batched=True
    )
    np.testing.assert_array_equal(items["0.0"], [24])
    constant = synaptic_operations(Stack(ones), x, steps=5, batched=True)
    np.testing.assert_array_equal(constant["0"], [20, 20, 20])


def test_padding_and_normalisation_cost_nothing():
    linear = rounded(eqx.nn.Linear(6, 5, key=jr.key(0)))
    stack = Stack(
        linear, BatchNorm(5), LIF(), rounded(eqx.nn.Linear(5, 3, key=jr.key(1)))
    )
    x = jnp.asarray(np.random.default_rng(0).random((4, 3, 6)).round(), jnp.float32)
    state, _ = stack.run(x, batched=True)
    deployed, shared = eqx.nn.inference_mode(stack), stack.rest(state)
    lengths = jnp.array([4, 1, 0])
    padded = synaptic_operations(deployed, x, shared, batched=True, lengths=lengths)
    for b, length in enumerate(lengths):
        alone = synaptic_operations(deployed, x[:length, b], shared)
        for path, counts in padded.items():
            assert counts[b] == alone[path]


def test_sparsity_of_each_layer_from_watch():
    stack = Stack(rounded(eqx.nn.Linear(6, 5, key=jr.key(0))), LIF(0.5, 0.1))
    x = jnp.asarray(np.random.default_rng(0).random((4, 3, 6)).round(), jnp.float32)
    lengths = jnp.array([4, 1, 2])
    *_, seen = stack.run(x, batched=True, lengths=lengths, watch=("1.out",))
    spikes, where = np.asarray(seen["1.out"]), np.asarray(time_mask(lengths, 4))
    silent = sparsity(seen["1.out"], where=jnp.asarray(where))
    np.testing.assert_allclose(silent, np.mean(spikes[where] == 0), 1e-6)


def test_weights_that_are_not_known_are_errors():
    mlp = eqx.nn.MLP(3, 2, 4, 1, key=jr.key(0))
    with pytest.raises(ValueError, match=r"Layer 1 \(MLP\) of `stack` has weights"):
        synaptic_operations(Stack(jnp.tanh, mlp), jnp.ones((2, 3)))
