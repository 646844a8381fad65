import jax.numpy as jnp

from .._closed_form import sigmoid
from .._typing import typed
from ._base import AbstractElementwise


@typed
class Identity(AbstractElementwise):
    r"""$f(x) = x$, with $f'(x) = 1$."""

    equation = r"x"

    def _value(self, x):
        return x

    def _derivative(self, x):
        return jnp.ones_like(x)


@typed
class ReLU(AbstractElementwise):
    r"""$f(x) = \max(0, x)$, with $f'(x) = 1$ for $x > 0$ and $0$ elsewhere.

    At the kink the derivative is that of `jax.nn.relu`: $f'(0) = 0$.

    ??? cite "Reference"
        Nair and Hinton, *Rectified linear units improve restricted Boltzmann
        machines*, ICML 2010.
    """

    equation = r"\max(0, x)"

    def _value(self, x):
        return jnp.maximum(x, 0)

    def _derivative(self, x):
        return jnp.where(x > 0, jnp.ones_like(x), 0)


@typed
class Softplus(AbstractElementwise):
    r"""$f(x) = \ln(1 + e^x)$, with $f'(x) = \sigma(x)$, the logistic function.

    ??? cite "Reference"
        Dugas, Bengio, Bélisle, Nadeau and Garcia, *Incorporating second-order
        functional knowledge for better option pricing*, NIPS 2000.
    """

    equation = r"\ln(1 + e^x)"

    def _value(self, x):
        # max(x, 0) + log1p(exp(-|x|)): the exponential cannot overflow.
        return jnp.logaddexp(x, 0)

    def _derivative(self, x):
        return sigmoid(x)
