import jax.numpy as jnp

from .._closed_form import with_partials
from .._numerics import over_power
from .._typing import NonNegative, Parameter
from ._base import AbstractElementwise


class Squareplus(AbstractElementwise):
    r"""$f(x) = \frac{x + \sqrt{x^2 + b}}{2}$, with
    $f'(x) = \frac{1}{2} \left(1 + \frac{x}{\sqrt{x^2 + b}}\right)$: a softplus made of
    a square root. Its square does not overflow, as that of `jax.nn.squareplus` does.

    **Arguments:**

    - `b`: how smooth the bend at 0 is, where $f(0) = \sqrt{b} / 2$. With 4, the default
        of `jax.nn.squareplus`, $f''(0)$ is $\frac{1}{4}$, as that of a softplus. 0 is
        the rectifier, with $f'(0) = \frac{1}{2}$.

    ??? cite "Reference"
        Barron, *Squareplus: a softplus-like algebraic rectifier*, arXiv:2112.11687,
        2021.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> import numpy as np
        >>> from ngcx.activations import Squareplus
        >>> f, x = Squareplus(), jnp.array([-2.0, -0.5, 0.0, 1.0])
        >>> print(np.asarray(f(x)).round(2))
        [0.41 0.78 1.   1.62]
        >>> print(np.asarray(f.derivative(x)).round(2))
        [0.15 0.38 0.5  0.72]

        ```
    """

    b: NonNegative[Parameter] = 4.0
    equation = r"\frac{x + \sqrt{x^2 + b}}{2}"

    def _value(self, x):
        return _squareplus(x, self.b)

    def _derivative(self, x):
        return _squareplus_slope(x, self.b)


# Here s is sqrt(b) and r is sqrt(x^2 + b). Far below 0 r + x would cancel, and is
# b / (r - x) there.


def _parts(x, b):
    s = jnp.sqrt(jnp.asarray(b, x.dtype))
    r = jnp.hypot(x, s)
    return s, jnp.where(r == 0, 1, r)


def _value(x, b):
    s, r = _parts(x, b)
    below = s * (s / r) / (1 + jnp.abs(x) / r) / 2
    # Both are halved before they are added, since their sum could overflow.
    above = jnp.where(s == 0, x, x / 2 + r / 2)
    return jnp.where(x < 0, below, above)


def _slope(x, b):
    s, r = _parts(x, b)
    below = jnp.square(s / r) / (1 + jnp.abs(x) / r) / 2
    return jnp.where(x < -r / 2, below, 0.5 + x / r / 2)


def _bend(x, b):
    _, r = _parts(x, b)
    return over_power(jnp.asarray(b, x.dtype), r, 3) / 2


def _by_b(x, b):
    _, r = _parts(x, b)
    return 1 / r / 4


def _mixed(x, b):
    _, r = _parts(x, b)
    return over_power(-x, r, 3) / 4


def _bend_in_b(x, b):
    _, r = _parts(x, b)
    return over_power(-jnp.ones_like(x), r, 3) / 8


_squareplus_slope = with_partials(_slope, _bend, _mixed)
_squareplus = with_partials(
    _value, _squareplus_slope, with_partials(_by_b, _mixed, _bend_in_b)
)
