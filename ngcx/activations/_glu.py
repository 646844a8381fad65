import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from .._compiled import compiled
from .._module import Module
from .._numerics import widened
from ._base import AbstractActivation
from ._sigmoidal import Sigmoid


class GLU(Module):
    r"""A gated linear unit. It splits an axis into halves $a$ and $b$, and lets $b$
    gate $a$: $f(x) = a \, g(b)$.

    | `activation` | $g$ | known as |
    | --- | --- | --- |
    | `Sigmoid()` | $\sigma(b)$ | GLU, `jax.nn.glu` |
    | `SiLU()` | $b \, \sigma(b)$ | SwiGLU |
    | `GELU()` | $b \, \Phi(b)$ | GEGLU |
    | `ReLU()` | $\max(0, b)$ | ReGLU |
    | `Identity()` | $b$ | bilinear |

    **Arguments:**

    - `activation`: the gate $g$, any activation that acts on each element by itself.
    - `axis`: the axis that is halved, which must have an even size.

    **Raises:** `ValueError` for an axis of odd size.

    ??? cite "Reference"
        Dauphin, Fan, Auli and Grangier, *Language modeling with gated convolutional
        networks*, ICML 2017; Shazeer, *GLU variants improve transformer*,
        arXiv:2002.05202, 2020.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> from ngcx.activations import GLU, ReLU
        >>> print(GLU(ReLU())(jnp.array([2.0, 3.0, 4.0, -1.0])))
        [8. 0.]

        ```
    """

    activation: AbstractActivation = Sigmoid()
    axis: int = eqx.field(static=True, default=-1)

    @compiled
    def __call__(
        self, x: Float[Array, "*shape"], *, key: PRNGKeyArray | None = None
    ) -> Float[Array, "*half"]:
        """Computes $a g(b)$, of half the size along `axis`, in the dtype of `x`."""
        a, b = self._halves(x)
        return (a * self.activation(b)).astype(x.dtype)

    @compiled
    def derivative(self, x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        r"""Computes the two derivatives of each entry of $f$, each at the place of the
        entry with respect to which it is taken: $\frac{\partial f_i}{\partial a_i} =
        g(b_i)$ where $a_i$ is in `x`, and $\frac{\partial f_i}{\partial b_i} = a_i
        g'(b_i)$ where $b_i$ is.
        """
        a, b = self._halves(x)
        both = self.activation(b), a * self.activation.derivative(b)
        return jnp.concatenate(both, self.axis).astype(x.dtype)

    def _halves(self, x):
        size = x.shape[self.axis]
        if size % 2:
            raise ValueError(f"`x` must have an even size along `axis`; got {size}.")
        return jnp.split(widened(x), 2, self.axis)
