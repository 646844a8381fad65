import functools as ft
import math

import equinox as eqx
import jax.numpy as jnp

from .._closed_form import with_partials
from .._numerics import over_power
from .._typing import Count, Parameter, Positive
from ._base import AbstractStep


class SquareWaveFourierSeries(AbstractStep):
    r"""The first $n$ terms of the Fourier series of a square wave of period $T$,
    $E(x) = \frac{1}{2} + \frac{2}{\pi} \sum_{i=1}^n
    \frac{\sin (2 i - 1) \omega x}{2 i - 1}$ with $\omega = \frac{2 \pi}{T}$, and
    $E'(x) = \frac{4}{T} \sum_{i=1}^n \cos (2 i - 1) \omega x$.

    **Arguments:**

    - `n`: the number of terms.
    - `period`: $T$.
    - `gain`: scales $E$ and $E'$ alike. With 1, the default, the derivative is
        $4 n / T$ at the threshold.

    **Elsewhere:** with `gain=1`, braintools `SquarewaveFourierSeries(n=2, t_period=8)`.
    SpikingJelly `SquarewaveFourierSeries(n=2, T_period=8)` sums one term fewer.

    ??? cite "Reference"
        Fang et al., *SpikingJelly: an open-source machine learning infrastructure
        platform for spike-based intelligence*, Science Advances 2023.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> import numpy as np
        >>> from ngcx.surrogate import SquareWaveFourierSeries
        >>> spike, v = SquareWaveFourierSeries(), jnp.array([-1.0, -0.1, 0.3])
        >>> print(spike(v))
        [0. 0. 1.]
        >>> print(np.asarray(spike.derivative(v)).round(2))
        [0.   0.98 0.87]

        ```
    """

    n: Count = eqx.field(static=True, default=2)
    period: Positive[Parameter] = 8.0
    gain: Parameter = 1.0
    equation = (
        r"\frac{1}{2} + \frac{2}{\pi} \sum_{i=1}^n"
        r" \frac{\sin\left((2 i - 1) 2 \pi x / T\right)}{2 i - 1}"
    )

    def _primitive(self, x):
        return _waves(self.n)[0](x, self.period)

    def _derivative(self, x):
        return _waves(self.n)[1](x, self.period)


@ft.cache
def _waves(n):
    """E and E' as functions of (x, T)."""

    def series(term, x, period):
        # The remainder is exact, and keeps sine and cosine accurate at any x; half a
        # turn at most is rounded least.
        turn = jnp.fmod(x, period) / period
        phase = 2 * math.pi * (turn - jnp.round(turn))
        return sum((term(k, k * phase) for k in range(1, 2 * n, 2)), jnp.zeros_like(x))

    def turns(x, period):
        # They are held below the largest number. The phase is lost long before.
        largest = float(jnp.finfo(x.dtype).max)
        return jnp.clip(x / period, -largest, largest)

    def value(x, period):
        return 0.5 + 2 / math.pi * series(lambda k, z: jnp.sin(z) / k, x, period)

    def cosines(x, period):
        return 4 * series(lambda k, z: jnp.cos(z), x, period)

    def sines(x, period):
        return -8 * math.pi * series(lambda k, z: k * jnp.sin(z), x, period)

    def slope(x, period):
        return cosines(x, period) / period

    def bend(x, period):
        return over_power(sines(x, period), period, 2)

    def mixed(x, period):
        total = slope(x, period) + turns(x, period) * (sines(x, period) / period)
        return -total / period

    def by_period(x, period):
        return -(turns(x, period) * cosines(x, period)) / period

    def bend_in_period(x, period):
        each = turns(x, period)
        total = 2 * slope(x, period) + each * (sines(x, period) / period)
        return each * total / period

    by_period = with_partials(by_period, mixed, bend_in_period)
    slope = with_partials(slope, bend, mixed)
    return with_partials(value, slope, by_period), slope
