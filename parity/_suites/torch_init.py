"""`torch.nn.init`: draws of the same law, of which a test of Kolmogorov and Smirnov
tells no more apart than by chance, and the same spread and reach.
"""

import jax.random as jr
import numpy as np
import scipy.stats
import torch

from ngcx import init

from . import differs, equal


SHAPE = (400, 300)  # (inputs, outputs) here, and the other way round there
LAWS = {
    "constant_": ((0.3,), init.Constant(0.3)),
    "uniform_": ((-0.2, 0.5), init.Uniform(-0.2, 0.5)),
    "normal_": ((0.1, 0.3), init.Gaussian(0.1, 0.3)),
    "xavier_uniform_": ((), init.GlorotUniform()),
    "xavier_normal_": ((), init.VarianceScaling(1.0, "fan_avg", "normal")),
    "kaiming_uniform_": ((), init.HeUniform()),
    "kaiming_normal_": ((), init.VarianceScaling(2.0, "fan_in", "normal")),
    "orthogonal_": ((), init.Orthogonal()),
    "eye_": ((), init.Identity()),
}


def drawn(name, options):
    torch.manual_seed(0)
    return getattr(torch.nn.init, name)(torch.empty(*SHAPE[::-1]), *options).numpy().T


def told_apart(a, b):
    """1 if the laws of the entries differ, and 0 if they do not."""
    return float(scipy.stats.ks_2samp(a.ravel(), b.ravel()).pvalue < 1e-6)


for name, (options, law) in LAWS.items():
    theirs, ours = drawn(name, options), np.asarray(law(jr.key(0), SHAPE))
    equal(f"the law of {name}", lambda: 0.0, lambda a=theirs, b=ours: told_apart(a, b))
    equal(f"the spread of {name}", theirs.std, ours.std, 0.01)
    equal(f"the mean of {name}", theirs.mean, ours.mean, 0.005)
theirs, truncated = drawn("kaiming_normal_", ()), init.HeNormal()(jr.key(0), SHAPE)
differs(
    "the law of a normal one after He",
    lambda: 0.0,
    lambda: told_apart(theirs, np.asarray(truncated)),
    "`HeNormal` and `GlorotNormal` are truncated, as in JAX, Keras and Flax",
)
for name, law in (("orthogonal_", init.Orthogonal()), ("eye_", init.Identity())):
    one, other = drawn(name, ()), np.asarray(law(jr.key(0), SHAPE))
    equal(
        f"the products of rows and columns of {name}",
        lambda x=one: x.T @ x,
        lambda x=other: x.T @ x,
        1e-5,
    )
