"""Primitives of straight and logarithmic pieces."""

import jax.numpy as jnp

from .._numerics import sigmoid, sigmoid_slope
from .._typing import NonNegative, Parameter, Positive
from ._base import AbstractStep, odd_around_half


class Triangular(AbstractStep):
    r"""$E(x) = \frac{1}{2} + \alpha x - \operatorname{sign}(x) \frac{\alpha^2 x^2}{2}$
    for $|x| \le \frac{1}{\alpha}$, 0 below and 1 above, with
    $E'(x) = \max(0, \alpha - \alpha^2 |x|)$.

    **Arguments:**

    - `alpha`: the sharpness: the derivative is 0 from $1 / \alpha$ on.
    - `gain`: scales $E$ and $E'$ alike. The default makes the derivative 1 at the
        threshold: it is `1 / alpha`.

    **Elsewhere:** with `gain=1 / alpha`, ngc-learn `triangular_estimator(alpha=2)` and
    Spyx `triangular(k=2)`. With `gain=1`, SpikingJelly `PiecewiseQuadratic(alpha=1)`
    and braintools `PiecewiseQuadratic(alpha=1)`. ngc-learn
    `explicit_triangular_estimator(window=5)` is `alpha=1 / window, gain=window`; Norse
    `triangle(alpha=0.3)` is `alpha=1, gain=0.3`; braintools `ReluGrad(alpha=0.3,
    width=1)` is `alpha=1 / width, gain=0.3 * width**2`. snnTorch `triangular` is
    another function in spite of its name.

    ??? cite "Reference"
        Esser et al., *Convolutional networks for fast, energy-efficient neuromorphic
        computing*, PNAS 113, 2016. Bellec, Salaj, Subramoney, Legenstein and Maass,
        *Long short-term memory and learning-to-learn in networks of spiking neurons*,
        NeurIPS 2018.
    """

    alpha: Positive[Parameter] = 2.0
    gain: Parameter = 0.5
    equation = (
        r"\frac{1}{2} + \alpha x - \operatorname{sign}(x) \frac{\alpha^2 x^2}{2}"
        r"\ \text{for}\ |x| \le \frac{1}{\alpha}"
    )

    def _primitive(self, x):
        return odd_around_half(x, jnp.square(self._triangle(x)) / 2)

    def _derivative(self, x):
        return self.alpha * self._triangle(x)

    def _triangle(self, x):
        return jnp.maximum(1 - self.alpha * jnp.abs(x), 0)


class Rectangular(AbstractStep):
    r"""$E(x) = \operatorname{clip}(\alpha x + \frac{1}{2}, 0, 1)$, with
    $E'(x) = \alpha$ for $|x| < \frac{1}{2 \alpha}$, else 0: a boxcar.

    **Arguments:**

    - `alpha`: the sharpness: the derivative is 0 from $1 / (2 \alpha)$ on, which is 5
        by default, as in ngc-learn.
    - `gain`: scales $E$ and $E'$ alike. The default makes the derivative 1 at the
        threshold: it is `1 / alpha`.

    **Elsewhere:** ngc-learn `boxcar_estimator(window=5)` is `alpha=0.1, gain=10`, the
    default, but for its edges, where it gives 1. With `gain=1`, SpikingJelly
    `Rect(alpha=1)`. Spyx `boxcar(width=2, height=0.5)` is
    `alpha=1 / width, gain=width * height`, and snnax `piecewise_surrogate(beta=0.5)` is
    `alpha=1 / (2 * beta), gain=2 * beta`.

    ??? cite "Reference"
        Wu, Deng, Li, Zhu and Shi, *Spatio-temporal backpropagation for training
        high-performance spiking neural networks*, Frontiers in Neuroscience 12, 2018.
    """

    alpha: Positive[Parameter] = 0.1
    gain: Parameter = 10.0
    equation = r"\operatorname{clip}\left(\alpha x + \frac{1}{2}, 0, 1\right)"

    def _primitive(self, x):
        return jnp.clip(self.alpha * x + 0.5, 0, 1)

    def _derivative(self, x):
        return jnp.where(jnp.abs(x) < 0.5 / self.alpha, self.alpha, 0)


class PiecewiseLeakyReLU(AbstractStep):
    r"""$E(x) = \frac{x}{2 w} + \frac{1}{2}$ for $|x| \le w$, and beyond, a line of
    slope $c$; $E'(x) = \frac{1}{2 w}$ for $|x| \le w$, else $c$.

    **Arguments:**

    - `w`: half the width of the middle.
    - `c`: the slope outside.
    - `gain`: scales $E$ and $E'$ alike. With 1, the default, the derivative is
        $1 / (2 w)$ at the threshold, as in all libraries.

    **Elsewhere:** with `gain=1`, SpikingJelly `PiecewiseLeakyReLU(w=1, c=0.01)` and
    braintools `PiecewiseLeakyRelu(c=0.01, w=1)`; the former gives `c` at $|x| = w$.

    ??? cite "Reference"
        Wu, Deng, Li, Zhu and Shi, *Spatio-temporal backpropagation for training
        high-performance spiking neural networks*, Frontiers in Neuroscience 12, 2018.
    """

    w: Positive[Parameter] = 1.0
    c: NonNegative[Parameter] = 0.01
    gain: Parameter = 1.0
    equation = (
        r"\operatorname{clip}\left(\frac{x}{2 w} + \frac{1}{2}, 0, 1\right)"
        r" + c \left(x - \operatorname{clip}(x, -w, w)\right)"
    )

    def _primitive(self, x):
        middle = x / (2 * self.w) + 0.5
        beyond = jnp.where(x < 0, self.c * (x + self.w), 1 + self.c * (x - self.w))
        return jnp.where(jnp.abs(x) <= self.w, middle, beyond)

    def _derivative(self, x):
        return jnp.where(jnp.abs(x) <= self.w, 1 / (2 * self.w), self.c)


class LeakyReLU(AbstractStep):
    r"""$E(x) = \lambda x$ for $x < 0$ and $k x$ for $x \ge 0$; $E'(x)$ is the slope of
    that side.

    **Arguments:**

    - `leak`: $\lambda$, the slope below the threshold.
    - `slope`: $k$, the slope above it, 1 by default.
    - `gain`: scales $E$ and $E'$ alike.

    **Elsewhere:** with `gain=1`, braintools `LeakyRelu(alpha=0.1, beta=1)`, snnTorch
    `LSO(slope=0.1)`, which raises an error there, and SpikingJelly
    `LeakyKReLU(leak=0, k=1)`. snnTorch `heaviside()` is `leak=0`, but for $x = 0$.
    """

    leak: Parameter = 0.1
    slope: Parameter = 1.0
    gain: Parameter = 1.0
    equation = r"\lambda \min(x, 0) + k \max(x, 0)"

    def _primitive(self, x):
        return self._derivative(x) * x

    def _derivative(self, x):
        return jnp.where(x >= 0, self.slope, self.leak) * jnp.ones_like(x)


class LogTailedReLU(AbstractStep):
    r"""$E(x) = \alpha x$ for $x \le 0$, $x$ up to 1, and $1 + \ln x$ above, with
    $E'(x) = \alpha$, 1 and $\frac{1}{x}$.

    **Arguments:**

    - `alpha`: the slope below the threshold, 0 by default as in all libraries.
    - `gain`: scales $E$ and $E'$ alike; it is the derivative just above the threshold.

    **Elsewhere:** with `gain=1`, SpikingJelly `LogTailedReLU(alpha=0)` and braintools
    `LogTailedRelu(alpha=0)`.

    ??? cite "Reference"
        Cai, He, Sun and Vasconcelos, *Deep learning with low precision by half-wave
        Gaussian quantization*, CVPR 2017.
    """

    alpha: Parameter = 0.0
    gain: Parameter = 1.0
    equation = r"\alpha \min(x, 0) + \operatorname{clip}(x, 0, 1) + \ln \max(x, 1)"

    def _primitive(self, x):
        above = jnp.minimum(x, 1) + jnp.log(jnp.maximum(x, 1))
        return jnp.where(x > 0, above, self.alpha * x)

    def _derivative(self, x):
        return jnp.where(x > 0, 1 / jnp.maximum(x, 1), self.alpha)


class NonzeroSignLog(AbstractStep):
    r"""$E(x) = \operatorname{sign}(x) \ln(1 + \alpha |x|)$, with
    $E'(x) = \frac{\alpha}{1 + \alpha |x|}$.

    **Arguments:**

    - `alpha`: the sharpness, and the height of the derivative; 1 by default.
    - `gain`: scales $E$ and $E'$ alike.

    **Elsewhere:** with `gain=1`, SpikingJelly `NonzeroSignLogAbs(alpha=1)` and
    braintools `NonzeroSignLog(alpha=1)`. snnax `superspike_surrogate(beta=10)`, in
    spite of its name, is `alpha=beta, gain=1 / beta`.
    """

    alpha: Positive[Parameter] = 1.0
    gain: Parameter = 1.0
    equation = r"\operatorname{sign}(x) \ln(1 + \alpha |x|)"

    def _primitive(self, x):
        size = jnp.abs(x)
        # ln(1 + alpha x) = ln x + ln(alpha + 1/x), where the product may overflow. The
        # unselected branch gets an input of its own, for the sake of its derivative.
        large = size > 2.0**64
        outer = jnp.where(large, size, 1)
        logarithm = jnp.where(
            large,
            jnp.log(outer) + jnp.log(self.alpha + 1 / outer),
            jnp.log1p(self.alpha * jnp.where(large, 0, size)),
        )
        return jnp.sign(x) * logarithm

    def _derivative(self, x):
        return self.alpha / (1 + self.alpha * jnp.abs(x))


class FakeNumericalGradient(AbstractStep):
    r"""$E(x) = \alpha x$ for $|x| \le \frac{1}{\alpha}$ and
    $\operatorname{sign}(x) (1 + \ln \alpha |x|)$ beyond, with
    $E'(x) = \min\left(\frac{1}{|x|}, \alpha\right)$.

    **Arguments:**

    - `alpha`: the height of the derivative, 0.3 by default as in SpikingJelly, the only
        library that has it.
    - `gain`: scales $E$ and $E'$ alike.

    **Elsewhere:** SpikingJelly `FakeNumericalGradient(alpha=0.3)`, with `gain=1`.
    """

    alpha: Positive[Parameter] = 0.3
    gain: Parameter = 1.0
    equation = (
        r"\operatorname{clip}(\alpha x, -1, 1)"
        r" + \operatorname{sign}(x) \ln \max(\alpha |x|, 1)"
    )

    def _primitive(self, x):
        inside, outer = self._split(x)
        # The logarithms are added, because the product may overflow.
        beyond = jnp.sign(x) * (1 + jnp.log(self.alpha) + jnp.log(outer))
        return jnp.where(inside, self.alpha * x, beyond)

    def _derivative(self, x):
        inside, outer = self._split(x)
        return jnp.where(inside, self.alpha, 1 / outer)

    def _split(self, x):
        """Where the primitive is straight, and |x| where it is not, else 1/alpha."""
        size, edge = jnp.abs(x), 1 / self.alpha
        return size <= edge, jnp.maximum(size, edge)


class S2NN(AbstractStep):
    r"""$E(x) = \sigma(\alpha x)$ for $x < 0$ and $\frac{1}{2} + \beta \ln(1 + x)$ for
    $x \ge 0$, with $E'(x) = \alpha \sigma(\alpha x) \sigma(-\alpha x)$ and
    $\frac{\beta}{1 + x}$.

    **Arguments:**

    - `alpha`: the sharpness below the threshold; 4 by default, with which the
        derivative comes near 1 from below too.
    - `beta`: the height of the derivative at the threshold and above it, 1 by default.
    - `gain`: scales $E$ and $E'$ alike.

    **Elsewhere:** with `gain=1`, SpikingJelly `S2NN(alpha=4, beta=1)` and braintools
    `S2NN(alpha=4, beta=1)`.

    ??? cite "Reference"
        Suetake, Ikegawa, Saiin and Sawada, *S2NN: Time step reduction of spiking
        surrogate gradients for training energy efficient single-step neural networks*,
        arXiv:2201.10879, 2022.
    """

    alpha: Positive[Parameter] = 4.0
    beta: Positive[Parameter] = 1.0
    gain: Parameter = 1.0
    equation = (
        r"\sigma(\alpha x)\ \text{for}\ x < 0,\quad"
        r" \frac{1}{2} + \beta \ln(1 + x)\ \text{for}\ x \ge 0"
    )

    def _primitive(self, x):
        above = self.beta * jnp.log1p(jnp.maximum(x, 0)) + 0.5
        return jnp.where(x < 0, sigmoid(self.alpha * x), above)

    def _derivative(self, x):
        below = self.alpha * sigmoid_slope(self.alpha * x)
        return jnp.where(x < 0, below, self.beta / (1 + jnp.maximum(x, 0)))
