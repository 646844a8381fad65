"""Primitives that grow like logarithms."""

import jax.numpy as jnp

from .._closed_form import with_partials
from .._typing import Parameter, Positive
from ._base import AbstractStep
from ._sigmoidal import logistic, logistic_slope


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

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> from ngcx.surrogate import LogTailedReLU
        >>> spike, v = LogTailedReLU(), jnp.array([-1.0, -0.1, 0.3])
        >>> print(spike(v), spike.derivative(v).round(2))
        [0. 0. 1.] [0. 0. 1.]

        ```
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

    ??? cite "Reference"
        Fang et al., *SpikingJelly: an open-source machine learning infrastructure
        platform for spike-based intelligence*, Science Advances 2023.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> import numpy as np
        >>> from ngcx.surrogate import NonzeroSignLog
        >>> spike, v = NonzeroSignLog(), jnp.array([-1.0, -0.1, 0.3])
        >>> print(spike(v))
        [0. 0. 1.]
        >>> print(np.asarray(spike.derivative(v)).round(2))
        [0.5  0.91 0.77]

        ```
    """

    alpha: Positive[Parameter] = 1.0
    gain: Parameter = 1.0
    equation = r"\operatorname{sign}(x) \ln(1 + \alpha |x|)"

    def _primitive(self, x):
        return _sign_log(x, self.alpha)

    def _derivative(self, x):
        return _sign_log_slope(x, self.alpha)


# Written with b = 1 / alpha, E' = 1 / (b + |x|) does not overflow where alpha x does.


def _sign_log_value(x, alpha):
    size = jnp.abs(x)
    u = alpha * size
    # The logarithms are added where the product overflows.
    beyond = jnp.log(alpha) + jnp.log(jnp.maximum(size, 1))
    return jnp.sign(x) * jnp.where(jnp.isinf(u), beyond, jnp.log1p(u))


def _sign_log_slope_value(x, alpha):
    return 1 / (1 / alpha + jnp.abs(x))


def _sign_log_bend(x, alpha):
    return -jnp.sign(x) * jnp.square(_sign_log_slope_value(x, alpha))


def _sign_log_by_alpha(x, alpha):
    slope = _sign_log_slope_value(x, alpha)
    # XLA takes (x / y) / z for x / (y z), unless a sign stands between.
    far = -(-(x / (1 / alpha + jnp.abs(x))) / alpha)
    return jnp.where(alpha * jnp.abs(x) < 1, x * (slope / alpha), far)


def _sign_log_mixed(x, alpha):
    return jnp.square(1 / (1 + alpha * jnp.abs(x)))


def _sign_log_bend_in_alpha(x, alpha):
    return -jnp.sign(x) * jnp.square(_sign_log_by_alpha(x, alpha))


_sign_log_slope = with_partials(_sign_log_slope_value, _sign_log_bend, _sign_log_mixed)
_sign_log = with_partials(
    _sign_log_value,
    _sign_log_slope,
    with_partials(_sign_log_by_alpha, _sign_log_mixed, _sign_log_bend_in_alpha),
)


class FakeNumericalGradient(AbstractStep):
    r"""$E(x) = \alpha x$ for $|x| \le \frac{1}{\alpha}$ and
    $\operatorname{sign}(x) (1 + \ln \alpha |x|)$ beyond, with
    $E'(x) = \min\left(\frac{1}{|x|}, \alpha\right)$.

    **Arguments:**

    - `alpha`: the height of the derivative, 0.3 by default as in SpikingJelly, the only
        library that has it.
    - `gain`: scales $E$ and $E'$ alike.

    **Elsewhere:** SpikingJelly `FakeNumericalGradient(alpha=0.3)`, with `gain=1`.

    ??? cite "Reference"
        Fang et al., *SpikingJelly: an open-source machine learning infrastructure
        platform for spike-based intelligence*, Science Advances 2023.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> import numpy as np
        >>> from ngcx.surrogate import FakeNumericalGradient
        >>> spike, v = FakeNumericalGradient(), jnp.array([-1.0, -0.1, 0.3])
        >>> print(spike(v))
        [0. 0. 1.]
        >>> print(np.asarray(spike.derivative(v)).round(2))
        [0.3 0.3 0.3]

        ```
    """

    alpha: Positive[Parameter] = 0.3
    gain: Parameter = 1.0
    equation = (
        r"\operatorname{clip}(\alpha x, -1, 1)"
        r" + \operatorname{sign}(x) \ln \max(\alpha |x|, 1)"
    )

    def _primitive(self, x):
        return _numerical(x, self.alpha)

    def _derivative(self, x):
        return _numerical_slope(x, self.alpha)


def _split(x, alpha):
    """Where the primitive is straight, and |x| where it is not, else 1/alpha."""
    size, edge = jnp.abs(x), 1 / alpha
    return size <= edge, jnp.maximum(size, edge)


def _numerical_value(x, alpha):
    inside, outer = _split(x, alpha)
    u = alpha * outer
    # The logarithms are added where the product overflows.
    log = jnp.where(jnp.isinf(u), jnp.log(alpha) + jnp.log(outer), jnp.log(u))
    return jnp.where(inside, alpha * x, jnp.sign(x) * (1 + log))


def _numerical_slope_value(x, alpha):
    inside, outer = _split(x, alpha)
    return jnp.where(inside, alpha, 1 / outer)


def _numerical_bend(x, alpha):
    inside, outer = _split(x, alpha)
    return jnp.where(inside, 0, -jnp.sign(x) * jnp.square(1 / outer))


def _numerical_by_alpha(x, alpha):
    return jnp.where(_split(x, alpha)[0], x, jnp.sign(x) / alpha)


def _numerical_mixed(x, alpha):
    return jnp.where(_split(x, alpha)[0], jnp.ones_like(x), 0)


def _numerical_bend_in_alpha(x, alpha):
    inside, _ = _split(x, alpha)
    return jnp.where(inside, 0, -jnp.sign(x) * jnp.square(1 / alpha))


_numerical_slope = with_partials(
    _numerical_slope_value, _numerical_bend, _numerical_mixed
)
_numerical = with_partials(
    _numerical_value,
    _numerical_slope,
    with_partials(_numerical_by_alpha, _numerical_mixed, _numerical_bend_in_alpha),
)


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

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> from ngcx.surrogate import S2NN
        >>> spike, v = S2NN(), jnp.array([-1.0, -0.1, 0.3])
        >>> print(spike(v), spike.derivative(v).round(2))
        [0. 0. 1.] [0.07 0.96 0.77]

        ```
    """

    alpha: Positive[Parameter] = 4.0
    beta: Positive[Parameter] = 1.0
    gain: Parameter = 1.0
    equation = (
        r"\sigma(\alpha x)\ \text{for}\ x < 0,\quad"
        r" \frac{1}{2} + \beta \ln(1 + x)\ \text{for}\ x \ge 0"
    )

    def _primitive(self, x):
        above = self.beta * jnp.log1p(jnp.where(x < 0, 0, x)) + 0.5
        below = logistic(jnp.where(x < 0, x, 0), self.alpha)
        return jnp.where(x < 0, below, above)

    def _derivative(self, x):
        below = logistic_slope(jnp.where(x < 0, x, 0), self.alpha)
        above = _log_slope(jnp.where(x < 0, 0, x), self.beta)
        return jnp.where(x < 0, below, above)


def _log_inverse(x, _):
    return 1 / (1 + x)


def _log_bend(x, beta):
    inverse = 1 / (1 + x)
    return -(beta * inverse) * inverse


_log_slope = with_partials(lambda x, beta: beta / (1 + x), _log_bend, _log_inverse)
