"""This fits a Gaussian mixture with 8 full covariances to 10,000 rows of 16 features,
by 20 iterations of EM from one start.
"""

import warnings

import jax
import jax.numpy as jnp
import numpy as np
import sklearn.exceptions
import sklearn.mixture

from ngcx.density import GaussianMixture

from ._measure import compare, tabulate


ROWS, FEATURES, COMPONENTS, ITERATIONS = 10_000, 16, 8, 20


def data():
    random = np.random.default_rng(0)
    labels = random.integers(0, COMPONENTS, ROWS)
    centers = 2 * random.normal(size=(COMPONENTS, FEATURES))
    shapes = random.normal(size=(COMPONENTS, FEATURES, FEATURES)) / 4
    shapes += np.eye(FEATURES)
    noise = random.normal(size=(ROWS, FEATURES))
    x = centers[labels] + np.einsum("nd,nde->ne", noise, shapes[labels])
    # The rows are standardised, because ngclearn starts at unit covariance, and its
    # densities would underflow to NaN.
    return (x - x.mean(0)) / x.std(0)


def main():
    warnings.simplefilter("ignore", sklearn.exceptions.ConvergenceWarning)
    x = data().astype(np.float32)
    on_device = jnp.asarray(x)
    covariances = np.broadcast_to(np.cov(x.T), (COMPONENTS, FEATURES, FEATURES))
    weights = np.full(COMPONENTS, 1 / COMPONENTS)
    start = GaussianMixture.from_parameters(
        jnp.asarray(weights, jnp.float32),
        on_device[:COMPONENTS],
        jnp.asarray(covariances, jnp.float32),
    )

    def ours():
        fitted, _ = start.fit_more(on_device, max_iter=ITERATIONS, tol=-1.0)
        return jax.block_until_ready(fitted)

    def scikit_learn(x):
        return sklearn.mixture.GaussianMixture(
            COMPONENTS,
            tol=0,
            reg_covar=0,
            max_iter=ITERATIONS,
            weights_init=weights,
            means_init=x[:COMPONENTS],
            precisions_init=np.linalg.inv(covariances),
        ).fit(x)

    wide = x.astype(np.float64)
    contenders = {
        "ngcx": ours,
        "scikit-learn, float32": lambda: scikit_learn(x),
        "scikit-learn, float64": lambda: scikit_learn(wide),
    }
    try:
        from ngclearn.utils.density.gaussianMixture import (  # pyright: ignore[reportMissingImports]
            GaussianMixture as Reference,
        )
    except ImportError:
        pass
    else:
        reference = Reference(COMPONENTS, max_iter=ITERATIONS, key=jax.random.key(0))
        reference.init(on_device)

        def theirs():
            # One `update` is one step of EM; `fit` prints, and may stop early.
            for _ in range(ITERATIONS):
                reference.update(on_device)
            return jax.block_until_ready(reference.pi)

        contenders["ngclearn"] = theirs
    yield compare("20 iterations of EM", contenders, rounds=25)
    yield tabulate(
        "The mean log-likelihood of a row after them",
        {
            "ngcx": float(jnp.mean(ours().log_prob(on_device))),
            "scikit-learn, float64": scikit_learn(wide).score(wide),
        },
        "nats",
    )
