import math
from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp

from .._closed_form import with_partials
from .._numerics import sech, sigmoid, sigmoid_and_slope, softplus, tanh, tanh_slope
from .._typing import Parameter
from ._base import AbstractElementwise


class SiLU(AbstractElementwise):
    r"""$f(x) = x \sigma(x)$, with $f'(x) = \sigma(x) + x \sigma'(x)$.

    **See also:** [`ngcx.activations.Swish`][], whose slope is learnt.

    ??? cite "Reference"
        Elfwing, Uchibe and Doya, *Sigmoid-weighted linear units for neural network
        function approximation in reinforcement learning*, Neural Networks 107, 2018.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> import numpy as np
        >>> from ngcx.activations import SiLU
        >>> f, x = SiLU(), jnp.array([-2.0, -0.5, 0.0, 1.0])
        >>> print(np.asarray(f(x)).round(2))
        [-0.24 -0.19  0.    0.73]
        >>> print(np.asarray(f.derivative(x)).round(2))
        [-0.09  0.26  0.5   0.93]

        ```
    """

    equation = r"x \sigma(x)"

    def _value(self, x):
        return x * sigmoid(x)

    def _derivative(self, x):
        value, slope = sigmoid_and_slope(x)
        return value + x * slope


class Swish(AbstractElementwise):
    r"""$f(x) = x \sigma(\beta x)$, with
    $f'(x) = \sigma(\beta x) + \beta x \sigma'(\beta x)$.

    **Arguments:**

    - `beta`: $\beta$, the sharpness of the gate: 1 gives [`ngcx.activations.SiLU`][], 0
        halves $x$, and a large value comes near the rectifier. There is no default,
        because there is no usual value.

    **See also:** [`ngcx.activations.SiLU`][], where $\beta$ is 1.

    ??? cite "Reference"
        Ramachandran, Zoph and Le, *Searching for activation functions*,
        arXiv:1710.05941, 2017.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> from ngcx.activations import Swish
        >>> f, x = Swish(beta=2.0), jnp.array([-2.0, -0.5, 0.0, 1.0])
        >>> print(f(x).round(2), f.derivative(x).round(2))
        [-0.04 -0.13  0.    0.88] [-0.05  0.07  0.5   1.09]

        ```
    """

    beta: Parameter
    equation = r"x \sigma(\beta x)"

    def _value(self, x):
        return _swish(x, self.beta)

    def _derivative(self, x):
        return _swish_slope(x, self.beta)


# Here z is beta x, h is e^(-|z| / 2), and d^2 is sigma'(z).


def _swish_parts(x, beta):
    z = _saturating(beta * x)
    h = jnp.exp(-jnp.abs(z) / 2)
    return z, h, sech(z / 2) / 2


def _swish_value(x, beta):
    z, h, d = _swish_parts(x, beta)
    # A large x meets one half of the lower tail after the other.
    return jnp.where(z < 0, x * h * d, x / (1 + h * h))


def _swish_bend(x, beta):
    z, _, d = _swish_parts(x, beta)
    return beta * d * (d * (2 - z * tanh(z / 2)))


def _swish_by_beta(x, beta):
    z = _saturating(beta * x)
    # A quarter of the exponential is not flushed to 0 before it has met both x.
    quarter = jnp.exp(-jnp.abs(z) / 4)
    return jnp.square(x * quarter * (quarter / (1 + quarter**4)))


def _swish_mixed(x, beta):
    z, _, d = _swish_parts(x, beta)
    return x * d * (d * (2 - z * tanh(z / 2)))


def _swish_bend_in_beta(x, beta):
    z, _, d = _swish_parts(x, beta)
    return -x * jnp.square(x * d) * tanh(z / 2)


_swish_slope = with_partials(
    lambda x, beta: _d_swish(x, beta), _swish_bend, _swish_mixed
)
_swish = with_partials(
    _swish_value,
    _swish_slope,
    with_partials(_swish_by_beta, _swish_mixed, _swish_bend_in_beta),
)


class GELU(AbstractElementwise):
    r"""$f(x) = x \Phi(x)$, where $\Phi$ is the standard normal distribution function or
    an approximation of it.

    `GELU()` is $x \sigma(1.702 x)$, the form of ngc-learn, which differs from
    `jax.nn.gelu(x)` by up to 0.021, at $|x| \approx 2.3$. `GELU("tanh")` is
    `jax.nn.gelu(x)`, and `GELU("none")` is `jax.nn.gelu(x, approximate=False)`.

    | `approximation` | $f$ | $f'$ |
    | --- | --- | --- |
    | `"sigmoid"` | $x \sigma(1.702 x)$ | $\sigma(z) + z \sigma'(z),\ z = 1.702 x$ |
    | `"tanh"` | $\frac{x}{2} (1 + \tanh u)$ | $\sigma(2u) + 2 x u' \sigma'(2u)$ |
    | `"none"` | $x \Phi(x)$ | $\Phi(x) + x \varphi(x)$ |

    Here $u = \sqrt{2 / \pi} (x + 0.044715 x^3)$, and $\varphi$ is the normal density.

    **Arguments:**

    - `approximation`: how $\Phi$ is approximated. `"sigmoid"`, the default as in
        ngc-learn, is off by up to 0.021, `"tanh"` by up to 0.0005, and `"none"` is
        exact.

    ??? cite "Reference"
        Hendrycks and Gimpel, *Gaussian error linear units*, arXiv:1606.08415, 2016.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> import numpy as np
        >>> from ngcx.activations import GELU
        >>> f, x = GELU(), jnp.array([-2.0, -0.5, 0.0, 1.0])
        >>> print(np.asarray(f(x)).round(2))
        [-0.06 -0.15  0.    0.85]
        >>> print(np.asarray(f.derivative(x)).round(2))
        [-0.07  0.12  0.5   1.07]

        ```
    """

    approximation: Literal["sigmoid", "tanh", "none"] = eqx.field(
        static=True, default="sigmoid"
    )
    equation = r"x \Phi(x)"

    def _value(self, x):
        if self.approximation == "sigmoid":
            return x * sigmoid(_saturating(1.702 * x))
        if self.approximation == "tanh":
            # (1 + tanh u) / 2 = sigmoid(2u), which does not cancel for negative u.
            return x * sigmoid(2 * _cubic(x))
        return x * _normal_cdf(x)

    def _derivative(self, x):
        if self.approximation == "sigmoid":
            return _d_swish(x, 1.702)
        if self.approximation == "tanh":
            value, slope = sigmoid_and_slope(2 * _cubic(x))
            return value + _saturated(x) * (2 * _d_cubic(x) * slope)
        density = jnp.exp(-jnp.square(_saturated(x)) / 2) / math.sqrt(2 * math.pi)
        return _normal_cdf(x) + _saturated(x) * density


class TeLU(AbstractElementwise):
    r"""$f(x) = x \tanh(e^x)$, with
    $f'(x) = \tanh(e^x) + x e^x \operatorname{sech}^2(e^x)$.

    ??? cite "Reference"
        Fernandez and Mali, *TeLU activation function for fast and stable deep
        learning*, arXiv:2412.20269, 2024.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> import numpy as np
        >>> from ngcx.activations import TeLU
        >>> f, x = TeLU(), jnp.array([-2.0, -0.5, 0.0, 1.0])
        >>> print(np.asarray(f(x)).round(2))
        [-0.27 -0.27  0.    0.99]
        >>> print(np.asarray(f.derivative(x)).round(2))
        [-0.13  0.33  0.76  1.04]

        ```
    """

    equation = r"x \tanh(e^x)"

    def _value(self, x):
        return x * jnp.tanh(self._exp(x))

    def _derivative(self, x):
        return _telu_slope(x)

    def _exp(self, x):
        # tanh(e^10) = 1 and sech^2(e^10) = 0 in every dtype.
        return jnp.exp(jnp.minimum(x, 10))


def _telu_slope_value(x):
    x = jnp.clip(x, -1e4, 10)
    e = jnp.exp(x)
    return tanh(e) + x * (e * tanh_slope(e))


def _telu_bend(x):
    x = jnp.clip(x, -1e4, 10)
    e = jnp.exp(x)
    s = sech(e)
    return e * s * (s * (2 + x - 2 * x * (e * tanh(e))))


_telu_slope = with_partials(_telu_slope_value, _telu_bend)


class Mish(AbstractElementwise):
    r"""$f(x) = x \tanh(s)$ with $s = \ln(1 + e^x)$, and
    $f'(x) = \tanh(s) + x \sigma(x) \operatorname{sech}^2(s)$.

    ??? cite "Reference"
        Misra, *Mish: a self regularized non-monotonic activation function*, BMVC 2020.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> import numpy as np
        >>> from ngcx.activations import Mish
        >>> f, x = Mish(), jnp.array([-2.0, -0.5, 0.0, 1.0])
        >>> print(np.asarray(f(x)).round(2))
        [-0.25 -0.22  0.    0.87]
        >>> print(np.asarray(f.derivative(x)).round(2))
        [-0.11  0.29  0.6   1.05]

        ```
    """

    equation = r"x \tanh(\ln(1 + e^x))"

    def _value(self, x):
        return x * jnp.tanh(softplus(x))

    def _derivative(self, x):
        return _mish_slope(x)


# The gate tanh(s) and its derivatives are rational functions of t = e^-|x|, one for
# each side, of which nothing cancels or overflows.


def _gate(x):
    """tanh(s), its derivative, and the second over the first derivative."""
    t = jnp.exp(-jnp.abs(x))
    below = x < 0
    base = jnp.where(below, 2 + 2 * t + t * t, 1 + 2 * t + 2 * t * t)
    gate = jnp.where(below, t * (2 + t), 1 + 2 * t) / base
    rise = 4 * (1 + t) * jnp.where(below, t, 1) / base
    slope = rise * jnp.where(below, 1, t * t) / base
    growth = jnp.where(
        below, 2 + t * (2 - t * (3 + 2 * t)), t * (t * (2 + 2 * t) - 3) - 2
    )
    growth /= (1 + t) * base
    return gate, slope, growth


def _mish_slope_value(x):
    gate, slope, _ = _gate(x)
    return gate + jnp.clip(x, -1e4, 1e4) * slope


def _mish_bend(x):
    _, slope, growth = _gate(x)
    return slope * (2 + jnp.clip(x, -1e4, 1e4) * growth)


_mish_slope = with_partials(_mish_slope_value, _mish_bend)


def _d_swish(x, beta):
    z = _saturating(beta * x)
    value, slope = sigmoid_and_slope(z)
    return value + z * slope


def _saturating(z):
    # sigmoid(+-1e4) is 1 and 0 in every dtype; an infinite z would make z * 0 NaN.
    return jnp.clip(z, -1e4, 1e4)


def _saturated(x):
    # The normal distribution is 0 and 1 beyond +-100 in every dtype.
    return jnp.clip(x, -100, 100)


def _cubic(x):
    x = _saturated(x)
    return math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)


def _d_cubic(x):
    return math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * jnp.square(_saturated(x)))


def _normal_cdf(x):
    # erfc keeps the lower tail, where 1 + erf would cancel.
    return jax.lax.erfc(-_saturated(x) * math.sqrt(0.5)) / 2
