"""Primitives that rise smoothly from 0 to 1, written so that no tail cancels."""

import math

import jax.numpy as jnp

from .._numerics import sech, sigmoid, tanh
from .._typing import Parameter, Positive
from ._base import AbstractStep, odd_around_half
from ._scaled import scaled, squared


class Sigmoid(AbstractStep):
    r"""$E(x) = \sigma(\alpha x)$, the logistic function, with
    $E'(x) = \alpha \sigma(\alpha x) \sigma(-\alpha x)$.

    It is a hyperbolic tangent, $E(x) = \frac{1}{2} + \frac{1}{2} \tanh k x$ with
    $\alpha = 2 k$ and $E'(x) = \frac{k}{2} \operatorname{sech}^2 k x$.

    **Arguments:**

    - `alpha`: the sharpness. With 4, the default, the derivative is 1 at the threshold.
    - `gain`: scales $E$ and $E'$ alike; the height is `gain * alpha / 4`.

    **Elsewhere:** with `gain=1`, snnTorch `sigmoid(slope=25)`, SpikingJelly
    `Sigmoid(alpha=4)` and braintools `Sigmoid(alpha=4)`. Norse `tanh` and `logistic_fn`
    and Spyx `tanh(k=1)` use $\operatorname{sech}^2 k x$: `alpha=2 * k, gain=2 / k`.

    **See also:** [`ngcx.activations.Sigmoid`][], which emits the smooth value itself
    instead of spikes.

    ??? cite "Reference"
        Zenke and Ganguli, *SuperSpike*, Neural Computation 30, 2018. Neftci, Mostafa
        and Zenke, *Surrogate gradient learning in spiking neural networks*, IEEE Signal
        Processing Magazine 36, 2019.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> from ngcx.surrogate import Sigmoid
        >>> spike, v = Sigmoid(), jnp.array([-1.0, -0.1, 0.3])
        >>> print(spike(v), spike.derivative(v).round(2))
        [0. 0. 1.] [0.07 0.96 0.71]

        ```
    """

    alpha: Positive[Parameter] = 4.0
    gain: Parameter = 1.0
    equation = r"\frac{1}{1 + e^{-\alpha x}}"

    def _primitive(self, x):
        return logistic(x, self.alpha)

    def _derivative(self, x):
        return logistic_slope(x, self.alpha)


def half_exponential(u):
    return jnp.exp(-jnp.abs(u) / 2)


# All exponentials are 0 beyond the limit.
logistic, logistic_slope = scaled(
    sigmoid,
    decay=squared(lambda u: sech(u / 2) / 2),
    first=jnp.ones_like,
    second=lambda u: -tanh(u / 2),
    spread=lambda u: 1 - u * tanh(u / 2),
    limit=1e4,
    exponent=lambda u: u / 2,
)


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
    `InvSquareGrad(alpha=100)`; Norse 1.1.0 computes it with `alpha=1`, whatever slope
    it is given. With `gain=1`, SpikingJelly `SoftSign(alpha=2)` and braintools
    `SoftSign(alpha=1)`. SpikingJelly `SuperSpike(alpha)` is `alpha=1, gain=2 * alpha`.

    **See also:** [`ngcx.surrogate.SparseFastSigmoid`][], which is 0 far from the
    threshold.

    ??? cite "Reference"
        Zenke and Ganguli, *SuperSpike*, Neural Computation 30, 2018. Neftci, Mostafa
        and Zenke, *Surrogate gradient learning in spiking neural networks*, IEEE Signal
        Processing Magazine 36, 2019.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> from ngcx.surrogate import FastSigmoid
        >>> spike, v = FastSigmoid(), jnp.array([-1.0, -0.1, 0.3])
        >>> print(spike(v), spike.derivative(v).round(2))
        [0. 0. 1.] [0.   0.08 0.01]

        ```
    """

    alpha: Positive[Parameter] = 25.0
    gain: Parameter = 2 / 25
    equation = r"\frac{1}{2} \left(1 + \frac{\alpha x}{1 + \alpha |x|}\right)"

    def _primitive(self, x):
        return soft_sign(x, self.alpha)

    def _derivative(self, x):
        return soft_sign_slope(x, self.alpha)


def _inverse(u):
    return 1 / (1 + jnp.abs(u))


soft_sign, soft_sign_slope = scaled(
    lambda u: odd_around_half(u, _inverse(u) / 2),
    decay=squared(_inverse),
    first=lambda u: jnp.full_like(u, 0.5),
    # The sum 1 + u loses more digits of a small u than its inverse may.
    second=lambda u: jnp.where(u < 1, u / (1 + u) - 1, -_inverse(u)),
    spread=lambda u: (1 - u) / 2 * _inverse(u),
)


class Arctan(AbstractStep):
    r"""$E(x) = \frac{1}{2} + \frac{1}{\pi} \arctan u$ with
    $u = \frac{\pi}{2} \alpha x$, and $E'(x) = \frac{\alpha}{2 (1 + u^2)}$.

    **Arguments:**

    - `alpha`: the sharpness. With 2, the default, the derivative is 1 at the threshold.
    - `gain`: scales $E$ and $E'$ alike; the height is `gain * alpha / 2`.

    **Elsewhere:** with `gain=1`, snnTorch `atan(alpha=2)`, SpikingJelly `ATan(alpha=2)`
    and braintools `Arctan(alpha=1)`. ngc-learn `arctan_estimator(alpha=2)` has the
    factor 1/π instead: `gain=2 / (pi * alpha)`. Spyx `arctan(k=2)` is `alpha=2 * k,
    gain=1 / (pi * k)`.

    ??? cite "Reference"
        Fang, Yu, Chen, Masquelier, Huang and Tian, *Incorporating learnable membrane
        time constant to enhance learning of spiking neural networks*, ICCV 2021.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> import numpy as np
        >>> from ngcx.surrogate import Arctan
        >>> spike, v = Arctan(), jnp.array([-1.0, -0.1, 0.3])
        >>> print(spike(v))
        [0. 0. 1.]
        >>> print(np.asarray(spike.derivative(v)).round(2))
        [0.09 0.91 0.53]

        ```
    """

    alpha: Positive[Parameter] = 2.0
    gain: Parameter = 1.0
    equation = r"\frac{1}{2} + \frac{1}{\pi} \arctan \frac{\pi \alpha x}{2}"

    def _primitive(self, x):
        return _arctan(x, self.alpha)

    def _derivative(self, x):
        return _arctan_slope(x, self.alpha)


# Here v is pi u / 2, and S' is 1/2 / (1 + v^2).


def _far(u):
    """|v|, and where the 1 is lost in 1 + v^2, which may overflow."""
    v = jnp.abs(math.pi / 2 * u)
    return v, v > 2.0 ** (jnp.finfo(u.dtype).maxexp // 2 - 4)


def _arctan_decay(u):
    v, far = _far(u)
    q = 1 / jnp.where(far, v, 1 + v * v)
    return jnp.where(far, q, 1), q


def _arctan_second(u):
    v, far = _far(u)
    return -(math.pi / 2) * jnp.where(far, 1 / v, v / (1 + v * v))


def _arctan_spread(u):
    v, far = _far(u)
    share = (1 - v) * ((1 + v) / (1 + v * v)) / 2
    return jnp.where(far, -0.5, share)


_arctan, _arctan_slope = scaled(
    # The sum 1/2 + arctan(v)/pi would cancel for large negative v.
    lambda u: jnp.arctan2(jnp.ones_like(u), -(math.pi / 2) * u) / math.pi,
    decay=_arctan_decay,
    first=lambda u: jnp.full_like(u, 0.5),
    second=_arctan_second,
    spread=_arctan_spread,
)
