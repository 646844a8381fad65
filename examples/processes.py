"""Learns to reconstruct handwritten digits by predictive coding, as two processes.

A layer of latent units predicts an image; the error of the prediction settles the
latents over some time steps, and then changes the weights by a local rule, the product
of error and activity (Rao and Ballard, 1999). Nothing is propagated back. Prints the
error of every epoch, and draws images, their reconstructions and the learnt weights.
"""

from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from _shared import Parser, positive, until_interrupted
from sklearn.datasets import load_digits

from ngcx.data import DataLoader
from ngcx.ops import normalize_matrix
from ngcx.process import MethodProcess


class PredictiveCoding(eqx.Module):
    """The rules of a generative layer; what changes is in the state."""

    step_size: float = 0.1
    prior: float = 0.1
    learning_rate: float = 0.1

    def predict(self, state, image):
        return state | {"error": image - state["latents"] @ state["weights"]}

    def infer(self, state):
        drive = state["error"] @ state["weights"].T - self.prior * state["latents"]
        return state | {"latents": state["latents"] + self.step_size * drive}

    def learn(self, state):
        change = state["latents"].T @ state["error"] / len(state["error"])
        weights = state["weights"] + self.learning_rate * change
        # If the weights had no bound, they would grow and the latents shrink.
        return state | {"weights": normalize_matrix(weights, 1.0, order=2, axis=1)}


def squared_error(state):
    return jnp.mean(jnp.square(state["error"]))


def draw(path: Path, images, state, errors: list[float]):
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, rows = plt.subplots(3, 10, figsize=(10, 3.6), layout="constrained")
    shown = images[:10], images[:10] - np.asarray(state["error"])[:10], state["weights"]
    titles = ("images", "reconstructions", "weights of ten latents")
    for axes, pictures, title in zip(rows, shown, titles, strict=True):
        axes[0].set_title(title, loc="left", fontsize="small")
        for axis, one in zip(axes, np.asarray(pictures), strict=False):
            axis.imshow(one.reshape(8, 8), cmap="gray")
            axis.set_axis_off()
    figure.suptitle(f"Predictive coding; mean squared error {errors[-1]:.4f}")
    figure.savefig(path, dpi=120)
    plt.close(figure)


def main(arguments: list[str] | None = None) -> list[float]:
    """Trains, prints and draws; returns the mean squared error of every epoch."""
    parser = Parser(__doc__, "processes.png")
    parser.add_argument("--epochs", type=positive, default=10)
    parser.add_argument("--latents", type=positive, default=32)
    parser.add_argument("--steps", type=positive, default=30, help="to settle")
    parser.add_argument("--seed", type=int, default=0, help="decides every random draw")
    options = parser.parse_args(arguments)

    rules = PredictiveCoding()
    settle = MethodProcess("settle", rules.predict, rules.infer)
    learn = MethodProcess("learn", rules.predict, rules.learn)

    images = jnp.asarray(load_digits().data / 16, jnp.float32)  # pyright: ignore[reportAttributeAccessIssue]
    loader = DataLoader(images, 64, remainder="drop")
    weights_key, order_key = jr.split(jr.key(options.seed))
    weights = jr.normal(weights_key, (options.latents, images.shape[1]))
    weights = normalize_matrix(weights, 1.0, order=2, axis=1)

    @jax.jit
    def present(weights, image):
        """Settles the latents to an image, then learns."""
        latents = jnp.zeros((len(image), len(weights)))
        state = {"weights": weights, "latents": latents, "error": image}
        state, _ = settle.scan(
            state, {"image": jnp.broadcast_to(image, (options.steps, *image.shape))}
        )
        state = learn.run(state, {"image": image})
        return state, squared_error(state)

    errors = []
    print("epoch  mean squared error")
    for epoch in range(options.epochs):
        batches = []
        for batch in loader.epoch(jr.fold_in(order_key, epoch)):
            state, error = present(weights, batch)
            weights = state["weights"]
            batches.append(error)
        errors.append(float(jnp.mean(jnp.stack(batches))))
        print(f"{epoch + 1:5d}  {errors[-1]:.5f}")
    state, _ = present(weights, images[:64])
    draw(options.picture, np.asarray(images), state, errors)
    print(f"{options.picture} drawn")
    return errors


if __name__ == "__main__":
    until_interrupted(main)
