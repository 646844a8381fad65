"""Surrogates that emit by another rule, and differentiate as what they are made of."""

import jax.numpy as jnp

from .._numerics import widened
from .._typing import Parameter
from ._base import (
    AbstractStep,
    AbstractSurrogate,
    emission,
    scaled_derivative,
    scaled_primitive,
)


class AtThreshold(AbstractSurrogate):
    r"""Spikes at the threshold too: it emits 1 where $v \ge \theta$, else 0, and has
    the derivative of a given surrogate.

    For random numbers this makes no difference, but weights and inputs of a few bits
    often meet the threshold exactly.

    **Arguments:**

    - `surrogate`: how it differentiates.
    - `gain`: scales $E$ and $E'$ alike; 1 by default, which leaves them as they are.

    **Elsewhere:** all surrogates of SpikingJelly.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> from ngcx.surrogate import Arctan, AtThreshold
        >>> v = jnp.array([0.5, 1.0, 1.5])
        >>> print(Arctan()(v, 1.0), AtThreshold(Arctan())(v, 1.0))
        [0. 0. 1.] [0. 1. 1.]

        ```
    """

    surrogate: AbstractStep
    gain: Parameter = 1.0
    equation = r"F(x)"

    def _primitive(self, x):
        return scaled_primitive(self.surrogate, x)

    def _derivative(self, x):
        return scaled_derivative(self.surrogate, x)

    def _emit(self, v, threshold, key):
        return _at_or_above(self, v, threshold, key)


class MultiSpike(AbstractSurrogate):
    r"""Emits a spike for each whole threshold in the potential, $\lfloor v / \theta
    \rfloor$ where that is positive, and has the derivative of a given surrogate at the
    first threshold.

    A soft reset then subtracts as many thresholds, so that less than one is left. The
    threshold must be positive. A threshold of 0 or less counts as 0, and a positive
    potential then emits as many spikes as the dtype can count.

    **Arguments:**

    - `surrogate`: how it differentiates.
    - `gain`: scales $E$ and $E'$ alike; 1 by default, which leaves them as they are.

    **Elsewhere:** sinabs `MultiSpike`, with `SingleExponential` as
    [`ngcx.surrogate.PiecewiseExponential`][].

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> from ngcx.neurons import LIF
        >>> from ngcx.surrogate import Arctan, MultiSpike
        >>> cell = LIF(1.0, surrogate=MultiSpike(Arctan()))
        >>> state, spikes = cell.run(jnp.array([[2.5], [0.75], [-3.0]]))
        >>> print(spikes[:, 0], state.v)
        [2. 1. 0.] [-2.75]

        ```
    """

    surrogate: AbstractStep
    gain: Parameter = 1.0
    binary = False
    equation = r"F(x)"

    def _primitive(self, x):
        return scaled_primitive(self.surrogate, x)

    def _derivative(self, x):
        return scaled_derivative(self.surrogate, x)

    def _emit(self, v, threshold, key):
        return _whole_thresholds(self, v, threshold, key)


@emission
def _at_or_above(surrogate, v, threshold, key):
    del surrogate, key
    return (v >= threshold).astype(v.dtype)


@emission
def _whole_thresholds(surrogate, v, threshold, key):
    del surrogate, key
    ratio = widened(v) / widened(threshold)
    # A quotient by 0 depends on the sign of the zero, which is not that of the argument
    # in every program.
    ratio = jnp.where(threshold > 0, ratio, jnp.where(v > 0, jnp.inf, 0))
    count = jnp.where(ratio >= 1, jnp.floor(ratio), 0)
    return jnp.minimum(count, float(jnp.finfo(v.dtype).max)).astype(v.dtype)
