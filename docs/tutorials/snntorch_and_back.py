# %% [markdown]
# # 6. From snnTorch to ngcx and back, by NIR
#
# A colleague has built a spiking network in snnTorch. You want to train it further in
# JAX, and then return it to her, or hand it to a chip. No line of code should have to
# be rewritten for that, and above all no spike should change on the way. This tutorial
# does the whole round trip, and checks the spikes at each stop.
#
# The common language is [NIR](../glossary.md#nir), the neuromorphic intermediate
# representation: a file with layers, neurons and the connections between them.
# snnTorch, SpikingJelly, Norse, Spyx, sinabs and the tools of several chips know it. If
# you have a paper's code and weights but no such file, [from a paper's snnTorch
# code](../guides/from_snntorch_to_nir.md) is the page for you; it rewrites the network.
#
# You should have trained a network before, as in the [first
# tutorial](first_spiking_network.md). NIR comes with `pip install 'ngcx[nir]'`;
# snnTorch is not needed. It takes about 15 minutes.

# %%
import pathlib
import tempfile

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
import matplotlib.pyplot as plt
import nir
import numpy as np
import optax
from sklearn.datasets import load_digits

from ngcx import viz
from ngcx.data import DataLoader
from ngcx.exchange import from_nir, to_nir
from ngcx.losses import cross_entropy, mean_over_time
from ngcx.metrics import accuracy
from ngcx.neurons import LIF, HardReset, SoftReset, Stack, poisson


# %% [markdown]
# ## What your colleague does
#
# She has a network of two layers for handwritten digits, and exports it like this:
#
# ```py
# import nir, snntorch, torch
# from snntorch.export_nir import export_to_nir
#
# lif = {"reset_mechanism": "zero", "reset_delay": False, "init_hidden": True}
# net = torch.nn.Sequential(
#     torch.nn.Linear(64, 100),
#     snntorch.Leaky(beta=torch.full((100,), 0.9), threshold=torch.full((100,), 1.0), **lif),
#     torch.nn.Linear(100, 10),
#     snntorch.Leaky(beta=torch.full((10,), 0.9), threshold=torch.full((10,), 1.0), **lif),
# )
# nir.write("theirs.nir", export_to_nir(net, torch.zeros(1, 64), ignore_dims=[0]))
# ```
#
# Three of her choices matter. `reset_mechanism="zero"` and `reset_delay=False` are the
# only kind of reset that NIR can describe: a spike sets the potential to a value, at
# once. And every neuron has its own `beta`, because snnTorch exports no other.
#
# ## What is in the file
#
# torch is not installed here, so we write the file that her code writes, node by node.
# That is instructive, because it shows what NIR says about a neuron. Her neuron
# multiplies its potential by $\beta$ and adds the current. NIR has neither a $\beta$
# nor steps of time; it has the differential equation
#
# $$\tau \dot v = v_\text{leak} - v + r\, i$$
#
# A step of Euler's method turns it into $v \leftarrow (1 - \frac{dt}{\tau}) v +
# \frac{dt}{\tau} r\, i$. So snnTorch, which assumes steps of $dt = 10^{-4}$ seconds,
# writes $\tau = dt / (1 - \beta)$, which is a millisecond here, and $r = \tau / dt$, so
# that the current is added as it is.

# %%
DT = 1e-4
folder = pathlib.Path(tempfile.mkdtemp())
rng = np.random.default_rng(0)


def linear(inputs, outputs):
    bound = 1.5 / inputs**0.5
    weight = rng.uniform(-bound, bound, (outputs, inputs))
    return nir.Affine(weight.astype(np.float32), np.zeros(outputs, np.float32))


def leaky(n, beta=0.9, threshold=1.0):
    one = np.ones(n)
    tau = DT / (1 - beta)
    return nir.LIF(
        tau=tau * one,
        r=tau / DT * one,
        v_leak=0 * one,
        v_threshold=threshold * one,
        v_reset=0 * one,
    )


theirs = nir.NIRGraph.from_list(linear(64, 100), leaky(100), linear(100, 10), leaky(10))
nir.write(folder / "theirs.nir", theirs)
for name, node in nir.read(folder / "theirs.nir").nodes.items():
    print(f"{name:8s} {type(node).__name__}")

# %% [markdown]
# ## From the file to ngcx
#
# This is one call. You must give it the length of a step, because no NIR file has it.

# %%
network = from_nir(nir.read(folder / "theirs.nir"), dt=DT)
print(network[1])

# %% [markdown]
# What came out is an ordinary [`Stack`][ngcx.neurons.Stack] of Equinox layers and
# cells. It knows nothing of files, and everything that you can do to a network, you can
# do to it. The reset is a `HardReset`, as the file says. The surrogate is ngcx's own:
# NIR describes what a network computes, and not how it learns.
#
# ## Are the spikes the same?
#
# Never take that on trust. To compare, we need an independent program that computes
# what the file means. The equations are short enough to write them in numpy, without
# any of ngcx: a loop over time, and Euler's step from above.


# %%
def by_the_book(graph, spikes, dt=DT):
    """The spikes of a chain of `Affine` and `LIF`, for inputs of (time, batch, inputs)."""
    # The order of the names, which a file has, is that of the layers here.
    nodes = [each for each in graph.nodes.values() if hasattr(each, "weight")]
    neurons = [each for each in graph.nodes.values() if isinstance(each, nir.LIF)]
    v = [np.zeros((spikes.shape[1], len(each.tau))) for each in neurons]
    outputs = []
    for x in np.asarray(spikes, np.float64):
        for i, (layer, lif) in enumerate(zip(nodes, neurons, strict=True)):
            current = x @ layer.weight.T + layer.bias
            v[i] = v[i] + dt / lif.tau * (lif.v_leak - v[i] + lif.r * current)
            x = (v[i] > lif.v_threshold).astype(np.float64)
            v[i] = np.where(x == 1, lif.v_reset, v[i])
        outputs.append(x)
    return np.stack(outputs)


bunch = load_digits()
order = np.asarray(jr.permutation(jr.key(0), len(bunch.target)))
images = (bunch.data[order] / 16).astype(np.float32)
labels = bunch.target[order].astype(np.int32)
test = {"image": jnp.asarray(images[1437:]), "label": jnp.asarray(labels[1437:])}

STEPS = 40
spikes_in = poisson(jr.key(1), 0.5 * test["image"], steps=STEPS)
book = by_the_book(nir.read(folder / "theirs.nir"), spikes_in)
_, ours = network.run(spikes_in, batched=True)
print(
    f"{int(book.sum())} spikes; {int((book != np.asarray(ours)).sum())} of {book.size} differ"
)

# %% [markdown]
# None differs. ngcx compares itself with the libraries in the same way, with theirs
# installed: [what was seen](../exchange.md#what-was-seen) has the tables, and says
# where there is no perfect agreement.
#
# ## The number that is not in the file
#
# What if you get `dt` wrong? Most likely, nothing tells you. Here somebody assumes
# steps of 0.2 milliseconds, which sounds just as good.

# %% alt="A raster of thirty hidden neurons. With the wrong length of a step some spikes are right, some are missed and many are extra."
wrong = from_nir(nir.read(folder / "theirs.nir"), dt=2e-4)
print(f"read with 0.2 ms, the decay is {wrong[1].decay} and not {network[1].decay}")
*_, right = network.run(spikes_in, batched=True, watch=("1.out",))
*_, other = wrong.run(spikes_in, batched=True, watch=("1.out",))

figure, ax = plt.subplots(figsize=(9, 4), layout="constrained")
viz.spike_comparison(
    other["1.out"][:, 0, :30], right["1.out"][:, 0, :30], dt=0.1, ax=ax
)
ax.set_title("Thirty neurons, read with 0.2 ms, and what they should do")
plt.show()

# %% [markdown]
# The same file is now another network: its neurons forget twice as fast, and each
# current counts twice. It would even train, and then be wrong on the chip. So write the
# step down beside each file that you give away, and ask for it with each that you get.
# [What a file leaves open](../exchange.md#what-a-file-leaves-open) lists the steps of
# the usual libraries.
#
# ## Training it further
#
# Her weights, in this notebook, are random, so there is something to do. Nothing below
# knows that the network came from a file. It is the training of the first tutorial,
# with spikes as the input, and with the mean of the output's spikes as logits.


# %%
def logits(network, images, key):
    spikes = poisson(key, 0.5 * images, steps=STEPS)
    _, outputs = network.run(spikes, batched=True)
    return 10 * mean_over_time(outputs)


optimizer = optax.adam(5e-3)


@eqx.filter_jit
def step(network, state, batch, key):
    def loss(network):
        return cross_entropy(logits(network, batch["image"], key), batch["label"])

    value, gradients = eqx.filter_value_and_grad(loss)(network)
    updates, state = optimizer.update(gradients, state)
    return eqx.apply_updates(network, updates), state, value


loader = DataLoader({"image": images[:1437], "label": labels[:1437]}, batch_size=64)
state = optimizer.init(eqx.filter(network, eqx.is_inexact_array))
trained, losses = network, []
for epoch in range(15):
    for i, batch in enumerate(loader.epoch(jr.fold_in(jr.key(2), epoch))):
        key = jr.fold_in(jr.fold_in(jr.key(3), epoch), i)
        trained, state, value = step(trained, state, batch, key)
        losses.append(value)

for name, each in {"as it came": network, "trained": trained}.items():
    score = accuracy(logits(each, test["image"], jr.key(1)), test["label"])
    print(f"{name}: accuracy {score:.1%}")

# %% [markdown]
# ## And back
#
# The way back is one call as well. It takes the shape of the input of one step, and the
# same `dt`.

# %%
nir.write(folder / "ours.nir", to_nir(trained, (64,), dt=DT))
returned = nir.read(folder / "ours.nir")
for name, node in returned.nodes.items():
    print(f"{name:8s} {type(node).__name__}")
neuron = next(each for each in returned.nodes.values() if isinstance(each, nir.LIF))
print(f"tau {neuron.tau[0]:.4f} s, r {neuron.r[0]:.1f}")

# %% [markdown]
# The nodes are of the same kinds as before. One number has changed: $r$ is now 1, where
# it was 10. ngcx has divided the weights before the neuron by $1 - \beta$ instead,
# which is the same network, and does so on purpose: some readers ignore $r$. Does it
# work out? We ask the equations again, and not ngcx.

# %% alt="Two rasters of the ten output neurons for one picture, one by the equations of the file and one by ngcx. They are the same."
book = by_the_book(returned, spikes_in)
_, ours = trained.run(spikes_in, batched=True)
print(
    f"{int(book.sum())} spikes; {int((book != np.asarray(ours)).sum())} of {book.size} differ"
)
score = accuracy(jnp.asarray(book.mean(axis=0)), test["label"])
print(f"accuracy by the book: {score:.1%}")

figure, (left, right) = plt.subplots(
    1, 2, figsize=(9, 3), sharey=True, layout="constrained"
)
viz.raster(book[:, 0], dt=0.1, ax=left)
viz.raster(ours[:, 0], dt=0.1, ax=right)
left.set_title(f"A {test['label'][0]}, by the equations in the file")
right.set_title("and by ngcx")
plt.show()

# %% [markdown]
# In snnTorch, your colleague reads it with
#
# ```py
# from snntorch.import_nir import import_from_nir
# net = import_from_nir(nir.read("ours.nir"))
# ```
#
# And what ngcx wrote, ngcx reads as it was, to the last bit:

# %%
again = from_nir(returned, dt=DT)
assert (again[0].weight == trained[0].weight).all()
assert (again.run(spikes_in, batched=True)[1] == ours).all()

# %% [markdown]
# ## What NIR cannot say
#
# The usual neuron of ngcx subtracts the threshold when it spikes. No node of NIR does
# that. Rather than write something that means another network, `to_nir` refuses:

# %%
soft = Stack(network[0], LIF(0.9, reset=SoftReset()))
try:
    to_nir(soft, (64,), dt=DT)
except ValueError as error:
    print(error)

# %% [markdown]
# The message says what to do. So if a network should leave ngcx one day, train it with
# `LIF(reset=HardReset())` from the beginning. [The table][ngcx.exchange.to_nir] lists
# everything that can be written: convolutions, pools, recurrence, branches and synapses
# too.
#
# ## What to take with you
#
# - `from_nir` and `to_nir` are one call each, and what is in between is an ordinary
#   network.
# - A file holds time constants in seconds and no length of a step. `dt` belongs to the
#   file like a unit belongs to a number.
# - Compare spikes with an independent program at each stop. A loop in numpy is enough.
# - What NIR cannot express is an error, and never another network.
#
# ## Exercises
#
# **1.** A chip has steps of 1 ms. Write the trained network for it. Which numbers of
# the file change? Does the chip get the same spikes?

# %% tags=["answer"]
chip = to_nir(trained, (64,), dt=1e-3)
neuron = next(each for each in chip.nodes.values() if isinstance(each, nir.LIF))
print(f"tau {neuron.tau[0]:.4f} s, r {neuron.r[0]:.1f}")
differ = by_the_book(chip, spikes_in, dt=1e-3) != np.asarray(ours)
print(f"{int(differ.sum())} spikes differ")

# %% [markdown] tags=["answer"]
# The time constants are ten times as long, and nothing else has changed. As the chip
# takes steps that are ten times as long too, its spikes are the same.

# %% [markdown]
# **2.** Chips have coarse weights. Round each weight of the trained network to 3, 4, 5
# or 6 bits, from minus the largest to the largest of its layer. How many bits are
# enough?


# %% tags=["answer"]
def rounded(network, bits):
    def coarse(weight):
        unit = jnp.abs(weight).max() / (2 ** (bits - 1) - 1)
        return unit * jnp.round(weight / unit)

    return eqx.tree_at(
        lambda network: (network[0].weight, network[2].weight),
        network,
        replace_fn=coarse,
    )


for bits in (3, 4, 5, 6):
    score = accuracy(
        logits(rounded(trained, bits), test["image"], jr.key(1)), test["label"]
    )
    print(f"{bits} bits: {score:.1%}")

# %% [markdown]
# **3.** Let the neurons of the first layer hear each other: `Recurrent(network[1], W)`
# with small random weights. What is in the file now?

# %% tags=["answer"]
from ngcx.neurons import Recurrent


W = 0.05 * jr.normal(jr.key(4), (100, 100))
loop = eqx.tree_at(lambda network: network[1], trained, Recurrent(trained[1], W))
graph = to_nir(loop, (64,), dt=DT)
print(graph.edges)

# %% [markdown] tags=["answer"]
# There is a node with the weights, and two edges that lead to it and back. Not every
# library reads a loop; the [tables](../exchange.md#what-was-seen) say which do.

# %% [markdown]
# **4.** Your own network has soft resets and is trained. Must you start again?

# %% [markdown] tags=["answer"]
# No. Give it the other reset, with `eqx.tree_at`, and train it for a while: either on
# its task, or so that its spikes come near those that it had before. [What NIR can
# say](../guides/from_snntorch_to_nir.md#what-nir-can-say) does the latter.

# %% tags=["answer"]
hard = eqx.tree_at(lambda network: network[1].reset, soft, HardReset())
print(list(to_nir(hard, (64,), dt=DT).nodes))
