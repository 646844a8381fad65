import jax.numpy as jnp

from .._typing import Scalar, typed
from ._base import AbstractSurrogate


@typed
class StraightThrough(AbstractSurrogate):
    r"""$E(x) = x$, with $E'(x) = 1$: the gradient passes the spike unchanged.

    ??? cite "Reference"
        Bengio, Léonard and Courville, *Estimating or propagating gradients through
        stochastic neurons for conditional computation*, arXiv:1308.3432, 2013.
    """

    gain: Scalar = 1.0
    equation = r"x"

    def _primitive(self, x):
        return x

    def _derivative(self, x):
        return jnp.ones_like(x)
