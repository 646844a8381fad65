"""Formulas with a closed-form derivative: the engine of activations and surrogates."""

import functools as ft
from collections.abc import Callable
from typing import Any, TypeAlias

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.tree_util as jtu
from jaxtyping import Array, Float

from ._precision import wide_dtype
from ._typing import Parameter, T


# (module, x), of any module that the formula knows
Elementwise: TypeAlias = Callable[[Any, Float[Array, "*shape"]], Float[Array, "*shape"]]


def closed_form(
    value: Elementwise, derivative: Elementwise
) -> tuple[Elementwise, Elementwise]:
    """Pairs an element-wise formula with its derivative in `x`.

    Both take `(module, x)`. Differentiating the first of the two functions returned
    evaluates the second, in forward and reverse mode; higher orders differentiate
    the second. The arrays of `module` receive the formula's own gradients. Both
    functions keep the dtype of `x`.
    """
    value, derivative = rounded_once(value), rounded_once(derivative)
    function = eqx.filter_custom_jvp(value)

    @function.def_jvp
    def _(primals, tangents):
        return function(*primals), tangent_of(value, derivative, primals, tangents)

    return function, derivative


def tangent_of(value: Elementwise, derivative: Elementwise, primals, tangents):
    """The tangent of `value(module, x)`, whose derivative in `x` is in closed form.

    A tangent is None where nothing is differentiated, and costs nothing there: `value`
    is needed for the arrays of the module only.
    """
    module, x = primals
    module_tangent, x_tangent = tangents
    out_tangent = None
    if x_tangent is not None:
        out_tangent = derivative(module, x) * x_tangent
    if jtu.tree_leaves(module_tangent):
        _, from_module = eqx.filter_jvp(
            lambda module: value(module, x), (module,), (module_tangent,)
        )
        out_tangent = from_module if out_tangent is None else out_tangent + from_module
    return out_tangent


def rounded_once(function: T) -> T:
    """Evaluates a function of `(module, x, ...)` in float32, or float64 for float64,
    arrays of the module included, and rounds the result to the dtype of `x`.
    """

    @ft.wraps(function)
    def rounded(module, x, *args, **kwargs):
        dtype = wide_dtype(x.dtype)
        module = jtu.tree_map(
            lambda leaf: leaf.astype(dtype) if eqx.is_inexact_array(leaf) else leaf,
            module,
        )
        return function(module, x.astype(dtype), *args, **kwargs).astype(x.dtype)

    return rounded  # pyright: ignore[reportReturnType]


@jax.custom_jvp
def sigmoid(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """The logistic function, accurate in both tails at every order of derivative."""
    return jax.nn.sigmoid(x)


@sigmoid.defjvp
def _(primals, tangents):
    (x,), (tangent,) = primals, tangents
    # 1 - sigmoid(x) = sigmoid(-x), which does not cancel for large x.
    return sigmoid(x), sigmoid(x) * sigmoid(-x) * tangent


@jax.custom_jvp
def tanh(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """The hyperbolic tangent, accurate in both tails at every order of derivative."""
    return jnp.tanh(x)


@tanh.defjvp
def _(primals, tangents):
    (x,), (tangent,) = primals, tangents
    # 1 - tanh(x)^2, which would cancel for large x.
    return tanh(x), 4 * sigmoid(2 * x) * sigmoid(-2 * x) * tangent


@jax.custom_jvp
def softplus(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """ln(1 + e^x), whose derivatives are those of the logistic function."""
    # max(x, 0) + log1p(exp(-|x|)): the exponential cannot overflow.
    return jnp.logaddexp(x, 0)


@softplus.defjvp
def _(primals, tangents):
    (x,), (tangent,) = primals, tangents
    return softplus(x), sigmoid(x) * tangent


def exponent(x: Float[Array, "*shape"], scale: Parameter) -> Float[Array, "*shape"]:
    """`x / scale` for `x` of 0 or less, but not below -1e4, where the exponential is 0
    in every dtype.
    """
    return _exponent(x, jnp.asarray(scale, x.dtype))


@jax.custom_jvp
def _exponent(x, scale):
    return jnp.maximum(x / scale, -1e4)


@_exponent.defjvp
def _(primals, tangents):
    (x, scale), (x_tangent, scale_tangent) = primals, tangents
    quotient = _exponent(x, scale)
    # Not by scale^-2, which may be infinite, times x, which may be 0.
    tangent = (x_tangent - quotient * scale_tangent) / scale
    return quotient, jnp.where(quotient > -1e4, tangent, 0)


def squarable(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """`x`, bounded to keep the derivatives of 1 / (1 + x^2) and of exp(-x^2) finite.

    An infinite square is harmless for their values, and (1 + x^2)^-2 is then 0; but
    times an infinite x it would be NaN.
    """
    limit = 2.0 ** (3 * jnp.finfo(x.dtype).maxexp // 4)
    return jnp.clip(x, -limit, limit)
