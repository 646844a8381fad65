# %% [markdown]
# # 4. A convolutional network with normalisation and a residual block
# Deep spiking networks have two problems: layers fall silent, and what the first layers
# see gets lost on the way to the last. Batch normalisation helps against the first, and
# residual connections against the second. In this tutorial you will build a
# convolutional network with both, and meet the one thing that makes normalisation
# different from all other layers: it has a state that outlives a batch.
#
# You should have read [the first tutorial](first_spiking_network.md), and know what a
# convolution is. It takes about 15 minutes.

# %%
import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import matplotlib.pyplot as plt
import numpy as np
import optax
from sklearn.datasets import load_digits

from ngcx.data import DataLoader
from ngcx.losses import cross_entropy, mean_over_time
from ngcx.metrics import accuracy
from ngcx.neurons import LIF, BatchNorm, LeakyIntegrator, Residual, Stack


bunch = load_digits()
order = np.asarray(jr.permutation(jr.key(0), len(bunch.target)))
images = (bunch.images[order, None] / 16).astype(np.float32)  # one channel
labels = bunch.target[order].astype(np.int32)
train = {"image": images[:1437], "label": labels[:1437]}
test = {"image": jnp.asarray(images[1437:]), "label": jnp.asarray(labels[1437:])}
STEPS = 4

# %% [markdown]
# ## Convolutions, and layers that fall silent
#
# A convolution slides the same small weights over all places of a picture. In a spiking
# network it does so with the spikes of each step. You can put any layer of Equinox into
# a `Stack`, so there is nothing new to learn. Here are four layers of 8 channels:


# %%
def convolution(inputs, outputs, key):
    return eqx.nn.Conv2d(inputs, outputs, 3, padding=1, use_bias=False, key=key)


def plain(key, depth=4, channels=8):
    layers, inputs = [], 1
    for each in jr.split(key, depth):
        layers += [convolution(inputs, channels, each), LIF()]
        inputs = channels
    return Stack(*layers)


def normalised(key, depth=4, channels=8):
    layers, inputs = [], 1
    for each in jr.split(key, depth):
        layers += [convolution(inputs, channels, each), BatchNorm(channels), LIF()]
        inputs = channels
    return Stack(*layers)


def rates(network, paths):
    *_, seen = network.run(
        test["image"][:64], steps=STEPS, batched=True, watch=tuple(paths)
    )
    return [float(seen[path].mean()) for path in paths]


# %% alt="The share of steps with a spike in each of four layers: without normalisation it falls to nearly zero, with normalisation it stays."
without = rates(plain(jr.key(1)), [f"{i}.out" for i in (1, 3, 5, 7)])
with_it = rates(normalised(jr.key(1)), [f"{i}.out" for i in (2, 5, 8, 11)])

figure, ax = plt.subplots(figsize=(8, 3), layout="constrained")
ax.plot(range(1, 5), [100 * rate for rate in without], marker="o", label="plain")
ax.plot(range(1, 5), [100 * rate for rate in with_it], marker="o", label="BatchNorm")
ax.set(xlabel="layer", ylabel="steps with a spike (%)", xticks=range(1, 5))
ax.legend()
plt.show()
print("plain:    ", [f"{rate:.3f}" for rate in without])
print("BatchNorm:", [f"{rate:.3f}" for rate in with_it])

# %% [markdown]
# In the plain network the activity dies away from layer to layer. Each layer gets fewer
# spikes than the one before, so its currents are smaller, and it spikes even less.
#
# [`ngcx.neurons.BatchNorm`][] comes between a convolution and its neurons. It subtracts
# the mean from the currents of each channel, divides them by their standard deviation,
# and multiplies by the threshold of the neurons. Whatever the layers before it do, the
# currents that arrive have the right size. The statistics are taken over the batch, the
# space, and all time steps.

# %% [markdown]
# ## What the state holds
#
# A mean over the batch is fine in training. But a network that is deployed sees one
# picture at a time, and its answer must not depend on which other pictures are there.
# For this purpose normalisation keeps *running* statistics, a slow average over all
# batches that it has seen, and uses these later.
#
# Where do they live? Modules are immutable, and a layer stores nothing. They are in the
# state that `run` returns, together with the potentials. The two differ in how long
# they last: potentials belong to a sample and end with it, while running statistics
# belong to all samples and go on. The method `rest` resets the first kind, and keeps
# the second.

# %%
network = normalised(jr.key(1))
state, _ = network.run(test["image"][:64], steps=STEPS, batched=True)
kept = network.rest(state)
print("potentials:", state[2].v.shape, "after the batch,", kept[2].v, "at rest")
print("running mean:", state[1].value.mean[:3], "and", kept[1].value.mean[:3])

# %% [markdown]
# ## A residual block
#
# Every layer of spiking neurons rounds: it turns a number into a 0 or a 1 in each step.
# And on the way back, every surrogate makes the gradient a little less true. One such
# layer is fine. After a dozen, little of the picture arrives at the end, and little of
# the error arrives at the beginning.
#
# A residual block adds its input to its output. Then there is always a path on which
# nothing is rounded and nothing is multiplied. [`ngcx.neurons.Residual`][] wraps any
# cell in that way. Where the spikes of the block and those of the shortcut meet, they
# are added, so a 2 may come out. (This is the spike-element-wise residual of Fang et
# al., *Deep residual learning in spiking neural networks*, NeurIPS 2021.)
#
# Our block has two layers, and each layer is a small `Stack`. Six blocks and a first
# layer make 13 layers of neurons.


# %%
def layer(inputs, outputs, key):
    return Stack(convolution(inputs, outputs, key), BatchNorm(outputs), LIF())


def block(channels, key):
    keys = jr.split(key)
    return Stack(layer(channels, channels, keys[0]), layer(channels, channels, keys[1]))


def make(wrap=Residual, blocks=6):
    first, *others, last = jr.split(jr.key(2), blocks + 2)
    return Stack(
        layer(1, 8, first),
        *(wrap(block(8, key)) for key in others),
        eqx.nn.AvgPool2d(2, 2),
        jnp.ravel,
        eqx.nn.Linear(8 * 4 * 4, 10, key=last),
        LeakyIntegrator(),
    )


# %% [markdown]
# ## Training, with the state passed on
#
# The training step differs from that of the first tutorial in one point: it takes the
# running statistics, and returns the new ones. They are not parameters and have no
# gradient, so the loss returns them as its auxiliary output.

# %%
loader = DataLoader(train, batch_size=64)
optimizer = optax.adam(5e-3)


@eqx.filter_jit
def step(network, running, state, batch):
    def loss(network):
        after, potentials = network.run(
            batch["image"], running, steps=STEPS, batched=True
        )
        value = cross_entropy(mean_over_time(potentials), batch["label"])
        return value, network.rest(after)

    (value, running), gradients = eqx.filter_value_and_grad(loss, has_aux=True)(network)
    updates, state = optimizer.update(gradients, state)
    return eqx.apply_updates(network, updates), running, state, value


def fit(network, epochs=2):
    state = optimizer.init(eqx.filter(network, eqx.is_inexact_array))
    running, losses = None, []
    for epoch in range(epochs):
        for batch in loader.epoch(jr.fold_in(jr.key(4), epoch)):
            network, running, state, value = step(network, running, state, batch)
            losses.append(value)
    return network, running, jnp.stack(losses)


# %% [markdown]
# Now we train the network twice: with its shortcuts, and without them.

# %% alt="Two curves of the loss: with shortcuts it falls from 3 to about 0.2, without them it stays at the dotted line, the loss of guessing, for some 15 steps, and ends above 1."
network, running, losses = fit(make())
_, _, without = fit(make(wrap=lambda cell: cell))

figure, ax = plt.subplots(figsize=(8, 3), layout="constrained")
ax.plot(losses, label="with shortcuts")
ax.plot(without, label="without")
ax.axhline(np.log(10), color="black", linestyle=":", linewidth=1)
ax.set(xlabel="training step", ylabel="loss (nats)")
ax.legend()
plt.show()

# %% [markdown]
# The dotted line is the loss of guessing, $\ln 10$. Without shortcuts, although all of
# its layers spike, the network only guesses during most of the first pass over the
# pictures, and is far behind after the second. With them, it learns from the first
# steps on.

# %% [markdown]
# ## Inference
#
# Before we test, we switch to inference mode: `eqx.nn.inference_mode` makes a copy in
# which normalisation uses the running statistics. The copy shares its arrays with the
# original and costs nothing.


# %%
@eqx.filter_jit
def logits_of(network, running, images):
    _, potentials = network.run(images, running, steps=STEPS, batched=True)
    return mean_over_time(potentials)


deployed = eqx.nn.inference_mode(network)
logits = logits_of(deployed, running, test["image"])
print(f"accuracy on the test pictures: {accuracy(logits, test['label']):.1%}")

# %% [markdown]
# There are two ways to get this wrong, and neither of them raises an error. It is worth
# having seen both.
#
# **Forgetting the switch.** In training mode, the answer for a picture depends on which
# others are in the batch. Let us ask for the same ten pictures twice: by themselves,
# and together with all others.

# %%
for name, each in {"training": network, "inference": deployed}.items():
    alone = logits_of(each, running, test["image"][:10])
    in_company = logits_of(each, running, test["image"])[:10]
    difference = jnp.abs(alone - in_company).max()
    print(f"{name} mode: the logits differ by up to {difference:.2g}")

# %% [markdown]
# **Forgetting the statistics.** If `running` is not passed, the network starts at rest,
# with the statistics of a network that has seen nothing: a mean of 0 and a variance of
# 1.

# %%
logits = logits_of(deployed, None, test["image"])
print(f"without the statistics: {accuracy(logits, test['label']):.1%}")

# %% [markdown]
# So keep the two together, even when you save them: the network *and* the state at rest
# are the model ([how to save and resume](../how/save_and_resume.md)).
#
# ## What to take with you
#
# - Any layer of Equinox can be part of a `Stack`, and so can another `Stack`.
# - `BatchNorm` before the neurons keeps every layer alive.
# - `Residual` keeps the gradient alive.
# - A state has two parts: what belongs to a sample, and what all share. Pass
#   `network.rest(state)` on from batch to batch, to inference, and to the file.
# - `eqx.nn.inference_mode(network)` before you test.
#
# ## Exercises
#
# **1.** In the residual blocks, spikes are added, so there are twos. On a chip that
# knows ones and zeros only, take the maximum instead: `Residual(block,
# combine=jnp.maximum)`. Check that only zeros and ones come out, and what it costs.


# %% tags=["answer"]
def with_maximum(cell):
    return Residual(cell, combine=jnp.maximum)


other, its_running, _ = fit(make(with_maximum))
other = eqx.nn.inference_mode(other)
for name, each, kept in (
    ("sum", deployed, running),
    ("maximum", other, its_running),
):
    _, potentials, seen = each.run(
        test["image"], kept, steps=STEPS, batched=True, watch=("6.out",)
    )
    right = accuracy(mean_over_time(potentials), test["label"])
    print(f"{name}: spikes {np.unique(seen['6.out'])}, accuracy {right:.1%}")

# %% [markdown] tags=["answer"]
# The sums grow from block to block, and the maximum does not. After so short a
# training, the two need not be equally good; train for longer before you decide.

# %% [markdown]
# **2.** The running statistics are a slow average: `BatchNorm(..., momentum=0.9)` keeps
# 90 % of the old at each batch. What happens with a momentum of 0.999? You need not
# train again: run the trained network over the batches of one epoch, starting from
# nothing.


# %% tags=["answer"]
def with_momentum(network, momentum):
    """A copy all of whose normalisations have this momentum."""

    def is_norm(node):
        return isinstance(node, BatchNorm)

    def changed(node):
        if not is_norm(node):
            return node
        return eqx.tree_at(lambda norm: norm.momentum, node, momentum)

    return jax.tree.map(changed, network, is_leaf=is_norm)


@eqx.filter_jit
def gather(network, running, images):
    after, _ = network.run(images, running, steps=STEPS, batched=True)
    return network.rest(after)


for momentum in (0.9, 0.999):
    each, gathered = with_momentum(network, momentum), None
    for batch in loader.epoch(jr.key(5)):
        gathered = gather(each, gathered, batch["image"])
    logits = logits_of(deployed, gathered, test["image"])
    print(f"momentum {momentum}: {accuracy(logits, test['label']):.1%}")

# %% [markdown] tags=["answer"]
# After 23 batches, 9 % of an average with a momentum of 0.9 is still its initial value,
# and with a momentum of 0.999 it is 98 %. Training does not notice, because it uses the
# batch; inference does. If a network is good in training and bad in inference, look
# here first.

# %% [markdown]
# **3.** Put `Dropout(0.25)` of `ngcx.neurons` into a small network. What does it ask
# for in training, and why not in inference?

# %% tags=["answer"]
from ngcx.neurons import Dropout


small = Stack(layer(1, 8, jr.key(6)), jnp.ravel, Dropout(0.25), LeakyIntegrator())
try:
    small.run(test["image"][:8], steps=STEPS, batched=True)
except ValueError as error:
    print("training:", error)
small.run(test["image"][:8], steps=STEPS, batched=True, key=jr.key(7))
eqx.nn.inference_mode(small).run(test["image"][:8], steps=STEPS, batched=True)
print("with a key, and in inference without one, it runs")

# %% [markdown] tags=["answer"]
# Dropout draws which values it leaves out, and in JAX everything that draws needs a
# key. Give `key=` to `run`, a new one in each step of the training. In inference
# nothing is left out, so nothing is drawn.
