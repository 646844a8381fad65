"""Draws the pictures from the modules themselves; mkdocs calls it before a build."""

import inspect
import pathlib

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import matplotlib.figure
import numpy as np

from benchmarks import _report
from benchmarks.scale import _page as scaling
from ngcx import activations, init, neurons, surrogate, viz


HYPERPARAMETERS = {
    "BinaryKWTA": {"k": 60},
    "CauchyThreshold": {"lmbda": 2.0},
    "Clip": {"min": -2.0, "max": 2.0},
    "KWTA": {"k": 60},
    "Sine": {"omega_0": 2.0},
    "SoftThreshold": {"lmbda": 1.0},
    "Swish": {"beta": 2.0},
}


def members(subpackage, base) -> list[str]:
    return sorted(
        name
        for name, member in vars(subpackage).items()
        if inspect.isclass(member)
        and issubclass(member, base)
        and not name.startswith("Abstract")
    )


def draw_activations(path: pathlib.Path) -> None:
    shown = {
        name: getattr(activations, name)(**HYPERPARAMETERS.get(name, {}))
        for name in members(activations, activations.AbstractActivation)
    }
    viz.activation_gallery(shown).savefig(path, dpi=100)


# The defaults of these would be too sharp or too wide to see, or they have none.
SHOWN = {
    "Custom": surrogate.Custom(
        lambda x: jnp.cos(x) * (jnp.abs(x) < jnp.pi / 2),
        lambda x: jnp.sin(jnp.clip(x, -jnp.pi / 2, jnp.pi / 2)),
    ),
    "FakeNumericalGradient": surrogate.FakeNumericalGradient(2.0),
    "FastSigmoid": surrogate.FastSigmoid(4.0, gain=1 / 2),
    "Rectangular": surrogate.Rectangular(0.5, gain=2.0),
    "SecantLIF": surrogate.SecantLIF(c2=1.0),
    "SparseFastSigmoid": surrogate.SparseFastSigmoid(4.0, gain=1 / 2),
    "Sparse": surrogate.Sparse(surrogate.Sigmoid()),
    "Sum": surrogate.Sum((surrogate.Triangular(), surrogate.StraightThrough(0.1))),
}


def draw_surrogates(path: pathlib.Path) -> None:
    shown = {
        name: SHOWN.get(name) or getattr(surrogate, name)()
        for name in members(surrogate, surrogate.AbstractSurrogate)
        if name not in ("AtThreshold", "EscapeNoise", "MultiSpike")  # curves of others
    }
    viz.surrogate_gallery(shown).savefig(path, dpi=100)


INITIALIZERS = {
    "Constant": init.Constant(0.5),
    "DiagOffDiag": init.DiagOffDiag(1.0, -0.1),
    "FromJax": init.FromJax(lambda key, shape, dtype: jr.laplace(key, shape, dtype)),
    "Constrained": init.Gaussian().constrain(init.Clip(-1.0, 1.0), init.Hollow()),
}


def draw_initializers(path: pathlib.Path) -> None:
    names = members(init, init.AbstractInitializer)
    figure = matplotlib.figure.Figure(figsize=(14, 12), layout="constrained")
    axes = figure.subplots(5, 5)
    for name, ax in zip(names, axes.flat, strict=False):
        initializer = INITIALIZERS.get(name) or getattr(init, name)()
        draw = np.ravel(initializer(jr.key(0), (200, 200)))
        ax.hist(draw, bins=60, density=True, color="tab:blue")
        ax.set(title=name, yticks=[])
    for ax in axes.flat[len(names) :]:
        ax.axis("off")
    figure.savefig(path, dpi=90)


def draw_encoders(path: pathlib.Path) -> None:
    steps, threshold = 100, 0.25
    ramp = jnp.linspace(0, 1, 30)
    signal = jnp.sin(jnp.linspace(0, 9, steps)) * jnp.linspace(0.3, 1, steps)
    changes = neurons.delta(signal, threshold)
    levels = jnp.linspace(-0.1, 1.1, 200)
    figure = matplotlib.figure.Figure(figsize=(14, 6), layout="constrained")
    axes = figure.subplots(2, 3)
    rasters = {
        "poisson: numbers from 0 to 1": neurons.poisson(jr.key(0), ramp, steps),
        "latency: numbers from 0 to 1": neurons.latency(ramp, steps),
        "population, then latency: 0.4": neurons.latency(
            neurons.population(jnp.array(0.4), 8), steps
        ),
    }
    for ax, (title, spikes) in zip(axes[0], rasters.items(), strict=True):
        time, neuron = np.nonzero(np.asarray(spikes))
        ax.scatter(time, neuron, s=14, marker="|", color="black")
        ax.set(title=title, xlabel="step", ylabel="neuron", xlim=(-1, steps))
    axes[1, 0].plot(signal, color="tab:blue", label="signal")
    decoded = neurons.decode_delta(changes, threshold)
    axes[1, 0].step(
        np.arange(steps), decoded, where="mid", color="tab:red", label="told"
    )
    axes[1, 0].set(title="delta: what the spikes tell of", xlabel="step")
    axes[1, 0].legend()
    for sign, name, color in ((1, "on", "tab:green"), (-1, "off", "tab:purple")):
        count = sign * np.asarray(changes[:, 0 if sign > 0 else 1])
        axes[1, 1].vlines(np.arange(steps), 0, count, color=color, label=name)
    axes[1, 1].set(title="delta: its spikes", xlabel="step", yticks=[-1, 0, 1])
    axes[1, 1].legend()
    axes[1, 2].plot(levels, neurons.population(levels, 8))
    axes[1, 2].set(title="population: tuning curves", xlabel="number")
    figure.savefig(path, dpi=90)


def draw_silence(path: pathlib.Path) -> None:
    """The activity of each layer of six, by the law of the weights."""
    depth, width = 6, 128
    layers = []
    for key in jr.split(jr.key(0), depth):
        linear = eqx.nn.Linear(width, width, use_bias=False, key=key)
        layers += [linear, neurons.LIF(decay=0.9)]
    network = neurons.Stack(*layers)
    spikes = neurons.poisson(jr.key(1), jnp.full((8, width), 0.05), 200)
    paths = tuple(f"{2 * i + 1}.out" for i in range(depth))
    figure = matplotlib.figure.Figure(figsize=(7, 4), layout="constrained")
    ax = figure.subplots()
    laws = {
        "FluctuationDriven()": init.FluctuationDriven(rate=0.05, decay=0.9),
        "HeNormal()": init.HeNormal(),
        "FanInGaussian()": init.FanInGaussian(),
    }
    for name, law in laws.items():
        started = init.reinitialize(network, law, jr.key(2))
        *_, seen = started.run(spikes, batched=True, watch=paths)
        rates = [100 * float(jnp.mean(seen[path])) for path in paths]
        ax.plot(range(1, depth + 1), rates, marker="o", label=name)
    ax.axhspan(1, 20, color="tab:green", alpha=0.1)
    ax.set(
        title="Activity before training",
        xlabel="layer",
        ylabel="share of steps with a spike (%)",
        yscale="symlog",
        ylim=(0, 100),
    )
    ax.legend()
    figure.savefig(path, dpi=100)


def simulate(current):
    """The states and spikes of neurons in a population, driven by a current."""
    cell = neurons.LIF(refractory_steps=5)

    def step(state, current):
        state, spikes = cell(state, current)
        return state, (state, spikes)

    return jax.lax.scan(step, cell.init(current.shape[1:]), current)[1]


def blobs(key, samples=300, features=20, classes=10):
    """Points around a centre for each class, and their classes."""
    noise_key, label_key, centre_key = jr.split(key, 3)
    labels = jr.randint(label_key, (samples,), 0, classes)
    centres = 2 * jr.normal(centre_key, (classes, features))
    return centres[labels] + jr.normal(noise_key, (samples, features)), labels


def gabors(key, neurons: int, size: int):
    """Receptive fields as those of simple cells: gratings under a Gaussian."""
    angle, phase, wave, *centre = jr.uniform(key, (5, neurons, 1, 1))
    y, x = jnp.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j]
    x, y = x - (centre[0] - 0.5), y - (centre[1] - 0.5)
    along = x * jnp.cos(jnp.pi * angle) + y * jnp.sin(jnp.pi * angle)
    grating = jnp.cos((4 + 4 * wave) * along + 2 * jnp.pi * phase)
    return (grating * jnp.exp(-3 * (x**2 + y**2))).reshape(neurons, size * size)


def draw_viz(folder: pathlib.Path) -> None:
    keys = jr.split(jr.key(0), 8)
    rising = jnp.linspace(0.2, 0.5, 12)
    current = rising * jr.uniform(keys[0], (200, 12))
    states, spikes = simulate(current)
    flips = jr.bernoulli(keys[1], 0.01, spikes.shape)
    targets = jnp.where(flips, 1 - spikes, spikes)
    population = simulate(0.25 * jr.uniform(keys[2], (500, 1000)))[1]
    samples, labels = blobs(keys[3])
    predictions = jnp.where(jr.bernoulli(keys[4], 0.2, (300,)), labels[::-1], labels)
    fields = gabors(keys[5], 40, 12)
    start = 0.3 * jr.normal(keys[6], fields.shape)
    learning = jnp.linspace(0, 1, 20)[:, None, None]
    pictures = {
        "raster": viz.raster(spikes, names=[f"cell {i}" for i in range(12)]),
        "raster_population": viz.raster(population),
        "spike_comparison": viz.spike_comparison(spikes, targets),
        "traces": viz.traces(states.v, indices=[0, 6, 11], threshold=1.0),
        "membrane": viz.membrane(
            states.v,
            current=current,
            spikes=spikes,
            refractory=states.refractory,
            threshold=1.0,
            indices=[4, 11],
        ),
        "compartments": viz.compartments(
            {"Current (a.u.)": current, "Potential (a.u.)": states.v}
        ),
        "receptive_fields": viz.receptive_fields(fields, (12, 12)),
        "macro_grid": viz.macro_grid(
            fields.reshape(4, 10, 144), (12, 12), normalize=True
        ),
        "confusion": viz.confusion(
            jnp.zeros((10, 10), int).at[labels, predictions].add(1)
        ),
        "latents_pca": viz.latents(viz.pca(samples), labels),
        "latents_tsne": viz.latents(viz.tsne(keys[7], samples), labels),
    }
    for name, picture in pictures.items():
        figure = picture if hasattr(picture, "savefig") else picture.figure
        figure.savefig(folder / f"{name}.png", dpi=100)
    animation = viz.animate_receptive_fields(
        (1 - learning) * start + learning * fields, (12, 12)
    )
    animation.save(folder / "receptive_fields.gif", writer="pillow", dpi=80)


def on_pre_build(config) -> None:
    folder = pathlib.Path(config["docs_dir"]) / "images"
    folder.mkdir(exist_ok=True)
    draw_activations(folder / "activations.png")
    draw_surrogates(folder / "surrogates.png")
    draw_initializers(folder / "initializers.png")
    draw_encoders(folder / "encoders.png")
    draw_silence(folder / "silence.png")
    draw_viz(folder)
    _report.draw(folder)
    scaling.draw(folder)
