import jax.numpy as jnp

from .._typing import Parameter, Positive
from ._base import AbstractStep, odd_around_half


class PiecewiseExponential(AbstractStep):
    r"""$E(x) = \frac{1}{2} e^{\alpha x}$ for $x < 0$ and
    $1 - \frac{1}{2} e^{-\alpha x}$ for $x \ge 0$, with
    $E'(x) = \frac{\alpha}{2} e^{-\alpha |x|}$.

    **Arguments:**

    - `alpha`: the sharpness.
    - `gain`: scales $E$ and $E'$ alike. With 1, the default, the derivative is
        $\alpha / 2$ at the threshold, and its area is 1, as in all libraries.

    **Elsewhere:** with `gain=1`, SpikingJelly `PiecewiseExp(alpha=1)` and braintools
    `PiecewiseExp(alpha=1)`; braintools `SlayerGrad(alpha=1)` is `gain=2 / alpha`
    (height 1).

    ??? cite "Reference"
        Shrestha and Orchard, *SLAYER: Spike layer error reassignment in time*, NeurIPS
        2018.
    """

    alpha: Positive[Parameter] = 1.0
    gain: Parameter = 1.0
    equation = (
        r"\frac{1}{2} + \frac{\operatorname{sign} x}{2}"
        r" \left(1 - e^{-\alpha |x|}\right)"
    )

    def _primitive(self, x):
        return _laplace(self.alpha, x)

    def _derivative(self, x):
        return self.alpha / 2 * jnp.exp(-self.alpha * jnp.abs(x))


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
        return 2 * self.slope / self.beta * _laplace(self.beta, x - self.center)

    def _derivative(self, x):
        return self.slope * jnp.exp(-self.beta * jnp.abs(x - self.center))


def _laplace(alpha, x):
    """The distribution function of Laplace's law."""
    return odd_around_half(x, jnp.exp(-alpha * jnp.abs(x)) / 2)
