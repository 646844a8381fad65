import math

import jax.numpy as jnp
from jaxtyping import Array, Float

from .._closed_form import rounded_once, with_partials
from .._compiled import compiled
from .._numerics import expm1
from .._typing import Parameter, Positive
from ._base import AbstractElementwise


class ELU(AbstractElementwise):
    r"""$f(x) = x$ for $x > 0$ and $\alpha (e^x - 1)$ elsewhere, with $f'(x) = 1$ and
    $\alpha e^x$.

    At 0 the derivative is that of `jax.nn.elu`: $f'(0) = \alpha$.

    **Arguments:**

    - `alpha`: how far $f$ falls below 0. With 1, the default, $f$ is smooth at 0.

    ??? cite "Reference"
        Clevert, Unterthiner and Hochreiter, *Fast and accurate deep network learning by
        exponential linear units*, ICLR 2016.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> import numpy as np
        >>> from ngcx.activations import ELU
        >>> f, x = ELU(), jnp.array([-2.0, -0.5, 0.0, 1.0])
        >>> print(np.asarray(f(x)).round(2))
        [-0.86 -0.39  0.    1.  ]
        >>> print(np.asarray(f.derivative(x)).round(2))
        [0.14 0.61 1.   1.  ]

        ```
    """

    alpha: Parameter = 1.0
    equation = r"\begin{cases} x & x > 0 \\ \alpha (e^x - 1) & x \le 0 \end{cases}"

    def _value(self, x):
        return jnp.where(x > 0, x, self.alpha * expm1(_negative(x)))

    def _derivative(self, x):
        return jnp.where(x > 0, jnp.ones_like(x), _falling(_negative(x), self.alpha))

    @compiled
    @rounded_once
    def inverse(self, y: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        r"""Computes the $x$ with $f(x) = y$: $\ln(1 + y / \alpha)$ for $y \le 0$. It is
        $-\infty$ at $y = -\alpha$, and NaN below, where there is no such $x$.
        """
        return jnp.where(y > 0, y, jnp.log1p(_negative(y) / self.alpha))


def _exp(x, _):
    return jnp.exp(x)


def _falling_value(x, alpha):
    half = jnp.exp(x / 2)
    return alpha * half * half  # which a large alpha meets before it underflows


_falling = with_partials(_falling_value, _falling_value, _exp)


class SELU(AbstractElementwise):
    r"""$f(x) = \lambda \operatorname{ELU}_\alpha(x)$ with $\lambda = 1.0507\dots$ and
    $\alpha = 1.6732\dots$, the values that keep a network's activity at mean 0 and
    variance 1; $f'(x) = \lambda$ for $x > 0$ and $\lambda \alpha e^x$ elsewhere.

    ??? cite "Reference"
        Klambauer, Unterthiner, Mayr and Hochreiter, *Self-normalizing neural networks*,
        NIPS 2017.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> import numpy as np
        >>> from ngcx.activations import SELU
        >>> f, x = SELU(), jnp.array([-2.0, -0.5, 0.0, 1.0])
        >>> print(np.asarray(f(x)).round(2))
        [-1.52 -0.69  0.    1.05]
        >>> print(np.asarray(f.derivative(x)).round(2))
        [0.24 1.07 1.76 1.05]

        ```
    """

    equation = (
        r"\lambda \begin{cases} x & x > 0 \\ \alpha (e^x - 1) & x \le 0 \end{cases}"
    )

    def _value(self, x):
        return _SCALE * jnp.where(x > 0, x, _ALPHA * expm1(_negative(x)))

    def _derivative(self, x):
        slope = _SCALE * _ALPHA * jnp.exp(_negative(x))
        return jnp.where(x > 0, jnp.full_like(x, _SCALE), slope)


class CELU(AbstractElementwise):
    r"""$f(x) = x$ for $x > 0$ and $\alpha (e^{x / \alpha} - 1)$ elsewhere, with
    $f'(x) = 1$ and $e^{x / \alpha}$: an ELU that is smooth for every $\alpha$.

    **Arguments:**

    - `alpha`: how far $f$ falls below 0, and the scale in $x$ on which it does so. With
        1, the default, it is [`ngcx.activations.ELU`][].

    ??? cite "Reference"
        Barron, *Continuously differentiable exponential linear units*,
        arXiv:1704.07483, 2017.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> import numpy as np
        >>> from ngcx.activations import CELU
        >>> f, x = CELU(), jnp.array([-2.0, -0.5, 0.0, 1.0])
        >>> print(np.asarray(f(x)).round(2))
        [-0.86 -0.39  0.    1.  ]
        >>> print(np.asarray(f.derivative(x)).round(2))
        [0.14 0.61 1.   1.  ]

        ```
    """

    alpha: Positive[Parameter] = 1.0
    equation = (
        r"\begin{cases} x & x > 0 \\ \alpha (e^{x / \alpha} - 1) & x \le 0 \end{cases}"
    )

    def _value(self, x):
        return jnp.where(x > 0, x, _bent(_negative(x), self.alpha))

    def _derivative(self, x):
        return jnp.where(x > 0, jnp.ones_like(x), _bent_slope(_negative(x), self.alpha))


# Here x is 0 or less and z is x / alpha. Nothing changes any more beyond z = -1e4.


def _halves(x, alpha):
    z = jnp.maximum(x / alpha, -1e4)
    return z, jnp.exp(z / 2)


def _bent_value(x, alpha):
    # A tiny z is flushed to 0.
    z = x / alpha
    return jnp.where(z > -jnp.finfo(x.dtype).eps / 4, x, alpha * jnp.expm1(z))


def _bent_slope_value(x, alpha):
    return jnp.exp(_halves(x, alpha)[0])


def _bent_bend(x, alpha):
    _, half = _halves(x, alpha)
    return half / alpha * half


def _bent_by_alpha(x, alpha):
    """(1 - z) e^z - 1, which is -e^z (z^2 / 2 - z^3 / 6 + ...)."""
    z, _ = _halves(x, alpha)
    near, series = jnp.maximum(z, -1), jnp.zeros_like(z)
    for n in reversed(range(2, 11 if z.dtype == jnp.float32 else 20)):
        series = 1 / math.factorial(n) - near * series
    small = -jnp.exp(near) * jnp.square(near) * series
    return jnp.where(z > -1, small, (1 - z) * jnp.exp(z) - 1)


def _bent_mixed(x, alpha):
    z, half = _halves(x, alpha)
    return half / alpha * (-z * half)


def _bent_bend_in_alpha(x, alpha):
    z, half = _halves(x, alpha)
    return half / alpha * (z * z * half)


_bent_slope = with_partials(_bent_slope_value, _bent_bend, _bent_mixed)
_bent = with_partials(
    _bent_value,
    _bent_slope,
    with_partials(_bent_by_alpha, _bent_mixed, _bent_bend_in_alpha),
)


def _negative(x):
    # The branch of `where` that is not taken is differentiated as well; it must not
    # overflow.
    return jnp.where(x > 0, 0, x)


_ALPHA = 1.6732632423543772
_SCALE = 1.0507009873554805
