import abc
from typing import ClassVar

from jaxtyping import Array, Float, PRNGKeyArray

from .._closed_form import closed_form
from .._compiled import compiled
from .._module import Module


class AbstractActivation(Module):
    r"""A function $f$ together with its closed-form derivative $f'$.

    An activation is an Equinox module: it fits wherever Equinox takes a function,
    `eqx.nn.MLP(..., activation=Tanh())`, and wherever it takes a layer,
    `eqx.nn.Sequential([linear, Tanh()])`. A hyper-parameter given as a Python number is
    a constant; given as an array it is a parameter, which trains, batches under `vmap`
    and never causes a recompilation.
    """

    equation: ClassVar[str]
    """The formula of $f(x)$ in LaTeX."""

    @abc.abstractmethod
    def __call__(
        self, x: Float[Array, "*shape"], *, key: PRNGKeyArray | None = None
    ) -> Float[Array, "*shape"]:
        r"""Computes $f(x)$, in the dtype of `x`.

        **Arguments:**

        - `x`: a floating-point array of any shape.
        - `key`: not used. It is there because `eqx.nn.Sequential` gives one to each
            layer.

        **Returns:** an array of the shape and dtype of `x`.
        """

    @abc.abstractmethod
    def derivative(self, x: Float[Array, "*shape"]) -> Float[Array, "..."]:
        r"""Computes $f'(x)$, in the dtype of `x`. `jax.grad` gives the same numbers."""


class AbstractElementwise(AbstractActivation):
    r"""An activation that acts on each element by itself.

    A new one states its fields, its `equation` and two formulas, `_value` and
    `_derivative`; the base class takes care of compilation, type checks, dtypes and
    differentiation.

    !!! example

        ```python
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from ngcx.activations import AbstractElementwise
        >>> class Bell(AbstractElementwise):
        ...     width: float | jax.Array = 1.0
        ...     equation = r"\frac{1}{1 + (x / w)^2}"
        ...
        ...     def _value(self, x):
        ...         return 1 / (1 + (x / self.width) ** 2)
        ...
        ...     def _derivative(self, x):
        ...         return -2 * x / self.width**2 * self._value(x) ** 2
        >>> print(jax.grad(Bell(width=2.0))(2.0))
        -0.25

        ```
    """

    @abc.abstractmethod
    def _value(self, x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        """The formula of f; `x` is float32 or float64."""

    @abc.abstractmethod
    def _derivative(self, x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        """The formula of f'; `x` is float32 or float64."""

    @compiled
    def __call__(
        self, x: Float[Array, "*shape"], *, key: PRNGKeyArray | None = None
    ) -> Float[Array, "*shape"]:
        """Computes $f(x)$ for an array `x` of any shape, in its dtype."""
        return value_of(self, x)

    @compiled
    def derivative(self, x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        """Computes $f'(x)$ for an array `x` of any shape, in its dtype."""
        return derivative_of(self, x)


value_of, derivative_of = closed_form(
    lambda activation, x: activation._value(x),
    lambda activation, x: activation._derivative(x),
)
