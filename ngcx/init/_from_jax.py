import math
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
    as an initializer of ngcx, so that constraints, shardings and numpy work with it. It
    is asked for float32 or float64; half precisions are rounded from float32.

    **Arguments:**

    - `initializer`: a function of a key, a shape and a dtype that returns the weights.

    !!! example

        ```python
        >>> import jax
        >>> import jax.random as jr
        >>> from ngcx.init import FromJax, UpperTriangle
        >>> orthogonal = FromJax(jax.nn.initializers.orthogonal())
        >>> weight = orthogonal.constrain(UpperTriangle())(jr.key(0), (3, 3))

        ```
    """

    initializer: Callable

    def __check_init__(self):
        if isinstance(self.initializer, type):
            name = self.initializer.__name__
            raise TypeError(
                "`initializer` must be a function of (key, shape, dtype); got the "
                f"class {name}.\nMake one: `{name}()`."
            )

    def _sample(self, source, shape):
        def draw(key, dtype):
            drawn = self.initializer(key, shape, dtype)
            if getattr(drawn, "shape", None) != shape:
                name = getattr(self.initializer, "__name__", "initializer")
                raise TypeError(
                    "`initializer` must be a function of (key, shape, dtype) that "
                    f"returns an array of shape {shape}.\n"
                    f"If `{name}` makes such a function, give `{name}()`."
                )
            return drawn

        return source.through_jax(draw)


class Orthogonal(AbstractInitializer):
    """A random matrix with orthonormal columns, or rows if there are fewer rows, times
    `scale`. Leading axes count as rows.

    **Arguments:**

    - `scale`: what the matrix is multiplied by.

    ??? cite "Reference"
        Saxe, McClelland and Ganguli, *Exact solutions to the nonlinear dynamics of
        learning in deep linear neural networks*, ICLR 2014.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> import jax.random as jr
        >>> from ngcx.init import Orthogonal
        >>> weight = Orthogonal()(jr.key(0), (4, 2))
        >>> print(jnp.abs(weight.T @ weight).round(3))
        [[1. 0.]
         [0. 1.]]

        ```
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
    for the default bounds. The law is exact however far out the bounds are, and draws
    reach into its tails.

    **Arguments:**

    - `mean`: the mean of the law before it is cut.
    - `std`: its standard deviation before it is cut.
    - `lower`: the lower bound of $z$, in standard deviations.
    - `upper`: the upper bound of $z$, in standard deviations.

    **Raises:** `ValueError` unless `lower` is below `upper`; and at a draw, if both are
    more than 12 standard deviations away on one side (37 for float64), where no number
    of the dtype is as improbable.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> import jax.random as jr
        >>> from ngcx.init import TruncatedGaussian
        >>> weight = TruncatedGaussian(std=0.1)(jr.key(0), (400, 100))
        >>> print(bool(jnp.abs(weight).max() <= 0.2), bool(weight.std() < 0.1))
        True True

        ```
    """

    mean: Scalar = 0.0
    std: Positive[Scalar] = 1.0
    lower: float | int = eqx.field(static=True, default=-2.0)
    upper: float | int = eqx.field(static=True, default=2.0)

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
        z = source.through_jax(lambda key, dtype: self._standard(key, shape, dtype))
        mean, std = (source.xp.asarray(p, source.wide) for p in (self.mean, self.std))
        return mean + std * z

    def _standard(self, key, shape, dtype):
        # The distribution function keeps its digits in the lower tail alone, so that
        # the law is drawn in two parts, below 0 and above, and that above is mirrored.
        parts = ((self.lower, min(self.upper, 0)), (-self.upper, min(-self.lower, 0)))
        # The share of all normal numbers up to the far end of a part, and within it.
        far = [_share_below(ends[0]) for ends in parts]
        within = [max(_share_below(near) - _share_below(end), 0) for end, near in parts]
        side_key, place_key = jr.split(key)
        chance = within[0] / sum(within)
        below = _fine_uniform(side_key, shape, dtype) < jnp.asarray(chance, dtype)

        def of_part(numbers):
            first, second = (jnp.asarray(each, dtype) for each in numbers)
            return jnp.where(below, first, second)

        start, rest = of_part(far), of_part([x - float(dtype.type(x)) for x in far])
        way = of_part(within) * _fine_uniform(place_key, shape, dtype)
        # A sum of shares loses digits, which a narrow law needs: what it has lost is
        # added to the number itself, by the slope there.
        share = start + way
        added = share - start
        lost = (start - (share - added)) + (way - added) + rest
        z = jsp.special.ndtri(jnp.maximum(share, jnp.finfo(dtype).tiny))
        z += lost * math.sqrt(2 * math.pi) * jnp.exp(jnp.square(z) / 2)
        low, high = (jnp.asarray(each, dtype) for each in (self.lower, self.upper))
        return jnp.clip(jnp.where(below, z, -z), low, high)


def _share_below(z: float) -> float:
    return math.erfc(-z / math.sqrt(2)) / 2


def _fine_uniform(key, shape, dtype):
    """Uniform numbers of which even the smallest have all their digits: those of JAX
    are multiples of `eps`, so that one in eight million is 0.
    """
    coarse_key, fine_key = jr.split(key)
    fine = jr.uniform(fine_key, shape, dtype) * jnp.finfo(dtype).eps
    return jr.uniform(coarse_key, shape, dtype) + fine
