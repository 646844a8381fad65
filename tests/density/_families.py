"""Families of mixtures, data for them, and mixtures that were fitted to the data."""

import functools

import jax.numpy as jnp
import jax.random as jr
import jax.tree_util as jtu
import numpy as np

from ngcx.density import (
    BernoulliMixture,
    ExponentialMixture,
    GaussianMixture,
)
from ngcx.testing import tolerance


ROWS, FEATURES, COMPONENTS = 64, 3, 3
FITS = {
    "full": GaussianMixture.fit,
    "diagonal": functools.partial(GaussianMixture.fit, covariance="diagonal"),
    "spherical": functools.partial(GaussianMixture.fit, covariance="spherical"),
    "bernoulli": BernoulliMixture.fit,
    "exponential": ExponentialMixture.fit,
}


def fit(name, x, seed=0, tol=1e-3):
    """Fits with the options of one program."""
    return FITS[name](jr.key(seed), x, COMPONENTS, max_iter=30, tol=tol)


@functools.cache
def fitted(name):
    """The mixture that was fitted to `draw(name, 0)`."""
    return fit(name, draw(name, 0))[0]


def draw(name, seed, rows=ROWS, dtype=np.float32):
    """Data in three groups."""
    rng = np.random.default_rng(seed)
    group = rng.integers(0, COMPONENTS, rows)
    if name == "bernoulli":
        p = rng.beta(0.5, 0.5, (COMPONENTS, FEATURES))
        x = rng.random((rows, FEATURES)) < p[group]
    elif name == "exponential":
        x = rng.exponential(rng.lognormal(0, 2, (COMPONENTS, FEATURES))[group])
    else:
        shape = rng.normal(size=(COMPONENTS, FEATURES, FEATURES))
        noise = rng.normal(size=(rows, FEATURES))
        x = 3 * rng.normal(size=(COMPONENTS, FEATURES))[group]
        x += np.einsum("nd,nde->ne", noise, shape[group])
    return jnp.asarray(x, dtype)


def assert_same(one, other, ulps=512):
    for a, b in zip(*map(jtu.tree_leaves, (one, other)), strict=True):
        limits = tolerance(a.dtype, ulps)
        size = np.max(np.abs(np.asarray(b, float)))
        np.testing.assert_allclose(
            a, b, rtol=limits["rtol"], atol=limits["rtol"] * size
        )
