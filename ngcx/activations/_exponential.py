import jax.numpy as jnp
from jaxtyping import Array, Float

from .._closed_form import rounded_once
from .._compiled import compiled
from .._numerics import exponent
from .._typing import Parameter, Positive
from ._base import AbstractElementwise


class ELU(AbstractElementwise):
    r"""$f(x) = x$ for $x > 0$ and $\alpha (e^x - 1)$ elsewhere, with $f'(x) = 1$ and
    $\alpha e^x$.

    At 0 the derivative is that of `jax.nn.elu`: $f'(0) = \alpha$.

    **Arguments:**

    - `alpha`: the distance to which $f$ falls below 0. With 1, the default, $f$ is
        smooth at 0.

    ??? cite "Reference"
        Clevert, Unterthiner and Hochreiter, *Fast and accurate deep network learning by
        exponential linear units*, ICLR 2016.
    """

    alpha: Parameter = 1.0
    equation = r"\begin{cases} x & x > 0 \\ \alpha (e^x - 1) & x \le 0 \end{cases}"

    def _value(self, x):
        return jnp.where(x > 0, x, self.alpha * jnp.expm1(_negative(x)))

    def _derivative(self, x):
        return jnp.where(x > 0, jnp.ones_like(x), self.alpha * jnp.exp(_negative(x)))

    @compiled
    @rounded_once
    def inverse(self, y: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        r"""Computes the $x$ with $f(x) = y$: $\ln(1 + y / \alpha)$ for $y \le 0$. It is
        $-\infty$ at $y = -\alpha$, and NaN below, where there is none.
        """
        return jnp.where(y > 0, y, jnp.log1p(_negative(y) / self.alpha))


class SELU(AbstractElementwise):
    r"""$f(x) = \lambda \operatorname{ELU}_\alpha(x)$ with $\lambda = 1.0507\dots$ and
    $\alpha = 1.6732\dots$, the values that keep a network's activity at mean 0 and
    variance 1; $f'(x) = \lambda$ for $x > 0$ and $\lambda \alpha e^x$ elsewhere.

    ??? cite "Reference"
        Klambauer, Unterthiner, Mayr and Hochreiter, *Self-normalizing neural networks*,
        NIPS 2017.
    """

    equation = (
        r"\lambda \begin{cases} x & x > 0 \\ \alpha (e^x - 1) & x \le 0 \end{cases}"
    )

    def _value(self, x):
        return _SCALE * jnp.where(x > 0, x, _ALPHA * jnp.expm1(_negative(x)))

    def _derivative(self, x):
        slope = _SCALE * _ALPHA * jnp.exp(_negative(x))
        return jnp.where(x > 0, jnp.full_like(x, _SCALE), slope)


class CELU(AbstractElementwise):
    r"""$f(x) = x$ for $x > 0$ and $\alpha (e^{x / \alpha} - 1)$ elsewhere, with
    $f'(x) = 1$ and $e^{x / \alpha}$: an ELU that is smooth for every $\alpha$.

    **Arguments:**

    - `alpha`: the distance to which $f$ falls below 0, and the scale in $x$ on which it
        does. With 1, the default, it is [`ngcx.activations.ELU`][].

    ??? cite "Reference"
        Barron, *Continuously differentiable exponential linear units*,
        arXiv:1704.07483, 2017.
    """

    alpha: Positive[Parameter] = 1.0
    equation = (
        r"\begin{cases} x & x > 0 \\ \alpha (e^{x / \alpha} - 1) & x \le 0 \end{cases}"
    )

    def _value(self, x):
        scaled = self._exponent(x)
        return jnp.where(x > 0, x, self.alpha * jnp.expm1(scaled))

    def _derivative(self, x):
        return jnp.exp(self._exponent(x))

    def _exponent(self, x):
        return exponent(_negative(x), self.alpha)


def _negative(x):
    # The branch of `where` that is not taken is differentiated as well; it must not
    # overflow.
    return jnp.where(x > 0, 0, x)


_ALPHA = 1.6732632423543772
_SCALE = 1.0507009873554805
