"""Ten programs that people write, on the digits of scikit-learn, whose rows of pixels
are the steps of a sequence.
"""

import functools as ft

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import matplotlib.pyplot as plt
import numpy as np
import optax
import pytest
from equinox.nn import Conv2d, Linear, MaxPool2d
from jax.lax import stop_gradient
from jax.sharding import Mesh, NamedSharding, PartitionSpec as P
from sklearn.datasets import load_digits

from ngcx import viz
from ngcx.neurons import (
    LIF,
    AbstractCell,
    AdaptiveLIF,
    BatchNorm,
    Dropout,
    LeakyIntegrator,
    Recurrent,
    Residual,
    Stack,
    SynapticLIF,
    TimeConstant,
)


pytestmark = pytest.mark.usefixtures("standard_promotion")
IMAGES, LABELS = (jnp.asarray(each) for each in load_digits(return_X_y=True))
IMAGES = (IMAGES / 16).astype(jnp.float32).reshape(-1, 8, 8)
ROWS = IMAGES.swapaxes(0, 1)  # (time, batch, pixels)
TRAIN, TEST = slice(0, 600), slice(600, 1000)


def cross_entropy(logits, labels):
    return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()


def trained(loss, net, steps, optimiser):
    """Steps of an optimiser, all in one program; `loss(net, key)`."""
    learnt, others = eqx.partition(net, eqx.is_inexact_array)

    def step(carry, key):
        learnt, moments = carry
        gradient = jax.grad(lambda each: loss(eqx.combine(each, others), key))(learnt)
        updates, moments = optimiser.update(gradient, moments, learnt)
        return (optax.apply_updates(learnt, updates), moments), None

    @jax.jit
    def run(learnt):
        keys = jr.split(jr.key(0), steps)
        return jax.lax.scan(step, (learnt, optimiser.init(learnt)), keys)[0][0]

    return eqx.combine(run(learnt), others)


def accuracy(logits, labels):
    return float(jnp.mean(logits.argmax(-1) == labels))


def dense(key=jr.key(0), hidden=64):
    keys = jr.split(key)
    return Stack(
        *(Linear(8, hidden, key=keys[0]), LIF(0.9, threshold=0.5)),
        *(Linear(hidden, 10, key=keys[1]), LeakyIntegrator(0.9)),
    )


def test_1_a_penalty_on_hidden_spikes():
    def loss(net, key, weight):
        x, labels = ROWS[:, TRAIN], LABELS[TRAIN]
        _, logits, seen = net.run(x, batched=True, watch=("1.out",))
        return cross_entropy(logits[-1], labels) + weight * seen["1.out"].mean()

    outcomes = []
    for weight in (0.0, 1.0):
        penalised = ft.partial(loss, weight=weight)
        net = trained(penalised, dense(), 100, optax.adam(1e-2))
        _, logits, seen = net.run(ROWS[:, TEST], batched=True, watch=("1.out",))
        right = accuracy(logits[-1], LABELS[TEST])
        outcomes.append((right, float(seen["1.out"].mean())))
    (free, loud), (right, quiet) = outcomes
    assert quiet < loud / 2 and min(right, free) > 0.65, outcomes


@pytest.mark.thorough
def test_2_convolutions_with_norm_pooling_dropout_and_a_residual_block():
    # The images are faint, so that without the norm hardly any neuron spikes.
    images = 0.1 * IMAGES[:, None]

    def network(norm):
        keys = jr.split(jr.key(0), 4)

        def block(i, o, key):
            layer = Conv2d(i, o, 3, padding=1, use_bias=False, key=key)
            return Stack(
                layer, *([BatchNorm(o, momentum=0.5)] if norm else []), LIF(0.5)
            )

        return Stack(
            *(block(1, 8, keys[0]), MaxPool2d(2, 2), Residual(block(8, 8, keys[1]))),
            *(jnp.ravel, Dropout(0.2), Linear(128, 10, key=keys[2])),
        )

    def loss(net, key):
        _, logits = net.run(images[TRAIN], steps=4, batched=True, key=key)
        return cross_entropy(logits.mean(0), LABELS[TRAIN])

    def score(norm):
        net = trained(loss, network(norm), 30, optax.adam(1e-2))
        state = net.rest()
        for key in jr.split(jr.key(1), 20):  # the statistics settle
            state, _ = net.run(images[TRAIN], state, steps=4, batched=True, key=key)
            state = net.rest(state)
        live = eqx.nn.inference_mode(net)
        _, logits = live.run(images[TEST], state, steps=4, batched=True)
        return accuracy(logits.mean(0), LABELS[TEST])

    scores = score(norm=False), score(norm=True)
    assert scores[0] < 0.5 < 0.8 < scores[1], scores


def lsnn(hidden=32):
    keys = jr.split(jr.key(0), 3)
    neurons = Stack(SynapticLIF(0.8, synaptic_decay=0.5), AdaptiveLIF(0.5, 0.3))
    feedback = 0.1 * jr.normal(keys[1], (hidden, hidden))
    return Stack(
        *(Linear(8, hidden, key=keys[0]), Recurrent(neurons, feedback)),
        *(Linear(hidden, 10, key=keys[2]), LeakyIntegrator(0.9)),
    )


@pytest.mark.thorough
def test_3_sequences_of_unequal_length():
    # What stands after the end would drown what came before.
    lengths = jr.randint(jr.key(3), LABELS.shape, 6, 9)
    over = jnp.arange(12)[:, None] >= lengths
    noise = 20 * jr.normal(jr.key(4), (12, len(LABELS), 8))
    rows = jnp.pad(ROWS, ((0, 4), (0, 0), (0, 0)))
    rows = jnp.where(over[..., None], noise, 3 * rows)

    def logits(net, part, masked):
        given, ends = lengths[part], lengths[part] - 1
        options = {"lengths": given} if masked else {}
        outs = net.run(rows[:, part], batched=True, **options)[1]
        return outs[ends, jnp.arange(len(ends))] if masked else outs[-1]

    def score(masked):
        def loss(net, key):
            return cross_entropy(logits(net, TRAIN, masked), LABELS[TRAIN])

        net = trained(loss, lsnn(), 100, optax.adam(2e-2))
        return accuracy(logits(net, TEST, masked), LABELS[TEST])

    scores = score(masked=False), score(masked=True)
    assert scores[0] < 0.65 < 0.7 < scores[1], scores


def test_3_quickly_the_last_logits_do_not_see_the_padding():
    net, lengths = lsnn(), jnp.array([8, 5, 1, 6])
    x = jnp.where((jnp.arange(8)[:, None] < lengths)[..., None], ROWS[:, :4], jnp.nan)

    @jax.jit
    @jax.grad
    def gradient(x):
        outs = net.run(x, batched=True, lengths=lengths)[1]
        last = outs[lengths - 1, jnp.arange(4)]
        return cross_entropy(last, LABELS[:4])

    slopes = gradient(x)
    assert np.all(np.isfinite(slopes))
    assert not np.any(np.asarray(slopes)[np.arange(8)[:, None] >= lengths])


@pytest.mark.thorough
def test_4_truncated_backpropagation_over_chunks():
    net, x, labels = dense(hidden=8), ROWS[:, :20], LABELS[:20]

    @eqx.filter_jit
    @ft.partial(eqx.filter_value_and_grad, has_aux=True)
    def loss(net, chunk, state, start):
        state, logits = net.run(chunk, state, batched=True, start=start)
        return cross_entropy(logits[-1], labels), stop_gradient(state)

    state = net.rest()
    for start in (0, 4):
        (value, state), gradient = loss(net, x[start : start + 4], state, start)

    def by_hand(net):
        before, _ = net.run(x[:4], batched=True)
        _, logits = net.run(x[4:8], stop_gradient(before), batched=True)
        return cross_entropy(logits[-1], labels)

    expected = eqx.filter_jit(eqx.filter_value_and_grad(by_hand))(net)
    for got, there in zip(
        jax.tree.leaves((value, gradient)), jax.tree.leaves(expected), strict=True
    ):
        np.testing.assert_allclose(got, there, rtol=1e-4, atol=1e-6)


def test_5_potentials_of_any_neuron_are_drawn():
    net = dense(hidden=3)
    watch = ("1.u", "1.out", "3.v")
    _, _, seen = net.run(ROWS[:, 0], watch=watch)
    figure = viz.membrane(seen["1.u"], spikes=seen["1.out"], threshold=0.5)
    lines = [np.asarray(line.get_ydata()) for line in figure.axes[0].get_lines()]
    u = np.asarray(seen["1.u"][:, 0])
    assert any(line.shape == u.shape and np.allclose(line, u) for line in lines)
    plt.close(figure)


@pytest.mark.thorough
def test_6_time_constants_and_thresholds_have_learning_rates_of_their_own():
    # At first the neurons forget a row before the next one comes.
    keys = jr.split(jr.key(0))
    start = Stack(
        Linear(8, 64, key=keys[0]),
        LIF(TimeConstant(jnp.full(64, 0.3)), jnp.full(64, 0.3)),
        Linear(64, 10, key=keys[1]),
        LeakyIntegrator(TimeConstant(jnp.full(10, 0.3))),
    )

    def loss(net, key):
        return cross_entropy(
            net.run(ROWS[:, TRAIN], batched=True)[1][-1], LABELS[TRAIN]
        )

    def kind(path, leaf):
        text = jax.tree_util.keystr(path)
        return "tau" if "tau" in text else "theta" if "threshold" in text else "weight"

    def score(tau, theta):
        rates: dict = {"weight": optax.adam(1e-2), "tau": tau, "theta": theta}
        labels = ft.partial(jax.tree_util.tree_map_with_path, kind)
        net = trained(loss, start, 150, optax.multi_transform(rates, labels))
        _, logits = net.run(ROWS[:, TEST], batched=True)
        return net, accuracy(logits[-1], LABELS[TEST])

    still, baseline = score(optax.set_to_zero(), optax.set_to_zero())
    net, learnt = score(optax.adam(0.1), optax.adam(1e-3))
    np.testing.assert_array_equal(still[1].decay.tau, start[1].decay.tau)
    assert len(np.unique(net[1].decay.tau)) > 1 and len(np.unique(net[1].threshold)) > 1
    assert baseline < learnt - 0.1, (baseline, learnt)


@pytest.mark.thorough
def test_7_an_ensemble_is_made_trained_and_run_together():
    ensemble = eqx.filter_vmap(ft.partial(dense, hidden=16))(jr.split(jr.key(0), 8))

    @eqx.filter_vmap(in_axes=(eqx.if_array(0), None))
    def logits(net, x):
        return net.run(x, batched=True)[1][-1]

    def loss(ensemble, key):
        outs = logits(ensemble, ROWS[:, TRAIN])
        return jax.vmap(cross_entropy, (0, None))(outs, LABELS[TRAIN]).sum()

    ensemble = trained(loss, ensemble, 40, optax.adam(2e-2))
    outs = logits(ensemble, ROWS[:, TEST])
    members = [accuracy(each, LABELS[TEST]) for each in outs]
    together = accuracy(jax.nn.softmax(outs).mean(0), LABELS[TEST])
    assert len(members) == 8 and together > np.mean(members) + 0.02


class Resonator(AbstractCell):
    """A damped oscillation; ten lines of a user's own."""

    damping: float = 0.9
    frequency: float = 0.5

    def init(self, shape, dtype=jnp.float32):
        return jnp.zeros((2, *shape), dtype)

    def __call__(self, state, x, *, key=None):
        c, s = np.cos(self.frequency), np.sin(self.frequency)
        turned = jnp.stack([c * state[0] - s * state[1], s * state[0] + c * state[1]])
        state = (self.damping * turned).at[0].add(x)
        return state, state[1]


def test_8_a_cell_of_ones_own():
    net = Stack(Residual(Resonator()), LIF())
    _, _, seen = net.run(ROWS[:, :3], batched=True, watch=("0.0.out",))
    z, rows = np.zeros((3, 8), complex), np.asarray(ROWS[:, :3])
    for x, got in zip(rows, seen["0.0.out"], strict=True):
        z = 0.9 * np.exp(0.5j) * z + x
        np.testing.assert_allclose(got, z.imag, rtol=1e-5, atol=1e-6)


def test_9_streaming_equals_the_run_to_the_last_bit():
    # The pixels are whole sixteenths, and the weights whole eighths.
    def rounded(layer):
        return jnp.round(8 * layer.weight) / 8

    net = dense(hidden=16)
    net = eqx.tree_at(
        lambda n: [n[0].weight, n[2].weight], net, [*map(rounded, net[::2])]
    )
    net = eqx.tree_at(lambda n: [n[0].bias, n[2].bias], net, replace_fn=jnp.zeros_like)
    net = Stack(net[0], LIF(0.5, threshold=0.5), net[2], LeakyIntegrator(0.5))
    images = ROWS[:, :5]
    last, logits = net.run(images, batched=True)
    step = jax.jit(jax.vmap(lambda state, x: net(state, x)), donate_argnums=0)
    fresh = jax.tree.map(lambda a: jnp.zeros((5, *a.shape), a.dtype), net.init((8,)))
    state, out = fresh, None
    for x, expected in zip(images, logits, strict=True):
        state, out = step(state, x)
        np.testing.assert_array_equal(out, expected)
    assert all(leaf.is_deleted() for leaf in jax.tree.leaves(fresh))
    jax.tree.map(np.testing.assert_array_equal, state, last)
    assert np.any(np.asarray(logits) != 0)


@pytest.mark.thorough
def test_10_data_parallel_over_eight_devices():
    keys = jr.split(jr.key(0))
    net = Stack(
        *(Linear(8, 16, key=keys[0]), BatchNorm(16), LIF(0.5)),
        *(Linear(16, 10, key=keys[1]), LeakyIntegrator(0.9)),
    )
    arrays, others = eqx.partition(net, eqx.is_inexact_array)
    x, labels = ROWS[:, :64], LABELS[:64]

    @jax.jit
    @ft.partial(jax.value_and_grad, has_aux=True)
    def loss(arrays, x, labels):
        net = eqx.combine(arrays, others)
        state, logits = net.run(x, batched=True)
        return cross_entropy(logits[-1], labels), net.rest(state)[1]

    mesh = Mesh(jax.devices(), "batch")
    spread = [
        jax.device_put(each, NamedSharding(mesh, spec))
        for each, spec in ((x, P(None, "batch")), (labels, P("batch")))
    ]
    assert len(spread[0].sharding.device_set) == 8
    got, expected = loss(arrays, *spread), loss(arrays, x, labels)
    for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)
