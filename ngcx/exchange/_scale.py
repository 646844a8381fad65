import jax.numpy as jnp
from jaxtyping import Array, Float

from .._compiled import compiled
from .._module import Module
from .._typing import Parameter


class Scale(Module):
    r"""Multiplies each value by a factor, $y = a x$: a layer that stands for NIR's node
    of that name in a [`ngcx.neurons.Stack`][].

    **Arguments:**

    - `factor`: $a$, either a number, which is a constant, or an array that broadcasts
        to the input, which is learnt.

    **Raises:** `ValueError` if the factors do not broadcast to the input.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> from ngcx.exchange import Scale
        >>> print(Scale(jnp.array([1.0, 10.0]))(jnp.array([0.5, 0.5])))
        [0.5 5. ]

        ```
    """

    factor: Parameter

    @compiled
    def __call__(self, x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        """Multiplies `x`, of any shape and floating-point dtype, which the result has
        too.
        """
        factor = jnp.asarray(self.factor, x.dtype)
        ends = zip(reversed(factor.shape), reversed(x.shape), strict=False)
        if factor.ndim > x.ndim or any(size not in (1, n) for size, n in ends):
            raise ValueError(
                f"`factor` must broadcast to the shape of `x`, {x.shape}; got "
                f"{factor.shape}."
            )
        return jnp.broadcast_to(factor, x.shape) * x
