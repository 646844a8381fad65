# %% [markdown]
# # 8. Learning without backpropagation: predictive coding
#
# A brain learns, and so may a chip that has no room for a backward pass. What both have
# in common is that a synapse knows only its own two ends: what comes in, what goes out,
# and what it weighs itself. This tutorial begins with the oldest rule of that kind,
# which fits into one line and does something useful. It goes on to *predictive coding*,
# and ends with neurons that have found by themselves what the first cells of your
# visual cortex respond to.
#
# You need not know anything about spiking networks. It takes about 20 minutes. If you
# come from ngc-learn, whose models these are, [the page on migration](../migration.md)
# says how everything is called here. For a task where a gradient is at hand, take the
# gradient: it usually gets further.

# %%
import jax
import jax.numpy as jnp
import jax.random as jr
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_sample_images

from ngcx import viz
from ngcx.activations import SoftThreshold
from ngcx.filters import difference_of_gaussians
from ngcx.neurons import LIF
from ngcx.ops import normalize_matrix
from ngcx.patches import sample_patches
from ngcx.process import MethodProcess


# %% [markdown]
# ## What fires together, wires together
#
# A neuron takes numbers $x$, weighs them, and answers with $y = w \cdot x$. Hebb's rule
# of 1949 says that a synapse grows when both of its ends are active: $\Delta w = \eta\,
# y\, x$. There is nothing to stop that growth. In 1982, Oja saw that one further term
# is enough:
#
# $$\Delta w = \eta\, y\, (x - y\, w)$$
#
# Here is a cloud of points in the plane, and a neuron that sees one point after the
# other. In ngcx, the change of the weights is one of the *steps* of the model, and a
# [process](../process.md) puts the steps into their order. A step takes the state and
# returns the changed one. What it needs from outside, it names in its signature.


# %%
def answer(state, x):
    return state | {"y": state["weight"] @ x}


def hebb(state, x):
    return state | {"weight": state["weight"] + 0.01 * state["y"] * x}


def oja(state, x):
    error = x - state["y"] * state["weight"]
    return state | {"weight": state["weight"] + 0.01 * state["y"] * error}


def weight(state):
    return state["weight"]


cloud = jr.normal(jr.key(0), (600, 2)) @ jnp.array([[1.6, 0.9], [0.0, 0.5]])
start = {"weight": jnp.array([-0.3, 0.8]), "y": jnp.zeros(())}

paths = {}
for name, rule in {"Hebb": hebb, "Oja": oja}.items():
    process = MethodProcess(name, answer, rule)
    _, paths[name] = process.scan(start, {"x": cloud}, watch=weight)

# %% [markdown]
# `scan` has run all 600 steps in one compiled loop, and `watch` has kept the weights of
# each. So we can see where they went. Oja's weights are drawn as the arrow that they
# are.
#
# In ngc-learn, the state lives in the compartments of components, and a process
# advances them. Here it is a dictionary that goes in and comes out, so that no run
# remembers the one before.

# %% alt="Left: a long cloud of points. The path of Oja's weights leads to the long axis of the cloud and stays there at length 1. Right: the length of the weights over time; Hebb's grows without bound, Oja's stays at 1."
direction = jnp.linalg.eigh(cloud.T @ cloud)[1][:, -1]  # the first principal component
direction = direction * jnp.sign(direction @ paths["Oja"][-1])

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
left.scatter(*cloud.T, s=4, color="0.8")
left.plot(*paths["Oja"].T, color="tab:blue", linewidth=1)
left.annotate(
    "", paths["Oja"][-1], (0, 0), arrowprops={"color": "tab:blue", "width": 1}
)
left.axline((0, 0), direction, color="black", linestyle=":", label="principal axis")
left.set(aspect="equal", title="Oja's weights among the points")
left.legend(loc="lower right")
for name, path in paths.items():
    right.plot(jnp.linalg.norm(path, axis=1), label=name)
right.set(xlabel="points seen", ylabel="length of the weights", yscale="log")
right.legend()
plt.show()
last = paths["Oja"][-1]
print(f"length {jnp.linalg.norm(last):.3f}, ", end="")
print(f"cosine with the axis {last @ direction / jnp.linalg.norm(last):.4f}")

# %% [markdown]
# Hebb's weights point the right way and explode. Oja's come to rest at length 1, on the
# long axis of the cloud: that is its first principal component. One neuron, one local
# rule, and no gradient has found what the data have most of.
#
# Look once more at the term in the brackets. If the neuron had to *predict* the input
# from nothing but its answer, its prediction would be $y\, w$, and $x - y\, w$ is the
# error of that prediction. So Oja's rule says: change each weight by your answer, times
# what you did not foresee. This is the whole idea of predictive coding. What is left is
# to do it with many neurons.
#
# ## Many neurons that explain one picture
#
# Rao and Ballard (1999) thought of the visual cortex like this. Each layer tries to
# predict the activity of the layer below. Only what was not foreseen travels up, and
# the layer changes its mind until little is left. With *latents* $z$ and weights $W$,
# prediction and error are
#
# $$\hat{x} = z W, \qquad e = x - z W$$
#
# First we need pictures. Two photographs come with scikit-learn. The eye does not send
# them to the brain as they are: cells of the retina respond to differences between a
# spot and its surround. That is the [filter](../filters.md) that we apply to them,
# before we cut out 40,000 random [patches](../patches.md) of 12 by 12 pixels.

# %% alt="A photograph of a Chinese temple, the same as the retina sees it, with edges alone, and a few patches of it."
photos = jnp.asarray(np.stack(load_sample_images().images).mean(-1) / 255, jnp.float32)
retina = difference_of_gaussians(photos, 0.7, 3.0, radius=9)
retina = retina / jnp.std(retina, axis=(1, 2), keepdims=True)
patches = sample_patches(jr.key(1), retina, (12, 12), 20_000).reshape(-1, 144)
patches = patches[jr.permutation(jr.key(2), len(patches))]

figure, axes = plt.subplots(1, 3, figsize=(10, 3), layout="constrained")
axes[0].imshow(photos[0], cmap="gray")
axes[1].imshow(retina[0], cmap="gray", vmin=-3, vmax=3)
tiles = patches[:40].reshape(5, 8, 12, 12).transpose(0, 2, 1, 3).reshape(60, 96)
axes[2].imshow(tiles, cmap="gray", vmin=-3, vmax=3)
for ax, title in zip(axes, ("light", "retina", "forty patches"), strict=True):
    ax.set(title=title, xticks=[], yticks=[])
plt.show()

# %% [markdown]
# ## To think is to settle
#
# The latents of a patch are not computed in one go. They start at 0, and in each step
# they move so that the error gets smaller: each latent gets the errors through its own
# weights, $\Delta z = e W^\top$. That alone would use all latents a little. Neurons of
# the cortex are silent most of the time, so we ask for *sparse* latents: after each
# step, [`SoftThreshold`][ngcx.activations.SoftThreshold] pulls all of them towards 0,
# and those that are near it are 0.
#
# The patch itself is a part of the state here, because it stays the same while the
# latents settle.

# %%
STEP, SPARSITY = 0.1, 0.5
shrink = SoftThreshold(STEP * SPARSITY)


def predict(state):
    return state | {"error": state["patch"] - state["latents"] @ state["weights"]}


def infer(state):
    drive = state["error"] @ state["weights"].T
    return state | {"latents": shrink(state["latents"] + STEP * drive)}


settle = MethodProcess("settle", predict, infer)


def at_rest(weights, patch):
    latents = jnp.zeros((len(patch), len(weights)))
    return {"weights": weights, "latents": latents, "patch": patch, "error": patch}


def unit_rows(weights):
    return normalize_matrix(weights, 1.0, order=2, axis=1)


def energy(state):
    error = state["patch"] - state["latents"] @ state["weights"]
    return jnp.sum(error**2, axis=1) / 2 + SPARSITY * jnp.sum(
        jnp.abs(state["latents"]), axis=1
    )


def seen(state):
    return {"latents": state["latents"][0], "energy": energy(state)}


untrained = unit_rows(jr.normal(jr.key(3), (64, 144)))
lively = patches[jnp.std(patches, axis=1) > 1.5][:20]  # not the sky
_, history = settle.scan(at_rest(untrained, lively), {}, length=40, watch=seen)

# %% alt="Left: the energies of twenty patches fall over forty steps and come to rest. Right: the latents of one patch; some grow, others stay at 0."
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
left.plot(history["energy"], color="tab:blue", linewidth=0.8)
left.set(xlabel="step", ylabel="energy of a patch")
right.plot(history["latents"], linewidth=0.8)
right.set(xlabel="step", ylabel="latents of the first patch")
plt.show()
assert (jnp.diff(history["energy"], axis=0) <= 1e-3).all()

# %% [markdown]
# There is a number that only ever falls while the latents settle:
#
# $$F = \frac{1}{2} \lVert x - z W \rVert^2 + \lambda \lVert z \rVert_1$$
#
# Nobody computes it in the loop. It is called the *energy*, as in physics, where a
# marble rolls downhill without knowing how high it lies.
#
# ## To learn is to change a little
#
# When the latents have settled, the weights change by Oja's product: what the latent
# says, times what was not foreseen. Over a batch, it is the mean of that. Afterwards
# each latent's weights are scaled to length 1; otherwise the weights would grow and the
# latents shrink for ever.


# %%
def learn(state, rate):
    change = state["latents"].T @ state["error"] / len(state["error"])
    return state | {"weights": unit_rows(state["weights"] + rate * change)}


adapt = MethodProcess("adapt", predict, learn)

# %% [markdown]
# Is this local? Weight $W_{ij}$ changes by $z_i e_j$, and latent and error are its two
# ends. And yet, it is a gradient. `jax.grad` of the energy knows nothing of ends, and
# agrees:

# %%
state, _ = settle.scan(at_rest(untrained, lively), {}, length=40)
state = MethodProcess("look", predict).run(state, {})
local = state["latents"].T @ state["error"]
gradient = jax.grad(lambda w: jnp.sum(energy(state | {"weights": w})))(untrained)
print(f"largest product of latent and error:       {jnp.abs(local).max():.3f}")
print(
    f"largest difference from the gradient of F: {jnp.abs(local + gradient).max():.1e}"
)

# %% [markdown]
# This is the trick of predictive coding. Backpropagation sends errors back through all
# the layers. Here, settling has already brought the errors to where they are needed, so
# that the gradient is a product of two neighbours. (How the latents would move with the
# weights does not matter, because they lie at a minimum of the energy.)
#
# ## Ten looks at each patch
#
# Now we let it learn: settle for 40 steps, adapt once, take the next hundred patches.
# `rate` is an input of the process, so the rate 0 runs the same program without
# learning.


# %%
@jax.jit
def present(weights, patch, rate):
    state, _ = settle.scan(at_rest(weights, patch), {}, length=40)
    state = adapt.run(state, {"rate": rate})
    active = jnp.mean(state["latents"] != 0)
    return state["weights"], jnp.mean(state["error"] ** 2), active


batches = patches.reshape(-1, 100, 144)
weights, errors, moments = untrained, [], {"before": untrained}
for epoch in range(10):
    for batch in batches:
        weights, error, active = present(weights, batch, 0.1)
        errors.append(error)
    if epoch in (0, 9):
        moments[f"{(epoch + 1) * len(patches):,} patches"] = weights
print(f"mean squared error {np.mean(errors[-400:]):.3f}; {active:.0%} are active")

# %% alt="The mean squared error of each batch falls steeply within the first hundred batches, and hardly any more after that."
figure, ax = plt.subplots(figsize=(8, 2.6), layout="constrained")
ax.plot(jnp.stack(errors), linewidth=0.4)
ax.set(xlabel="batch", ylabel="mean squared error", yscale="log")
plt.show()

# %% alt="Three grids of the weights of 64 latents. Before the learning they are noise. After it, most are short edges, each with its own place and direction."
viz.macro_grid(
    list(moments.values()), (12, 12), names=list(moments), columns=3, normalize=True
)

# %% [markdown]
# Each small square is what one latent expects to see. At the beginning that was noise.
# Now they are short edges, each at its own place and with its own direction, some thin
# and some wide. Hubel and Wiesel found cells like these in the visual cortex of the
# cat, and Olshausen and Field (1996) showed that it takes no more than this to get
# them: pictures of the world, and the wish to explain them with few neurons.
#
# ## Is it the learning, or the wish for few?
#
# A good experiment takes one thing away. Let the latents be pulled towards 0 gently, in
# proportion to their size, which is what a Gaussian prior asks for. No latent is then
# silent. One line changes.


# %% alt="The weights of 64 latents that were trained without sparsity. They are blotches that fill the whole square."
def infer_all(state):
    drive = state["error"] @ state["weights"].T - SPARSITY * state["latents"]
    return state | {"latents": state["latents"] + STEP * drive}


settle_all = MethodProcess("settle", predict, infer_all)


@jax.jit
def present_all(weights, patch):
    state, _ = settle_all.scan(at_rest(weights, patch), {}, length=40)
    return adapt.run(state, {"rate": 0.1})["weights"]


dense = untrained
for _ in range(10):
    for batch in batches:
        dense = present_all(dense, batch)
viz.receptive_fields(dense, (12, 12), normalize=True).figure

# %% [markdown]
# It is the wish for few. Without it, the latents only have to span the same space as
# the principal components do, and any mixture of them will do. With it, each latent has
# to mean something by itself.
#
# ## What to take with you
#
# - A local rule multiplies what the two ends of a synapse do. Oja's rule is the
#   smallest that is stable, and it is predictive coding with one neuron.
# - In predictive coding, activities settle first and weights change afterwards. The
#   change is the gradient of an energy, although nothing is sent back.
# - A process is a list of steps, functions of a state. What learns is in the state, so
#   that it can be watched, saved, and mapped over.
# - [Local learning](../guides/local_learning.md) shows the same for spikes, with
#   ensembles and files.
#
# ## Exercises
#
# **1.** How much sparsity is right? Train with $\lambda$ at 0.1, 0.5 and 2, for two
# epochs each. Look at the error and at the share of active latents.


# %% alt="Three grids of weights. At 0.1 they are noisy, at 0.5 and at 2 they are edges." tags=["answer"]
by_sparsity = {}
for sparsity in (0.1, 0.5, 2.0):
    pull = SoftThreshold(STEP * sparsity)

    def infer_by(state, pull=pull):
        drive = state["error"] @ state["weights"].T
        return state | {"latents": pull(state["latents"] + STEP * drive)}

    settle_by = MethodProcess("settle", predict, infer_by)

    @jax.jit
    def present_by(weights, patch, settle_by=settle_by):
        state, _ = settle_by.scan(at_rest(weights, patch), {}, length=40)
        state = adapt.run(state, {"rate": 0.1})
        return state["weights"], jnp.mean(state["error"] ** 2), state["latents"] != 0

    found = untrained
    for batch in [*batches, *batches]:
        found, error, on = present_by(found, batch)
    print(f"sparsity {sparsity}: error {error:.3f}, {on.mean():.0%} active")
    by_sparsity[f"sparsity {sparsity}"] = found
viz.macro_grid(
    list(by_sparsity.values()),
    (12, 12),
    names=list(by_sparsity),
    columns=3,
    normalize=True,
)

# %% [markdown] tags=["answer"]
# It is a trade-off: the fewer may speak, the worse they explain. At 0.1, half of the
# latents speak at once, and nothing makes edges of them. At 2 the edges are bolder than
# at 0.5, because only what is strong in a picture is explained at all.

# %% [markdown]
# **2.** One neuron of Oja's finds the first principal component. Sanger (1989) lets
# several neurons find one each: neuron $i$ sees only what neurons 1 to $i$ have not
# foreseen. Write the step for three neurons and three-dimensional points, and compare
# with the eigenvectors.


# %% tags=["answer"]
def answers(state, x):
    return state | {"y": state["weight"] @ x}


def sanger(state, x):
    y, weight = state["y"], state["weight"]
    foreseen = jnp.cumsum(y[:, None] * weight, axis=0)  # by neurons 1 to i
    return state | {"weight": weight + 0.005 * y[:, None] * (x - foreseen)}


points = jr.normal(jr.key(4), (8000, 3)) * jnp.array([2.0, 1.2, 0.6])
points = points @ jnp.linalg.qr(jr.normal(jr.key(5), (3, 3)))[0]
begin = {"weight": 0.1 * jr.normal(jr.key(6), (3, 3)), "y": jnp.zeros(3)}
end, _ = MethodProcess("sanger", answers, sanger).scan(begin, {"x": points})
axes = jnp.linalg.eigh(points.T @ points)[1][:, ::-1].T
print(jnp.abs(jnp.sum(axes * end["weight"], axis=1)).round(3))

# %% [markdown]
# **3.** Are these the edges of a temple, or those of the world? Train on the patches of
# one photograph alone, and look with rate 0 at the error on those of the other one.


# %% tags=["answer"]
def learnt(patches):
    found = untrained
    for batch in [*patches.reshape(-1, 100, 144)] * 5:
        found, *_ = present(found, batch, 0.1)
    return found


names = ("temple", "flower")
cut = sample_patches(jr.key(9), retina, (12, 12), 20_000).reshape(2, -1, 144)
for name, mine in zip(names, cut, strict=True):
    found = learnt(mine)
    errors = [present(found, each, 0.0)[1] for each in cut]
    for other, error, each in zip(names, errors, cut, strict=True):
        print(
            f"learnt on {name}: {error / jnp.mean(each**2):.1%} of {other} unexplained"
        )

# %% [markdown] tags=["answer"]
# What was learnt on the temple explains the flower as well as the flower's own edges
# do: these are edges of the world. The other way round, something is missing, because
# the flower has soft edges, and the temple has fine carvings too.

# %% [markdown]
# **4.** Now with spikes. Twenty inputs fire at the same mean rate, but the first ten
# often fire together. A neuron hears all of them. Let a synapse grow when its input
# fired shortly *before* the neuron, and shrink when shortly *after*: this is
# spike-timing-dependent plasticity. Each side leaves a trace that decays. Which
# synapses win?


# %% alt="The weights of twenty synapses over time: those of the ten inputs that fire together rise to the bound and stay there, and the others wander below." tags=["answer"]
cell = LIF(decay=0.9, threshold=1.0)


def fire(state, spikes):
    neuron, out = cell(state["neuron"], spikes @ state["weight"])
    return state | {"neuron": neuron, "out": out}


def plasticity(state, spikes):
    grown = state["before"] * state["out"] - 1.1 * state["after"] * spikes
    weight = jnp.clip(state["weight"] + 0.01 * grown, 0.0, 0.5)
    before = 0.9 * state["before"] + spikes
    after = 0.9 * state["after"] + state["out"]
    return state | {"weight": weight, "before": before, "after": after}


steps = 6000
common = jr.bernoulli(jr.key(7), 0.03, (steps, 1))
own = jr.bernoulli(jr.key(8), jnp.where(jnp.arange(20) < 10, 0.01, 0.04), (steps, 20))
spikes = (own | (common & (jnp.arange(20) < 10))).astype(jnp.float32)
rest = {
    "neuron": cell.init(()),
    "out": jnp.zeros(()),
    "weight": jnp.full(20, 0.2),
    "before": jnp.zeros(20),
    "after": jnp.zeros(()),
}
_, grown = MethodProcess("stdp", fire, plasticity).scan(
    rest, {"spikes": spikes}, watch=weight
)

figure, ax = plt.subplots(figsize=(8, 3), layout="constrained")
together, alone = (
    ax.plot(grown[:, :10], "tab:red", lw=0.8),
    ax.plot(grown[:, 10:], "0.6", lw=0.8),
)
ax.legend(
    [together[0], alone[0]],
    ["together", "alone"],
    loc="upper left",
    bbox_to_anchor=(1, 1),
)
ax.set(xlabel="time step", ylabel="weight")
plt.show()

# %% [markdown] tags=["answer"]
# Ten inputs that fire together make the neuron fire, so they come just before it and
# grow. The others come before it hardly more often than after it, and shrinking is a
# little stronger, so they wander below. Hebb's sentence has an arrow of time in it: who
# fires *first* is wired.
