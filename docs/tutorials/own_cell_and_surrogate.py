# %% [markdown]
# # 5. Your own cell and your own surrogate
#
# You have read of a neuron that ngcx does not have, and you want to train a network of
# it. This tutorial builds one from its equations, together with a surrogate gradient
# that ngcx does not have either. Then it does what most code for research leaves out:
# it proves that both are right, and it shows what the proof finds when they are not.
#
# You should know what a [spike](../glossary.md#spike) and a [surrogate
# gradient](../glossary.md#surrogate-gradient) are; the [first
# tutorial](first_spiking_network.md) explains both. The checks come with `pip install
# 'ngcx[testing]'`. It takes about 15 minutes. If you only want another reset, or a time
# constant for each neuron, you need no class of your own: [your cell in
# ngcx](../your_cell.md) lists the options that `LIF` has.

# %%
import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import matplotlib.pyplot as plt
import optax

from ngcx.losses import cross_entropy, mean_over_time
from ngcx.metrics import accuracy
from ngcx.neurons import LIF, AbstractCell, LeakyIntegrator, Stack
from ngcx.surrogate import AbstractStep, AbstractSurrogate, Arctan
from ngcx.testing import check_cell, check_derivative, check_module


# %% [markdown]
# ## A neuron that swings
#
# A leaky neuron has one number for its memory, and that number can only fade. Push it
# and let go, and it sinks back to rest. Many neurons of the brain do something else:
# they swing, like a child's swing that was pushed once. A neuron that swings answers
# strongly to input that comes in its own rhythm, and hardly at all to any other rhythm.
#
# Izhikevich (2001) wrote this down as the *resonate-and-fire* neuron. Its memory is a
# pair of numbers $(x, y)$. In each time step, the pair is turned by an angle $\omega$,
# shrunk by a [decay](../glossary.md#leak-and-decay) $\beta$, and pushed by the input
# current $j$:
#
# $$x \leftarrow \beta (x \cos\omega - y \sin\omega) + j, \qquad
# y \leftarrow \beta (x \sin\omega + y \cos\omega)$$
#
# It spikes when $y$ passes a threshold.
#
# ## The equations become a cell
#
# In ngcx, everything that runs through time is a [cell](../glossary.md#cell). A cell
# stores nothing. It answers two questions: what is the state at rest (`init`), and what
# is one step (`__call__`). So the class below holds the numbers of the equation as
# fields, and the equation itself in `__call__`, nearly letter by letter.


# %%
class Swing(eqx.Module):
    """The state of a resonator."""

    x: jax.Array
    y: jax.Array


class Resonator(AbstractCell):
    surrogate: AbstractSurrogate
    angle: float | jax.Array = 0.3
    decay: float | jax.Array = 0.95
    threshold: float | jax.Array = 1.0

    def init(self, shape, dtype=jnp.float32):
        return Swing(jnp.zeros(shape, dtype), jnp.zeros(shape, dtype))

    def __call__(self, state, current, *, key=None):
        cos = self.decay * jnp.cos(self.angle)
        sin = self.decay * jnp.sin(self.angle)
        x = cos * state.x - sin * state.y + current
        y = sin * state.x + cos * state.y
        spikes = self.surrogate(y, self.threshold, key=key)
        return Swing(x, y), spikes


# %% [markdown]
# Three things are worth a look.
#
# - There is no loop over time and no axis for the batch. `run` adds both, and compiles
#   them.
# - `angle`, `decay` and `threshold` may be numbers or arrays. A number is a constant,
#   and an array is
#   [learnt](../concepts.md#a-number-is-a-constant-an-array-is-a-parameter). One class
#   serves for both.
# - The spike comes from `self.surrogate`. A comparison, `y > self.threshold`, would
#   give the same spikes, but no gradient could pass it.
#
# Let us push it once, and see whether it swings. Any surrogate will do for now. `watch`
# names what we want to see of each step: here the field `y` of the state.

# %% alt="The potential of a leaky neuron falls after one push. That of the resonator swings four times around 0, ever less, and its first swing passes the threshold."
push = jnp.zeros((80, 1)).at[5].set(1.5)
_, spikes, seen = Resonator(Arctan()).run(push, watch=("y",))
_, _, leaky = LIF(0.95, threshold=10.0).run(push, watch=("v",))
first = jnp.flatnonzero(spikes)

figure, ax = plt.subplots(figsize=(8, 3), layout="constrained")
ax.plot(leaky["v"], color="0.6", label="$v$ of a leaky neuron")
ax.plot(seen["y"], label="$y$ of the resonator")
ax.plot(first, seen["y"][first, 0], "o", color="tab:red", label="spikes")
ax.axhline(1.0, color="black", linestyle=":", linewidth=1, label="threshold")
ax.set(xlabel="time step", ylabel="potential", title="One push, at step 5")
ax.legend()
plt.show()

# %% [markdown]
# The leaky neuron sinks. The resonator swings a few times before it has calmed down,
# and only the first swing is high enough for spikes. Nothing is reset after a spike
# here, and the swing goes on. (Izhikevich sets the pair to $(0, 1)$ after a spike.)
#
# ## Is it a good cell?
#
# It looks right. But a picture shows one neuron, in one dtype, run in one way. A cell
# must also work in half precision, in a batch, in pieces, and with sequences of unequal
# length, and its gradients must be those of its steps in all of these ways.
# [`check_cell`][ngcx.testing.check_cell] tries all of that, and is silent if all of it
# holds. We give it a resonator whose angles are an array, so that it looks at their
# gradients too.

# %%
check_cell(Resonator(Arctan(), angle=jnp.array([0.1, 0.2, 0.4, 0.8], jnp.float32)))

# %% [markdown]
# A check that has never failed has told you nothing yet. So let us make an easy
# mistake: `init` forgets the dtype that it is given. In float32 you would never notice.


# %%
class Forgetful(AbstractCell):
    right: Resonator

    def init(self, shape, dtype=jnp.float32):
        return Swing(jnp.zeros(shape), jnp.zeros(shape))

    def __call__(self, state, current, *, key=None):
        return self.right(state, current, key=key)


try:
    check_cell(Forgetful(Resonator(Arctan())))
except AssertionError as error:
    print(error)

# %% [markdown]
# A state of float32 makes everything float32, so if you wanted to save memory with
# float16, you would not save any.
#
# ## A surrogate is two formulas
#
# Next comes the surrogate. A spike is a step, and a surrogate gradient is the
# derivative of a smooth step, which we call the [primitive](../glossary.md#primitive).
# As an example we take the *hyperbolic secant*, a bell whose tails fall like those of
# an exponential:
#
# $$E(x) = \frac{2}{\pi} \arctan e^{\alpha x}, \qquad
# E'(x) = \frac{\alpha}{\pi \cosh \alpha x}$$
#
# Here $x$ is the potential less the threshold, and $\alpha$ says how sharp the step is.
# For $\alpha = \pi$ the derivative at the threshold is 1, which is a good height: a
# gradient that passes many layers neither fades nor grows.
#
# A surrogate of your own states exactly these two formulas. The spikes, the dtypes and
# the derivative of the spike follow from the base class. This is the first attempt, and
# it has one wrong number in it. Can you see it?


# %%
class FirstTry(AbstractStep):
    alpha: float | jax.Array = jnp.pi
    gain: float | jax.Array = 1.0
    equation = r"\frac{2}{\pi} \arctan e^{\alpha x}"

    def _primitive(self, x):
        return 2 / jnp.pi * jnp.arctan(jnp.exp(self.alpha * x))

    def _derivative(self, x):
        return self.alpha / 2 / jnp.cosh(self.alpha * x)


places = jnp.linspace(-2.0, 2.0, 9)
try:
    check_derivative(FirstTry(), places)
except AssertionError as error:
    print(error)

# %% [markdown]
# [`check_derivative`][ngcx.testing.check_derivative] knows nothing about secants. It
# takes quotients of differences of the primitive, and finds that they are not the
# derivative that is stated. The quotient of the two numbers is the clue: the formula
# divides by 2, where it should divide by $\pi$.
#
# With such an error, a network still trains, but by other steps than you believe, and
# the gradient of $\alpha$, which is taken from the primitive, belongs to another
# function. Nothing would have told you.
#
# ## Right on paper, wrong in floating point
#
# So we correct the number. Both formulas are now those of the book.


# %%
class SecondTry(AbstractStep):
    alpha: float | jax.Array = jnp.pi
    gain: float | jax.Array = 1.0
    equation = r"\frac{2}{\pi} \arctan e^{\alpha x}"

    def _primitive(self, x):
        return 2 / jnp.pi * jnp.arctan(jnp.exp(self.alpha * x))

    def _derivative(self, x):
        return self.alpha / jnp.pi / jnp.cosh(self.alpha * x)


try:
    check_derivative(SecondTry(), places)
except AssertionError as error:
    print(error)

# %% [markdown]
# This is another kind of mistake. The check does not only look at the places that we
# gave it: it goes on to the smallest and the largest numbers that the dtype has. There,
# $\cosh$ overflows to infinity. The derivative itself survives that, because $1 /
# \infty = 0$. The derivative of the derivative does not: it has $\infty / \infty$ in
# it, which is NaN.
#
# Is it a pedant's worry? Not if you train. A potential of 30 thresholds is all it
# takes, and one NaN in one gradient turns all weights into NaN. Let us see it happen to
# $\alpha$, whose gradient goes through the same exponentials:

# %%
for height in (1.0, 10.0, 100.0):
    slope = jax.grad(lambda alpha, x: SecondTry(alpha)(x))(jnp.pi, height)
    print(f"{height:5.0f} above the threshold: the gradient of alpha is {slope}")

# %% [markdown]
# The cure is an old one: never take the exponential of a large number. Both curves are
# symmetric, so $e^{-|\alpha x|}$, which is never larger than 1, is enough for both:
#
# $$E'(x) = \frac{2 \alpha}{\pi} \frac{e}{1 + e^2}
# \quad\text{with}\quad e = e^{-|\alpha x|}$$


# %%
class Secant(AbstractStep):
    alpha: float | jax.Array = jnp.pi
    gain: float | jax.Array = 1.0
    equation = r"\frac{2}{\pi} \arctan e^{\alpha x}"

    def _primitive(self, x):
        tail = 2 / jnp.pi * jnp.arctan(jnp.exp(-jnp.abs(self.alpha * x)))
        return jnp.where(x < 0, tail, 1 - tail)

    def _derivative(self, x):
        e = jnp.exp(-jnp.abs(self.alpha * x))
        return 2 * self.alpha / jnp.pi * e / (1 + e**2)


for alpha in (jnp.pi, jnp.array(2.0, jnp.float32)):  # a constant, and a parameter
    check_derivative(Secant(alpha), places)
    check_module(Secant(alpha))

# %% [markdown]
# Silence means that all of it holds: values, first and second derivatives, and the
# gradient of $\alpha$, by forward and by reverse mode, from the smallest number to the
# largest. [`check_module`][ngcx.testing.check_module] adds what JAX does to a function:
# it compiles, maps, scans and shards it, in every dtype.
#
# [Derivatives and property tests](../guides/derivatives_and_property_tests.md) has the
# next step, properties that hypothesis tries to refute. Here is what we have proved:

# %% alt="Left: the step of the spike, and the primitive, a smooth step. Right: the derivative, a bell of height 1, beside that of the arctangent, whose tails are higher."
x = jnp.linspace(-2, 2, 401)
figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3), layout="constrained")
left.plot(x, Secant()(x), color="0.6", label="spike")
left.plot(x, Secant().primitive(x), label="primitive")
right.plot(x, Secant().derivative(x), label="Secant: derivative")
right.plot(x, Arctan().derivative(x), "--", label="Arctan: derivative")
for ax in (left, right):
    ax.set(xlabel="potential - threshold", ylim=(-0.05, 1.3))
    ax.legend(loc="upper left", fontsize="small")
plt.show()

# %% [markdown]
# ## What the cell is good for
#
# A neuron that swings should be able to hear. So we play tones of 40, 65, 95 and 140
# Hz, each with a phase of its own and buried in noise, and ask which tone it was. A
# time step is 1 ms, so a resonator that swings with $f$ Hz has the angle $2 \pi f /
# 1000$.

# %% alt="Four noisy traces, one for each tone. The tone can hardly be seen in the noise."
TONES = jnp.array([40.0, 65.0, 95.0, 140.0])  # Hz


def recordings(key, count, steps=120):
    label_key, phase_key, noise_key = jr.split(key, 3)
    label = jr.randint(label_key, (count,), 0, len(TONES))
    phase = jr.uniform(phase_key, (count,), maxval=2 * jnp.pi)
    time = jnp.arange(steps)[:, None] / 1000
    tone = jnp.sin(2 * jnp.pi * TONES[label] * time + phase)
    return (tone + jr.normal(noise_key, tone.shape))[..., None], label


sound, label = recordings(jr.key(0), 1000)
figure, axes = plt.subplots(4, sharex=True, figsize=(8, 4), layout="constrained")
for i, ax in enumerate(axes):
    ax.plot(sound[:, jnp.argmax(label == i), 0], linewidth=1)
    ax.set_ylabel(f"{TONES[i]:.0f} Hz")
axes[-1].set_xlabel("time (ms)")
plt.show()

# %% [markdown]
# The network is small: sixteen neurons hear the same sound, each with a weight of its
# own, and four integrators read them. We build it twice. Once the sixteen are our
# resonators, with angles that are *learnt* because they are an array. And once they are
# leaky neurons, with decays that are learnt in the same way. Angles and decays begin
# evenly spread. Our surrogate serves both.


# %%
def network(cell, key):
    first, last = jr.split(key)
    return Stack(
        eqx.nn.Linear(1, 16, key=first),
        cell,
        eqx.nn.Linear(16, len(TONES), key=last),
        LeakyIntegrator(0.9),
    )


angles = jnp.linspace(0.05, 1.2, 16)
decays = jnp.linspace(0.3, 0.99, 16)
untrained = {
    "resonators": network(Resonator(Secant(), angles, threshold=4.0), jr.key(2)),
    "leaky neurons": network(LIF(decays, surrogate=Secant()), jr.key(2)),
}
optimizer = optax.adam(1e-2)


def logits(network, sound):
    return mean_over_time(network.run(sound, batched=True)[1])


@eqx.filter_jit
def step(network, state, key):
    sound, label = recordings(key, 128)

    def loss(network):
        return cross_entropy(logits(network, sound), label)

    value, gradients = eqx.filter_value_and_grad(loss)(network)
    updates, state = optimizer.update(gradients, state)
    return eqx.apply_updates(network, updates), state, value


trained = {}
for name, each in untrained.items():
    state = optimizer.init(eqx.filter(each, eqx.is_inexact_array))
    for i in range(200):
        each, state, value = step(each, state, jr.fold_in(jr.key(3), i))
    trained[name] = each
    print(f"{name}: accuracy {accuracy(logits(each, sound), label):.1%}")

# %% [markdown]
# The leaky neurons are better than chance, which is 25 %, but they have no rhythm to
# offer. The resonators hear nearly every tone. Have they learnt anything, or were their
# first rhythms good enough? We play pure tones of all frequencies to the network before
# and after, and count how often each neuron spikes.

# %% alt="Two maps of neurons and frequencies. Before, the resonances are evenly spread. After, most lie at the four dashed lines of the tones."
frequencies = jnp.linspace(10.0, 200.0, 96)
time = jnp.arange(400)[:, None] / 1000
pure = jnp.sin(2 * jnp.pi * frequencies * time)[..., None]

figure, panels = plt.subplots(1, 2, figsize=(9, 4), sharey=True, layout="constrained")
for ax, nets, title in zip(
    panels, (untrained, trained), ("before", "after"), strict=True
):
    cells = nets["resonators"]
    order = jnp.argsort(jnp.abs(cells[1].angle))
    *_, seen = cells.run(pure, batched=True, watch=("1.out",))
    tuning = seen["1.out"].mean(axis=0)[:, order].T  # (neurons, frequencies)
    drawn = ax.pcolormesh(frequencies, jnp.arange(16), tuning, cmap="Greys", vmax=0.4)
    for tone in TONES:
        ax.axvline(tone, color="tab:red", linestyle="--", linewidth=1)
    ax.set(title=f"{title} the training", xlabel="frequency (Hz)")
panels[0].set_ylabel("neuron, by its angle")
figure.colorbar(drawn, label="share of steps with a spike")
plt.show()

hertz = jnp.sort(jnp.abs(trained["resonators"][1].angle)) * 1000 / (2 * jnp.pi)
print("they swing with", [round(float(each)) for each in hertz], "Hz")

# %% [markdown]
# They have moved. (The black row is a neuron that swings so slowly that its bias alone
# holds it above the threshold; it has learnt better.) Nobody told the network which
# tones there are: the gradient led the angles there, through a cell and a surrogate
# that did not exist when you began to read.
#
# ## What to take with you
#
# - A cell is `init` and one step. A surrogate is a primitive and its derivative.
# - Numbers are constants and arrays are learnt, in your classes as in those of ngcx.
# - `check_cell`, `check_derivative` and `check_module` cost one line each. They find
#   what training hides: wrong factors, NaN at large potentials, forgotten dtypes.
# - A formula that is right on paper may be wrong in floating point. Never take the
#   exponential of a large number.
#
# ## Exercises
#
# **1.** The decay of the resonators is a constant. Make it learnt as well, one for each
# neuron. What has to change, and does the check still pass?

# %% tags=["answer"]
both = Resonator(Secant(), angles, decay=jnp.full(16, 0.95), threshold=4.0)
check_cell(
    eqx.tree_at(
        lambda cell: (cell.angle, cell.decay), both, (angles[:4], jnp.full(4, 0.95))
    )
)

# %% [markdown] tags=["answer"]
# Nothing has to change in the class, since its fields take numbers and arrays alike.
# (The check sends 4 inputs, so the arrays have 4 entries there.) A decay that is learnt
# might be pushed above 1, where the swing grows for ever. [Put it back into its
# range](../how/learn_a_threshold.md) after each step.

# %% [markdown]
# **2.** Let the resonator also answer to the other side of its swing: it gives -1 where
# $y$ falls below $-\theta$. Write it, and prove it.


# %% tags=["answer"]
class TwoSided(AbstractCell):
    surrogate: AbstractSurrogate
    angle: float | jax.Array = 0.3
    decay: float | jax.Array = 0.95
    threshold: float | jax.Array = 1.0

    def init(self, shape, dtype=jnp.float32):
        return Swing(jnp.zeros(shape, dtype), jnp.zeros(shape, dtype))

    def __call__(self, state, current, *, key=None):
        cos = self.decay * jnp.cos(self.angle)
        sin = self.decay * jnp.sin(self.angle)
        x = cos * state.x - sin * state.y + current
        y = sin * state.x + cos * state.y
        up = self.surrogate(y, self.threshold)
        down = self.surrogate(-y, self.threshold)
        return Swing(x, y), up - down


check_cell(TwoSided(Secant()))

# %% [markdown]
# **3.** Where does `SecondTry` begin to fail in float32? Guess first: the largest
# float32 is about $3.4 \cdot 10^{38}$.

# %% [markdown] tags=["answer"]
# The gradient of $\alpha$ is $\frac{2}{\pi} \frac{x e^u}{1 + e^{2 u}}$ with $u = \pi
# x$. Where $e^{2 u}$ overflows, the quotient is 0, which is harmless. It is NaN where
# $e^u$ itself overflows, since JAX then multiplies infinity by 0. That is where $u >
# \ln(3.4 \cdot 10^{38}) = 88.7$, so $x > 28.2$.

# %% tags=["answer"]
heights = jnp.arange(27.0, 30.0, 0.1)
slope = jax.vmap(jax.grad(lambda alpha, x: SecondTry(alpha)(x)), in_axes=(None, 0))
slopes = slope(jnp.pi, heights)
print(f"the first that is not finite: {heights[jnp.argmax(~jnp.isfinite(slopes))]:.1f}")

# %% [markdown]
# **4.** A student proposes the surrogate $E(x) = \frac{1}{2} + \frac{\alpha x}{2 (1 +
# |\alpha x|)}$, for which $E'(x) = \frac{\alpha}{2 (1 + |\alpha x|)^2}$. Write it and
# check it. It fails far from the threshold. Why, and how can it be written instead?


# %% tags=["answer"]
class Proposed(AbstractStep):
    alpha: float | jax.Array = 1.0
    gain: float | jax.Array = 2.0
    equation = r"\frac{1}{2} + \frac{\alpha x}{2 (1 + |\alpha x|)}"

    def _primitive(self, x):
        u = self.alpha * x
        return 1 / 2 + u / (1 + jnp.abs(u)) / 2

    def _derivative(self, x):
        return self.alpha / 2 / (1 + jnp.abs(self.alpha * x)) ** 2


class Written(AbstractStep):
    alpha: float | jax.Array = 1.0
    gain: float | jax.Array = 2.0
    equation = Proposed.equation

    def _primitive(self, x):
        tail = 1 / (1 + jnp.abs(self.alpha * x)) / 2
        return jnp.where(x < 0, tail, 1 - tail)

    def _derivative(self, x):
        return self.alpha / 2 * jnp.square(1 / (1 + jnp.abs(self.alpha * x)))


try:
    check_derivative(Proposed(), places)
except AssertionError as error:
    print(error)
check_derivative(Written(), places)

# %% [markdown] tags=["answer"]
# The square in the denominator overflows where $|x|$ is above $10^{19}$, and the second
# derivative is infinity by infinity there. Square the quotient instead, which is never
# large. `Written` also corrects something that the check lets pass, because the error
# is small beside 1: far below the threshold, $\frac{1}{2}$ and nearly $-\frac{1}{2}$
# cancel each other, and all digits of the result are lost. In ngcx this surrogate is
# [`FastSigmoid`][ngcx.surrogate.FastSigmoid].
