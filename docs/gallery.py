"""Draws the gallery from the modules themselves; mkdocs calls it before a build."""

import inspect
import pathlib

import jax.numpy as jnp
import jax.random as jr
import matplotlib.pyplot as plt
import numpy as np

from ngcx import activations, init, surrogate


HYPERPARAMETERS = {
    "BinaryKWTA": {"k": 60},
    "CauchyThreshold": {"lmbda": 2.0},
    "Clip": {"min": -2.0, "max": 2.0},
    "KWTA": {"k": 60},
    "Sine": {"omega_0": 2.0},
    "SoftThreshold": {"lmbda": 1.0},
    "Swish": {"beta": 2.0},
}
ROWS = ("LogSoftmax", "Softmax", "Sparsemax")  # whose derivative is a Jacobian


def members(room, base) -> list[str]:
    return sorted(
        name
        for name, member in vars(room).items()
        if inspect.isclass(member)
        and issubclass(member, base)
        and not name.startswith("Abstract")
    )


def draw_activations(path: pathlib.Path) -> None:
    names = members(activations, activations.AbstractActivation)
    x = jnp.linspace(-4, 4, 161)
    figure, axes = plt.subplots(5, 6, figsize=(15, 12), layout="constrained")
    for name, ax in zip(names, axes.flat, strict=False):
        activation = getattr(activations, name)(**HYPERPARAMETERS.get(name, {}))
        if name in ROWS:
            # The first of two entries, of which the second is 0.
            pairs = jnp.stack([x, jnp.zeros_like(x)], axis=-1)
            value, slope = (
                activation(pairs)[:, 0],
                activation.derivative(pairs)[:, 0, 0],
            )
        else:
            value, slope = activation(x), activation.derivative(x)
        ax.axhline(0, color="0.8", linewidth=0.8)
        ax.plot(x, value, color="tab:blue", label="$f$")
        ax.plot(x, slope, color="tab:orange", linestyle="--", label="$f'$")
        ax.set(title=name, ylim=(-2.2, 4.2))
    for ax in axes.flat[len(names) :]:
        ax.axis("off")
    axes.flat[0].legend()
    figure.savefig(path, dpi=100)
    plt.close(figure)


# Whose defaults would be too sharp or too wide to see, or that have none.
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
    x = jnp.linspace(-2, 2, 401)
    names = members(surrogate, surrogate.AbstractSurrogate)
    figure, axes = plt.subplots(6, 5, figsize=(13, 15), layout="constrained")
    for name, ax in zip(names, axes.flat, strict=False):
        member = SHOWN.get(name) or getattr(surrogate, name)()
        ax.plot(x, member(x), color="0.6", label="spike")
        ax.plot(x, member.primitive(x), color="tab:blue", label="$E$")
        slope = member.derivative(x)
        ax.plot(x, slope, color="tab:orange", linestyle="--", label="$E'$")
        ax.set_title(name)
    for ax in axes.flat[len(names) :]:
        ax.axis("off")
    axes.flat[0].legend()
    figure.savefig(path, dpi=100)
    plt.close(figure)


INITIALIZERS = {
    "Constant": init.Constant(0.5),
    "DiagOffDiag": init.DiagOffDiag(1.0, -0.1),
    "FromJax": init.FromJax(lambda key, shape, dtype: jr.laplace(key, shape, dtype)),
    "Constrained": init.Gaussian().constrain(init.Clip(-1.0, 1.0), init.Hollow()),
}


def draw_initializers(path: pathlib.Path) -> None:
    names = members(init, init.AbstractInitializer)
    figure, axes = plt.subplots(4, 5, figsize=(14, 10), layout="constrained")
    for name, ax in zip(names, axes.flat, strict=False):
        initializer = INITIALIZERS.get(name) or getattr(init, name)()
        draw = np.ravel(initializer(jr.key(0), (200, 200)))
        ax.hist(draw, bins=60, density=True, color="tab:blue")
        ax.set(title=name, yticks=[])
    for ax in axes.flat[len(names) :]:
        ax.axis("off")
    figure.savefig(path, dpi=90)
    plt.close(figure)


def on_pre_build(config) -> None:
    folder = pathlib.Path(config["docs_dir"]) / "images"
    folder.mkdir(exist_ok=True)
    draw_activations(folder / "activations.png")
    draw_surrogates(folder / "surrogates.png")
    draw_initializers(folder / "initializers.png")
