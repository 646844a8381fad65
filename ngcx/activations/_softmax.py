import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from .._compiled import compiled
from .._numerics import exponent, quotient, widened
from .._typing import NonNegative, Scalar
from ._base import AbstractActivation
from ._rows import Axes, as_before, identity_like, kept, masked, one_axis, sum_of_others


class Softmax(AbstractActivation):
    r"""$f(x)_i = \frac{e^{x_i / \tau}}{\sum_j e^{x_j / \tau}}$ along an axis.

    `derivative` is the Jacobian
    $\frac{\partial f_i}{\partial x_j} = \frac{f_i (\delta_{ij} - f_j)}{\tau}$.
    At $\tau = 0$ it is the point mass: 1 at the first largest entry, derivative 0.

    **Arguments:**

    - `temperature`: $\tau$, which softens the distribution above 1, the usual choice,
        and sharpens it below.
    - `axis`: the axis along which the entries sum to 1, or a tuple of axes, which
        count as one.

    ??? cite "Reference"
        Bridle, *Probabilistic interpretation of feedforward classification network
        outputs*, Neurocomputing, 1990.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> import numpy as np
        >>> from ngcx.activations import Softmax
        >>> print(Softmax()(jnp.array([0.0, 0.0, 10000.0])))
        [0. 0. 1.]
        >>> print(np.asarray(Softmax(temperature=2.0)(jnp.array([0.0, 2.0]))).round(2))
        [0.27 0.73]

        ```
    """

    temperature: NonNegative[Scalar] = 1.0
    axis: Axes = eqx.field(static=True, default=-1)
    equation = r"\frac{e^{x_i / \tau}}{\sum_j e^{x_j / \tau}}"

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
        p = self._softmax(rows, where, axis)
        return as_before(p, x, self.axis).astype(x.dtype)

    @compiled
    def derivative(
        self, x: Float[Array, "*shape"], *, where: Bool[Array, "..."] | None = None
    ) -> Float[Array, "*batch D D"]:
        """Computes the Jacobian. `axis` moves to the end, several axes as one, and a
        second axis of the same length follows, along which the input varies. Entries
        that do not count have the derivative 0.
        """
        x, where, axis = one_axis(x, where, self.axis)
        p = jnp.moveaxis(self._softmax(x, where, axis), axis, -1)
        eye = identity_like(p)
        diagonal = eye * (p * sum_of_others(p))[..., None, :]
        jacobian = diagonal - (1 - eye) * p[..., :, None] * p[..., None, :]
        cold, temperature = self._temperature(p.dtype)
        jacobian = jacobian * quotient(jnp.ones_like(temperature), temperature)
        return jnp.where(cold, 0, jacobian).astype(x.dtype)

    def _softmax(self, x, where, axis):
        x, where = masked(widened(x), where, axis)
        if x.size == 0:
            return x
        cold, temperature = self._temperature(x.dtype)
        # The shift comes before the division, which could overflow.
        largest = jax.lax.stop_gradient(jnp.max(x, axis, keepdims=True))
        warm = _warm(x - largest, temperature, axis)
        # Most temperatures are constants other than 0, which need no winner.
        if isinstance(self.temperature, int | float) and self.temperature != 0:
            return kept(warm, where)
        winner = jax.nn.one_hot(
            jnp.argmax(x, axis), x.shape[axis], dtype=x.dtype, axis=axis
        )
        return kept(jnp.where(cold, winner, warm), where)

    def _temperature(self, dtype):
        """Whether it is 0, and a temperature that is safe to divide by."""
        temperature = jnp.asarray(self.temperature, dtype)
        cold = temperature == 0
        return cold, jnp.where(cold, 1, temperature)


@eqx.filter_custom_jvp
def _warm(x, temperature, axis):
    """The distribution from x, of which the largest is 0."""
    weights = jnp.exp(exponent(x, temperature))
    return weights / jnp.sum(weights, axis, keepdims=True)


@_warm.def_jvp
def _(primals, tangents):
    (x, temperature, axis), (dx, dtemperature, _) = primals, tangents
    p = _warm(*primals)
    inverse = quotient(jnp.ones_like(temperature), temperature)

    def centered(values):
        return values - jnp.sum(p * values, axis, keepdims=True)

    # The inverse may be huge. What is 0 is so before it meets it, in reverse mode too.
    tangent = None if dx is None else p * (centered(dx) * inverse)
    if dtemperature is not None:
        by_temperature = -(p * centered(exponent(x, temperature))) * inverse
        change = by_temperature * dtemperature
        tangent = change if tangent is None else tangent + change
    return p, tangent
