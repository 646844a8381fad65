# %% [markdown]
# # 3. Recurrent networks on sequences of unequal length
#
# Spoken words differ in length, but an array has one length. In this tutorial you will
# make batches of sequences that differ in length, train a recurrent spiking network on
# them, and prove that the padding does no harm, down to the last bit. On the way you
# will see what a network needs memory for, and when it knows the answer.
#
# You should have read [the first tutorial](first_spiking_network.md). It takes about 15
# minutes.

# %%
import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import matplotlib.pyplot as plt
import numpy as np
import optax

from ngcx import viz
from ngcx.data import BucketLoader, PaddedSource
from ngcx.losses import cross_entropy, mean_over_time
from ngcx.metrics import accuracy, classification_report
from ngcx.neurons import AdaptiveLIF, LeakyIntegrator, Recurrent, Stack


# %% [markdown]
# ## Four melodies
#
# We make our own data, so that we know what there is to find. Imagine eight strings,
# each of which answers to one pitch. A melody is a pitch that moves: it may rise, fall,
# rise and fall again, or fall and rise again. These are our four classes. Each melody
# is played at a speed of its own, so it lasts between 10 and 40 steps, and there is
# noise.

# %% alt="Four pictures, one for each class, of eight strings over time: a bright band that rises, falls, rises and falls, falls and rises, each of another length."
STRINGS = 8
CLASSES = ("rising", "falling", "hill", "valley")


def pitch(kind, time):
    """From 0 to 1, of a time from 0 to 1."""
    there_and_back = 1 - np.abs(2 * time - 1)
    return (time, 1 - time, there_and_back, 1 - there_and_back)[kind]


def melody(rng, kind):
    time = np.linspace(0, 1, rng.integers(10, 41))
    place = (STRINGS - 1) * pitch(kind, time)
    distance = np.arange(STRINGS) - place[:, None]
    sound = np.exp(-(distance**2)) + 0.3 * rng.normal(size=distance.shape)
    return sound.astype(np.float32)


def melodies(seed, number):
    rng = np.random.default_rng(seed)
    kinds = rng.integers(0, 4, number)
    return [melody(rng, kind) for kind in kinds], kinds.astype(np.int32)


sounds, labels = melodies(0, 480)

figure, axes = plt.subplots(1, 4, figsize=(9, 2.2), layout="constrained")
for kind, ax in enumerate(axes):
    example = sounds[np.argmax(labels == kind)]
    ax.imshow(example.T, cmap="Greys", aspect="auto", origin="lower")
    ax.set(title=CLASSES[kind], xlabel="step")
axes[0].set_ylabel("string")
plt.show()

# %% [markdown]
# Each of the four sounds every string for about the same time. An average over time
# cannot tell them apart; only the order does. A network must *remember* where the pitch
# was a moment ago.

# %% [markdown]
# ## Padding, and how to have little of it
#
# To put melodies into one array, we append zeros until all are as long as the longest.
# A [`ngcx.data.PaddedSource`][] does that when it is asked for rows, and tells how long
# each melody was. The lengths matter, because a zero may also be a quiet moment.

# %%
source = PaddedSource(sounds)
rows = source[np.arange(3)]
print("sequences:", rows["sequence"].shape, "lengths:", rows["length"])
print(f"{source.padding:.0%} of all steps are padding")

# %% [markdown]
# Padding is computed like everything else, and then thrown away. A
# [`ngcx.data.BucketLoader`][] wastes less: it puts melodies of similar length into the
# same batch, and pads each batch only as far as it needs. It makes as many shapes as it
# has buckets, because JAX compiles a program for each shape.

# %%
loader = BucketLoader({"sound": source, "label": labels}, batch_size=32, buckets=4)
print(f"lengths of the buckets: {loader.lengths}; {loader.padding:.0%} padding")

# %% [markdown]
# ## A network that hears itself
#
# In [`ngcx.neurons.Recurrent`][], the neurons of a layer hear the spikes of all of them
# from the step before, through a matrix of weights. In this way a spike can leave a
# trace that lasts longer than the leak of a single neuron. We take *adaptive* neurons,
# whose threshold rises with each of their spikes and takes its time to fall again. That
# is a second, slower memory.


# %%
def make(key, hidden=64):
    keys = jr.split(key, 3)
    return Stack(
        eqx.nn.Linear(STRINGS, hidden, key=keys[0]),
        Recurrent(AdaptiveLIF(), 0.1 * jr.normal(keys[1], (hidden, hidden))),
        eqx.nn.Linear(hidden, 4, key=keys[2]),
        LeakyIntegrator(decay=0.9),
    )


network = make(jr.key(0))


@eqx.filter_jit
def logits_of(network, sound):
    # Sources have the batch first, and networks want the time first.
    inputs, lengths = jnp.moveaxis(sound["sequence"], 1, 0), sound["length"]
    _, potentials = network.run(inputs, batched=True, lengths=lengths)
    return mean_over_time(potentials, lengths=lengths)


# %% [markdown]
# `lengths` is given twice, and for two reasons. In `run`, the state of a melody stays
# where it was at its end, and its outputs are 0 after that. In `mean_over_time`, only
# the steps of the melody count.
#
# ## Is the padding really harmless?
#
# It is easy to claim, and a mistake here would not crash: it would cost a few percent
# of accuracy, and nobody would know why. So let us be strict. If padding does not
# matter, then we may put *anything* there. We put NaN, which spoils every number that
# it touches, and compare the logits, and then the gradients.


# %%
def loss(network, batch):
    return cross_entropy(logits_of(network, batch["sound"]), batch["label"])


batch = jax.tree.map(
    jnp.asarray, {"sound": source[np.arange(32)], "label": labels[:32]}
)
sequence, length = batch["sound"]["sequence"], batch["sound"]["length"]
is_padding = jnp.arange(sequence.shape[1]) >= length[:, None]
poisoned = jnp.where(is_padding[..., None], jnp.nan, sequence)
other = {**batch, "sound": {"sequence": poisoned, "length": length}}

same = jnp.array_equal(
    logits_of(network, batch["sound"]), logits_of(network, other["sound"])
)
gradient = eqx.filter_jit(eqx.filter_grad(loss))
same_gradients = eqx.tree_equal(gradient(network, batch), gradient(network, other))
print(f"{int(is_padding.sum())} steps of NaN; same logits: {same}, ", end="")
print(f"same gradients: {same_gradients}")
assert same and same_gradients

# %% [markdown]
# Not a bit differs. And what if we forget the lengths? Then the read-out averages over
# the silence after the melody as well:

# %%
inputs = jnp.moveaxis(sequence, 1, 0)
_, potentials = network.run(inputs, batched=True)
forgotten = mean_over_time(potentials)
wrong = jnp.abs(forgotten - logits_of(network, batch["sound"])).max(axis=1)
for i in (int(jnp.argmin(length)), int(jnp.argmax(length))):
    print(
        f"a melody of {length[i]} steps: the logits are wrong by up to {wrong[i]:.2f}"
    )

# %% [markdown]
# The longest melody of the batch has no padding and is right. The shortest is wrong,
# and depends on which others happen to be in its batch.
#
# ## Training
#
# From here on, everything is as before. The loader returns numpy arrays, so we put each
# batch on the device.


# %%
optimizer = optax.adam(5e-3)


@eqx.filter_jit
def step(network, state, batch):
    value, gradients = eqx.filter_value_and_grad(loss)(network, batch)
    updates, state = optimizer.update(gradients, state)
    return eqx.apply_updates(network, updates), state, value


def train(network, epochs=15):
    state, losses = optimizer.init(eqx.filter(network, eqx.is_inexact_array)), []
    for epoch in range(epochs):
        for batch in loader.epoch(jr.fold_in(jr.key(1), epoch)):
            batch = jax.tree.map(jnp.asarray, batch)
            network, state, value = step(network, state, batch)
            losses.append(value)
    return network, jnp.stack(losses)


test_sounds, test_labels = melodies(1, 400)
test = jax.tree.map(jnp.asarray, PaddedSource(test_sounds)[np.arange(400)])
test_labels = jnp.asarray(test_labels)

trained, losses = train(network)
for name, each in {"before": network, "after": trained}.items():
    right = accuracy(logits_of(each, test), test_labels)
    print(f"accuracy on new melodies {name} the training: {right:.1%}")

# %% alt="A table of the true and the told classes, with nearly all of the numbers on the diagonal."
report = classification_report(logits_of(trained, test), test_labels)
figure, ax = plt.subplots(figsize=(8, 3.5), layout="constrained")
viz.confusion(report.confusion, names=list(CLASSES), ax=ax)
plt.show()

# %% [markdown]
# ## When does it know?
#
# Let us look at the network while it listens: one melody of each class, the spikes of
# the 64 neurons, and the four potentials that answer.

# %% alt="For one melody of each class, the spikes of 64 neurons above and four potentials below. In each, the potential of the right class is the highest on average over time."
chosen = [int(jnp.argmax(test_labels == kind)) for kind in range(4)]
sound, lengths = test["sequence"][jnp.array(chosen)], test["length"][jnp.array(chosen)]
_, potentials, seen = trained.run(
    jnp.moveaxis(sound, 1, 0), batched=True, lengths=lengths, watch=("1.out",)
)
figure, axes = plt.subplots(2, 4, figsize=(9, 4.5), sharey="row", layout="constrained")
for kind, end in enumerate(lengths):
    viz.raster(seen["1.out"][:end, kind], ax=axes[0, kind])
    axes[0, kind].set(title=CLASSES[kind], xlabel="", ylabel="")
    for each, name in enumerate(CLASSES):
        axes[1, kind].plot(potentials[:end, kind, each], label=name)
    axes[1, kind].set(xlabel="step")
axes[0, 0].set_ylabel("neuron")
axes[1, 0].set_ylabel("potential")
axes[1, 0].legend(fontsize="x-small")
plt.show()

# %% [markdown]
# A hill begins as a rising melody does. Before the middle there is little to tell the
# two apart, and the network is misled too: for the hill, the potential of "rising" is
# in front at first. We can measure it. If we stop listening after a part of each
# melody, how often is the answer right?

# %% alt="Accuracy against the part of the melody that was heard: a little above one half in the middle, then it rises steeply."
inputs = jnp.moveaxis(test["sequence"], 1, 0)
_, potentials = trained.run(inputs, batched=True, lengths=test["length"])
parts = np.arange(1, 11) / 10
scores = []
for part in parts:
    heard = jnp.ceil(part * test["length"]).astype(jnp.int32)
    scores.append(accuracy(mean_over_time(potentials, lengths=heard), test_labels))

figure, ax = plt.subplots(figsize=(8, 3), layout="constrained")
ax.plot(100 * parts, 100 * jnp.stack(scores), marker="o")
ax.axhline(50, color="black", linestyle=":", linewidth=1)
ax.set(xlabel="part of the melody that was heard (%)", ylabel="accuracy (%)")
plt.show()

# %% [markdown]
# Up to the middle it is hardly better than one half, the dotted line, because two
# classes each move in the same direction. All that hints at a hill is that it climbs
# faster. After the middle, the accuracy rises steeply.
#
# ## What to take with you
#
# - `PaddedSource` pads sequences to the same length and keeps their lengths;
#   `BucketLoader` makes batches of similar lengths.
# - Give `lengths` to `run` *and* to the read-out. Padding then changes nothing, and you
#   can prove it with NaN in a line.
# - `Recurrent(cell, weights)` is a cell that hears itself, and fits wherever a cell
#   does.
#
# `examples/speakers.py` does the same with real speech of nine speakers, and [Event
# data](../guides/event_data.md) with events of a camera.
#
# ## Exercises
#
# **1.** How much padding is left with 1, 2, 4 and 8 buckets? What do more buckets cost?

# %% tags=["answer"]
for buckets in (1, 2, 4, 8):
    each = BucketLoader({"sound": source, "label": labels}, 32, buckets)
    print(
        f"{buckets} buckets: {each.padding:.1%} padding, {len(each)} batches an epoch"
    )

# %% [markdown] tags=["answer"]
# Each bucket is another shape, and so another program to compile. Besides, the melodies
# of a batch have similar lengths, so batches differ more from each other than randomly
# chosen ones. A handful of buckets is a good compromise.

# %% [markdown]
# **2.** Is the recurrence of any use? Train the same network without it, and a network
# without any memory: the mean of the sound over time and a linear layer.

# %% tags=["answer"]
alone = Stack(network[0], network[1].cell, network[2], network[3])
forgetful = Stack(eqx.nn.Linear(STRINGS, 4, key=jr.key(2)))
for name, each in {"without recurrence": alone, "without memory": forgetful}.items():
    each, _ = train(each)
    print(f"{name}: {accuracy(logits_of(each, test), test_labels):.1%}")

# %% [markdown] tags=["answer"]
# The leak and the adaptation of a neuron are memories too, and go far in melodies as
# short as these. Recurrence adds the last bit. Without any memory, the network does
# little better than guessing.

# %% [markdown]
# **3.** If you give `lengths` to `run` and forget them in `mean_over_time`, the
# accuracy does not change at all. Why, and why is it a mistake nevertheless?

# %% [markdown] tags=["answer"]
# With `lengths`, `run` gives outputs of 0 after the end of a melody. Their sum is
# right, and the mean divides it by the length of the batch instead of that of the
# melody. All logits of a melody are smaller by the same factor, so the largest one
# stays the largest. The *loss* does change: short melodies look less certain than they
# are, and get other gradients, which depend on the length of the batch.

# %% [markdown]
# **4.** A melody may come in pieces, as from a microphone. Run the first ten steps,
# then the rest from the state that came out, and compare the potentials with those of
# one run.

# %% tags=["answer"]
whole = jnp.asarray(test_sounds[0])
_, at_once = trained.run(whole)
state, first = trained.run(whole[:10])
_, second = trained.run(whole[10:], state)
print(jnp.abs(jnp.concatenate([first, second]) - at_once).max())

# %% [markdown] tags=["answer"]
# A state holds all that there is to remember, so nothing is lost between two pieces.
# [How do I run a network on a stream?](../how/stream.md) goes on from here.
