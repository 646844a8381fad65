import math
from typing import Any

import jax.numpy as jnp

from .._closed_form import with_partials
from .._numerics import over_power
from .._typing import Parameter, Positive
from ._base import AbstractStep, odd_around_half
from ._scaled import scaled, squared
from ._sigmoidal import half_exponential


class PiecewiseExponential(AbstractStep):
    r"""$E(x) = \frac{1}{2} e^{\alpha x}$ for $x < 0$ and
    $1 - \frac{1}{2} e^{-\alpha x}$ for $x \ge 0$, with
    $E'(x) = \frac{\alpha}{2} e^{-\alpha |x|}$.

    **Arguments:**

    - `alpha`: the sharpness.
    - `gain`: scales $E$ and $E'$ alike. With 1, the default, the derivative is $\alpha
        / 2$ at the threshold, and has the area 1, as in all libraries.

    **Elsewhere:** with `gain=1`, SpikingJelly `PiecewiseExp(alpha=1)` and braintools
    `PiecewiseExp(alpha=1)`; braintools `SlayerGrad(alpha=1)` is `gain=2 / alpha`
    (height 1).

    ??? cite "Reference"
        Shrestha and Orchard, *SLAYER: Spike layer error reassignment in time*, NeurIPS
        2018.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> import numpy as np
        >>> from ngcx.surrogate import PiecewiseExponential
        >>> spike, v = PiecewiseExponential(), jnp.array([-1.0, -0.1, 0.3])
        >>> print(spike(v))
        [0. 0. 1.]
        >>> print(np.asarray(spike.derivative(v)).round(2))
        [0.18 0.45 0.37]

        ```
    """

    alpha: Positive[Parameter] = 1.0
    gain: Parameter = 1.0
    equation = (
        r"\frac{1}{2} + \frac{\operatorname{sign} x}{2}"
        r" \left(1 - e^{-\alpha |x|}\right)"
    )

    def _primitive(self, x):
        return _laplace(x, self.alpha)

    def _derivative(self, x):
        return _laplace_slope(x, self.alpha)


_laplace, _laplace_slope = scaled(
    lambda u: odd_around_half(u, jnp.exp(-jnp.abs(u)) / 2),
    decay=squared(half_exponential),
    first=lambda u: jnp.full_like(u, 0.5),
    second=lambda u: jnp.full_like(u, -0.5),
    spread=lambda u: (1 - u) / 2,
    limit=1e4,
    exponent=lambda u: u / 2,
)


class EscapeExponential(AbstractStep):
    r"""The firing intensity of escape noise,
    $E'(x) = k e^{-\beta |x - c|}$; $E(x) = \frac{2 k}{\beta} L(x - c)$, where $L$ is
    the primitive of [`ngcx.surrogate.PiecewiseExponential`][] with $\alpha = \beta$.

    **Arguments:**

    - `beta`: $\beta$, the sharpness.
    - `slope`: $k$, the height of the derivative.
    - `center`: $c$, where the derivative peaks, relative to the threshold.
    - `gain`: scales $E$ and $E'$ alike; 1 by default, so that the height is `slope`, as
        in snnTorch.

    **Elsewhere:** snnTorch `spike_rate_escape(beta=1, slope=25)`, whose peak lies one
    unit above the threshold: `center=1, gain=1`.

    ??? cite "Reference"
        Gerstner and Kistler, *Spiking neuron models*, Cambridge University Press, 2002.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> from ngcx.surrogate import EscapeExponential
        >>> spike, v = EscapeExponential(), jnp.array([-1.0, -0.1, 0.3])
        >>> print(spike(v), spike.derivative(v).round(2))
        [0. 0. 1.] [ 9.2      22.619999 18.52    ]

        ```
    """

    beta: Positive[Parameter] = 1.0
    slope: Positive[Parameter] = 25.0
    center: Parameter = 0.0
    gain: Parameter = 1.0
    equation = (
        r"\frac{2 k}{\beta} \left[\frac{1}{2} + \frac{\operatorname{sign}(x - c)}{2}"
        r" \left(1 - e^{-\beta |x - c|}\right)\right]"
    )

    def _primitive(self, x):
        return self.slope * _intensity(x - self.center, self.beta)

    def _derivative(self, x):
        return self.slope * _intensity_slope(x - self.center, self.beta)


# These are functions of (x, beta) for k = 1. Here u is beta |x| and d is e^(-u / 2), so
# that E is d^2 / beta on the left and (2 - d^2) / beta on the right.


def _halves(x, beta):
    u = jnp.minimum(beta * jnp.abs(x), 1e4)
    return u, half_exponential(u)


def _on_its_side(x, beta, power, factor: Any = 1):
    """(-1)^n times the n-th derivative of E in beta, with n = `power` - 1."""
    u, d = _halves(x, beta)
    # A quarter of the exponential is not flushed to 0 before it has met 1 / beta.
    quarter = jnp.exp(-u / 4)
    left = over_power(factor * quarter, beta, power - 1) * quarter
    left *= quarter / beta * quarter
    right = 2 * math.factorial(power - 1) - factor * d * d
    return jnp.where(x < 0, left, over_power(right, beta, power))


def _intensity_value(x, beta):
    return _on_its_side(x, beta, 1)


def _intensity_by_beta(x, beta):
    u, _ = _halves(x, beta)
    return -_on_its_side(x, beta, 2, 1 + u)


def _intensity_bend_in_beta(x, beta):
    u, _ = _halves(x, beta)
    return _on_its_side(x, beta, 3, 2 + 2 * u + u * u)


def _intensity_slope_value(x, beta):
    return jnp.square(_halves(x, beta)[1])


def _intensity_bend(x, beta):
    _, d = _halves(x, beta)
    return -jnp.sign(x) * (beta * d) * d


def _intensity_mixed(x, beta):
    _, d = _halves(x, beta)
    return -(jnp.abs(x) * d) * d


_intensity_slope = with_partials(
    _intensity_slope_value, _intensity_bend, _intensity_mixed
)
_intensity = with_partials(
    _intensity_value,
    _intensity_slope,
    with_partials(_intensity_by_beta, _intensity_mixed, _intensity_bend_in_beta),
)
