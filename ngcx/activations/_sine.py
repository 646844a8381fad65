import jax.numpy as jnp
from jaxtyping import Array, Float

from .._closed_form import rounded_once
from .._compiled import compiled
from .._typing import Parameter
from ._base import AbstractElementwise


class Sine(AbstractElementwise):
    r"""$f(x) = \sin(\omega_0 x)$, with $f'(x) = \omega_0 \cos(\omega_0 x)$. It is
    constant where $\omega_0 x$ is beyond the largest number.

    **Arguments:**

    - `omega_0`: the angular frequency in radians; 30 by default, as in ngc-learn and in
        the article.

    ??? cite "Reference"
        Sitzmann, Martel, Bergman, Lindell and Wetzstein, *Implicit neural
        representations with periodic activation functions*, NeurIPS 2020.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> import numpy as np
        >>> from ngcx.activations import Sine
        >>> f, x = Sine(omega_0=2.0), jnp.array([-2.0, -0.5, 0.0, 1.0])
        >>> print(np.asarray(f(x)).round(2))
        [ 0.76 -0.84  0.    0.91]
        >>> print(np.asarray(f.derivative(x)).round(2))
        [-1.31  1.08  2.   -0.83]

        ```
    """

    omega_0: Parameter = 30.0
    equation = r"\sin(\omega_0 x)"

    def _value(self, x):
        return jnp.sin(self._phase(x))

    def _derivative(self, x):
        slope = self.omega_0 * jnp.cos(self._phase(x))
        return jnp.where(jnp.isfinite(self.omega_0 * x), slope, 0)

    def _phase(self, x):
        # A phase beyond the largest number is held there, because sin(inf) is NaN; it
        # has lost its place in the period long before.
        largest = float(jnp.finfo(x.dtype).max)
        return jnp.clip(self.omega_0 * x, -largest, largest)

    @compiled
    @rounded_once
    def inverse(self, y: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        r"""Computes $\arcsin(y) / \omega_0$, the $x$ with $f(x) = y$ nearest to 0; NaN
        for $|y| > 1$.
        """
        return jnp.arcsin(y) / self.omega_0
