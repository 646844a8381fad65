"""Public architectures that see images, written small: each is differentiated once."""

import jax
import jax.numpy as jnp
import jax.random as jr
import pytest
from equinox.nn import (
    AvgPool2d,
    Conv1d,
    Conv2d,
    Linear,
    MaxPool2d,
)

from ngcx.neurons import (
    LIF,
    BatchNorm,
    Dropout,
    HardReset,
    Parallel,
    Residual,
    Stack,
)
from ngcx.surrogate import FastSigmoid

from ._programs import check, conv, cross_entropy, nk


pytestmark = pytest.mark.usefixtures("standard_promotion")


# 1. snnTorch, tutorials 5 and 6.


@pytest.mark.thorough
def test_convolutions_on_a_static_image():
    leaky = LIF(0.5, surrogate=FastSigmoid(25.0))
    net = Stack(
        *(Conv2d(1, 4, 5, key=nk()), MaxPool2d(2, 2), leaky),
        *(Conv2d(4, 8, 3, key=nk()), MaxPool2d(2, 2), leaky),
        *(jnp.ravel, Linear(8, 10, key=nk()), leaky),
    )

    def loss(net, images, labels):
        _, _, seen = net.run(images, steps=25, batched=True, watch=("8.out", "8.v"))
        return cross_entropy(seen["8.out"].sum(0) + seen["8.v"].mean(0), labels)

    check(loss, net, jr.uniform(nk(), (3, 1, 14, 14)), jnp.array([1, 2, 3]))


# 2. SpikingJelly, CSNN in multi-step mode.


def integrate_and_fire():
    return LIF(1.0, reset=HardReset())


@pytest.mark.thorough
def test_csnn():
    def block(i, o):
        return Stack(conv(i, o), BatchNorm(o), integrate_and_fire(), MaxPool2d(2, 2))

    net = Stack(
        *(block(1, 6), block(6, 6), jnp.ravel, Dropout(0.5)),
        *(Linear(6 * 49, 10, use_bias=False, key=nk()), LIF(1.0, threshold=0.1)),
    )

    def loss(net, images, labels, key):
        _, spikes = net.run(images, steps=4, batched=True, key=key)
        return cross_entropy(spikes.mean(0), labels)

    check(loss, net, jr.uniform(nk(), (3, 1, 28, 28)), jnp.array([1, 2, 3]), nk())


# 3. SEW-ResNet, with each of its connection functions.


def iand(shortcut, out):
    return shortcut * (1 - out)


@pytest.mark.thorough
def test_sew_resnet():
    def sew(i, o, combine, stride=1):
        shortcut = None
        if (i, stride) != (o, 1):
            shortcut = Stack(conv(i, o, 1, stride), BatchNorm(o), integrate_and_fire())
        block = Stack(
            *(conv(i, o, 3, stride), BatchNorm(o), integrate_and_fire()),
            *(conv(o, o), BatchNorm(o), integrate_and_fire()),
        )
        return Residual(block, combine, shortcut)

    net = Stack(
        *(conv(2, 4), BatchNorm(4), integrate_and_fire()),
        *(sew(4, 4, jnp.add), sew(4, 8, iand, 2), sew(8, 8, jnp.multiply)),
        *(lambda x: x.mean((1, 2)), Linear(8, 5, key=nk())),
    )

    def loss(net, x, labels):
        return cross_entropy(net.run(x, batched=True)[1].mean(0), labels)

    check(loss, net, jr.uniform(nk(), (4, 3, 2, 8, 8)), jnp.array([0, 1, 2]))


# 4. Spikformer's block, and that of the spike-driven transformer.


def attend(q, k, v, heads=2):
    q, k, v = (each.reshape(heads, -1, each.shape[-1]) for each in (q, k, v))
    return jnp.einsum("hcn,hcm,hdm->hdn", q, k, v).reshape(-1, q.shape[-1]) * 0.125


@pytest.mark.thorough
def test_spikformer_and_the_spike_driven_transformer():
    def norm(i, o):
        return Conv1d(i, o, 1, key=nk()), BatchNorm(o)

    def proj(i, o):
        return Stack(*norm(i, o), LIF(0.5))

    def spikformer(c):
        heads = Parallel(proj(c, c), proj(c, c), proj(c, c), combine=attend)
        attention = Stack(heads, LIF(0.5, threshold=0.5), proj(c, c))
        return Residual(attention), Residual(Stack(proj(c, 4 * c), proj(4 * c, c)))

    def spike_driven(c):
        mask = Stack(
            Parallel(proj(c, c), proj(c, c), combine=jnp.multiply),
            lambda kv: kv.sum(-1, keepdims=True),
            LIF(0.5, threshold=0.5),
        )
        attention = Parallel(proj(c, c), mask, combine=jnp.multiply)
        mlp = Stack(LIF(0.5), *norm(c, 4 * c), LIF(0.5), *norm(4 * c, c))
        return Residual(Stack(LIF(0.5), attention, *norm(c, c))), Residual(mlp)

    net = Stack(
        *(Conv2d(3, 8, 4, stride=4, key=nk()), BatchNorm(8), LIF(0.5)),
        *(lambda x: x.reshape(8, -1), *spikformer(8), *spike_driven(8), LIF(0.5)),
        *(lambda x: x.mean(-1), Linear(8, 5, key=nk())),
    )

    def loss(net, x, labels):
        return cross_entropy(net.run(x, steps=4, batched=True)[1].mean(0), labels)

    check(loss, net, jr.uniform(nk(), (2, 3, 16, 16)), jnp.array([0, 1]))


# 5. A VGG with threshold-dependent batch normalisation and a loss at every step.


@pytest.mark.thorough
def test_vgg_with_a_loss_a_step():
    def layer(i, o, theta=0.5):
        fire = LIF(0.5, threshold=theta, reset=HardReset())
        return conv(i, o), BatchNorm(o, threshold=theta), fire

    net = Stack(
        *(*layer(2, 4), *layer(4, 4), AvgPool2d(2, 2), *layer(4, 8)),
        *(AvgPool2d(2, 2), jnp.ravel, Linear(32, 5, key=nk())),
    )

    def loss(net, x, labels):
        logits = net.run(x, batched=True)[1]
        each = jax.vmap(lambda logits: cross_entropy(logits, labels))(logits)
        return 0.95 * each.mean() + 0.05 * ((logits - 1) ** 2).mean()

    check(loss, net, jr.uniform(nk(), (4, 3, 2, 8, 8)), jnp.array([0, 1, 2]))
