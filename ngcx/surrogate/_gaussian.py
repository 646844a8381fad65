"""Primitives made of normal distribution functions."""

import math

import jax.numpy as jnp
import jax.scipy as jsp

from .._closed_form import with_partials
from .._numerics import tanh
from .._typing import NonNegative, Parameter, Positive
from ._base import AbstractStep
from ._scaled import scaled, squared


class Erf(AbstractStep):
    r"""$E(x) = \frac{1}{2} \operatorname{erfc}(-\alpha x)$, with the Gaussian
    $E'(x) = \frac{\alpha}{\sqrt \pi} e^{-\alpha^2 x^2}$, whose standard deviation is
    $\sigma = \frac{1}{\alpha \sqrt 2}$.

    **Arguments:**

    - `alpha`: the sharpness. With 2, the default as in SpikingJelly, the derivative is
        $2 / \sqrt \pi = 1.13$ at the threshold.
    - `gain`: scales $E$ and $E'$ alike. With 1, the default, their area is 1.

    **Elsewhere:** with `gain=1`, SpikingJelly `Erf(alpha=2)` and braintools
    `ERF(alpha=1)`. braintools `GaussianGrad(sigma=0.5, alpha=0.5)` is
    `alpha=1 / (sigma * sqrt(2)), gain=alpha`, and Norse `heavi_erfc(k)` is
    `alpha=k, gain=2 / k`.

    ??? cite "Reference"
        Esser, Appuswamy, Merolla, Arthur and Modha, *Backpropagation for
        energy-efficient neuromorphic computing*, NeurIPS 2015. Yin, Corradi and Bohté,
        *Effective and efficient computation with multiple-timescale spiking recurrent
        neural networks*, ICONS 2020.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> import numpy as np
        >>> from ngcx.surrogate import Erf
        >>> spike, v = Erf(), jnp.array([-1.0, -0.1, 0.3])
        >>> print(spike(v))
        [0. 0. 1.]
        >>> print(np.asarray(spike.derivative(v)).round(2))
        [0.02 1.08 0.79]

        ```
    """

    alpha: Positive[Parameter] = 2.0
    gain: Parameter = 1.0
    equation = r"\frac{1}{2} \operatorname{erfc}(-\alpha x)"

    def _primitive(self, x):
        return _gauss(x, self.alpha)

    def _derivative(self, x):
        return _gauss_slope(x, self.alpha)


_PI_ROOT = math.sqrt(math.pi)
_gauss, _gauss_slope = scaled(
    lambda u: jsp.special.erfc(-u) / 2,
    decay=squared(lambda u: jnp.exp(-jnp.square(u) / 2)),
    first=lambda u: jnp.full_like(u, 1 / _PI_ROOT),
    second=lambda u: -2 / _PI_ROOT * u,
    spread=lambda u: (1 - 2 * jnp.square(u)) / _PI_ROOT,
    limit=1e4,
    exponent=lambda u: jnp.square(u) / 2,
)


class MultiGaussian(AbstractStep):
    r"""A Gaussian with negative flanks,
    $E'(x) = c \left[(1 + h) N_{0, \sigma}(x) - h N_{\sigma, s \sigma}(x)
    - h N_{-\sigma, s \sigma}(x)\right]$, where $N_{m, d}$ is the normal density of mean
    $m$ and standard deviation $d$; $E$ is the same sum of normal distribution functions
    $\Phi$, and rises from 0 to $c (1 - h)$.

    **Arguments:**

    - `h`: $h$, the weight of the flanks.
    - `s`: $s$, the width of the flanks over that of the centre.
    - `sigma`: $\sigma$, the standard deviation of the centre.
    - `scale`: $c$. These four are the defaults of the paper and of braintools, with
        which the derivative is 0.44 at the threshold.
    - `gain`: scales $E$ and $E'$ alike.

    **Elsewhere:** braintools `MultiGaussianGrad(h=0.15, s=6, sigma=0.5, scale=0.5)`,
    with `gain=1`.

    ??? cite "Reference"
        Yin, Corradi and Bohté, *Accurate and efficient time-domain classification with
        adaptive spiking recurrent neural networks*, Nature Machine Intelligence 3,
        2021.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> import numpy as np
        >>> from ngcx.surrogate import MultiGaussian
        >>> spike, v = MultiGaussian(), jnp.array([-1.0, -0.1, 0.3])
        >>> print(spike(v))
        [0. 0. 1.]
        >>> print(np.asarray(spike.derivative(v)).round(2))
        [0.04 0.43 0.36]

        ```
    """

    h: NonNegative[Parameter] = 0.15
    s: Positive[Parameter] = 6.0
    sigma: Positive[Parameter] = 0.5
    scale: Parameter = 0.5
    gain: Parameter = 1.0
    equation = (
        r"c \left[(1 + h) \Phi\left(\frac{x}{\sigma}\right)"
        r" - h \Phi\left(\frac{x - \sigma}{s \sigma}\right)"
        r" - h \Phi\left(\frac{x + \sigma}{s \sigma}\right)\right]"
    )

    def _primitive(self, x):
        # The lower tail gives the upper one, since E(x) + E(-x) = c (1 - h). That is
        # small for h near 1, where the upper tails would cancel.
        tail = self._mixture(_normal, _flanks, -jnp.abs(x))
        return jnp.where(x < 0, tail, self.scale * (1 - self.h) - tail)

    def _derivative(self, x):
        return self._mixture(_normal_slope, _flanks_slope, x)

    def _mixture(self, of_centre, of_flanks, x):
        info = jnp.finfo(x.dtype)
        width = jnp.clip(self.s * self.sigma, float(info.tiny), float(info.max))
        centre = of_centre(x, self.sigma)
        flanks = of_flanks(x, self.sigma, width)
        # Large products would be infinite, and their difference NaN.
        return self.scale * (centre + self.h * (centre - flanks))


# These are functions of (x, sigma). Here z is x / sigma, h is e^(-z^2 / 4) and d is
# h / sqrt(2 pi). Their product is the density: a large 1 / sigma meets one after the
# other.


def _standardised(x, sigma):
    z = jnp.clip(x / sigma, -1e4, 1e4)
    h = jnp.exp(-jnp.square(z) / 4)
    return z, h, h / math.sqrt(2 * math.pi)


def _normal_value(x, sigma):
    return jsp.special.erfc(-(x / sigma) / math.sqrt(2)) / 2


def _normal_slope_value(x, sigma):
    _, h, d = _standardised(x, sigma)
    return h / sigma * d


def _normal_by_sigma(x, sigma):
    z, h, d = _standardised(x, sigma)
    return -(h / sigma) * (z * d)


def _normal_bend(x, sigma):
    z, h, d = _standardised(x, sigma)
    return -(h / sigma) * (z * d / sigma)


def _normal_mixed(x, sigma):
    z, h, d = _standardised(x, sigma)
    return h / sigma * ((z * z - 1) * d / sigma)


def _normal_bend_in_sigma(x, sigma):
    z, h, d = _standardised(x, sigma)
    return h / sigma * (z * (2 - z * z) * d / sigma)


_normal_slope = with_partials(_normal_slope_value, _normal_bend, _normal_mixed)
_normal = with_partials(
    _normal_value,
    _normal_slope,
    with_partials(_normal_by_sigma, _normal_mixed, _normal_bend_in_sigma),
)


# Both flanks are one function of (x, sigma, d), the sum of Phi((x -+ sigma) / d). Their
# densities are in the ratio e^(2 q), where q = x sigma / d^2, so that the derivative of
# their sum f is -f (x - sigma tanh q) / d^2, which does not cancel near 0.


def _flanks_value(x, sigma, d):
    return _normal_value(x - sigma, d) + _normal_value(x + sigma, d)


def _flanks_slope_value(x, sigma, d):
    return _normal_slope_value(x - sigma, d) + _normal_slope_value(x + sigma, d)


def _gate(x, sigma, d):
    return tanh((x / d) * (sigma / d))


def _lean(x, sigma, d):
    """(x - sigma tanh q) / d, which is small where the densities are not 0."""
    return jnp.clip((x - sigma * _gate(x, sigma, d)) / d, -1e4, 1e4)


def _flanks_leaning(x, sigma, d, lean):
    """Both densities times `lean` / d."""

    def density(x):
        z, h, rest = _standardised(x, d)
        # One exponential is more accurate than a square, but is flushed to 0 sooner.
        once = jnp.exp(-jnp.square(z) / 2) / math.sqrt(2 * math.pi) / d * lean / d
        return jnp.where(jnp.abs(z) < 9, once, h / d * lean * (rest / d))

    return density(x - sigma) + density(x + sigma)


def _flanks_bend(x, sigma, d):
    return -_flanks_leaning(x, sigma, d, _lean(x, sigma, d))


def _flanks_by_sigma(x, sigma, d):
    return -_flanks_slope_value(x, sigma, d) * _gate(x, sigma, d)


def _flanks_by_d(x, sigma, d):
    return -_flanks_slope_value(x, sigma, d) * _lean(x, sigma, d)


def _flanks_mixed_sigma(x, sigma, d):
    lean = jnp.clip((sigma - x * _gate(x, sigma, d)) / d, -1e4, 1e4)
    return -_flanks_leaning(x, sigma, d, lean)


def _flanks_mixed_d(x, sigma, d):
    return _normal_mixed(x - sigma, d) + _normal_mixed(x + sigma, d)


_flanks_slope = with_partials(
    _flanks_slope_value, _flanks_bend, _flanks_mixed_sigma, _flanks_mixed_d
)
_flanks = with_partials(
    _flanks_value,
    _flanks_slope,
    with_partials(_flanks_by_sigma, _flanks_mixed_sigma),
    with_partials(_flanks_by_d, _flanks_mixed_d),
)
