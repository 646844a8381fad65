"""What the programs have in common."""

import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
from equinox.nn import Conv2d


KEYS = (jr.key(seed) for seed in itertools.count())


def nk():
    return next(KEYS)


def cross_entropy(logits, labels):
    return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()


def check(loss, net, *args, silent=()):
    """The loss is finite, and so is each gradient, most of which are not all 0."""
    value, gradient = eqx.filter_jit(eqx.filter_value_and_grad(loss))(net, *args)
    leaves = jax.tree.leaves(gradient)
    assert np.isfinite(value) and all(np.all(np.isfinite(leaf)) for leaf in leaves)
    alive = [bool(np.any(leaf != 0)) for leaf in leaves]
    assert np.mean(alive) > 0.5, alive


def events(shape, rate=0.3):
    return jr.bernoulli(nk(), rate, shape).astype(jnp.float32)


def conv(i, o, kernel=3, stride=1):
    padding = kernel // 2
    return Conv2d(i, o, kernel, stride, padding, use_bias=False, key=nk())


def zeros(shape, dtype):
    return jnp.zeros(shape, dtype)
