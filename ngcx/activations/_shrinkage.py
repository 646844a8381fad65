import jax.numpy as jnp

from .._numerics import ratio, root
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
    """

    lmbda: NonNegative[Parameter]
    equation = (
        r"\operatorname{sign}(x) \frac{|x| + \sqrt{\max(x^2 - \lambda, 0)}}{2} "
        r"\text{ for } |x| \ge \lambda"
    )

    def _value(self, x):
        size, rest, curved = self._parts(x)
        # Both are halved before they are added, since their sum could overflow.
        large = jnp.sign(x) * (size / 2 + jnp.where(curved, rest, 0) / 2)
        return jnp.where(size >= self.lmbda, large, 0)

    def _derivative(self, x):
        size, rest, curved = self._parts(x)
        # There is no kink either where the threshold is 0.
        straight = jnp.equal(self.lmbda, 0)
        curved = curved & ~straight
        slope = (1 + jnp.where(curved, size / jnp.where(curved, rest, 1), 0)) / 2
        return jnp.where(straight, 1, jnp.where(size >= self.lmbda, slope, 0))

    def _parts(self, x):
        """|x|, sqrt(x^2 - lambda) where that is not 0, and where that is."""
        size, edge = jnp.abs(x), root(jnp.asarray(self.lmbda, x.dtype))
        curved = size > edge
        # The root is |x| sqrt(1 - lambda / x^2), because x^2 overflows.
        share = ratio(edge, jnp.where(curved & (edge > 0), size, 0))
        return size, size * jnp.sqrt(1 - jnp.square(share)), curved
