import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from .._compiled import compiled
from .._numerics import widened
from ._base import AbstractActivation
from ._rows import Axes, as_before, identity_like, kept, masked, one_axis


class Sparsemax(AbstractActivation):
    r"""The distribution nearest to $x$ along an axis, most of it exactly 0:
    $f(x) = \arg\min_{p \in \Delta} \|p - x\|^2$.

    It is $f(x)_i = \max(x_i - \tau, 0)$ with $\tau$ such that the sum is 1.
    `derivative` is the Jacobian $s_i (\delta_{ij} - s_j / |S|)$, where $s_i = 1$ on the
    support $S$.

    **Arguments:**

    - `axis`: the axis along which the entries sum to 1, or a tuple of axes, which
        count as one.

    ??? cite "Reference"
        Martins and Astudillo, *From softmax to sparsemax*, ICML 2016.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> import numpy as np
        >>> from ngcx.activations import Sparsemax
        >>> print(np.asarray(Sparsemax()(jnp.array([0.0, 0.6, 1.0]))).round(2))
        [0.  0.3 0.7]

        ```
    """

    axis: Axes = eqx.field(static=True, default=-1)
    equation = r"\arg\min_{p \in \Delta} \|p - x\|^2"

    @compiled
    def __call__(
        self,
        x: Float[Array, "*shape"],
        *,
        key: PRNGKeyArray | None = None,
        where: Bool[Array, "..."] | None = None,
    ) -> Float[Array, "*shape"]:
        """Computes the distribution along `axis`, in the dtype of `x`.

        `where`, of a shape that broadcasts to that of `x`, says which entries count.
        The others give 0 and have no gradient, and may hold anything, even NaN. A row
        in which nothing counts gives 0.
        """
        rows, where, axis = one_axis(x, where, self.axis)
        z, where = masked(widened(rows), where, axis)
        support = _support(z, axis)
        # The largest is subtracted, or the sum of 1 would drown in a large x.
        largest = jnp.max(z, axis, keepdims=True, initial=-jnp.inf)
        z = z - jax.lax.stop_gradient(largest)
        # What is not in the support may be -inf by now.
        z = jnp.where(support, z, 0)
        size = jnp.sum(support, axis, keepdims=True, dtype=z.dtype)
        threshold = (jnp.sum(z, axis, keepdims=True) - 1) / size
        y = kept(jnp.where(support, z - threshold, 0), where)
        return as_before(y, x, self.axis).astype(x.dtype)

    @compiled
    def derivative(
        self, x: Float[Array, "*shape"], *, where: Bool[Array, "..."] | None = None
    ) -> Float[Array, "*batch D D"]:
        """Computes the Jacobian. `axis` moves to the end, several axes as one, and a
        second axis of the same length follows, along which the input varies. Entries
        that do not count have the derivative 0.
        """
        x, where, axis = one_axis(x, where, self.axis)
        z, where = masked(widened(x), where, axis)
        support = kept(_support(z, axis), where, False)
        support = jnp.moveaxis(support, axis, -1).astype(z.dtype)
        share = support / jnp.maximum(jnp.sum(support, axis=-1, keepdims=True), 1)
        jacobian = support[..., None] * (identity_like(support) - share[..., None, :])
        return jacobian.astype(x.dtype)


def _support(x, axis):
    """Where the projection is positive: x_i > max_k (x_1 + ... + x_k - 1) / k over the
    k largest.
    """
    x = jax.lax.stop_gradient(x)
    # Entries more than 1 below the largest are never in it.
    x = jnp.maximum(x - jnp.max(x, axis, keepdims=True, initial=-jnp.inf), -2)
    ordered = -jnp.sort(-x, axis)
    rank = jnp.arange(1, x.shape[axis] + 1, dtype=x.dtype)
    rank = rank.reshape([-1 if i == axis % x.ndim else 1 for i in range(x.ndim)])
    thresholds = (jnp.cumsum(ordered, axis) - 1) / rank
    return x > jnp.max(thresholds, axis, keepdims=True, initial=-jnp.inf)
