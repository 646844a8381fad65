"""Draws the gallery from the modules themselves; mkdocs calls it before a build."""

import inspect
import pathlib

import jax.numpy as jnp
import matplotlib.pyplot as plt

from ngcx import activations


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


def draw_activations(path: pathlib.Path) -> None:
    names = [
        name
        for name, member in vars(activations).items()
        if inspect.isclass(member) and not inspect.isabstract(member)
    ]
    x = jnp.linspace(-4, 4, 161)
    figure, axes = plt.subplots(5, 6, figsize=(15, 12), layout="constrained")
    for name, ax in zip(sorted(names), axes.flat, strict=False):
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
    path.parent.mkdir(exist_ok=True)
    figure.savefig(path, dpi=100)
    plt.close(figure)


def on_pre_build(config) -> None:
    folder = pathlib.Path(config["docs_dir"]) / "images"
    draw_activations(folder / "activations.png")
