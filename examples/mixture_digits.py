"""Finds prototypes of handwritten digits with a mixture of Bernoulli distributions.

Every component of the mixture is an image of probabilities that a pixel is set. Prints
how well the components agree with the digits, which the mixture has not seen, and draws
them together with samples.
"""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from _shared import Parser, positive, until_interrupted
from sklearn.datasets import load_digits

from ngcx.density import BernoulliMixture
from ngcx.metrics import adjusted_rand_index


def draw(path: Path, rows):
    """Pictures of rows of pixels, one group a line."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    columns = max(len(images) for _, images in rows)
    figure, axes = plt.subplots(
        len(rows),
        columns,
        figsize=(0.8 * columns, 0.9 * len(rows) + 0.4),
        squeeze=False,
        layout="constrained",
    )
    for (title, images), line in zip(rows, axes, strict=True):
        line[0].set_title(title, loc="left")
        for axis in line:
            axis.axis("off")
        for axis, image in zip(line, images, strict=False):
            axis.imshow(np.reshape(image, (8, 8)), cmap="gray", vmin=0, vmax=1)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def main(arguments: list[str] | None = None):
    """Fits, prints and draws; returns the mixture and the agreement."""
    parser = Parser(__doc__, "mixture.png")
    parser.add_argument("--components", type=positive, default=20)
    parser.add_argument("--starts", type=positive, default=5, help="of which the best")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)

    images, labels = load_digits(return_X_y=True)
    x = jnp.asarray(images > 7, jnp.float32)
    fit_key, sample_key = jax.random.split(jax.random.key(options.seed))
    # A pixel that no digit of a component sets may well be set by the next one.
    mixture, result = BernoulliMixture.fit(
        fit_key,
        x,
        options.components,
        probability_floor=0.01,
        tol=1e-4,
        n_init=options.starts,
    )
    agreement = adjusted_rand_index(jnp.asarray(labels), mixture.predict(x))
    print(
        f"log-likelihood {result.log_likelihood[-1]:.2f} nats an image after "
        f"{result.iterations} iterations, BIC {mixture.bic(x):.0f}"
    )
    print(f"adjusted Rand index with the digits: {agreement:.2f}")

    heaviest = jnp.argsort(-mixture.weights)
    samples, _ = mixture.sample(sample_key, options.components)
    rows = []
    for title, images in (
        ("prototypes", mixture.components.probabilities[heaviest]),
        ("samples", samples),
    ):
        for start in range(0, options.components, 10):
            rows.append(("" if start else title, images[start : start + 10]))
    draw(options.picture, rows)
    print(f"{options.picture} drawn")
    return mixture, float(agreement)


if __name__ == "__main__":
    until_interrupted(main)
