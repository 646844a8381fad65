# %% [markdown]
# # 1. Your first spiking network
#
# In this tutorial you will train a network of spiking neurons to read handwritten
# digits. You will begin with a single neuron and look at what it does, because a
# network of them is easier to believe in when one of them holds no secrets. Then you
# will connect some hundred, watch them before and after training, and ask how long they
# need to look at a picture.
#
# You should know JAX a little: arrays, `jax.grad`, `jax.jit`, and
# [keys](../glossary.md#key). You need not know anything about spiking networks. It
# takes about 15 minutes.

# %%
import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
import matplotlib.pyplot as plt
import numpy as np
import optax
from sklearn.datasets import load_digits

from ngcx import viz
from ngcx.data import DataLoader
from ngcx.losses import cross_entropy, mean_over_time
from ngcx.metrics import accuracy
from ngcx.neurons import LIF, LeakyIntegrator, Stack


# %% [markdown]
# ## One neuron
#
# The neuron of an ordinary network is a function: numbers go in, a number comes out,
# and nothing is remembered. A spiking neuron is more like a bucket with a small hole.
# Water flows in, which is its input, the [current](../glossary.md#current). Water leaks
# out by itself. When the bucket is full, it tips over: the neuron emits a
# [spike](../glossary.md#spike), and starts to fill again.
#
# The level of the water is the *membrane potential* $v$. In each time step, a *leaky
# integrate-and-fire* neuron, or LIF for short, does three things:
#
# 1. The potential leaks and takes the current $j$ in: $u = \beta v + j$. The decay
#    $\beta$ says which share is kept.
# 2. If $u$ is above the threshold $\theta$, the neuron spikes: it sends a 1, and
#    otherwise a 0.
# 3. A spike costs the neuron as much potential as the threshold: $v = u - \theta$ is
#    left after a spike, and $v = u$ without one.
#
# In ngcx the neuron is [`ngcx.neurons.LIF`][]. Let us send it a current that is first
# absent, then weak, then strong. `run` takes the currents of all time steps at once,
# with time along the first axis, and returns the spikes of all steps. With `watch` it
# also shows what happens inside: here `u`, the potential just before the reset.

# %% alt="Three panels: a current of three levels; the potential of a neuron, which stays below the threshold for the weak current and crosses it again and again for the strong one; and the spikes."
neuron = LIF(decay=0.9, threshold=1.0)
current = jnp.concatenate([jnp.zeros(10), jnp.full(40, 0.08), jnp.full(50, 0.2)])
_, spikes, seen = neuron.run(current[:, None], watch=("u",))

figure = plt.figure(figsize=(8, 5), layout="constrained")
viz.membrane(
    seen["u"],
    current=current[:, None],
    spikes=spikes,
    threshold=1.0,
    ax=figure.add_subplot(),
)
plt.show()

# %% [markdown]
# The weak current fills the bucket up to a level where as much leaks out as flows in.
# That level is below the threshold, so the neuron stays silent for ever. The strong
# current makes it spike again and again, in a regular rhythm.
#
# The level is easy to compute: it is the $u$ for which $u = \beta u + j$, which is $j /
# (1 - \beta)$. With $\beta = 0.9$, a current has to be above 0.1 to make the neuron
# spike at all. How often does it spike above that? We can try many currents at once,
# because each column of the input is a neuron of its own.

# %% alt="The share of steps with a spike against the current: zero up to a current of 0.1, and rising from there."
currents = jnp.linspace(0.0, 0.5, 101)
_, spikes = neuron.run(jnp.broadcast_to(currents, (500, 101)))
rates = spikes.mean(axis=0)

figure, ax = plt.subplots(figsize=(8, 3), layout="constrained")
ax.plot(currents, rates)
ax.axvline(0.1, color="black", linestyle=":", linewidth=1)
ax.set(xlabel="current", ylabel="share of steps with a spike")
plt.show()

# %% [markdown]
# You may recognise the curve. It is 0 up to a point and then rises: on average over
# time, a spiking neuron is nearly a rectified linear unit. A network of them can
# therefore compute what an ordinary network computes. What is new is how the numbers
# travel: as ones and zeros, over time. A chip that is built for it has nothing to do
# where there is a zero, and this is why people care.

# %% [markdown]
# ## The pictures
#
# Scikit-learn brings along 1,797 handwritten digits of 8 by 8 pixels. We scale the
# pixels to numbers from 0 to 1, shuffle the pictures, and keep a fifth of them for the
# test.

# %% alt="Ten small grey pictures of handwritten digits, with their labels."
bunch = load_digits()
order = np.asarray(jr.permutation(jr.key(0), len(bunch.target)))
images = (bunch.data[order] / 16).astype(np.float32)
labels = bunch.target[order].astype(np.int32)
train = {"image": images[:1437], "label": labels[:1437]}
test = {"image": jnp.asarray(images[1437:]), "label": jnp.asarray(labels[1437:])}

figure, axes = plt.subplots(1, 10, figsize=(9, 1.3), layout="constrained")
for ax, image, label in zip(axes, train["image"], train["label"], strict=False):
    ax.imshow(image.reshape(8, 8), cmap="Greys")
    ax.set(title=label, xticks=[], yticks=[])
plt.show()

# %% [markdown]
# ## The network
#
# A picture has no time, and our neurons live in time. The simplest way to bring the two
# together is to look at the same picture in every step. The pixels, multiplied by
# weights, are the currents of 128 neurons; these turn the currents into spikes, as the
# single neuron above did.
#
# [`ngcx.neurons.Stack`][] puts layers one after the other. Linear layers come from
# Equinox, and the neurons from ngcx:

# %%
keys = jr.split(jr.key(1), 3)
network = Stack(
    eqx.nn.Linear(64, 128, use_bias=False, key=keys[0]),
    LIF(decay=0.9),
    eqx.nn.Linear(128, 10, use_bias=False, key=keys[1]),
    LeakyIntegrator(decay=0.9),
)

# %% [markdown]
# The last layer holds ten neurons, one for each digit. They are buckets that never tip
# over: a [`ngcx.neurons.LeakyIntegrator`][] has a potential, but no threshold and no
# spikes. Their potentials are the answer of the network, and the neuron with the
# highest one names the digit. A number that varies smoothly is a better answer to learn
# from than a handful of spikes.
#
# Let us show the network one picture for 25 steps. With `steps=25` the same input is
# given in every step. The path `"1.out"` in `watch` is the output of layer 1, the
# spikes.

# %% alt="A raster of the spikes of 128 neurons in 25 steps: some neurons spike in most steps, others never."
_, potentials, seen = network.run(test["image"][0], steps=25, watch=("1.out",))
spikes = seen["1.out"]
silent = (spikes.sum(axis=0) == 0).mean()
print(f"{int(spikes.sum())} spikes; {silent:.0%} of the neurons are silent")

figure, ax = plt.subplots(figsize=(8, 4), layout="constrained")
viz.raster(spikes, ax=ax)
plt.show()

# %% [markdown]
# Such a picture is called a raster: each row is a neuron, each mark a spike. Many of
# the neurons are silent, because their current is negative or too weak, and the others
# spike in rhythms of their own.
#
# Get into the habit of looking at this picture before you train. In a network that is
# silent nothing can be learnt, and in a deep one that happens easily ([why, and what
# helps](../guides/silent_networks.md)).

# %% [markdown]
# ## The training
#
# We need one number for each digit, and have one for each digit *and step*. So we
# average over time. What comes out are the *logits*, and from there on all is as in any
# other classifier: the cross-entropy compares them with the labels.
#
# `batched=True` says that a second axis, after time, is the batch.


# %%
def logits_of(network, images):
    _, potentials = network.run(images, steps=25, batched=True)
    return mean_over_time(potentials)


def loss(network, batch):
    return cross_entropy(logits_of(network, batch["image"]), batch["label"])


# %% [markdown]
# Now comes the one thing that is special about training spiking networks. The spike is
# a step function of the potential: 0 below the threshold, 1 above. The derivative of a
# step is 0 wherever it exists, so the gradient of every weight before it should be 0.
# Is it?

# %%
batch = {"image": test["image"][:64], "label": test["label"][:64]}
gradients = eqx.filter_grad(loss)(network, batch)
for number in (0, 2):
    size = jnp.abs(gradients[number].weight).mean()
    print(f"layer {number}: the gradient of a weight is {size:.1e} on average")

# %% [markdown]
# It is not. In the backward pass alone, the neuron pretends that the step is a smooth
# function, and uses the derivative of that. It is called a [surrogate
# gradient](../glossary.md#surrogate-gradient), and each `LIF` has one; the next
# tutorial is about which. For now it is enough that `eqx.filter_grad` works, and with
# it every optimiser of Optax.

# %%
optimizer = optax.adam(2e-3)


@eqx.filter_jit
def step(network, state, batch):
    value, gradients = eqx.filter_value_and_grad(loss)(network, batch)
    updates, state = optimizer.update(gradients, state)
    return eqx.apply_updates(network, updates), state, value


loader = DataLoader(train, batch_size=64)
state = optimizer.init(eqx.filter(network, eqx.is_inexact_array))
untrained, losses = network, []
for epoch in range(20):
    for batch in loader.epoch(jr.fold_in(keys[2], epoch)):
        network, state, value = step(network, state, batch)
        losses.append(value)

for name, each in {"before": untrained, "after": network}.items():
    right = accuracy(logits_of(each, test["image"]), test["label"])
    print(f"accuracy on the test pictures {name} the training: {right:.1%}")

# %% alt="The loss of each training step, which falls from about 2 to below 0.1."
figure, ax = plt.subplots(figsize=(8, 3), layout="constrained")
ax.plot(jnp.stack(losses), linewidth=0.8)
ax.set(xlabel="training step", ylabel="loss (nats)", yscale="log")
plt.show()

# %% [markdown]
# ## What the network has learnt
#
# Look at one test picture again. On the left are the spikes of the hidden neurons, and
# on the right the ten potentials that answer.

# %% alt="Left, the raster of the hidden spikes for one picture. Right, ten potentials over time, of which that of the right digit rises far above the others."
_, potentials, seen = network.run(test["image"][0], steps=25, watch=("1.out",))

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
viz.raster(seen["1.out"], ax=left)
for digit, potential in enumerate(potentials.T):
    right.plot(potential, label=str(digit))
right.set(xlabel="step", ylabel="potential")
right.legend(title="digit", ncols=2, fontsize="x-small")
figure.suptitle(f"A picture of a {test['label'][0]}")
plt.show()

# %% [markdown]
# The potential of one neuron rises above all others, and it does so after a few steps.
# How few? Nothing forces us to look at a picture for 25 steps. If we stop after one,
# two or five, the answer is the mean of the potentials so far:

# %% alt="The accuracy on the test pictures against the number of steps: it rises steeply in the first steps and then stays."
_, potentials = network.run(test["image"], steps=25, batched=True)
scores = [
    accuracy(mean_over_time(potentials[:steps]), test["label"])
    for steps in range(1, 26)
]

figure, ax = plt.subplots(figsize=(8, 3), layout="constrained")
ax.plot(range(1, 26), [100 * score for score in scores], marker="o", markersize=3)
ax.set(xlabel="steps", ylabel="accuracy (%)")
plt.show()
print({steps: f"{scores[steps - 1]:.1%}" for steps in (1, 2, 3, 5, 10, 25)})

# %% [markdown]
# One step is not enough, because a neuron needs time to reach its threshold. After two,
# most answers are there already. An ordinary network has to run to its end before it
# says anything; this one answers early, and you may stop as soon as the answer is good
# enough.
#
# ## What to take with you
#
# - A neuron that spikes is a leaky sum with a threshold. `run` takes it through time.
# - A network is a `Stack` of Equinox layers and neurons, and an ordinary pytree: Optax
#   and `jax.grad` work on it as on any other model.
# - The step of the spike has a surrogate derivative in the backward pass, and no other
#   change.
# - Look at the spikes before you train. A network that is silent does not learn.
#
# ## Exercises
#
# **1.** The current of 0.08 was too weak for the neuron. Find the smallest decay with
# which it spikes, first by the formula, then by trying.

# %% [markdown] tags=["answer"]
# The level $j / (1 - \beta)$ has to be above 1, so $\beta$ has to be above $1 - j =
# 0.92$.

# %% tags=["answer"]
for decay in (0.915, 0.92, 0.925, 0.93):
    _, spikes = LIF(decay=decay).run(jnp.full((1000, 1), 0.08))
    print(f"decay {decay}: {int(spikes.sum())} spikes in 1,000 steps")

# %% [markdown]
# **2.** How many spikes does the trained network need for a picture, on average? And
# how many multiplications would be left if a product were computed only where there is
# a spike?

# %% tags=["answer"]
*_, seen = network.run(test["image"], steps=25, batched=True, watch=("1.out",))
count = seen["1.out"].sum(axis=(0, 2)).mean()
print(f"{count:.0f} spikes a picture: {count / (25 * 128):.0%} of all that could be")
print(f"layer 2 adds {10 * count:.0f} weights up, where a dense product takes 32,000")

# %% [markdown] tags=["answer"]
# The products with ones are additions, and the products with zeros need not be
# computed. The first layer is another matter: its inputs are pixels, so it multiplies.
# [How do I count spikes?](../how/count_spikes.md) shows how to count all of it.

# %% [markdown]
# **3.** Pictures that are shown as they are make the first layer multiply. Give the
# network spikes instead, which come the more often the brighter a pixel is:
# `ngcx.neurons.poisson(key, images, steps=25)`. Without any further training, how much
# is lost?

# %% tags=["answer"]
from ngcx.neurons import poisson


spikes = poisson(jr.key(2), test["image"], steps=25)
_, potentials = network.run(spikes, batched=True)
print(f"{accuracy(mean_over_time(potentials), test['label']):.1%}")

# %% [markdown] tags=["answer"]
# The mean of the spikes is the pixel, so the network still reads them, and loses
# little. Now no weight is multiplied by anything but a 0 or a 1. [How do I turn images
# into spikes?](../how/images_to_spikes.md) has other ways.

# %% [markdown]
# **4.** The decay of 0.9 was a guess. Let the network learn it: what is given as an
# array is a parameter.

# %% tags=["answer"]
learning = eqx.tree_at(lambda network: network[1].decay, untrained, jnp.full(128, 0.9))
state = optimizer.init(eqx.filter(learning, eqx.is_inexact_array))
for epoch in range(5):
    for batch in loader.epoch(jr.fold_in(keys[2], epoch)):
        learning, state, _ = step(learning, state, batch)
decays = learning[1].decay
print(f"the decays are now from {decays.min():.3f} to {decays.max():.3f}")

# %% [markdown] tags=["answer"]
# Each neuron has found a memory of its own. The next tutorial looks at what made all of
# this possible: [surrogates, and why the choice matters](surrogates.md).
