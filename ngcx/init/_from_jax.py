from collections.abc import Callable

import equinox as eqx
import jax.nn.initializers as jni
import jax.numpy as jnp
import jax.random as jr
import jax.scipy as jsp

from .._typing import Positive, Scalar
from ._base import AbstractInitializer
from ._constraints import check_matrix


class FromJax(AbstractInitializer):
    """An initializer of `jax.nn.initializers`, or any function of (key, shape, dtype),
    as one of ours, so that constraints, shardings and numpy work on it. It is asked for
    float32 or float64; half precisions are rounded from float32.

    !!! example

        ```python
        >>> import jax
        >>> import jax.random as jr
        >>> from ngcx.init import UpperTriangle
        >>> orthogonal = FromJax(jax.nn.initializers.orthogonal())
        >>> weight = orthogonal.constrain(UpperTriangle())(jr.key(0), (3, 3))

        ```
    """

    initializer: Callable

    def _sample(self, source, shape):
        return source.through_jax(
            lambda key, dtype: self.initializer(key, shape, dtype)
        )


class Orthogonal(AbstractInitializer):
    """A random matrix with orthonormal columns, or rows if there are fewer rows, times
    `scale`; leading axes count as rows.

    ??? cite "Reference"
        Saxe, McClelland and Ganguli, *Exact solutions to the nonlinear dynamics of
        learning in deep linear neural networks*, ICLR 2014.
    """

    scale: Scalar = 1.0

    def _sample(self, source, shape):
        check_matrix(shape)
        orthogonal = jni.orthogonal(1.0)
        unit = source.through_jax(lambda key, dtype: orthogonal(key, shape, dtype))
        return source.xp.asarray(self.scale, source.wide) * unit


class TruncatedGaussian(AbstractInitializer):
    r"""$\text{mean} + \text{std} \cdot z$, where $z$ is standard normal, given that it
    lies between `lower` and `upper`. Its standard deviation is below `std`: 0.88 of it
    for the default bounds.

    **Raises:** `ValueError` unless `lower` is below `upper`; and at a draw, if both are
    more than 12 standard deviations away on one side (37 for float64), where no number
    of the dtype is as improbable.
    """

    mean: Scalar = 0.0
    std: Positive[Scalar] = 1.0
    lower: float | int = eqx.field(static=True, default=-2.0)
    """The lower bound of $z$, in standard deviations."""
    upper: float | int = eqx.field(static=True, default=2.0)
    """The upper bound of $z$, in standard deviations."""

    def __check_init__(self):
        if not self.lower < self.upper:
            raise ValueError(
                "`lower` must be below `upper`; got "
                f"lower={self.lower}, upper={self.upper}."
            )

    def _sample(self, source, shape):
        # Both bounds are at least that far from the mean if they lie on one side of it.
        distance = max(self.lower, -self.upper)
        farthest = 12 if source.wide == jnp.float32 else 37
        if distance > farthest:
            raise ValueError(
                f"`lower` and `upper` must come within {farthest} standard deviations "
                f"of the mean; got lower={self.lower}, upper={self.upper}."
            )
        draw = self._tail if distance > 3 else self._middle
        z = source.through_jax(lambda key, dtype: draw(key, shape, dtype))
        mean, std = (source.xp.asarray(p, source.wide) for p in (self.mean, self.std))
        return mean + std * z

    def _middle(self, key, shape, dtype):
        return jni.truncated_normal(1.0, lower=self.lower, upper=self.upper)(
            key, shape, dtype
        )

    def _tail(self, key, shape, dtype):
        # JAX draws from the range of the error function, which is 1 to the last place
        # from 5 standard deviations on. The distribution function keeps its digits in
        # the lower tail.
        mirrored = self.lower > 0
        bounds = (-self.upper, -self.lower) if mirrored else (self.lower, self.upper)
        low, high = (jnp.asarray(bound, dtype) for bound in bounds)
        least, most = jsp.special.ndtr(low), jsp.special.ndtr(high)
        shares = least + (most - least) * jr.uniform(key, shape, dtype)
        z = jnp.clip(jsp.special.ndtri(shares), low, high)
        return -z if mirrored else z
