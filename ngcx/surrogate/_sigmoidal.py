"""Primitives that rise smoothly from 0 to 1, written so that no tail cancels."""

import math
from typing import Annotated

import jax
import jax.numpy as jnp
import jax.scipy as jsp

from .._numerics import sigmoid, sigmoid_slope, squarable
from .._typing import Must, NonNegative, Parameter, Positive
from ._base import AbstractStep, odd_around_half


class Sigmoid(AbstractStep):
    r"""$E(x) = \sigma(\alpha x)$, the logistic function, with
    $E'(x) = \alpha \sigma(\alpha x) \sigma(-\alpha x)$.

    As a hyperbolic tangent, $E(x) = \frac{1}{2} + \frac{1}{2} \tanh k x$ with
    $\alpha = 2 k$ and $E'(x) = \frac{k}{2} \operatorname{sech}^2 k x$.

    **Arguments:**

    - `alpha`: the sharpness. With 4, the default, the derivative is 1 at the threshold.
    - `gain`: scales $E$ and $E'$ alike; the height is `gain * alpha / 4`.

    **Elsewhere:** with `gain=1`, snnTorch `sigmoid(slope=25)`, SpikingJelly
    `Sigmoid(alpha=4)` and braintools `Sigmoid(alpha=4)`. Norse `tanh` and `logistic_fn`
    and Spyx `tanh(k=1)` use $\operatorname{sech}^2 k x$: `alpha=2 * k, gain=2 / k`.

    ??? cite "Reference"
        Zenke and Ganguli, *SuperSpike*, Neural Computation 30, 2018. Neftci, Mostafa
        and Zenke, *Surrogate gradient learning in spiking neural networks*, IEEE Signal
        Processing Magazine 36, 2019.
    """

    alpha: Positive[Parameter] = 4.0
    gain: Parameter = 1.0
    equation = r"\frac{1}{1 + e^{-\alpha x}}"

    def _primitive(self, x):
        return sigmoid(self.alpha * x)

    def _derivative(self, x):
        return self.alpha * sigmoid_slope(self.alpha * x)


class FastSigmoid(AbstractStep):
    r"""$E(x) = \frac{1}{2} \left(1 + \frac{\alpha x}{1 + \alpha |x|}\right)$, with
    $E'(x) = \frac{\alpha}{2 (1 + \alpha |x|)^2}$.

    It is also known as soft sign, and as SuperSpike after the learning rule that uses
    it.

    **Arguments:**

    - `alpha`: the sharpness, 25 by default as in snnTorch and Spyx.
    - `gain`: scales $E$ and $E'$ alike. The default makes the derivative 1 at the
        threshold: it is `2 / alpha`.

    **Elsewhere:** with `gain=2 / alpha`, snnTorch `fast_sigmoid(slope=25)`, Spyx
    `superspike(k=25)`, Norse's main branch `super(alpha=100)` and braintools
    `InvSquareGrad(alpha=100)`; Norse 1.1.0 is that at `alpha=1`, whatever its slope.
    With `gain=1`, SpikingJelly `SoftSign(alpha=2)` and braintools `SoftSign(alpha=1)`.
    SpikingJelly `SuperSpike(alpha)` is `alpha=1, gain=2 * alpha`.

    ??? cite "Reference"
        Zenke and Ganguli, *SuperSpike*, Neural Computation 30, 2018. Neftci, Mostafa
        and Zenke, *Surrogate gradient learning in spiking neural networks*, IEEE Signal
        Processing Magazine 36, 2019.
    """

    alpha: Positive[Parameter] = 25.0
    gain: Parameter = 2 / 25
    equation = r"\frac{1}{2} \left(1 + \frac{\alpha x}{1 + \alpha |x|}\right)"

    def _primitive(self, x):
        return odd_around_half(x, 0.5 / (1 + self.alpha * jnp.abs(x)))

    def _derivative(self, x):
        # The inverse is squared, because the square of the base may overflow.
        return self.alpha / 2 * jnp.square(1 / (1 + self.alpha * jnp.abs(x)))


class Arctan(AbstractStep):
    r"""$E(x) = \frac{1}{2} + \frac{1}{\pi} \arctan u$ with
    $u = \frac{\pi}{2} \alpha x$, and $E'(x) = \frac{\alpha}{2 (1 + u^2)}$.

    **Arguments:**

    - `alpha`: the sharpness. With 2, the default, the derivative is 1 at the threshold.
    - `gain`: scales $E$ and $E'$ alike; the height is `gain * alpha / 2`.

    **Elsewhere:** with `gain=1`, snnTorch `atan(alpha=2)`, SpikingJelly `ATan(alpha=2)`
    and braintools `Arctan(alpha=1)`. ngc-learn `arctan_estimator(alpha=2)` keeps the
    factor 1/π alone: `gain=2 / (pi * alpha)`. Spyx `arctan(k=2)` is
    `alpha=2 * k, gain=1 / (pi * k)`.

    ??? cite "Reference"
        Fang, Yu, Chen, Masquelier, Huang and Tian, *Incorporating learnable membrane
        time constant to enhance learning of spiking neural networks*, ICCV 2021.
    """

    alpha: Positive[Parameter] = 2.0
    gain: Parameter = 1.0
    equation = r"\frac{1}{2} + \frac{1}{\pi} \arctan \frac{\pi \alpha x}{2}"

    def _primitive(self, x):
        # The sum 1/2 + arctan(u)/pi would cancel for large negative u.
        return jnp.arctan2(1, -(math.pi / 2) * self.alpha * x) / math.pi

    def _derivative(self, x):
        u = squarable((math.pi / 2) * self.alpha * x)
        return self.alpha / 2 / (1 + jnp.square(u))


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
    """

    alpha: Positive[Parameter] = 2.0
    gain: Parameter = 1.0
    equation = r"\frac{1}{2} \operatorname{erfc}(-\alpha x)"

    def _primitive(self, x):
        return jsp.special.erfc(-self.alpha * x) / 2

    def _derivative(self, x):
        z = squarable(self.alpha * x)
        return self.alpha / math.sqrt(math.pi) * jnp.exp(-jnp.square(z))


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
        def distribution(z, _):
            return jsp.special.erfc(-z / math.sqrt(2)) / 2

        # The lower tail gives the upper one, since E(x) + E(-x) = c (1 - h). That is
        # small for h near 1, where the upper tails would cancel.
        tail = self._mixture(distribution, -jnp.abs(x))
        return jnp.where(x < 0, tail, self.scale * (1 - self.h) - tail)

    def _derivative(self, x):
        def density(z, sigma):
            square = jnp.square(squarable(z))
            return jnp.exp(-square / 2) / (sigma * math.sqrt(2 * math.pi))

        return self._mixture(density, x)

    def _mixture(self, function, x):
        wide = self.s * self.sigma
        centre = function(x / self.sigma, self.sigma)
        flanks = function((x - self.sigma) / wide, wide)
        flanks += function((x + self.sigma) / wide, wide)
        return self.scale * ((1 + self.h) * centre - self.h * flanks)


class InverseSquareRoot(AbstractStep):
    r"""$E(x) = \frac{1}{2} + \frac{x}{2 \sqrt{x^2 + \alpha^2}}$, the algebraic sigmoid,
    with $E'(x) = \frac{\alpha^2}{2 (x^2 + \alpha^2)^{3/2}}$.

    **Arguments:**

    - `alpha`: the width: a larger one is less sharp.
    - `gain`: scales $E$ and $E'$ alike. The default makes the derivative 1 at the
        threshold: it is `2 * alpha`.

    **Elsewhere:** with `gain=2 * alpha`, Norse `circ(alpha)` and `circ_dist_fn(k)`,
    which have no default.
    """

    alpha: Positive[Parameter] = 1.0
    gain: Parameter = 2.0
    equation = r"\frac{1}{2} + \frac{x}{2 \sqrt{x^2 + \alpha^2}}"

    def _primitive(self, x):
        root = self._root(x)
        # 1 - |x|/r = alpha^2 / (r (r + |x|)) as a product of factors below 1, which
        # neither cancels nor overflows.
        tail = (self.alpha / root) * (self.alpha / (root + jnp.abs(x))) / 2
        return odd_around_half(x, tail)

    def _derivative(self, x):
        root = self._root(x)
        return jnp.square(self.alpha / root) / (2 * root)

    def _root(self, x):
        """sqrt(x^2 + alpha^2); not by `jnp.hypot`, whose second derivative is wrong
        where |x| = alpha.
        """
        unit = jax.lax.stop_gradient(jnp.maximum(jnp.abs(x), self.alpha))
        squares = jnp.square(x / unit) + jnp.square(self.alpha / unit)
        return unit * jnp.sqrt(squares)


class QPseudoSpike(AbstractStep):
    r"""$E(x) = \frac{1}{2} + \frac{\operatorname{sign} x}{2}
    \left[1 - \left(1 + \frac{2 |x|}{\alpha - 1}\right)^{1 - \alpha}\right]$, with
    the heavy-tailed
    $E'(x) = \left(1 + \frac{2 |x|}{\alpha - 1}\right)^{-\alpha}$.

    **Arguments:**

    - `alpha`: how fast the tails decay, 2 by default as in all libraries.
    - `gain`: scales $E$ and $E'$ alike; it is the derivative at the threshold, 1 by
        default.

    **Elsewhere:** SpikingJelly `QPseudoSpike(alpha=2)`, with `gain=1`. braintools
    `QPseudoSpike(alpha=2)` has $\alpha + 1$ in place of $\alpha - 1$, which is no
    `gain` of this one: at the same `alpha` it is $E'$ at $\frac{\alpha - 1}{\alpha + 1}
    x$.

    ??? cite "Reference"
        Herranz-Celotti and Rouat, *Surrogate gradients design*, arXiv:2202.00282, 2022.
    """

    alpha: Annotated[Parameter, Must("greater than 1", lambda value: value > 1)] = 2.0
    gain: Parameter = 1.0
    equation = (
        r"\frac{1}{2} + \frac{\operatorname{sign} x}{2} \left[1 - "
        r"\left(1 + \frac{2 |x|}{\alpha - 1}\right)^{1 - \alpha}\right]"
    )

    def _primitive(self, x):
        return odd_around_half(x, self._power(x, 1 - self.alpha) / 2)

    def _derivative(self, x):
        return self._power(x, -self.alpha)

    def _power(self, x, exponent):
        """(1 + 2 |x| / (alpha - 1)) ** exponent, each piece where it is accurate."""
        size, slope = jnp.abs(x), 2 / (self.alpha - 1)
        # So far out the 1 is lost, and the product may overflow.
        far = size > jnp.finfo(x.dtype).max * 2.0**-16
        outer = jnp.where(far, size, 1)
        u = slope * jnp.where(far, 1, size)
        # Near 1 the base loses the digits of u, which the logarithm keeps.
        near = jnp.exp(exponent * jnp.log1p(jnp.minimum(u, 1)))
        power = jnp.where(u < 1, near, (1 + u) ** exponent)
        # It is 0 where it is not used and the exponential may overflow.
        logarithm = jnp.where(far, jnp.log(outer) + jnp.log(slope), 0)
        return jnp.where(far, jnp.exp(exponent * logarithm), power)
