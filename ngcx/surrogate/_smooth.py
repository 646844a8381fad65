import math

import jax.numpy as jnp

from .._checks import check_positive
from .._closed_form import squarable
from .._typing import Scalar, typed
from ._base import AbstractSurrogate


@typed
class Arctan(AbstractSurrogate):
    r"""$E(x) = \frac{2}{\pi \alpha}\left(\frac{\pi}{2} + \arctan u\right)$ with
    $u = \frac{\pi}{2} \alpha x$, so that $E'(x) = \frac{1}{1 + u^2}$.

    The `gain` is the height of the derivative at the threshold; $\alpha / 2$ gives it
    area 1.

    ??? cite "Reference"
        Fang, Yu, Chen, Masquelier, Huang and Tian, *Incorporating learnable membrane
        time constant to enhance learning of spiking neural networks*, ICCV 2021.
    """

    alpha: Scalar = 2.0
    """Sharpness, positive."""
    gain: Scalar = 1 / math.pi
    equation = (
        r"\frac{2}{\pi \alpha} \left(\frac{\pi}{2} + "
        r"\arctan \frac{\pi \alpha x}{2}\right)"
    )

    def __check_init__(self):
        check_positive("alpha", self.alpha)

    def _primitive(self, x):
        u = (math.pi / 2) * self.alpha * x
        # pi/2 + arctan(u), which would cancel for large negative u.
        return jnp.arctan2(1, -u) * (2 / math.pi) / self.alpha

    def _derivative(self, x):
        return 1 / (1 + jnp.square(squarable((math.pi / 2) * self.alpha * x)))
