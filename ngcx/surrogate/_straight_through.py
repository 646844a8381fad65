import jax.numpy as jnp

from .._typing import Parameter
from ._base import AbstractStep, AbstractSurrogate, above, emission


class StraightThrough(AbstractStep):
    r"""$E(x) = x$, with $E'(x) = 1$: the gradient passes the spike unchanged.

    **Arguments:**

    - `gain`: scales $E$ and $E'$ alike; it is the derivative, 1 by default.

    **Elsewhere:** snnTorch `straight_through_estimator`, SpikingJelly
    `DeterministicPass` and ngc-learn `straight_through_estimator`, all with `gain=1`.

    ??? cite "Reference"
        Bengio, Léonard and Courville, *Estimating or propagating gradients through
        stochastic neurons for conditional computation*, arXiv:1308.3432, 2013.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> from ngcx.surrogate import StraightThrough
        >>> spike, v = StraightThrough(), jnp.array([-1.0, -0.1, 0.3])
        >>> print(spike(v), spike.derivative(v).round(2))
        [0. 0. 1.] [1. 1. 1.]

        ```
    """

    gain: Parameter = 1.0
    equation = r"x"

    def _primitive(self, x):
        return x

    def _derivative(self, x):
        return jnp.ones_like(x)


class BernoulliStraightThrough(AbstractSurrogate):
    r"""$E(x) = x$, the probability of a spike, with $E'(x) = 1$.

    It emits the likelier outcome, a spike where $x > \frac{1}{2}$. Within
    [`ngcx.surrogate.EscapeNoise`][], spikes are drawn at random.

    **Arguments:**

    - `gain`: scales $E$ and $E'$ alike; 1 by default, so that $x$ is the probability.

    **Elsewhere:** SpikingJelly `PoissonPass`, within `EscapeNoise`, with `gain=1`.

    ??? cite "Reference"
        Bengio, Léonard and Courville, *Estimating or propagating gradients through
        stochastic neurons for conditional computation*, arXiv:1308.3432, 2013.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> from ngcx.surrogate import BernoulliStraightThrough
        >>> spike, p = BernoulliStraightThrough(), jnp.array([0.0, 0.5, 1.0])
        >>> print(spike(p), spike.derivative(p))
        [0. 0. 1.] [1. 1. 1.]

        ```
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
    del surrogate, key
    return (above(v, threshold) > 0.5).astype(v.dtype)
