"""Public architectures that see events, written small: each is differentiated once."""

import functools as ft
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
import pytest
from equinox.nn import (
    Embedding,
    LayerNorm,
    Linear,
    MaxPool2d,
)
from jax.lax import stop_gradient

from ngcx.neurons import (
    LIF,
    AbstractCell,
    AdaptiveLIF,
    BatchNorm,
    Delay,
    Dropout,
    Frozen,
    LeakyIntegrator,
    Recurrent,
    Residual,
    Shared,
    Stack,
    SynapticLIF,
    TimeConstant,
    poisson,
)
from ngcx.surrogate import Arctan, SecantLIF

from ._programs import check, conv, cross_entropy, events, nk, zeros


pytestmark = pytest.mark.usefixtures("standard_promotion")


# 6. SpyTorch, tutorial 4: the spike reads the old potential, the synapse acts a step
# late, and the reset wipes the input.


class Spy(AbstractCell):
    alpha: float
    beta: float
    surrogate: Any = None

    def init(self, shape, dtype=jnp.float32):
        return zeros(shape, dtype), zeros(shape, dtype)

    def __call__(self, state, x, *, key=None):
        i, v = state
        if self.surrogate is None:
            return (self.alpha * i + x, self.beta * v + i), v
        s = self.surrogate(v, 1.0)
        v = (self.beta * v + i) * (1 - stop_gradient(s))
        return (self.alpha * i + x, v), s


def test_spytorch():
    def linear(i, o):
        return Linear(i, o, use_bias=False, key=nk())

    net = Stack(
        *(linear(30, 20), Recurrent(Spy(0.82, 0.9, SecantLIF()), linear(20, 20))),
        *(linear(20, 5), Spy(0.82, 0.9)),
    )

    def loss(net, x, labels):
        _, v, seen = net.run(x, batched=True, watch=("1.out",))
        s = seen["1.out"]
        penalty = 2e-6 * s.sum() + 2e-6 * (s.sum((0, 1)) ** 2).mean()
        return cross_entropy(v.max(0), labels) + penalty

    check(loss, net, events((40, 4, 30)) * 3, jnp.arange(4))


# 7. LSNN by e-prop: recurrent spikes carry no gradient, and half of the neurons adapt.


class Hollow(eqx.Module):
    weight: jax.Array

    def __call__(self, x):
        return (self.weight * (1 - jnp.eye(len(self.weight)))) @ x


@pytest.mark.thorough
def test_lsnn_by_e_prop():
    strength = Frozen(jnp.repeat(jnp.array([0.0, 0.1]), 10))
    neurons = AdaptiveLIF(
        TimeConstant(20.0),
        adaptation_decay=TimeConstant(200.0),
        adaptation_strength=strength,
        refractory_steps=5,
    )
    hollow = Hollow(jr.normal(nk(), (20, 20)) / 20**0.5)
    net = Stack(
        *(Linear(8, 20, use_bias=False, key=nk()),),
        *(Recurrent(neurons, Stack(stop_gradient, hollow)),),
        *(LeakyIntegrator(TimeConstant(20.0)), Linear(20, 2, key=nk())),
    )

    def loss(net, x, lengths, labels):
        _, z, seen = net.run(x, batched=True, lengths=lengths, watch=("1.out",))
        rates = seen["1.out"].sum(0) / lengths[:, None]
        last = z[lengths - 1, jnp.arange(4)]
        return cross_entropy(last, labels) + ((rates - 0.01) ** 2).sum()

    lengths, labels = jnp.array([50, 30, 20, 44]), jnp.array([0, 1, 0, 1])
    check(loss, net, events((50, 4, 8)), lengths, labels)


# 8. DECOLLE: local losses, and weights that change in every step.


class LowPass(AbstractCell):
    decay: float

    def init(self, shape, dtype=jnp.float32):
        return zeros(shape, dtype)

    def __call__(self, state, x, *, key=None):
        p = self.decay * stop_gradient(state) + (1 - self.decay) * x
        return p, p


def emitted(u):
    return Arctan()(u, 0.0)


def test_decolle_online():
    def layer(i):
        linear = Linear(i, 16, key=nk())
        return Stack(stop_gradient, LowPass(0.85), LowPass(0.9), linear, emitted)

    net = Stack(layer(12), layer(16), layer(16))
    paths = ("0.out", "1.out", "2.out")
    readouts = {path: jr.normal(nk(), (16, 3)) / 4 for path in paths}
    arrays, others = eqx.partition(net, eqx.is_inexact_array)
    optimiser, labels = optax.adam(1e-3), jnp.array([0, 1, 2])
    x = jnp.broadcast_to(jr.uniform(nk(), (3, 12)), (60, 3, 12))

    def step(carry, now):
        arrays, moments, state = carry

        def loss(arrays):
            net = eqx.combine(arrays, others)
            new, _, seen = net.run(now[None], state, batched=True, watch=paths)
            local = [cross_entropy(seen[p][0] @ readouts[p], labels) for p in paths]
            return jnp.sum(jnp.stack(local)), new

        (value, state), gradient = jax.value_and_grad(loss, has_aux=True)(arrays)
        updates, moments = optimiser.update(gradient, moments)
        return (optax.apply_updates(arrays, updates), moments, state), value

    burnt_in, _ = net.run(x[:20], batched=True)
    start = (arrays, optimiser.init(arrays), burnt_in)
    _, losses = jax.jit(ft.partial(jax.lax.scan, step))(start, x[20:])
    assert losses[-5:].mean() < losses[:5].mean()


# 9. Delays: of axons, and learnt ones of synapses (DCLS), a convolution over time.


class DCLS(AbstractCell):
    weight: jax.Array
    delay: jax.Array
    sigma: float
    steps: int

    def kernel(self):
        ago = jnp.arange(self.steps)[::-1] - self.delay[..., None]
        bell = jnp.exp(-0.5 * (ago / self.sigma) ** 2)
        return self.weight[..., None] * bell / (bell.sum(-1, keepdims=True) + 1e-7)

    def init(self, shape, dtype=jnp.float32):
        return zeros((self.steps - 1, *shape), dtype)

    def __call__(self, state, x, *, key=None):
        window = jnp.concatenate([state, x[None]])
        return window[1:], jnp.einsum("oik,ki->o", self.kernel(), window)

    def over_time(self, state, inputs, *, keys, valid):
        xs = jnp.concatenate([state, inputs])
        convolve = jax.lax.conv_general_dilated
        y = convolve(xs.T[None], self.kernel(), (1,), "VALID")[0].T
        end = len(inputs) if valid is None else valid.sum()
        return jax.lax.dynamic_slice_in_dim(xs, end, self.steps - 1), y


def dcls(i, o):
    weight, delay = jr.normal(nk(), (o, i)) / i**0.5, jr.uniform(nk(), (o, i)) * 8
    return DCLS(weight, delay, 3.0, 9)


@pytest.mark.thorough
def test_delays():
    net = Stack(
        *(dcls(10, 16), BatchNorm(16), LIF(0.9), Dropout(0.4)),
        *(Delay(jnp.arange(16) % 5, 4), dcls(16, 4), LeakyIntegrator(0.9)),
    )

    def loss(net, x, labels, key):
        _, v = net.run(x, batched=True, key=key)
        return cross_entropy(jax.nn.softmax(v).sum(0), labels)

    check(loss, net, events((20, 3, 10)), jnp.arange(3), nk())


# 10. Spyx's template for SHD.


@pytest.mark.thorough
def test_spyx():
    def linear(i, o):
        return Linear(i, o, use_bias=False, key=nk())

    net = Stack(
        *(linear(16, 12), LIF(jnp.full(12, 0.5)), linear(12, 12)),
        *(LIF(jnp.full(12, 0.5)), linear(12, 5), LeakyIntegrator(jnp.full(5, 0.8))),
    )

    def loss(net, x, labels):
        _, v, seen = net.run(x, batched=True, watch=("1.out", "3.out"))
        n = jnp.stack([each.sum(0) for each in seen.values()])
        few, many = jax.nn.relu(4 - n), jax.nn.relu(n - 16)
        return cross_entropy(v.sum(0), labels) + 1e-6 * (few**2 + many**2).sum()

    check(loss, net, 3 * events((32, 4, 16)), jnp.arange(4))


# 11. Diehl and Cook: weights and thresholds learn in the loop and outlive the sample.


class DiehlCook(AbstractCell):
    weight: jax.Array

    def init(self, shape, dtype=jnp.float32):
        n = self.weight.shape[1]
        own = {name: zeros((n,), dtype) for name in ("post", "e", "i", "se", "si")}
        shared = {"w": Shared(jnp.copy(self.weight)), "theta": Shared(zeros(n, dtype))}
        return own | shared | {"pre": zeros(shape, dtype)}

    def __call__(self, state, x, *, key: Any = None):
        w, theta = state["w"].value, state["theta"].value
        e = 0.99 * state["e"] + x @ w - 120 * (state["si"].sum() - state["si"])
        se = (e > 3 + theta) * 1.0
        i = 0.9 * state["i"] + 22.5 * state["se"]
        si = (i > 20) * 1.0
        first = jnp.argmax(jr.uniform(key, theta.shape) * se)
        winner = jax.nn.one_hot(first, theta.size) * (se.sum() > 0)
        pre = jnp.where(x > 0, 1.0, 0.95 * state["pre"])
        post = jnp.where(winner > 0, 1.0, 0.95 * state["post"])
        w = w + 1e-2 * jnp.outer(pre, winner) - 1e-4 * jnp.outer(x, post)
        own = {"pre": pre, "post": post, "e": e * (1 - se), "i": i * (1 - si)}
        shared = {"w": Shared(jnp.clip(w, 0, 1)), "theta": Shared(theta + 0.05 * se)}
        return own | shared | {"se": winner, "si": si}, winner


def test_diehl_and_cook():
    net = Stack(DiehlCook(0.3 * jr.uniform(nk(), (30, 8))))
    state: Any = None
    thetas = []
    for _ in range(3):
        x = poisson(nk(), jr.uniform(nk(), (30,)) * 0.2, 60)
        state, spikes = net.run(x, net.rest(state), key=nk())
        thetas.append(float(state[0]["theta"].value.sum()))
        assert spikes.sum() > 0
    assert 0 < thetas[0] < thetas[1] < thetas[2]
    assert np.any(state[0]["w"].value != net[0].weight)
    with pytest.raises(ValueError, match=r"Layer 0 \(DiehlCook\): .* differs between"):
        net.run(events((5, 2, 30)), batched=True, key=nk())


# 12. DVS gesture: truncated backpropagation in chunks, then streaming.


@pytest.mark.thorough
def test_dvs_gesture():
    net = Stack(
        *(conv(2, 4), BatchNorm(4), LIF(0.5), MaxPool2d(2, 2)),
        *(conv(4, 8), BatchNorm(8), LIF(0.5), MaxPool2d(2, 2)),
        *(jnp.ravel, Dropout(0.5), Linear(32, 30, key=nk()), LIF(0.5)),
        *(lambda x: x.reshape(10, 3).mean(-1),),
    )
    frames, key, labels = events((24, 3, 2, 8, 8)), nk(), jnp.arange(3)

    @eqx.filter_jit
    @ft.partial(eqx.filter_value_and_grad, has_aux=True)
    def loss(net, x, state, start):
        state, votes = net.run(x, state, batched=True, key=key, start=start)
        return cross_entropy(votes.mean(0), labels), stop_gradient(state)

    state = net.rest()
    for start in (0, 8, 16):
        (value, state), _ = loss(net, frames[start : start + 8], state, start)
        assert np.isfinite(value)
    live, state = eqx.nn.inference_mode(net), net.rest(state)
    _, whole = live.run(frames, state, batched=True)
    votes = []
    for frame in frames:
        state, vote = live.run(frame[None], state, batched=True)
        votes.append(vote)
    np.testing.assert_allclose(jnp.concatenate(votes), whole, atol=1e-6)


# 13. SpikeGPT: tokens are the time steps.


class WKV(AbstractCell):
    keys: Linear
    value: Linear
    receptance: Linear
    out: Linear
    decay: jax.Array
    first: jax.Array
    mix: jax.Array

    def init(self, shape, dtype=jnp.float32):
        return zeros(shape, dtype), zeros(shape, dtype), zeros(shape, dtype)

    def __call__(self, state, x, *, key=None):
        last, num, den = state
        m = self.mix * x + (1 - self.mix) * last
        k, v = jnp.exp(jnp.minimum(self.keys(m), 8.0)), self.value(m)
        now, w = jnp.exp(self.first) * k, jnp.exp(-jnp.exp(self.decay))
        y = jax.nn.sigmoid(self.receptance(m)) * (num + now * v) / (den + now + 1e-6)
        return (x, w * num + k * v, w * den + k), self.out(y)


@pytest.mark.thorough
def test_spike_gpt():
    a, b, c, d = (Linear(8, 8, use_bias=False, key=nk()) for _ in range(4))
    wkv = WKV(a, b, c, d, jnp.zeros(8), jnp.zeros(8), jnp.full(8, 0.5))
    wide, narrow = Linear(8, 32, key=nk()), Linear(32, 8, key=nk())
    net = Stack(
        Embedding(50, 8, key=nk()),
        Residual(Stack(LayerNorm(8), wkv, LIF(0.5, threshold=0.1))),
        Residual(Stack(LayerNorm(8), wide, jax.nn.relu, jnp.square, narrow, LIF(0.5))),
        *(LayerNorm(8), Linear(8, 50, key=nk())),
    )

    def loss(net, tokens):
        logits = net.run(tokens[:-1], batched=True)[1]
        return cross_entropy(logits.reshape(-1, 50), tokens[1:].ravel())

    check(loss, net, jr.randint(nk(), (16, 3), 0, 50))


# 14. A liquid state machine: a frozen reservoir with delays in the loop.


def test_liquid_state_machine():
    reservoir = Frozen(Linear(40, 40, key=nk()))
    net = Stack(
        Frozen(Linear(5, 40, key=nk())),
        Recurrent(SynapticLIF(0.9), Stack(Delay(2), reservoir)),
        LeakyIntegrator(0.95),
    )
    assert not jax.tree.leaves(eqx.filter(net, eqx.is_inexact_array))
    features = net.run(events((30, 6, 5)) * 3, batched=True)[1][-1]
    assert features.shape == (6, 40) and np.unique(features, axis=0).shape == (6, 40)
