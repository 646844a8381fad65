import jax.numpy as jnp

from .._checks import check_non_negative
from .._typing import Parameter, typed
from ._base import AbstractElementwise


@typed
class SoftThreshold(AbstractElementwise):
    r"""$f(x) = \operatorname{sign}(x) \max(|x| - \lambda, 0)$, with $f'(x) = 1$ for
    $|x| > \lambda$ and $0$ elsewhere: the proximal operator of $\lambda |x|$.

    **Raises:** `ValueError` if `lmbda` is negative.

    ??? cite "Reference"
        Donoho and Johnstone, *Ideal spatial adaptation by wavelet shrinkage*,
        Biometrika 81, 1994.
    """

    lmbda: Parameter
    r"""$\lambda$."""
    equation = r"\operatorname{sign}(x) \max(|x| - \lambda, 0)"

    def __check_init__(self):
        check_non_negative("lmbda", self.lmbda)

    def _value(self, x):
        return jnp.sign(x) * jnp.maximum(jnp.abs(x) - self.lmbda, 0)

    def _derivative(self, x):
        # Without a threshold there is no kink either.
        passed = (jnp.abs(x) > self.lmbda) | (jnp.equal(self.lmbda, 0))
        return jnp.where(passed, jnp.ones_like(x), 0)


@typed
class CauchyThreshold(AbstractElementwise):
    r"""A threshold that shrinks large values less:
    $f(x) = \operatorname{sign}(x) \frac{|x| + \sqrt{\max(x^2 - \lambda, 0)}}{2}$ for
    $|x| \ge \lambda$ and $0$ elsewhere.

    For $|x| \ge \lambda$ the derivative is $f'(x) = \frac{1}{2} + \frac{|x|}{2
    \sqrt{x^2 - \lambda}}$ where $x^2 > \lambda$, and $\frac{1}{2}$ where not; elsewhere
    it is $0$.

    **Raises:** `ValueError` if `lmbda` is negative.
    """

    lmbda: Parameter
    r"""$\lambda$."""
    equation = (
        r"\operatorname{sign}(x) \frac{|x| + \sqrt{\max(x^2 - \lambda, 0)}}{2} "
        r"\text{ for } |x| \ge \lambda"
    )

    def __check_init__(self):
        check_non_negative("lmbda", self.lmbda)

    def _value(self, x):
        size, root, curved = self._parts(x)
        # Halved before the sum, which could overflow.
        large = jnp.sign(x) * (size / 2 + jnp.where(curved, root, 0) / 2)
        return jnp.where(size >= self.lmbda, large, 0)

    def _derivative(self, x):
        size, root, curved = self._parts(x)
        # Without a threshold there is no kink either.
        straight = jnp.equal(self.lmbda, 0)
        curved = curved & ~straight
        slope = (1 + jnp.where(curved, size / jnp.where(curved, root, 1), 0)) / 2
        return jnp.where(straight, 1, jnp.where(size >= self.lmbda, slope, 0))

    def _parts(self, x):
        """|x|, sqrt(x^2 - lambda), and where that is not 0."""
        size, positive = jnp.abs(x), jnp.greater(self.lmbda, 0)
        edge = jnp.sqrt(jnp.where(positive, self.lmbda, 1))
        # |x| sqrt(1 - lambda / x^2), because x^2 overflows; with 1 for what is not
        # used, because the derivative of a root is infinite at 0.
        curved = jnp.where(positive, size > edge, size > 0)
        inside = curved & positive
        ratio = jnp.where(inside, edge, 0) / jnp.where(inside, size, 1)
        rest = jnp.where(inside, 1 - jnp.square(ratio), 1)
        return size, size * jnp.sqrt(jnp.maximum(rest, 0)), curved
