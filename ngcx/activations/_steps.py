import jax
import jax.numpy as jnp

from .._typing import Parameter
from ._base import AbstractElementwise


class Heaviside(AbstractElementwise):
    r"""$f(x) = 1$ for $x \ge 0$ and $0$ below, with the straight-through derivative
    $f'(x) = 1$.

    **See also:** [`ngcx.activations.Threshold`][];
    [`ngcx.surrogate.AbstractSurrogate`][] for a step that can be learnt through.

    ??? cite "Reference"
        Bengio, Léonard and Courville, *Estimating or propagating gradients through
        stochastic neurons for conditional computation*, arXiv:1308.3432, 2013.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> from ngcx.activations import Heaviside
        >>> f, x = Heaviside(), jnp.array([-2.0, -0.5, 0.0, 1.0])
        >>> print(f(x).round(2), f.derivative(x).round(2))
        [0. 0. 1. 1.] [1. 1. 1. 1.]

        ```
    """

    equation = r"H(x)"

    def _value(self, x):
        return _step(x, jnp.zeros_like(x))

    def _derivative(self, x):
        return jnp.ones_like(x)


class Threshold(AbstractElementwise):
    r"""$f(x) = 1$ for $x \ge \theta$ and $0$ below, with the straight-through
    derivative $f'(x) = 1$; a `threshold` given as an array receives $-1$.

    **Arguments:**

    - `threshold`: $\theta$, 1 by default as in ngc-learn.

    ??? cite "Reference"
        Bengio, Léonard and Courville, *Estimating or propagating gradients through
        stochastic neurons for conditional computation*, arXiv:1308.3432, 2013.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> from ngcx.activations import Threshold
        >>> f, x = Threshold(), jnp.array([-2.0, -0.5, 0.0, 1.0])
        >>> print(f(x).round(2), f.derivative(x).round(2))
        [0. 0. 0. 1.] [1. 1. 1. 1.]

        ```
    """

    threshold: Parameter = 1.0
    equation = r"H(x - \theta)"

    def _value(self, x):
        threshold = jnp.asarray(self.threshold, x.dtype)
        return _step(x, jnp.broadcast_to(threshold, x.shape))

    def _derivative(self, x):
        return jnp.ones_like(x)


@jax.custom_jvp
def _step(x, threshold):
    # They are compared, not subtracted, since a difference may underflow to 0.
    return (x >= threshold).astype(x.dtype)


@_step.defjvp
def _(primals, tangents):
    return _step(*primals), tangents[0] - tangents[1]
