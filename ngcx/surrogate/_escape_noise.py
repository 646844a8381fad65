import jax.numpy as jnp
import jax.random as jr

from .._typing import Parameter
from ._base import (
    AbstractSurrogate,
    above,
    emission,
    primitive_of,
    scaled_derivative,
    scaled_primitive,
)


class EscapeNoise(AbstractSurrogate):
    r"""Draws the spikes of a surrogate at random: a neuron spikes with the probability
    $E(v - \theta)$, the primitive of the surrogate. Give the surrogate a `gain` with
    which this is a probability; values below 0 or above 1 count as 0 or 1. If the
    surrogate emits counts, $E$ is the expected count.

    The derivative is that of the surrogate. It needs a key, which decides the draw.

    **Arguments:**

    - `surrogate`: gives the probability and the derivative.
    - `gain`: scales $E$ and $E'$ alike.

    ??? cite "Reference"
        Gerstner, Kistler, Naud and Paninski, *Neuronal dynamics*, Cambridge University
        Press 2014, chapter 9.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> import jax.random as jr
        >>> from ngcx.surrogate import EscapeNoise, Sigmoid
        >>> spike = EscapeNoise(Sigmoid(alpha=4.0))
        >>> v = jnp.full(10_000, 1.25)
        >>> print(spike(v, 1.0, key=jr.key(0)).mean().round(1))
        0.7

        ```
    """

    surrogate: AbstractSurrogate
    gain: Parameter = 1.0
    equation = r"F(x)"

    @property
    def binary(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.surrogate.binary

    def _primitive(self, x):
        return scaled_primitive(self.surrogate, x)

    def _derivative(self, x):
        return scaled_derivative(self.surrogate, x)

    def _emit(self, v, threshold, key):
        if key is None:
            raise ValueError(
                "`key` must be given to `EscapeNoise`, which draws spikes."
            )
        return _draw(self, v, threshold, key)


@emission
def _draw(noise, v, threshold, key):
    # Uniform numbers of a half precision would be too coarse.
    expected = primitive_of(noise, above(v, threshold))
    expected = jnp.clip(expected, 0, 1 if noise.binary else None)
    whole = jnp.floor(expected)
    more = jr.bernoulli(key, expected - whole)
    return jnp.where(more, whole + 1, whole).astype(v.dtype)
