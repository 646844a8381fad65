from collections.abc import Callable

import jax.numpy as jnp
from jaxtyping import Array, Float

from .._compiled import compiled
from .._typing import Parameter, Positive
from ._base import (
    AbstractStep,
    AbstractSurrogate,
    scaled_derivative,
    scaled_primitive,
)


class Custom(AbstractStep):
    r"""A surrogate made from a derivative of your own, $E'(x)$ = `derivative(x)`.

    **Arguments:**

    - `derivative`: a function of $x = v - \theta$, which is given in float32 (float64
        for float64). It may be an Equinox module that holds arrays.
    - `primitive`: the function whose derivative it is. It is needed only for the value
        of the primitive, for escape noise, and for derivatives with respect to such
        arrays.
    - `gain`: scales both.

    **See also:** [`ngcx.surrogate.AbstractSurrogate`][], to derive a class from.

    !!! example

        ```python
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from ngcx.surrogate import Custom
        >>> bump = Custom(lambda x: 1 / jnp.cosh(x) ** 2, primitive=jnp.tanh)
        >>> print(jax.grad(bump)(0.5, 0.5))
        1.0

        ```
    """

    slope: Callable[[Float[Array, "..."]], Float[Array, "..."]]
    integral: Callable[[Float[Array, "..."]], Float[Array, "..."]] | None
    gain: Parameter
    equation = r"\int^x E'(t)\, dt"

    # This is not compiled: it makes a module.
    @compiled(jit=False)
    def __init__(
        self,
        derivative: Callable[[Float[Array, "..."]], Float[Array, "..."]],
        primitive: Callable[[Float[Array, "..."]], Float[Array, "..."]] | None = None,
        gain: Parameter = 1.0,
    ):
        # They have other names, because `primitive` and `derivative` are methods.
        self.slope = derivative
        self.integral = primitive
        self.gain = gain

    def _primitive(self, x):
        if self.integral is None:
            raise ValueError(
                "`primitive` was not given to `Custom`; it is needed for the value of "
                "the primitive, for escape noise and for derivatives in its arrays."
            )
        return self.integral(x)

    def _derivative(self, x):
        return self.slope(x)


class Sum(AbstractStep):
    r"""The sum of surrogates, $E(x) = \sum_i g_i E_i(x)$, each with its `gain` $g_i$.

    **Arguments:**

    - `surrogates`: the surrogates to add up. The sum emits spikes like a step.
    - `gain`: scales the sum.

    !!! example "A leaky surrogate"

        ```python
        >>> import jax
        >>> from ngcx.surrogate import StraightThrough, Sum, Triangular
        >>> leaky = Sum((Triangular(alpha=1.0, gain=1.0), StraightThrough(gain=0.5)))
        >>> print(jax.grad(leaky)(5.0), jax.grad(leaky)(0.0))
        0.5 1.5

        ```
    """

    surrogates: tuple[AbstractSurrogate, ...]
    gain: Parameter = 1.0
    equation = r"\sum_i g_i E_i(x)"

    def _primitive(self, x):
        return self._total(scaled_primitive, x)

    def _derivative(self, x):
        return self._total(scaled_derivative, x)

    def _total(self, function, x):
        return sum((function(each, x) for each in self.surrogates), jnp.zeros_like(x))


class Sparse(AbstractStep):
    r"""A surrogate $F$ whose derivative is cut to 0 where $|x| \ge w$:
    $E(x) = F(\operatorname{clip}(x, -w, w))$.

    **Arguments:**

    - `surrogate`: $F$, with its own gain.
    - `width`: $w$, beyond which no gradient passes.
    - `gain`: scales $E$ and $E'$ alike.

    **See also:** [`ngcx.surrogate.SparseFastSigmoid`][]; [`ngcx.init.Sparse`][], which
    draws weights most of which are 0.

    ??? cite "Reference"
        Perez-Nieves and Goodman, *Sparse spiking gradient descent*, NeurIPS 2021.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> from ngcx.surrogate import Sigmoid, Sparse
        >>> spike, v = Sparse(Sigmoid()), jnp.array([-2.0, -0.1, 0.3])
        >>> print(spike(v), spike.derivative(v).round(2))
        [0. 0. 1.] [0.   0.96 0.71]

        ```
    """

    surrogate: AbstractSurrogate
    width: Positive[Parameter] = 1.0
    gain: Parameter = 1.0
    equation = r"F(\operatorname{clip}(x, -w, w))"

    def _primitive(self, x):
        inside = jnp.clip(x, -self.width, self.width)
        return scaled_primitive(self.surrogate, inside)

    def _derivative(self, x):
        slope = scaled_derivative(self.surrogate, x)
        return jnp.where(jnp.abs(x) < self.width, slope, 0)
