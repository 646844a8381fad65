import abc
from typing import TYPE_CHECKING, ClassVar, cast

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray, Real

from .._closed_form import closed_form, tangent_of
from .._compiled import compiled
from .._module import Module
from .._numerics import widened
from .._typing import Parameter


class AbstractSurrogate(Module):
    r"""Emits spikes, and has the derivative of a smooth primitive.

    Calling a surrogate emits spikes where the membrane potential $v$ lies above the
    threshold $\theta$. Its derivative is that of the primitive $E(v - \theta)$, in
    forward and reverse mode, to any order, and in everything that $E$ depends on: $v$,
    $\theta$ and every hyper-parameter given as an array. A hyper-parameter given as a
    Python number is a constant.
    """

    if TYPE_CHECKING:
        # Annotated, it would pass for the first argument of every final class.
        gain = cast(Parameter, ...)
    else:
        gain: eqx.AbstractVar[Parameter]
        """Scales the primitive and the derivative alike."""
    equation: ClassVar[str]
    """The formula of $E(x)$ for `gain=1`, in LaTeX."""
    binary: ClassVar[bool] = True
    """Whether it emits zeros and ones alone, and not larger counts of spikes."""

    @abc.abstractmethod
    def _primitive(self, x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        """The formula of E for a gain of 1; `x` is float32 or float64."""

    @abc.abstractmethod
    def _derivative(self, x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        """The formula of E' for a gain of 1; `x` is float32 or float64."""

    @abc.abstractmethod
    def _emit(
        self,
        v: Float[Array, "*shape"],
        threshold: Float[Array, "*#shape"],
        key: PRNGKeyArray | None,
    ) -> Float[Array, "*shape"]:
        """The spikes, made differentiable by `emission`; `key` is for those that draw
        them.
        """

    @compiled
    def __call__(
        self,
        v: Float[Array, "*shape"],
        threshold: float | int | Real[Array, "*#shape"] = 0.0,
        *,
        key: PRNGKeyArray | None = None,
    ) -> Float[Array, "*shape"]:
        r"""Emits spikes: 1 where `v > threshold`, else 0, in the dtype of `v`.

        **Arguments:**

        - `v`: membrane potentials, of any shape and floating-point dtype.
        - `threshold`: a number or an array that broadcasts to the shape of `v`.
        - `key`: decides what [`ngcx.surrogate.EscapeNoise`][] draws; the others draw
            nothing, and ignore it.

        **Returns:** zeros and ones, of the shape and dtype of `v`.
        """
        threshold = jnp.asarray(threshold, v.dtype)
        if 0 < threshold.ndim < v.ndim:
            threshold = jnp.broadcast_to(threshold, v.shape)
        return self._emit(v, threshold, key)

    @compiled
    def primitive(self, x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        r"""Computes `gain` $\cdot E(x)$, where `x` is $v - \theta$, in its dtype."""
        return primitive_of(self, x)

    @compiled
    def derivative(self, x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        r"""Computes `gain` $\cdot E'(x)$, where `x` is $v - \theta$, in its dtype."""
        return derivative_of(self, x)


def scaled_primitive(surrogate, x):
    return surrogate.gain * surrogate._primitive(x)


def scaled_derivative(surrogate, x):
    return surrogate.gain * surrogate._derivative(x)


primitive_of, derivative_of = closed_form(scaled_primitive, scaled_derivative)


def odd_around_half(
    x: Float[Array, "*shape"], tail: Float[Array, "*shape"]
) -> Float[Array, "*shape"]:
    """E(x) from `tail`, which is E(-|x|), where E(x) + E(-x) = 1."""
    return jnp.where(x < 0, tail, 1 - tail)


def emission(spikes):
    """Makes a function of `(surrogate, v, threshold, key)` differentiate as the
    primitive of the surrogate does at `v - threshold`.
    """
    emit = eqx.filter_custom_jvp(spikes)

    @emit.def_jvp
    def _(primals, tangents):
        surrogate, v, threshold, _ = primals
        surrogate_tangent, v_tangent, threshold_tangent, _ = tangents
        v_tangent, threshold_tangent = (
            None if each is None else widened(each)
            for each in (v_tangent, threshold_tangent)
        )
        x_tangent = None
        if v_tangent is not None or threshold_tangent is not None:
            _, x_tangent = eqx.filter_jvp(
                jnp.subtract,
                (widened(v), widened(threshold)),
                (v_tangent, threshold_tangent),
            )
        tangent = tangent_of(
            primitive_of,
            derivative_of,
            (surrogate, above(v, threshold)),
            (surrogate_tangent, x_tangent),
        )
        return emit(*primals), None if tangent is None else tangent.astype(v.dtype)

    return emit


def above(v, threshold):
    """v - threshold, in float32 at least and within its range."""
    difference = widened(v) - widened(threshold)
    largest = float(jnp.finfo(difference.dtype).max)
    return jnp.clip(difference, -largest, largest)


@emission
def step(surrogate, v, threshold, key):
    del surrogate, key
    # They are compared, not subtracted, since a difference may overflow, or underflow
    # to 0.
    return (v > threshold).astype(v.dtype)


class AbstractStep(AbstractSurrogate):
    r"""A surrogate of the Heaviside step: it emits $H(v - \theta)$.

    A new one states its fields, its `equation` and two formulas, `_primitive` and
    `_derivative`; the base class takes care of `gain`, compilation, type checks, dtypes
    and differentiation.

    !!! example

        ```python
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from ngcx.surrogate import AbstractStep
        >>> class Algebraic(AbstractStep):
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

    def _emit(self, v, threshold, key):
        return step(self, v, threshold, key)
