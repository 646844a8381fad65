r"""Arithmetic that is safe where that of plain JAX is not: the ground floor.

Safe means: at every finite input, in every floating dtype, the value and its first and
second derivatives are finite and accurate wherever the true ones are. Every subpackage
computes with these functions, and none has its own copy.

| operation | what plain JAX does wrong | what this does |
| --- | --- | --- |
| `widened`, `wide_dtype`, `widened_tree`, `rounded_like` | a sum or a square in a half precision overflows and loses digits | computes in float32, to be rounded once |
| `sigmoid`, `sigmoid_slope`, `sigmoid_and_slope` | `s * (1 - s)` is 0 from x = 17 on; the two together take two exponentials | one exponential of a negative number, $t / (1 + t)^2$, which both share |
| `tanh`, `tanh_slope` | `1 - tanh(x) ** 2` is 0 from x = 9 on; in float64 `jnp.tanh` is off by up to 7 units in the last place | one exponential, $(2 t / (1 + t^2))^2$; another for large float64 |
| `expm1` | the derivative adds 1 again, and is 0 from x = -17 on | is the exponential |
| `softplus` | `log(1 + exp(x))` overflows, and so does its derivative | $\max(x, 0)$ and a logarithm; the derivative is `sigmoid` |
| `exponent` | derivatives of `x / scale` are infinite where its exponential is 0 | stops there |
| `magnitude`, `root` | `jnp.abs` has the derivative 1 at 0, the square root an infinite one | have 0 |
| `rectified_power` | a power has an infinite or undefined derivative at 0 | has 0 |
| `ratio` | x / 0 is infinite or NaN | is a value of choice, 0 if none is given |
| `divided` | XLA multiplies by a reciprocal, which may be subnormal and is then 0 | scales both by a power of 2 first |
| `quotient`, `over_power` | a power of the denominator, in a derivative too, overflows or vanishes | divide several times |
| `power_of_two` | squares and sums overflow or vanish | gives the factor that rounds nothing and prevents it |
| `rescaled` | the same, for measures that do not depend on the scale | divides by the largest magnitude, or by 1 if there is none |
| `mean` | a sum overflows though the mean does not; the mean of nothing is NaN | adds up shares; is 0 |
| `floored` | a floor under a probability stops its gradient | lets the gradient pass |
| `weighted_log`, `weighted_log_ratio` | 0 times the derivative of ln 0 is NaN | is 0 |
| `divergence` | x ln(x / y) sums up to differences of large terms where x and y nearly agree | takes off what adds up to 0, by a series |
| `weighted_log1p` | `log1p` of a negative float64 is wrong by 100 units in the last place | adds what the sum 1 + x has lost |
| `log_ratio` | ln x - ln y cancels where they nearly agree | takes the logarithm of 1 + (x - y) / y there |
"""  # noqa: E501

import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.lax import reduce_precision, stop_gradient
from jaxtyping import Array, Bool, Float, PyTree


# The dtype to compute in.


def wide_dtype(dtype):
    """float64 for float64, and float32 for every other floating dtype.

    XLA computes half precisions in float32 inside a fused kernel anyhow. Doing it in
    the open keeps every intermediate number within range, and rounds the result once.
    """
    return dtype if jnp.finfo(dtype).bits >= 32 else jnp.dtype(jnp.float32)


def widened(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """`x` in the dtype to compute in; `.astype(x.dtype)` rounds the result back."""
    return x.astype(wide_dtype(x.dtype))


def widened_tree(tree: PyTree) -> PyTree:
    """A pytree whose arrays of half precision are in float32; the rest as it is."""

    def leaf(x):
        inexact = hasattr(x, "dtype") and jnp.issubdtype(x.dtype, jnp.inexact)
        return jnp.asarray(x, wide_dtype(jnp.result_type(x))) if inexact else x

    return jax.tree.map(leaf, tree)


def rounded_like(tree: PyTree, like: PyTree) -> PyTree:
    """A pytree that was computed, in the dtypes in which it is stored."""

    def leaf(x, y):
        inexact = hasattr(x, "dtype") and jnp.issubdtype(x.dtype, jnp.inexact)
        return x.astype(jnp.result_type(y)) if inexact else x

    return jax.tree.map(leaf, tree, like)


# Sigmoids. Each rule below states a derivative by functions that have such rules too,
# so that derivatives of every order keep both tails.


@jax.custom_jvp
def sigmoid(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """The logistic function, 1 / (1 + e^-x)."""
    return jax.nn.sigmoid(x)


@sigmoid.defjvp
def _sigmoid_jvp(primals, tangents):
    (x,), (tangent,) = primals, tangents
    return sigmoid(x), sigmoid_slope(x) * tangent


@jax.custom_jvp
def sigmoid_slope(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """The derivative of the logistic function, sigmoid(x) sigmoid(-x)."""
    # It is even, and takes one exponential of -|x|, which cannot overflow, and
    # underflows only with the result.
    t = jnp.exp(-jnp.abs(x))
    return t / jnp.square(1 + t)


@sigmoid_slope.defjvp
def _sigmoid_slope_jvp(primals, tangents):
    (x,), (tangent,) = primals, tangents
    slope = sigmoid_slope(x)
    # The second derivative s' (1 - 2 s) is s' times -tanh(x / 2), which does not cancel
    # near 0.
    return slope, -slope * tanh(x / 2) * tangent


@jax.custom_jvp
def sigmoid_and_slope(
    x: Float[Array, "*shape"],
) -> tuple[Float[Array, "*shape"], Float[Array, "*shape"]]:
    """The logistic function and its derivative, by one exponential and one division."""
    t = jnp.exp(-jnp.abs(x))
    upper = 1 / (1 + t)
    lower = t * upper
    return jnp.where(x >= 0, upper, lower), lower * upper


@sigmoid_and_slope.defjvp
def _sigmoid_and_slope_jvp(primals, tangents):
    (x,), (tangent,) = primals, tangents
    value, slope = sigmoid_and_slope(x)
    change = slope * tangent
    return (value, slope), (change, -tanh(x / 2) * change)


@jax.custom_jvp
def tanh(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """The hyperbolic tangent."""
    if x.dtype != jnp.float64:
        return jnp.tanh(x)
    tail = jnp.exp(-2 * jnp.abs(x))
    far = jnp.copysign(1 - 2 * tail / (1 + tail), x)
    return jnp.where(jnp.abs(x) > 1, far, jnp.tanh(x))


@tanh.defjvp
def _tanh_jvp(primals, tangents):
    (x,), (tangent,) = primals, tangents
    return tanh(x), tanh_slope(x) * tangent


@jax.custom_jvp
def tanh_slope(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """The derivative of the hyperbolic tangent, sech^2(x)."""
    # A square of cosh would overflow, and an exponential of -2 |x| underflow too early.
    return jnp.square(sech(x))


@tanh_slope.defjvp
def _tanh_slope_jvp(primals, tangents):
    (x,), (tangent,) = primals, tangents
    slope = tanh_slope(x)
    return slope, -2 * slope * tanh(x) * tangent


def sech(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """The hyperbolic secant, 1 / cosh(x), whose square is `tanh_slope`."""
    # XLA takes the square of an exponential for a second exponential, which costs as
    # much again, unless a factor stands between.
    double = 2 * jnp.exp(-jnp.abs(x))
    return double / (1 + double * (0.25 * double))


@jax.custom_jvp
def expm1(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """e^x - 1. JAX adds 1 again for the derivative, which is 0 from x = -17 on."""
    return jnp.expm1(x)


@expm1.defjvp
def _expm1_jvp(primals, tangents):
    (x,), (tangent,) = primals, tangents
    return expm1(x), jnp.exp(x) * tangent


@jax.custom_jvp
def softplus(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """ln(1 + e^x), whose derivatives are those of the logistic function."""
    # This is max(x, 0) + log1p(exp(-|x|)), whose exponential cannot overflow.
    return jnp.logaddexp(x, 0)


@softplus.defjvp
def _softplus_jvp(primals, tangents):
    (x,), (tangent,) = primals, tangents
    return softplus(x), sigmoid(x) * tangent


def exponent(x: Float[Array, "*shape"], scale: Any) -> Float[Array, "*shape"]:
    """`x / scale` for `x` of 0 or less. Where its exponential is subnormal or 0 it is a
    constant, of which the exponential is 0.
    """
    scale, lowest = jnp.asarray(scale, x.dtype), math.log(jnp.finfo(x.dtype).tiny)
    inside = x > lowest * scale
    # Elsewhere nothing is infinite, neither here nor in derivatives.
    quotients = quotient(jnp.where(inside, x, 0), jnp.where(inside, scale, 1))
    return jnp.where(inside, quotients, 2 * lowest)


# Powers and quotients.


def magnitude(x):
    """|x|, with derivative 0 at 0."""
    return x * jnp.sign(x)


def root(x):
    """The square root, with derivative 0 at 0."""
    return jnp.where(x == 0, 0, jnp.sqrt(jnp.where(x == 0, 1, x)))


def rectified_power(x, exponent):
    """`max(0, x) ** exponent`, with derivative 0 at 0."""
    return jnp.where(x > 0, jnp.power(jnp.where(x > 0, x, 1), exponent), 0)


def ratio(x, y, otherwise: Any = 0):
    """`x / y`, and `otherwise` where `y` is 0."""
    return jnp.where(y != 0, quotient(x, jnp.where(y != 0, y, 1)), otherwise)


def quotient(x, y):
    """`x / y`, whose derivatives are finite wherever the true ones are."""
    return over_power(x, y, 1)


@eqx.filter_custom_jvp
def over_power(x, y, power):
    """`x / y ** power`, without the power of y, which may be 0 or infinite."""
    # XLA takes (x / y) / y for x / (y * y), unless a sign stands between.
    for _ in range(power):
        x = -(x / y)
    return -x if power % 2 else x


@over_power.def_jvp
def _over_power_jvp(primals, tangents):
    (x, y, power), (dx, dy, _) = primals, tangents
    double = jnp.float64 in (getattr(x, "dtype", None), getattr(y, "dtype", None))
    with jax.enable_x64(double or jax.config.jax_enable_x64):  # pyright: ignore[reportAttributeAccessIssue]
        tangent = None if dx is None else over_power(dx, y, power)
        if dy is not None:
            # An infinite derivative is cut to the largest number, which 0 times is 0.
            info = jnp.finfo(y.dtype)
            by_y = jnp.clip(-power * over_power(x, y, power + 1), info.min, info.max)
            tangent = by_y * dy if tangent is None else tangent + by_y * dy
        return over_power(x, y, power), tangent


def divided(x, scale):
    """`x / scale` for any normal `scale`, one for many entries."""
    # The reciprocal of a quarter of the largest number is normal.
    shrink = jnp.where(scale > 4, 0.25, 1).astype(x.dtype)
    return (x * shrink) / (scale * shrink)


def power_of_two(largest):
    """The power of 2 that makes `largest` less than 1, as a factor that rounds nothing;
    1 for 0. It has no gradient.
    """
    bits = jnp.frexp(stop_gradient(largest))[1]
    # Neither the factor nor its reciprocal may be subnormal, and flushed to 0.
    limit = jnp.finfo(largest.dtype).maxexp - 3
    return jnp.ldexp(jnp.ones_like(largest), -jnp.clip(bits, -limit, limit))


def rescaled(x, axis: Any = -1):
    """`x` over its largest magnitude along an axis, and that magnitude, which keeps its
    axis. Where all is 0, or subnormal, the first is 0 and the second is 1.

    What is made of the first neither overflows nor vanishes. It either does not depend
    on the scale or is proportional to it, so that the gradient through the scale is
    left out.
    """
    # Gradients are stopped before the maximum, which is then not differentiated at all.
    largest = jnp.max(jnp.abs(stop_gradient(x)), axis, keepdims=True, initial=0)
    silent = largest < jnp.finfo(x.dtype).tiny
    scale = jnp.where(silent, 1, largest)
    return jnp.where(silent, 0, divided(x, scale)), scale


def mean(values, axis=None, where: Bool[Array, "..."] | None = None):
    """The mean of the values that `where` keeps; 0 of none."""
    if where is not None:
        values = jnp.where(where, values, 0)
    size = values.size if axis is None else values.shape[axis]
    count = size if where is None else jnp.sum(where, axis, dtype=int)
    # The share is a power of 2, and so exact; with it no sum of finite values
    # overflows.
    share = jnp.asarray(0.5 ** max(size - 1, 0).bit_length(), values.dtype)
    divisor = jnp.maximum(jnp.asarray(count, values.dtype), 1) * share
    return jnp.sum(values * share, axis) / divisor


# Logarithms of probabilities.


def floored(probability, dtype):
    """`probability`, or the smallest normal number of `dtype` if that is larger.

    The derivative is 1 below the floor too, or the worst prediction would learn
    nothing.
    """
    floor = jnp.asarray(jnp.finfo(dtype).tiny, probability.dtype)
    lifted = floor + (probability - stop_gradient(probability))
    return jnp.where(probability < floor, lifted, probability)


@jax.custom_jvp
def _slope(weight, x):
    """`weight / x` of a positive `x`, and 0 for a weight of 0."""
    return weight / x


@_slope.defjvp
def _slope_jvp(primals, tangents):
    (weight, x), (dweight, dx) = primals, tangents
    slope = _slope(weight, x)
    # The usual rule squares x, which may underflow.
    return slope, (dweight - slope * dx) * _slope(jnp.ones_like(x), x)


@jax.custom_jvp
def weighted_log(weight, x):
    """`weight * ln(x)` of a positive `x`, with first and second derivatives in `x` that
    are 0 without weight, however small `x` is.
    """
    return weight * jnp.log(x)


@weighted_log.defjvp
def _weighted_log_jvp(primals, tangents):
    (weight, x), (dweight, dx) = primals, tangents
    logarithm = weighted_log(jnp.ones_like(x), x)
    return weighted_log(weight, x), dweight * logarithm + _slope(weight, x) * dx


@jax.custom_jvp
def weighted_log_ratio(weight, x, y):
    """`weight * ln(x / y)` of positive numbers, with derivatives like those of
    `weighted_log`.
    """
    return weight * log_ratio(x, y)


@weighted_log_ratio.defjvp
def _weighted_log_ratio_jvp(primals, tangents):
    (weight, x, y), (dweight, dx, dy) = primals, tangents
    logarithm = weighted_log_ratio(jnp.ones_like(x), x, y)
    slopes = _slope(weight, x) * dx - _slope(weight, y) * dy
    return weighted_log_ratio(weight, x, y), dweight * logarithm + slopes


@jax.custom_jvp
def divergence(weight, x, y):
    """`weight * ln(x / y) - weight + y`, which is never negative; `weight` is `x`, or 0
    where that is a floor.
    """
    # If t is (x - y) / (x + y), ln(x / y) is 2 artanh(t), and 1 - y / x is
    # 2 t / (1 + t). The first order of both is left out, which cancels.
    t = (x - y) / (x + y)
    near = jnp.abs(t) < 0.2
    t = jnp.where(near, t, 0)
    odd = sum(t ** (2 * k + 1) / (2 * k + 1) for k in range(1, 12))
    nearby = 2 * weight * (odd + t * t / (1 + t))
    return jnp.where(near, nearby, weighted_log_ratio(weight, x, y) + (y - weight))


@divergence.defjvp
def _divergence_jvp(primals, tangents):
    dweight, _, dy = tangents
    _, tangent = jax.jvp(weighted_log_ratio, primals, tangents)
    return divergence(*primals), tangent + (dy - dweight)


def weighted_log1p(weight, x, dtype):
    """`weight * ln(1 + x)`, where 1 + x is at least the smallest normal number of
    `dtype`.
    """
    # A compiled (1 + x) - 1 would be x, as XLA adds up the constants, unless something
    # stands between. Rounding to the digits that the sum has anyhow changes nothing.
    info = jnp.finfo(x.dtype)
    total = reduce_precision(1 + x, info.nexp, info.nmant)
    whole = floored(total, dtype)
    # What the sum has lost counts to first order.
    lost = stop_gradient((x - (total - 1)) / whole)
    return weighted_log(weight, whole) + weight * lost


def log_ratio(x, y):
    """ln(x / y) of positive numbers, to the last place also where they nearly agree."""
    near = magnitude(x - y) < y / 2
    excess = quotient(jnp.where(near, x - y, 0), y)
    nearby = weighted_log1p(jnp.ones_like(y), excess, x.dtype)
    return jnp.where(near, nearby, jnp.log(x) - jnp.log(y))
