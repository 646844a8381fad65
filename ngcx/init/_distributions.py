from .._typing import NonNegative, Scalar
from ._base import AbstractInitializer
from ._constraints import check_matrix
from ._source import diagonal


class Constant(AbstractInitializer):
    """Every entry is `value`.

    **Arguments:**

    - `value`: the number.

    !!! example

        ```python
        >>> import jax.random as jr
        >>> from ngcx.init import Constant
        >>> print(Constant(0.5)(jr.key(0), (2, 2)))
        [[0.5 0.5]
         [0.5 0.5]]

        ```
    """

    value: Scalar

    def _sample(self, source, shape):
        return source.xp.full(shape, self.value, source.dtype)


class Uniform(AbstractInitializer):
    r"""Uniform on $[\text{low}, \text{high})$: mean $\frac{\text{low} +
    \text{high}}{2}$, variance $\frac{(\text{high} - \text{low})^2}{12}$.

    **Arguments:**

    - `low`: the smallest number.
    - `high`: the number below which all draws lie.

    **Raises:** `ValueError` if `low > high`.

    !!! example

        ```python
        >>> import jax.random as jr
        >>> from ngcx.init import Uniform
        >>> weight = Uniform(-0.1, 0.1)(jr.key(0), (400, 100))
        >>> print(weight.min().round(3), weight.max().round(3))
        -0.1 0.1

        ```
    """

    low: Scalar = 0.0
    high: Scalar = 1.0

    def __check_init__(self):
        numbers = isinstance(self.low, int | float), isinstance(self.high, int | float)
        if all(numbers) and not self.low <= self.high:
            raise ValueError(
                f"`low` must not exceed `high`; got low={self.low}, high={self.high}."
            )

    def _sample(self, source, shape):
        xp = source.xp
        low, high = (xp.asarray(p, source.wide) for p in (self.low, self.high))
        # Both are halved, because their difference may overflow.
        draw = 2 * (low / 2 + source.uniform(shape) * (high / 2 - low / 2))
        # Rounding may give `high`, which is excluded.
        low, high = low.astype(source.dtype), high.astype(source.dtype)
        return xp.minimum(draw.astype(source.dtype), xp.nextafter(high, low))


class Gaussian(AbstractInitializer):
    r"""The normal distribution $\mathcal{N}(\text{mean}, \text{std}^2)$.

    **Arguments:**

    - `mean`: the mean.
    - `std`: the standard deviation.

    !!! example

        ```python
        >>> import jax.random as jr
        >>> from ngcx.init import Gaussian
        >>> weight = Gaussian(std=0.1)(jr.key(0), (400, 100))
        >>> print(weight.std().round(3))
        0.1

        ```
    """

    mean: Scalar = 0.0
    std: NonNegative[Scalar] = 1.0

    def _sample(self, source, shape):
        mean, std = (source.xp.asarray(p, source.wide) for p in (self.mean, self.std))
        return mean + std * source.normal(shape)


class LogGaussian(AbstractInitializer):
    r"""$e^z$ with $z \sim \mathcal{N}(0, \sigma^2)$: median 1, mean
    $e^{\sigma^2 / 2}$.

    **Arguments:**

    - `sigma`: $\sigma$, the standard deviation of the logarithm.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> import jax.random as jr
        >>> from ngcx.init import LogGaussian
        >>> weight = LogGaussian(sigma=0.5)(jr.key(0), (400, 100))
        >>> print(bool(weight.min() > 0), jnp.median(weight).round(1))
        True 1.0

        ```
    """

    sigma: NonNegative[Scalar] = 1.0

    def _sample(self, source, shape):
        sigma = source.xp.asarray(self.sigma, source.wide)
        return source.xp.exp(sigma * source.normal(shape))


class DiagOffDiag(AbstractInitializer):
    """Entries on the diagonal are `on`, the others `off`; matrices are the last two
    axes.

    **Arguments:**

    - `on`: the entries on the diagonal.
    - `off`: all others.

    !!! example

        ```python
        >>> import jax.random as jr
        >>> from ngcx.init import DiagOffDiag
        >>> print(DiagOffDiag(1.0, -0.5)(jr.key(0), (2, 3)))
        [[ 1.  -0.5 -0.5]
         [-0.5  1.  -0.5]]

        ```
    """

    on: Scalar
    off: Scalar

    def _sample(self, source, shape):
        check_matrix(shape)
        on, off = (source.xp.asarray(each, source.wide) for each in (self.on, self.off))
        return source.xp.where(diagonal(source, shape), on, off)
