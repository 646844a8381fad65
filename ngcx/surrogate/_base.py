import abc
from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Real

from .._closed_form import closed_form
from .._compiled import compiled
from .._typing import Scalar


class AbstractSurrogate(eqx.Module):
    r"""Spike emission that differentiates as a smooth primitive does.

    Calling a surrogate emits $H(v - \theta)$, a spike where the membrane potential $v$
    lies above the threshold $\theta$. Its derivative is that of the primitive
    $E(v - \theta)$, in forward and reverse mode, to any order, and in everything that
    $E$ depends on: $v$, $\theta$ and every hyper-parameter given as an array. A
    hyper-parameter given as a Python number is a constant.

    A new surrogate states its fields, its `equation` and two formulas, `_primitive` and
    `_derivative`; `gain`, compilation, type checks, dtypes and differentiation follow.

    !!! example

        ```python
        >>> import jax
        >>> import jax.numpy as jnp
        >>> class Algebraic(AbstractSurrogate):
        ...     gain: float | jax.Array = 1.0
        ...     equation = r"\frac{1}{2} + \frac{x}{2 \sqrt{1 + x^2}}"
        ...
        ...     def _primitive(self, x):
        ...         return (1 + x / jnp.hypot(x, 1.0)) / 2
        ...
        ...     def _derivative(self, x):
        ...         return (1 / jnp.hypot(x, 1.0)) ** 3 / 2
        >>> spike = Algebraic(gain=2.0)
        >>> print(spike(1.5, 1.0), jax.grad(spike)(1.0, 1.0))
        1.0 1.0

        ```
    """

    gain: eqx.AbstractVar[Scalar]
    """Scales the primitive and the derivative alike."""
    equation: ClassVar[str]
    """The formula of $E(x)$ for `gain=1`, in LaTeX."""

    @abc.abstractmethod
    def _primitive(self, x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        """The formula of E for a gain of 1; `x` is float32 or float64."""

    @abc.abstractmethod
    def _derivative(self, x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        """The formula of E' for a gain of 1; `x` is float32 or float64."""

    @compiled
    def __call__(
        self,
        v: Float[Array, "*shape"],
        threshold: float | int | Real[Array, "*#shape"] = 0.0,
    ) -> Float[Array, "*shape"]:
        """Emits spikes: 1 where `v > threshold`, else 0, in the dtype of `v`.

        **Arguments:**

        - `v`: membrane potentials, of any shape and floating-point dtype.
        - `threshold`: a number or an array that broadcasts to the shape of `v`.

        **Returns:** zeros and ones, of the shape and dtype of `v`.
        """
        return _emit(self, v, jnp.asarray(threshold, v.dtype))

    @compiled
    def primitive(self, x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        r"""Computes `gain` $\cdot E(x)$, where $x = v - \theta$, in its dtype."""
        return _primitive(self, x)

    @compiled
    def derivative(self, x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        r"""Computes `gain` $\cdot E'(x)$, where $x = v - \theta$, in its dtype."""
        return _derivative(self, x)


_primitive, _derivative = closed_form(
    lambda surrogate, x: surrogate.gain * surrogate._primitive(x),
    lambda surrogate, x: surrogate.gain * surrogate._derivative(x),
)


@eqx.filter_custom_jvp
def _emit(surrogate, v, threshold):
    # Compared, not subtracted: a difference may overflow, or underflow to 0.
    del surrogate
    return (v > threshold).astype(v.dtype)


@_emit.def_jvp
def _(primals, tangents):
    def smooth(surrogate, v, threshold):
        return _primitive(surrogate, v - threshold)

    _, tangent = eqx.filter_jvp(smooth, primals, tangents)
    return _emit(*primals), tangent
