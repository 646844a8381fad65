import functools as ft
import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from .._typing import Count, Positive, Scalar
from ._base import AbstractLibrary


class FourierLibrary(AbstractLibrary):
    r"""Sines and cosines of each variable, $\sin(2 \pi k x / P)$ and
    $\cos(2 \pi k x / P)$ for $k = 1, \dots, n$.

    The columns come frequency by frequency: all sines, then all cosines. They are
    accurate however many periods lie between $x$ and 0. `library(x)` has them along the
    last axis; `library.names(["x", "y"])` returns their names, in which the factor
    counts the periods.

    **Arguments:**

    - `num_frequencies`: $n$.
    - `period`: $P$, the period of the lowest frequency. A Python number counts with all
        of its digits, whatever the dtype of the variables is, and `2 * math.pi` means
        $2 \pi$ exactly, so that the columns are $\sin(k x)$ and $\cos(k x)$. An array
        may be trained, and is then not checked.

    !!! example

        ```python
        >>> from ngcx.feature_dictionaries import FourierLibrary
        >>> FourierLibrary(num_frequencies=1, period=1.0).names(["x", "y"])
        ('sin(1 x)', 'sin(1 y)', 'cos(1 x)', 'cos(1 y)')

        ```
    """

    num_frequencies: Count = eqx.field(static=True)
    period: Positive[Scalar] = 2 * math.pi

    def _columns(self, x):
        period, turns = self.period, _turns_of_array
        if isinstance(period, float | int):
            turns = ft.partial(_turns_of_number, float(period))
        period = jnp.asarray(period, x.dtype)
        columns = _waves(turns, self.num_frequencies, x, period)
        return columns.reshape(*x.shape[:-1], 2 * self.num_frequencies * x.shape[-1])

    def _names(self, variables):
        for k in range(1, self.num_frequencies + 1):
            for function in ("sin", "cos"):
                yield from (f"{function}({k} {variable})" for variable in variables)


@ft.partial(jax.custom_jvp, nondiff_argnums=(0, 1))
def _waves(turns, count: int, x, period):
    """Sines and cosines of 1 to `count` times `x`, as (..., count, 2, variables)."""
    coarse, fine = (part[..., None, :] for part in turns(x, period))
    k = _frequencies(count, coarse)
    # The coarse part has half of the digits only, so that a multiple of it is exact,
    # and so is what is left of that without whole turns and quarters of turns.
    coarse = k * coarse
    coarse = coarse - jnp.round(coarse)
    quarters = jnp.round(4 * coarse)
    angle = 2 * math.pi * (coarse - quarters / 4 + k * fine)
    sine, cosine = jnp.sin(angle), jnp.cos(angle)
    # These are the cosine and the sine of -2 to 2 quarters.
    c, s = 1 - jnp.abs(quarters), quarters * (2 - jnp.abs(quarters))
    return jnp.stack([c * sine + s * cosine, c * cosine - s * sine], axis=-2)


@_waves.defjvp
def _waves_jvp(turns, count: int, primals, tangents):
    (x, period), (dx, dperiod) = primals, tangents
    waves = _waves(turns, count, x, period)
    # An infinite number of turns, times a tangent of 0, would be NaN.
    largest = jnp.finfo(x.dtype).max
    change = (dx - jnp.clip(x / period, -largest, largest) * dperiod) / period
    sine, cosine = waves[..., 0, :], waves[..., 1, :]
    k = _frequencies(count, sine)
    rate = 2 * math.pi * k * change[..., None, :]
    return waves, jnp.stack([cosine * rate, -sine * rate], axis=-2)


def _frequencies(count: int, like):
    """1 to `count` along the last axis but one of an array like this."""
    shape = (1,) * (like.ndim - 2) + (count, 1)
    return jnp.arange(1, count + 1, dtype=like.dtype).reshape(shape)


# How many turns x is, without the whole ones: a coarse part, which is a multiple of
# 2^-_half(dtype), and the fine rest of it.


def _half(dtype) -> int:
    """Numbers with so many digits have exact products."""
    return (jnp.finfo(dtype).nmant + 1) // 2


def _turns_of_array(x, period):
    scale = 2.0 ** _half(x.dtype)
    rest = lax.rem(x, period)
    coarse = jnp.round(rest / period * scale) / scale
    # The halves of the period have exact products with the coarse part.
    info = jnp.finfo(x.dtype)
    upper = lax.reduce_precision(period, info.nexp, _half(x.dtype) - 1)
    fine = (rest - coarse * upper - coarse * (period - upper)) / period
    return coarse, fine


def _turns_of_number(number: float, x, period):
    # If x is m 2^e and m is an integer, then m times the row of the table for e is what
    # x is in turns, but for whole ones (Payne and Hanek, 1983). The products are exact,
    # because each half of m and each part of a row have half of the digits.
    half = _half(x.dtype)
    digits = jnp.finfo(x.dtype).nmant + 1 - half
    mantissa, exponent = jnp.frexp(x)
    upper = jnp.trunc(jnp.ldexp(mantissa, digits))
    lower = jnp.ldexp(jnp.ldexp(mantissa, digits) - upper, digits)
    exponents = jnp.stack([exponent - digits, exponent - 2 * digits], axis=-1)
    table, lowest = _table(number, x.dtype)
    parts = jnp.asarray(table)[exponents - lowest]
    parts = parts * jnp.stack([upper, lower], axis=-1)[..., None]
    parts = parts - jnp.round(parts)
    scale = 2.0**half
    coarse = jnp.round(parts * scale) / scale
    fine = jnp.sum(parts - coarse, axis=(-1, -2))
    coarse = jnp.sum(coarse, axis=(-1, -2))
    # The parts of the smallest numbers would vanish. There the quotient will do, as all
    # of it is fine.
    fine = jnp.where(jnp.abs(x) * (4 * scale) < period, x / period, fine)
    # The difference is 0, or NaN where x is infinite or NaN.
    return coarse + (x - x), fine


@ft.cache
def _table(period: float, dtype) -> tuple[np.ndarray, int]:
    """What powers of 2 are in turns, without the whole ones, each as a sum of parts of
    few digits, and the lowest of the exponents.
    """
    info, half = jnp.finfo(dtype), _half(dtype)
    lowest, highest = info.minexp - 3 * info.nmant - 3, info.maxexp
    # One turn is 2^bits, so that everything is an integer.
    bits = 2 * (1100 - lowest)
    numerator, denominator = period.as_integer_ratio()
    inverse = (denominator << bits) // numerator
    if period == 2 * math.pi:
        inverse = (1 << 2 * bits) // (2 * _pi(bits))
    rows = []
    for exponent in range(lowest, highest + 1):
        rest = inverse << exponent if exponent >= 0 else inverse >> -exponent
        rest -= (rest + (1 << bits - 1) >> bits) << bits
        row = []
        for _ in range(6):
            surplus = max(rest.bit_length() - half, 0)
            digits = rest >> surplus
            row.append(math.ldexp(digits, surplus - bits))
            rest -= digits << surplus
        rows.append(row)
    return np.array(rows, dtype), lowest


def _pi(bits: int) -> int:
    """Pi times 2^bits, by the formula of Machin (1706)."""

    def arctan_of_inverse(x: int) -> int:
        term = total = (1 << bits + 32) // x
        n = 1
        while term:
            term //= -x * x
            n += 2
            total += term // n
        return total

    return 4 * (4 * arctan_of_inverse(5) - arctan_of_inverse(239)) >> 32
