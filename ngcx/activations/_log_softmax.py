import functools as ft

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from .._compiled import compiled
from .._numerics import widened
from ._base import AbstractActivation
from ._rows import Axes, as_before, identity_like, kept, masked, one_axis, sum_of_others


class LogSoftmax(AbstractActivation):
    r"""$f(x)_i = x_i - \ln \sum_j e^{x_j}$ along an axis.

    `derivative` is the Jacobian $\frac{\partial f_i}{\partial x_j} = \delta_{ij} - p_j$
    with $p = e^f$, the softmax.

    **Arguments:**

    - `axis`: the axis along which the distribution sums to 1, or a tuple of axes,
        which count as one.

    ??? cite "Reference"
        Blanchard, Higham and Higham, *Accurately computing the log-sum-exp and softmax
        functions*, IMA Journal of Numerical Analysis 2021.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> from ngcx.activations import LogSoftmax
        >>> print(LogSoftmax()(jnp.array([0.0, 0.0, 1e4])))
        [-10000. -10000.      0.]

        ```
    """

    axis: Axes = eqx.field(static=True, default=-1)
    equation = r"x_i - \ln \sum_j e^{x_j}"

    @compiled
    def __call__(
        self,
        x: Float[Array, "*shape"],
        *,
        key: PRNGKeyArray | None = None,
        where: Bool[Array, "..."] | None = None,
    ) -> Float[Array, "*shape"]:
        r"""Computes the logarithm of the distribution along `axis`.

        `where`, of a shape that broadcasts to that of `x`, says which entries count.
        The others give $-\infty$, the logarithm of 0, as in `jax.nn.log_softmax`. They
        have no gradient, and may hold anything, even NaN. A row in which nothing counts
        gives $-\infty$.
        """
        rows, where, axis = one_axis(x, where, self.axis)
        rows, where = masked(widened(rows), where, axis)
        y = kept(_log_softmax(rows, axis), where, -jnp.inf)
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
        p = jax.nn.softmax(jnp.moveaxis(z, axis, -1))
        eye = identity_like(p)
        diagonal = eye * sum_of_others(p)[..., None, :]
        jacobian = diagonal - (1 - eye) * p[..., None, :]
        if where is not None:
            jacobian = kept(jacobian, jnp.moveaxis(where, axis, -1)[..., None])
        return jacobian.astype(x.dtype)


@ft.partial(jax.custom_jvp, nondiff_argnums=(1,))
def _log_softmax(x, axis):
    if x.size == 0:
        return x
    x = x - jnp.max(x, axis, keepdims=True)
    # This is ln(1 + the rest), since the logarithm of a sum just above 1 would lose the
    # digits of a clear winner's f.
    behind = x < 0
    rest = jnp.sum(jnp.where(behind, jnp.exp(x), 0), axis, keepdims=True)
    equals = jnp.sum(~behind, axis, keepdims=True, dtype=x.dtype)
    return x - jnp.log1p(rest + (equals - 1))


@_log_softmax.defjvp
def _(axis, primals, tangents):
    (x,), (tangent,) = primals, tangents
    mean = jnp.sum(jax.nn.softmax(x, axis) * tangent, axis, keepdims=True)
    return _log_softmax(x, axis), tangent - mean
