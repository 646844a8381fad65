# %% [markdown]
# # 2. Surrogates, and why the choice matters
#
# In [the first tutorial](first_spiking_network.md), a network of spiking neurons learnt
# by gradients, although a spike has no useful derivative. This tutorial looks at the
# trick that makes it possible, the surrogate gradient. You will see what its width and
# its height do, make a network that cannot learn and another one whose gradient
# explodes, and end with a picture of all widths and heights at once, from which you can
# choose.
#
# You should have read the first tutorial. It takes about 20 minutes.

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
from ngcx.init import FluctuationDriven, reinitialize
from ngcx.losses import cross_entropy, mean_over_time
from ngcx.metrics import accuracy
from ngcx.neurons import LIF, LeakyIntegrator, Stack
from ngcx.surrogate import Arctan, Sigmoid, Triangular


# %% [markdown]
# ## The trick
#
# A neuron spikes where its potential $u$ is above the threshold $\theta$: the spike is
# $H(u - \theta)$, where $H$ jumps from 0 to 1. The derivative of a jump is 0 everywhere
# else, and does not exist at the jump itself. By the chain rule, then, every weight
# before a spike has the gradient 0, and gradient descent stands still.
#
# A surrogate keeps the jump in the forward pass. In the backward pass alone, it takes
# the derivative of a smooth function instead, which rises from 0 to 1 around the
# threshold. We call this function the *primitive*. In ngcx a surrogate is a function of
# the potential and the threshold:

# %%
spike = Arctan()
potentials = jnp.array([0.0, 0.9, 1.1, 3.0])
print("spikes:     ", spike(potentials, 1.0))
print("derivatives:", jax.vmap(jax.grad(spike), (0, None))(potentials, 1.0))

# %% [markdown]
# The spikes are zeros and ones. The derivatives are those of an arctangent: largest at
# the threshold, smaller on both sides, and never 0. Neurons that *nearly* spiked, or
# nearly did not, are told most clearly to change.
#
# There are many such functions. Here are three, each with the step that it stands for.

# %% alt="Three panels with the step, the primitive and its derivative of Arctan, Sigmoid and Triangular: bell-shaped curves of height 1 with long tails, short tails and no tails."
x = jnp.linspace(-3.0, 3.0, 601)
figure, axes = plt.subplots(1, 3, figsize=(9, 3), sharey=True, layout="constrained")
shapes = (Arctan(), Sigmoid(), Triangular(alpha=1.0, gain=1.0))
for ax, surrogate in zip(axes, shapes, strict=True):
    ax.plot(x, x > 0, color="grey", label="spike")
    ax.plot(x, surrogate.primitive(x), label="primitive")
    ax.plot(x, surrogate.derivative(x), linestyle="--", label="derivative")
    ax.set(title=type(surrogate).__name__, xlabel="potential - threshold")
axes[0].legend(fontsize="small")
plt.show()

# %% [markdown]
# Their shapes differ less than one may think. What matters more is how *wide* the
# derivative is, and how *high*. Each surrogate has an argument for either: `alpha`, the
# sharpness, of which the width is the reciprocal, and `gain`, a factor. We write down
# the height and the width that we want:


# %%
def arctan(height=1.0, width=0.5):
    return Arctan(alpha=1 / width, gain=2 * width * height)


assert jnp.allclose(arctan(height=3.0).derivative(0.0), 3.0)

# %% [markdown]
# ## Width: who is told anything?
#
# We take the digits again, and a network of four layers of 64 neurons. The weights are
# drawn so that every layer spikes ([why that needs
# care](../guides/silent_networks.md)). The potentials of a layer lie where they lie:
# some above the threshold of 1, most below, some far below. The derivative decides
# which of them the gradient passes through.

# %% alt="A histogram of the potentials in layer 2, from -4 to 3, and over it the derivatives of three widths: the narrowest covers a sliver around the threshold, the widest all of it."
bunch = load_digits()
order = np.asarray(jr.permutation(jr.key(0), len(bunch.target)))
images = (bunch.data[order] / 16).astype(np.float32)
labels = bunch.target[order].astype(np.int32)
train = {"image": images[:1437], "label": labels[:1437]}
test = {"image": jnp.asarray(images[1437:]), "label": jnp.asarray(labels[1437:])}


def network_with(surrogate, depth=4):
    *hidden, last = jr.split(jr.key(1), depth + 1)
    layers, inputs = [], 64
    for key in hidden:
        layers += [
            eqx.nn.Linear(inputs, 64, use_bias=False, key=key),
            LIF(decay=0.9, surrogate=surrogate),
        ]
        inputs = 64
    readout = eqx.nn.Linear(64, 10, use_bias=False, key=last)
    network = Stack(*layers, readout, LeakyIntegrator(decay=0.9))
    return reinitialize(network, FluctuationDriven(rate=0.1, decay=0.9), jr.key(2))


*_, seen = network_with(arctan()).run(
    test["image"], steps=20, batched=True, watch=("3.u",)
)
u = np.asarray(seen["3.u"]).ravel()

figure, ax = plt.subplots(figsize=(8, 3.5), layout="constrained")
ax.hist(u, bins=100, range=(-5, 4), density=True, color="lightgrey")
ax.set(xlabel="potential", ylabel="density", title="Layer 2 of 4")
x = jnp.linspace(-5.0, 4.0, 901)
for width in (0.02, 0.2, 2.0):
    derivative = arctan(width=width).derivative
    ax.plot(x, derivative(x - 1), label=f"width {width}")
    print(f"width {width}: the derivative is {derivative(u - 1).mean():.3f} on average")
ax.legend()
plt.show()

# %% [markdown]
# With a narrow surrogate, hardly any neuron hears what the loss has to say in a given
# step. With a wide one, nearly all of them do, but what they hear has little to do with
# whether they spike: the gradient is that of a nearly linear network, not of this one.
# There must be a good middle. Before we look for it, let us see the worst case.
#
# ## A network that cannot learn
#
# Suppose that the weights came out too small, so that no potential is anywhere near its
# threshold. The network is silent. Can training wake it up? That depends on the tails
# of the derivative. The `Triangular` surrogate has none: it is exactly 0 beyond its
# width. The `Arctan` falls off slowly, as $1 / x^2$.


# %%
def quiet(surrogate):
    """A network whose weights are a fifth of what they should be."""
    network = network_with(surrogate)
    shrunk = [0.2 * network[i].weight for i in (0, 2, 4, 6)]
    return eqx.tree_at(lambda n: [n[i].weight for i in (0, 2, 4, 6)], network, shrunk)


def logits_of(network, images):
    _, potentials = network.run(images, steps=20, batched=True)
    return mean_over_time(potentials)


def loss(network, batch):
    return cross_entropy(logits_of(network, batch["image"]), batch["label"])


@eqx.filter_jit
def step(network, state, batch):
    value, gradients = eqx.filter_value_and_grad(loss)(network, batch)
    updates, state = optimizer.update(gradients, state)
    return eqx.apply_updates(network, updates), state, value, gradients


optimizer = optax.adam(2e-3)
loader = DataLoader(train, batch_size=64)


def trained(network, epochs=5):
    state, sizes = optimizer.init(eqx.filter(network, eqx.is_inexact_array)), []
    for epoch in range(epochs):
        for batch in loader.epoch(jr.fold_in(jr.key(3), epoch)):
            network, state, _, gradients = step(network, state, batch)
            sizes.append(jnp.abs(gradients[0].weight).max())
    return network, jnp.stack(sizes)


for surrogate in (Triangular(alpha=2.0), arctan(width=0.5)):
    network, sizes = trained(quiet(surrogate))
    right = accuracy(logits_of(network, test["image"]), test["label"])
    print(
        f"{type(surrogate).__name__}: the largest gradient of a weight in layer 1 is "
        f"{sizes[0]:.1e} at first; accuracy after 5 epochs {right:.1%}"
    )

# %% [markdown]
# Both networks are equally silent, and both surrogates are equally wide. The triangle
# gives a gradient of exactly 0, and nothing moves. The potentials of the output are all
# 0 for ever, so that no digit stands out, which `accuracy` counts as wrong. The
# arctangent gives a tiny gradient, and that is enough: Adam divides by the size of the
# gradient, so what counts is that it points somewhere.
#
# If you see a loss that never moves, this is the first thing to check: print the rates
# and the gradients, as here ([the page for that](../how/silent_network.md)).

# %% [markdown]
# ## Height: what comes back through ten layers
#
# On its way back, the gradient is multiplied by the derivative once in each layer, and
# by the weights. Ten layers make a product of ten such factors. If a typical factor is
# below 1, the product vanishes; if it is above 1, it explodes. Everybody who has
# trained deep networks knows this, and knows how initial weights are chosen to prevent
# it. In a spiking network the weights are not free: they have to make the neurons
# spike. What is left to choose is the height.

# %% alt="The size of the gradient of each of ten layers, on a logarithmic axis, for four heights: for 0.1 it falls towards the first layer by six orders of magnitude, for 3 it rises by as many, and for 0.3 and 1 it changes much less."
heights = (0.1, 0.3, 1.0, 3.0)
batch = {"image": test["image"][:64], "label": test["label"][:64]}


@eqx.filter_jit
def sizes_by_layer(surrogate):
    gradients = eqx.filter_grad(loss)(network_with(surrogate, depth=10), batch)
    return jnp.stack([jnp.linalg.norm(gradients[2 * i].weight) for i in range(10)])


figure, ax = plt.subplots(figsize=(8, 3.5), layout="constrained")
for height in heights:
    ax.plot(range(1, 11), sizes_by_layer(arctan(height)), marker="o", label=str(height))
ax.set(xlabel="layer", ylabel="norm of the gradient", yscale="log", xticks=range(1, 11))
ax.legend(title="height")
plt.show()

# %% [markdown]
# Read the picture from right to left, as the gradient travels. With a height of 0.1,
# the first layer gets next to nothing. With 3, it gets far too much. In between, from
# 0.3 to 1, is a height with which all layers get about the same. Nothing else differs
# between these networks: they have the same weights, the same spikes and the same loss.
# Only the derivative that we *pretend* the spikes have is another one.

# %% [markdown]
# ## All of them at once
#
# Now we can do the experiment that answers the question. We train the network of four
# layers with six widths and four heights. That makes 24 trainings, and JAX does them in
# one program: `vmap` maps the whole training over widths and heights ([how to train
# many networks at once](../how/ensembles.md)).
#
# We do it twice: with plain gradient descent, whose steps are as large as the gradient,
# and with Adam, which scales every step.


# %%
def fit(make, height, width, optimizer):
    """The accuracy on the test pictures after 3 epochs."""
    network = network_with(make(height, width))
    # Height and width are arrays here, but only the weights are to be trained.
    is_weight = jax.tree.map(lambda x: eqx.is_array(x) and x.ndim == 2, network)
    weights, rest = eqx.partition(network, is_weight)

    def update(carry, step):
        weights, state = carry
        epoch, number = jnp.divmod(step, len(loader))
        batch = loader.batch(jr.fold_in(jr.key(3), epoch), number)
        gradients = jax.grad(lambda w: loss(eqx.combine(w, rest), batch))(weights)
        updates, state = optimizer.update(gradients, state)
        return (optax.apply_updates(weights, updates), state), None

    start = weights, optimizer.init(weights)
    (weights, _), _ = jax.lax.scan(update, start, jnp.arange(3 * len(loader)))
    return accuracy(logits_of(eqx.combine(weights, rest), test["image"]), test["label"])


@eqx.filter_jit
def fit_all(make, heights, widths, optimizer):
    by_width = jax.vmap(lambda h, w: fit(make, h, w, optimizer), (None, 0))
    return jax.vmap(by_width, (0, None))(heights, widths)


# %% alt="Two tables of accuracies by height and width. With gradient descent, a band from high and narrow to low and wide is good, and all above it is at the level of guessing. With Adam, all but the narrowest are good."
widths = (0.01, 0.05, 0.15, 0.5, 1.5, 5.0)
optimizers = {"gradient descent": optax.sgd(0.05), "Adam": optax.adam(2e-3)}
figure, axes = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
tables = {}
for ax, (name, optimizer_) in zip(axes, optimizers.items(), strict=True):
    scores = fit_all(arctan, jnp.array(heights), jnp.array(widths), optimizer_)
    tables[name] = scores = 100 * np.asarray(scores)
    ax.imshow(scores, vmin=0, vmax=100, cmap="viridis", origin="lower", aspect="auto")
    for (row, column), score in np.ndenumerate(scores):
        color = "black" if score > 60 else "white"
        ax.text(column, row, f"{score:.0f}", ha="center", va="center", color=color)
    ax.set_xticks(range(6), widths)
    ax.set_yticks(range(4), heights)
    ax.set(title=f"Accuracy (%), {name}", xlabel="width", ylabel="height")
plt.show()

# %% [markdown]
# With plain gradient descent, the two trade off against each other. Along a diagonal
# band, from narrow and high to wide and low, the network learns. Above the band the
# gradient explodes, and the network is thrown to where it only guesses. Below it, the
# gradient is so small that three epochs are not enough.
#
# With Adam the rows look alike, because Adam takes out the size of the gradient. What
# is left is the width: too narrow a surrogate loses accuracy whatever its height,
# because too few neurons are told anything. This is worth remembering in both
# directions. Adam forgives a wrong height. But the gradient still spans many orders of
# magnitude then, and whatever looks at its size will notice: gradient clipping, weight
# decay that is part of the loss, or half precision.
#
# ## What to take with you
#
# - A surrogate changes the backward pass, and nothing else.
# - **Width** decides who learns. Take about the spread of the potentials around the
#   threshold. When in doubt, take it too wide rather than too narrow.
# - **Tails** decide whether a silent neuron can come back.
# - **Height** decides whether the gradient vanishes or explodes with depth.
# - `Arctan()`, the default, has a width of 0.5, long tails and a height of 1. It is a
#   good start; lower its `gain` in deep networks.
#
# [Choosing a surrogate](../guides/choosing_a_surrogate.md) has the same as a page to
# look up, with more shapes, and [the reference](../surrogate.md) has all of them.
#
# ## Exercises
#
# **1.** In the network of ten layers, which height keeps the gradient of the first and
# the last layer at the same size, if the width is 0.5? Which one if it is 0.1? Guess
# first whether the narrower one has to be higher or lower.

# %% tags=["answer"]
candidates = jnp.geomspace(0.1, 3.0, 16)
by_height = jax.vmap(lambda h, w: sizes_by_layer(arctan(h, w)), (0, None))
for width in (0.5, 0.1):
    sizes = by_height(candidates, width)
    best = jnp.argmin(jnp.abs(jnp.log(sizes[:, 0] / sizes[:, -1])))
    print(f"width {width}: height {candidates[best]:.2f}")

# %% [markdown] tags=["answer"]
# The narrower one has to be higher: fewer neurons pass the gradient on, so each has to
# pass more. This is the diagonal band in the picture above.

# %% [markdown]
# **2.** Give the triangle a small tail, and try to wake the silent network again:
# `Sum((Triangular(), StraightThrough(gain=0.05)))` adds 0.05 to the derivative
# everywhere.

# %% tags=["answer"]
from ngcx.surrogate import StraightThrough, Sum


leaky = Sum((Triangular(alpha=2.0), StraightThrough(gain=0.05)))
network, _ = trained(quiet(leaky))
print(f"{accuracy(logits_of(network, test['image']), test['label']):.1%}")

# %% [markdown]
# **3.** There is a second path on which a gradient can explode: through time. The reset
# of a neuron depends on its spike, and ngcx lets no gradient pass there unless you ask
# for it by `reset=SoftReset(detach=False)`. Take one neuron with a constant current of
# 0.3, and compute the derivative of its last potential by the first current, after 10,
# 20 and 40 steps, with and without `detach`, for a surrogate of height 3 and width 5.

# %% tags=["answer"]
from ngcx.neurons import SoftReset


@eqx.filter_jit
def influence(neuron, steps):
    def last_potential(first):
        currents = jnp.full((steps, 1), 0.3).at[0].set(first)
        state, _ = neuron.run(currents)
        return state.v[0]

    return jax.grad(last_potential)(0.3)


for detach in (True, False):
    neuron = LIF(surrogate=arctan(3.0, 5.0), reset=SoftReset(detach=detach))
    sizes = [f"{influence(neuron, steps):.1e}" for steps in (10, 20, 40)]
    print(f"detach={detach}:", ", ".join(sizes))

# %% [markdown] tags=["answer"]
# Without the path, the influence is a power of the decay, $0.9^{T - 1}$, and fades as
# the neuron forgets. With it, every step multiplies by $0.9 (1 - E'(u - \theta))$
# instead. Where $E'$ is above 2.2, this factor is below -1: the influence changes its
# sign in each step, and grows. That is why the default is to detach.

# %% [markdown]
# **4.** Does the shape matter? Put `Triangular` and `Sigmoid` of height 1 and about the
# same widths in the place of `arctan` in the sweep with Adam.


# %% tags=["answer"]
def sigmoid(height, width):
    return Sigmoid(alpha=2 / width, gain=2 * width * height)


def triangle(height, width):
    return Triangular(alpha=1 / width, gain=width * height)


print("arctan  ", " ".join(f"{score:5.1f}" for score in tables["Adam"][2]))
for make in (sigmoid, triangle):
    scores = fit_all(make, jnp.array([1.0]), jnp.array(widths), optax.adam(2e-3))
    print(f"{make.__name__:8s}", " ".join(f"{100 * s:5.1f}" for s in scores[0]))

# %% [markdown] tags=["answer"]
# In the middle of the range, they are alike. At the narrow end, those with tails lose
# less.
