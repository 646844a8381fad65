import jax.numpy as jnp

from .._closed_form import with_partials
from .._numerics import over_power
from .._typing import NonNegative, Parameter
from ._base import AbstractElementwise


class SoftThreshold(AbstractElementwise):
    r"""$f(x) = \operatorname{sign}(x) \max(|x| - \lambda, 0)$, with $f'(x) = 1$ for
    $|x| > \lambda$ and $0$ elsewhere: the proximal operator of $\lambda |x|$.

    **Arguments:**

    - `lmbda`: $\lambda$, by which magnitudes shrink.

    ??? cite "Reference"
        Donoho and Johnstone, *Ideal spatial adaptation by wavelet shrinkage*,
        Biometrika 81, 1994.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> from ngcx.activations import SoftThreshold
        >>> f, x = SoftThreshold(lmbda=1.0), jnp.array([-2.0, -0.5, 0.0, 1.0])
        >>> print(f(x).round(2), f.derivative(x).round(2))
        [-1. -0.  0.  0.] [1. 0. 0. 0.]

        ```
    """

    lmbda: NonNegative[Parameter]
    equation = r"\operatorname{sign}(x) \max(|x| - \lambda, 0)"

    def _value(self, x):
        return jnp.sign(x) * jnp.maximum(jnp.abs(x) - self.lmbda, 0)

    def _derivative(self, x):
        # There is no kink either where the threshold is 0.
        passed = (jnp.abs(x) > self.lmbda) | (jnp.equal(self.lmbda, 0))
        return jnp.where(passed, jnp.ones_like(x), 0)


class CauchyThreshold(AbstractElementwise):
    r"""A threshold that shrinks large values less:
    $f(x) = \operatorname{sign}(x) \frac{|x| + \sqrt{\max(x^2 - \lambda, 0)}}{2}$ for
    $|x| \ge \lambda$ and $0$ elsewhere.

    For $|x| \ge \lambda$ the derivative is $f'(x) = \frac{1}{2} + \frac{|x|}{2
    \sqrt{x^2 - \lambda}}$ where $x^2 > \lambda$, and $\frac{1}{2}$ where not; elsewhere
    it is $0$.

    **Arguments:**

    - `lmbda`: $\lambda$, the threshold; 0 lets everything pass.

    ??? cite "Reference"
        Mayo, Holmes and Achim, *Iterative Cauchy thresholding: regularisation with a
        heavy-tailed prior*, ICIP 2020; here the scale of the prior is 0.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> import numpy as np
        >>> from ngcx.activations import CauchyThreshold
        >>> f, x = CauchyThreshold(lmbda=0.2), jnp.array([-2.0, -0.5, 0.0, 1.0])
        >>> print(np.asarray(f(x)).round(2))
        [-1.97 -0.36  0.    0.95]
        >>> print(np.asarray(f.derivative(x)).round(2))
        [1.01 1.62 0.   1.06]

        ```
    """

    lmbda: NonNegative[Parameter]
    equation = (
        r"\operatorname{sign}(x) \frac{|x| + \sqrt{\max(x^2 - \lambda, 0)}}{2} "
        r"\text{ for } |x| \ge \lambda"
    )

    def _value(self, x):
        return _cauchy(x, self.lmbda)

    def _derivative(self, x):
        return _cauchy_slope(x, self.lmbda)


# Here r is the root sqrt(x^2 - lambda), where that is real.


def _cauchy_parts(x, lmbda):
    """|x|; r, and 1 where there is none; and where there is one, not cut to 0."""
    size, edge = jnp.abs(x), jnp.sqrt(jnp.asarray(lmbda, x.dtype))
    curved = (size > edge) & (size >= lmbda)
    # This is sqrt((|x| - e) (|x| + e)), where neither x^2 nor the sum may overflow.
    inside, outside = jnp.where(curved, size - edge, 1), jnp.where(curved, size, 1)
    above = jnp.sqrt(1 + jnp.where(curved, edge, 0) / outside)
    return size, jnp.sqrt(inside) * jnp.sqrt(outside) * above, curved


def _cauchy_value(x, lmbda):
    size, r, curved = _cauchy_parts(x, lmbda)
    # Both are halved before they are added, since their sum could overflow.
    large = jnp.sign(x) * (size / 2 + jnp.where(curved, r, 0) / 2)
    return jnp.where(size >= lmbda, large, 0)


def _cauchy_slope_value(x, lmbda):
    size, r, curved = _cauchy_parts(x, lmbda)
    slope = 0.5 + jnp.where(curved, size / r / 2, 0)
    # There is no kink either where the threshold is 0.
    return jnp.where(jnp.equal(lmbda, 0), 1, jnp.where(size >= lmbda, slope, 0))


def _cauchy_bend(x, lmbda):
    _, r, curved = _cauchy_parts(x, lmbda)
    return jnp.where(curved, -jnp.sign(x) * over_power(lmbda, r, 3) / 2, 0)


def _cauchy_by_lmbda(x, lmbda):
    _, r, curved = _cauchy_parts(x, lmbda)
    return jnp.where(curved, -jnp.sign(x) / r / 4, 0)


def _cauchy_mixed(x, lmbda):
    size, r, curved = _cauchy_parts(x, lmbda)
    return jnp.where(curved, over_power(size, r, 3) / 4, 0)


def _cauchy_bend_in_lmbda(x, lmbda):
    _, r, curved = _cauchy_parts(x, lmbda)
    return jnp.where(curved, over_power(-jnp.sign(x), r, 3) / 8, 0)


_cauchy_slope = with_partials(_cauchy_slope_value, _cauchy_bend, _cauchy_mixed)
_cauchy = with_partials(
    _cauchy_value,
    _cauchy_slope,
    with_partials(_cauchy_by_lmbda, _cauchy_mixed, _cauchy_bend_in_lmbda),
)
