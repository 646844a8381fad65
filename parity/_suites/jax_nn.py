"""`jax.nn`: every function of one argument that both have, over all magnitudes."""

import functools as ft

import jax
import jax.numpy as jnp
import numpy as np

from ngcx import activations as ours

from . import differs, equal


INPUTS = {
    "usual": np.random.default_rng(0).normal(size=(6, 8)),
    "kinks": np.array([[-6.0, -3, -1, -0.0, 0.0, 1, 3, 6]]),
    "large": np.array([[-3e38, -1e20, -100.0, 100.0, 1e20, 3e38]]),
    "small": np.array([[-1e-30, -1e-7, 1e-7, 1e-30]]),
}
PAIRS = {
    "celu": (lambda x: jax.nn.celu(x, 2.0), ours.CELU(2.0)),
    "elu": (jax.nn.elu, ours.ELU()),
    "gelu": (jax.nn.gelu, ours.GELU("tanh")),
    "gelu, exact": (lambda x: jax.nn.gelu(x, approximate=False), ours.GELU("none")),
    "glu": (jax.nn.glu, ours.GLU()),
    "hard_sigmoid": (jax.nn.hard_sigmoid, ours.HardSigmoid()),
    "hard_silu": (jax.nn.hard_silu, ours.HardSiLU()),
    "hard_tanh": (jax.nn.hard_tanh, ours.HardTanh()),
    "leaky_relu": (jax.nn.leaky_relu, ours.LeakyReLU()),
    "log_sigmoid": (jax.nn.log_sigmoid, ours.LogSigmoid()),
    "log_softmax": (jax.nn.log_softmax, ours.LogSoftmax()),
    "mish": (jax.nn.mish, ours.Mish()),
    "relu": (jax.nn.relu, ours.ReLU()),
    "relu6": (jax.nn.relu6, ours.ReLU6()),
    "selu": (jax.nn.selu, ours.SELU()),
    "sigmoid": (jax.nn.sigmoid, ours.Sigmoid()),
    "silu": (jax.nn.silu, ours.SiLU()),
    "soft_sign": (jax.nn.soft_sign, ours.Softsign()),
    "softmax": (jax.nn.softmax, ours.Softmax()),
    "softplus": (jax.nn.softplus, ours.Softplus()),
    "sparse_plus": (jax.nn.sparse_plus, ours.SparsePlus()),
    "sparse_sigmoid": (jax.nn.sparse_sigmoid, ours.SparseSigmoid()),
    "squareplus": (jax.nn.squareplus, ours.Squareplus()),
    "tanh": (jax.nn.tanh, ours.Tanh()),
}

OVERFLOWS = "Its square does not overflow, as that of `jax.nn.squareplus` does."
for name, (theirs, activation) in PAIRS.items():
    for kind, values in INPUTS.items():
        x = jnp.asarray(values, jnp.float32)
        calls = ft.partial(theirs, x), ft.partial(activation, x)
        if (name, kind) == ("squareplus", "large"):
            differs(f"{name} of {kind} values", *calls, OVERFLOWS)
        else:
            equal(f"{name} of {kind} values", *calls, 2e-6)
