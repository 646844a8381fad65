"""Primitives of straight and parabolic pieces."""

import jax.numpy as jnp

from .._closed_form import with_partials
from .._numerics import over_power
from .._typing import NonNegative, Parameter, Positive
from ._base import AbstractStep, odd_around_half
from ._scaled import scaled, squared


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

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> import numpy as np
        >>> from ngcx.surrogate import Triangular
        >>> spike, v = Triangular(), jnp.array([-1.0, -0.1, 0.3])
        >>> print(spike(v))
        [0. 0. 1.]
        >>> print(np.asarray(spike.derivative(v)).round(2))
        [0.  0.8 0.4]

        ```
    """

    alpha: Positive[Parameter] = 2.0
    gain: Parameter = 0.5
    equation = (
        r"\frac{1}{2} + \alpha x - \operatorname{sign}(x) \frac{\alpha^2 x^2}{2}"
        r"\ \text{for}\ |x| \le \frac{1}{\alpha}"
    )

    def _primitive(self, x):
        return _triangular(x, self.alpha)

    def _derivative(self, x):
        return _triangle(x, self.alpha)


def _hat(u):
    return jnp.maximum(1 - jnp.abs(u), 0)


_triangular, _triangle = scaled(
    lambda u: odd_around_half(u, jnp.square(_hat(u)) / 2),
    decay=squared(lambda u: (jnp.abs(u) < 1).astype(u.dtype)),
    first=_hat,
    second=lambda u: jnp.full_like(u, -1),
    spread=lambda u: 1 - 2 * u,
)


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

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> from ngcx.surrogate import Rectangular
        >>> spike, v = Rectangular(), jnp.array([-1.0, -0.1, 0.3])
        >>> print(spike(v), spike.derivative(v).round(2))
        [0. 0. 1.] [1. 1. 1.]

        ```
    """

    alpha: Positive[Parameter] = 0.1
    gain: Parameter = 10.0
    equation = r"\operatorname{clip}\left(\alpha x + \frac{1}{2}, 0, 1\right)"

    def _primitive(self, x):
        return _ramp(x, self.alpha)

    def _derivative(self, x):
        return _box(x, self.alpha)


_ramp, _box = scaled(
    lambda u: jnp.clip(u + 0.5, 0, 1),
    decay=squared(lambda u: (jnp.abs(u) < 0.5).astype(u.dtype)),
    first=jnp.ones_like,
    second=jnp.zeros_like,
    spread=jnp.ones_like,
)


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

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> from ngcx.surrogate import PiecewiseLeakyReLU
        >>> spike, v = PiecewiseLeakyReLU(), jnp.array([-1.0, -0.1, 0.3])
        >>> print(spike(v), spike.derivative(v).round(2))
        [0. 0. 1.] [0.5 0.5 0.5]

        ```
    """

    w: Positive[Parameter] = 1.0
    c: NonNegative[Parameter] = 0.01
    gain: Parameter = 1.0
    equation = (
        r"\operatorname{clip}\left(\frac{x}{2 w} + \frac{1}{2}, 0, 1\right)"
        r" + c \left(x - \operatorname{clip}(x, -w, w)\right)"
    )

    def _primitive(self, x):
        return _bent(x, self.w, self.c)

    def _derivative(self, x):
        return _bent_slope(x, self.w, self.c)


def _pieces(inside, beyond):
    """A function of (x, w, c) that differs within w and beyond, where it is the one or
    the other.
    """

    def function(x, w, c):
        pieces = inside(x, w, c), beyond(x, w, c)
        return jnp.where(jnp.abs(x) <= w, *pieces).astype(x.dtype)

    return function


def _none(x, w, c):
    return jnp.zeros_like(x)


_against_c = _pieces(_none, lambda x, w, c: -jnp.sign(x))
_mixed_w = _pieces(lambda x, w, c: -over_power(0.5, w, 2), _none)
_mixed_c = _pieces(_none, lambda x, w, c: jnp.ones_like(x))
_bent_slope = with_partials(
    _pieces(lambda x, w, c: 0.5 / w, lambda x, w, c: c), _none, _mixed_w, _mixed_c
)
_bent = with_partials(
    _pieces(
        lambda x, w, c: x / (2 * w) + 0.5,
        lambda x, w, c: jnp.where(x < 0, c * (x + w), 1 + c * (x - w)),
    ),
    _bent_slope,
    with_partials(
        _pieces(
            lambda x, w, c: -over_power(x, w, 2) / 2, lambda x, w, c: -jnp.sign(x) * c
        ),
        _mixed_w,
        _pieces(lambda x, w, c: over_power(x, w, 3), _none),
        _against_c,
    ),
    with_partials(
        _pieces(_none, lambda x, w, c: x - jnp.sign(x) * w), _mixed_c, _against_c, _none
    ),
)


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

    **See also:** [`ngcx.activations.LeakyReLU`][], which emits no spikes.

    ??? cite "Reference"
        Maas, Hannun and Ng, *Rectifier nonlinearities improve neural network acoustic
        models*, ICML 2013.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> import numpy as np
        >>> from ngcx.surrogate import LeakyReLU
        >>> spike, v = LeakyReLU(), jnp.array([-1.0, -0.1, 0.3])
        >>> print(spike(v))
        [0. 0. 1.]
        >>> print(np.asarray(spike.derivative(v)).round(2))
        [0.1 0.1 1. ]

        ```
    """

    leak: Parameter = 0.1
    slope: Parameter = 1.0
    gain: Parameter = 1.0
    equation = r"\lambda \min(x, 0) + k \max(x, 0)"

    def _primitive(self, x):
        return self._derivative(x) * x

    def _derivative(self, x):
        return jnp.where(x >= 0, self.slope, self.leak) * jnp.ones_like(x)
