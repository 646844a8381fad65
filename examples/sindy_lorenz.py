"""Finds the equations of the Lorenz system in a simulated run.

Sequentially thresholded least squares (Brunton, Proctor and Kutz, 2016): the rates of
change are regressed on all polynomials of the state up to order 2; small coefficients
are set to 0, and the rest is fitted again. Prints the equations, and draws the true
trajectory and that of the equations that were found.
"""

from pathlib import Path

import jax.numpy as jnp
import numpy as np
from _shared import Parser, positive, rate, until_interrupted

from ngcx import diffeq
from ngcx.feature_dictionaries import PolynomialLibrary


START = (-8.0, 7.0, 27.0)
VARIABLES = ("x", "y", "z")


def sparse_regression(features, rates, threshold: float, rounds: int = 10):
    """The coefficients (features, variables), of which the small ones are 0."""
    features, rates = np.asarray(features), np.asarray(rates)
    coefficients = np.linalg.lstsq(features, rates)[0]
    for _ in range(rounds):
        kept = np.abs(coefficients) >= threshold
        coefficients[~kept] = 0
        for column, active in enumerate(kept.T):
            coefficients[active, column] = np.linalg.lstsq(
                features[:, active], rates[:, column]
            )[0]
    return coefficients


def equations(coefficients, names) -> list[str]:
    return [
        f"{variable}' = "
        + " ".join(
            f"{value:+.4f} {name}"
            for value, name in zip(column, names, strict=True)
            if value
        )
        for variable, column in zip(VARIABLES, coefficients.T, strict=True)
    ]


def draw(path: Path, times, true, found):
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(11, 4.5), layout="constrained")
    for run, style, label in (
        (true, {"color": "0.7", "linewidth": 3}, "Lorenz"),
        (found, {"color": "tab:blue", "linewidth": 1}, "found"),
    ):
        axes[0].plot(run[:, 0], run[:, 2], label=label, **style)
        axes[1].plot(times, run[:, 0], label=label, **style)
    axes[0].set(title="Trajectories", xlabel="x", ylabel="z")
    axes[1].set(title="x over time", xlabel="time", ylabel="x")
    axes[1].legend()
    figure.savefig(path, dpi=120)
    plt.close(figure)


def main(arguments: list[str] | None = None):
    """Simulates, fits, prints and draws; returns the coefficients and their names."""
    parser = Parser(__doc__, "sindy.png")
    parser.add_argument("--steps", type=positive, default=10_000, help="of the run")
    parser.add_argument("--dt", type=rate, default=0.002, help="length of a step")
    parser.add_argument(
        "--threshold", type=rate, default=0.2, help="of the coefficients to keep"
    )
    options = parser.parse_args(arguments)

    start = jnp.asarray(START)
    times, states = diffeq.solve(
        diffeq.rk4, diffeq.lorenz, 0.0, start, options.dt, options.steps
    )
    # All that is known of the system are its states; rates are central differences.
    rates = (states[2:] - states[:-2]) / (2 * options.dt)
    library = PolynomialLibrary(order=2)
    names = library.names(VARIABLES)
    coefficients = sparse_regression(library(states[1:-1]), rates, options.threshold)
    for equation in equations(coefficients, names):
        print(equation)

    found = jnp.asarray(coefficients, start.dtype)
    shown = min(options.steps, 5_000)
    _, again = diffeq.solve(
        diffeq.rk4,
        lambda t, y, args: library(y) @ args,
        0.0,
        start,
        options.dt,
        shown,
        found,
    )
    draw(options.picture, times[:shown], states[:shown], again)
    print(f"{options.picture} drawn")
    return coefficients, names


if __name__ == "__main__":
    until_interrupted(main)
