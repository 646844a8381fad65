import jax.numpy as jnp

from .._typing import Parameter
from ._base import AbstractStep, AbstractSurrogate, drawn, emission


class StraightThrough(AbstractStep):
    r"""$E(x) = x$, with $E'(x) = 1$: the gradient passes the spike unchanged.

    **Arguments:**

    - `gain`: scales $E$ and $E'$ alike; it is the derivative, 1 by default.

    **Elsewhere:** snnTorch `straight_through_estimator`, SpikingJelly
    `DeterministicPass` and ngc-learn `straight_through_estimator`, all with `gain=1`.

    ??? cite "Reference"
        Bengio, Léonard and Courville, *Estimating or propagating gradients through
        stochastic neurons for conditional computation*, arXiv:1308.3432, 2013.
    """

    gain: Parameter = 1.0
    equation = r"x"

    def _primitive(self, x):
        return x

    def _derivative(self, x):
        return jnp.ones_like(x)


class BernoulliStraightThrough(AbstractSurrogate):
    r"""$E(x) = x$, the probability of a spike, with $E'(x) = 1$.

    Called with a key it draws the spikes; without, it gives the likelier outcome, a
    spike where $x > \frac{1}{2}$. Probabilities below 0 and above 1 count as 0 and 1.

    **Arguments:**

    - `gain`: scales $E$ and $E'$ alike; 1 by default, so that $x$ is the probability.

    **Elsewhere:** SpikingJelly `PoissonPass`, with `gain=1`.

    ??? cite "Reference"
        Bengio, Léonard and Courville, *Estimating or propagating gradients through
        stochastic neurons for conditional computation*, arXiv:1308.3432, 2013.
    """

    gain: Parameter = 1.0
    equation = r"x"

    def _primitive(self, x):
        return x

    def _derivative(self, x):
        return jnp.ones_like(x)

    def _emit(self, v, threshold, key):
        return _likelier(self, v, threshold, key)


@emission
def _likelier(surrogate, v, threshold, key):
    if key is None:
        return (v - threshold > 0.5).astype(v.dtype)
    return drawn(surrogate, v, threshold, key)
