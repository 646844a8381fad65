"""Formulas with a closed-form derivative: the engine of activations and surrogates."""

import functools as ft
from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.tree_util as jtu
from jaxtyping import Array, Float

from ._numerics import wide_dtype


F = TypeVar("F", bound=Callable[..., Any])
# A formula takes `(module, x)`, for any module whose fields it knows.
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


def with_partials(function: F, *partials: Callable[..., Array]) -> F:
    """An element-wise function of several arguments that is differentiated by its
    partial derivatives, functions of the same arguments, in their order; in arguments
    beyond those as JAX does.

    The partial derivatives are numbers before a tangent is multiplied, in forward as in
    reverse mode, so that no product with a tangent overflows or vanishes on the way.
    """
    ruled = eqx.filter_custom_jvp(function)

    @ruled.def_jvp
    def _(primals, tangents):
        terms = [
            _partial(i, primals) * tangent
            for i, tangent in enumerate(tangents)
            if tangent is not None
        ]
        return ruled(*primals), sum(terms[1:], terms[0]) if terms else None

    def _partial(i, primals):
        if i < len(partials):
            return partials[i](*primals)
        before, (argument, *after) = primals[:i], primals[i:]
        one = (jnp.ones_like(argument),)
        return jax.jvp(lambda it: function(*before, it, *after), (argument,), one)[1]

    return ruled  # pyright: ignore[reportReturnType]


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


def rounded_once(function: F) -> F:
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
