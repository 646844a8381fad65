import math

import equinox as eqx
import jax.numpy as jnp

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
    """

    n: Count = eqx.field(static=True, default=2)
    period: Positive[Parameter] = 8.0
    gain: Parameter = 1.0
    equation = (
        r"\frac{1}{2} + \frac{2}{\pi} \sum_{i=1}^n"
        r" \frac{\sin\left((2 i - 1) 2 \pi x / T\right)}{2 i - 1}"
    )

    def _primitive(self, x):
        return 0.5 + 2 / math.pi * self._series(lambda k, z: jnp.sin(k * z) / k, x)

    def _derivative(self, x):
        return 4 / self.period * self._series(lambda k, z: jnp.cos(k * z), x)

    def _series(self, term, x):
        # The remainder is exact, and keeps sine and cosine accurate at any x.
        phase = 2 * math.pi * (jnp.fmod(x, self.period) / self.period)
        odd = range(1, 2 * self.n, 2)
        return sum((term(k, phase) for k in odd), jnp.zeros_like(x))
