"""Primitives with tails that decay as powers do."""

from typing import Annotated

import jax
import jax.numpy as jnp

from .._closed_form import with_partials
from .._typing import Must, Parameter, Positive
from ._base import AbstractStep, odd_around_half


class InverseSquareRoot(AbstractStep):
    r"""$E(x) = \frac{1}{2} + \frac{x}{2 \sqrt{x^2 + \alpha^2}}$, the algebraic sigmoid,
    with $E'(x) = \frac{\alpha^2}{2 (x^2 + \alpha^2)^{3/2}}$.

    **Arguments:**

    - `alpha`: the width: a larger one is less sharp.
    - `gain`: scales $E$ and $E'$ alike. The default makes the derivative 1 at the
        threshold: it is `2 * alpha`.

    **Elsewhere:** with `gain=2 * alpha`, Norse `circ(alpha)` and `circ_dist_fn(k)`,
    which have no default.

    ??? cite "Reference"
        Carlile, Delamarter, Kinney, Marti and Whitney, *Improving deep learning by
        inverse square root linear units (ISRLUs)*, arXiv:1710.09967, 2017.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> import numpy as np
        >>> from ngcx.surrogate import InverseSquareRoot
        >>> spike, v = InverseSquareRoot(), jnp.array([-1.0, -0.1, 0.3])
        >>> print(spike(v))
        [0. 0. 1.]
        >>> print(np.asarray(spike.derivative(v)).round(2))
        [0.35 0.99 0.88]

        ```
    """

    alpha: Positive[Parameter] = 1.0
    gain: Parameter = 2.0
    equation = r"\frac{1}{2} + \frac{x}{2 \sqrt{x^2 + \alpha^2}}"

    def _primitive(self, x):
        return _algebraic(x, self.alpha)

    def _derivative(self, x):
        return _algebraic_slope(x, self.alpha)


# Powers of r = sqrt(x^2 + alpha^2) would overflow or vanish. So x and alpha are divided
# by the larger of the two, `unit`; then r = unit sqrt(s) with 1 <= s <= 2.


def _shares(x, alpha):
    unit = jax.lax.stop_gradient(jnp.maximum(jnp.abs(x), alpha))
    x, alpha = x / unit, alpha / unit
    return x, alpha, jnp.square(x) + jnp.square(alpha), 1 / unit


def _algebraic_value(x, alpha):
    x, a, s, _ = _shares(x, alpha)
    # 1 - |x|/r = alpha^2 / (r (r + |x|)) does not cancel.
    return odd_around_half(x, a * a / (s + jnp.sqrt(s) * jnp.abs(x)) / 2)


def _algebraic_slope_value(x, alpha):
    _, a, s, inverse = _shares(x, alpha)
    return a * (a * inverse) / (2 * s * jnp.sqrt(s))


def _algebraic_bend(x, alpha):
    x, a, s, inverse = _shares(x, alpha)
    return -1.5 * x * jnp.square(a * inverse) / (s * s * jnp.sqrt(s))


def _algebraic_by_alpha(x, alpha):
    x, a, s, inverse = _shares(x, alpha)
    return -x * (a * inverse) / (2 * s * jnp.sqrt(s))


def _algebraic_mixed(x, alpha):
    x, a, s, inverse = _shares(x, alpha)
    two = 2 * jnp.square(x) - jnp.square(a)
    return a * inverse * (two * inverse) / (2 * s * s * jnp.sqrt(s))


def _algebraic_bend_in_alpha(x, alpha):
    x, a, s, inverse = _shares(x, alpha)
    two = 2 * jnp.square(a) - jnp.square(x)
    return x * inverse * (two * inverse) / (2 * s * s * jnp.sqrt(s))


_algebraic_slope = with_partials(
    _algebraic_slope_value, _algebraic_bend, _algebraic_mixed
)
_algebraic = with_partials(
    _algebraic_value,
    _algebraic_slope,
    with_partials(_algebraic_by_alpha, _algebraic_mixed, _algebraic_bend_in_alpha),
)


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
    `QPseudoSpike(alpha=2)` has $\alpha + 1$ in place of $\alpha - 1$, which no `gain`
    of this class reproduces: with the same `alpha`, it is $E'$ at $\frac{\alpha -
    1}{\alpha + 1} x$.

    ??? cite "Reference"
        Herranz-Celotti and Rouat, *Surrogate gradients design*, arXiv:2202.00282, 2022.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> from ngcx.surrogate import QPseudoSpike
        >>> spike, v = QPseudoSpike(), jnp.array([-1.0, -0.1, 0.3])
        >>> print(spike(v), spike.derivative(v).round(2))
        [0. 0. 1.] [0.11 0.69 0.39]

        ```
    """

    alpha: Annotated[Parameter, Must("greater than 1", lambda value: value > 1)] = 2.0
    gain: Parameter = 1.0
    equation = (
        r"\frac{1}{2} + \frac{\operatorname{sign} x}{2} \left[1 - "
        r"\left(1 + \frac{2 |x|}{\alpha - 1}\right)^{1 - \alpha}\right]"
    )

    def _primitive(self, x):
        return _pseudo(x, self.alpha)

    def _derivative(self, x):
        return _pseudo_slope(x, self.alpha)


# Here s is 2 |x| / (alpha - 1), and E' is (1 + s)^-alpha.


def _power(x, alpha, exponent):
    """(1 + s) ** exponent, each piece where it is accurate."""
    size, slope = jnp.abs(x), 2 / (alpha - 1)
    # So far out the 1 is lost, and the product may overflow.
    far = slope * size > jnp.finfo(x.dtype).max / 4
    outer = jnp.where(far, size, 1)
    u = jnp.where(far, 1, slope * size)
    # Near 1 the base loses the digits of u, which the logarithm keeps.
    near = jnp.exp(exponent * jnp.log1p(jnp.minimum(u, 1)))
    power = jnp.where(u < 1, near, (1 + u) ** exponent)
    # It is 0 where it is not used and the exponential may overflow.
    logarithm = jnp.where(far, jnp.log(outer) + jnp.log(slope), 0)
    return jnp.where(far, jnp.exp(exponent * logarithm), power)


def _excess(x, alpha):
    """s / (1 + s), ln(1 + s), and the difference, which is s^2 / 2 for a small s."""
    size, slope = jnp.abs(x), 2 / (alpha - 1)
    s = slope * size
    far = jnp.isinf(s)
    outer = jnp.log(jnp.where(far, size, 1)) + jnp.log(slope)
    s = jnp.where(far, 1, s)
    log, share = jnp.where(far, outer, jnp.log1p(s)), jnp.where(far, 1, s / (1 + s))
    # The logarithm is 2 artanh(w), where w = s / (2 + s). The first term of its series
    # and the share come together, and all others are positive.
    near = s < 1
    w = jnp.where(near, s / (2 + s), 0)
    square, series = jnp.square(w), jnp.zeros_like(w)
    for n in reversed(range(3, 21 if w.dtype == jnp.float32 else 39, 2)):
        series = 1 / n + square * series
    excess = jnp.where(near, share * w + 2 * w * square * series, log - share)
    return share, log, excess


def _pseudo_value(x, alpha):
    return odd_around_half(x, _power(x, alpha, 1 - alpha) / 2)


def _pseudo_slope_value(x, alpha):
    return _power(x, alpha, -alpha)


def _pseudo_bend(x, alpha):
    half = _power(x, alpha, -(alpha + 1) / 2)
    return -jnp.sign(x) * (2 * (alpha / (alpha - 1)) * half) * half


def _pseudo_by_alpha(x, alpha):
    _, _, excess = _excess(x, alpha)
    return jnp.sign(x) * _power(x, alpha, 1 - alpha) * excess / 2


def _pseudo_mixed(x, alpha):
    share, log, excess = _excess(x, alpha)
    # Where s is not small, fewer differences are rounded without the excess.
    near, far = share / (alpha - 1) - excess, share * (alpha / (alpha - 1)) - log
    bend = jnp.where(share < 0.5, near, far)
    whole = _power(x, alpha, -alpha)
    # A square is less accurate, but its halves are not flushed to 0 before they meet
    # the other factor.
    half = _power(x, alpha, -alpha / 2)
    return jnp.where(whole > 1e-20, bend * whole, bend * half * half)


def _pseudo_bend_in_alpha(x, alpha):
    share, _, excess = _excess(x, alpha)
    bend = jnp.square(share) / (alpha - 1) - jnp.square(excess)
    return jnp.sign(x) * _power(x, alpha, 1 - alpha) * bend / 2


_pseudo_slope = with_partials(_pseudo_slope_value, _pseudo_bend, _pseudo_mixed)
_pseudo = with_partials(
    _pseudo_value,
    _pseudo_slope,
    with_partials(_pseudo_by_alpha, _pseudo_mixed, _pseudo_bend_in_alpha),
)
