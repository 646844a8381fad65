import jax.numpy as jnp

from .._closed_form import sigmoid
from .._typing import typed
from ._base import AbstractElementwise


@typed
class Sigmoid(AbstractElementwise):
    r"""$f(x) = \sigma(x) = \frac{1}{1 + e^{-x}}$, with
    $f'(x) = \sigma(x)\,\sigma(-x)$.
    """

    equation = r"\frac{1}{1 + e^{-x}}"

    def _value(self, x):
        return sigmoid(x)

    def _derivative(self, x):
        # Not s(1 - s), which cancels to 0 from x = 17 on in float32.
        return sigmoid(x) * sigmoid(-x)


@typed
class Tanh(AbstractElementwise):
    r"""$f(x) = \tanh x$, with $f'(x) = \operatorname{sech}^2 x$."""

    equation = r"\tanh x"

    def _value(self, x):
        return jnp.tanh(x)

    def _derivative(self, x):
        # sech^2(x) = 4 sigmoid(2x) sigmoid(-2x): 1 - tanh^2 cancels to 0 from x = 9 on
        # in float32, and cosh overflows.
        return 4 * sigmoid(2 * x) * sigmoid(-2 * x)
