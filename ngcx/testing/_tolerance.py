from typing import TypedDict

import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike

from .._numerics import wide_dtype


class Tolerance(TypedDict):
    """Keyword arguments of `numpy.testing.assert_allclose`."""

    rtol: float
    atol: float


def tolerance(dtype: DTypeLike, ulps: float | int = 16) -> Tolerance:
    """The relative and absolute tolerance for `numpy.testing.assert_allclose`.

    **Arguments:**

    - `dtype`: a floating-point dtype.
    - `ulps`: the error allowed, in units in the last place.

    **Returns:** a dictionary. `rtol` is `ulps` times `eps`. `atol` is `ulps` times the
    smallest subnormal number, or 64 times the smallest normal number of float32 (of
    float64 for float64), because XLA flushes smaller numbers to 0, and a factor may
    follow.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> import numpy as np
        >>> from ngcx.testing import tolerance
        >>> x = jnp.float16(1.0)
        >>> np.testing.assert_allclose(x + x / 2000, 1.0, **tolerance("float16"))

        ```
    """
    info = jnp.finfo(dtype)
    flushed = jnp.finfo(wide_dtype(dtype)).tiny
    smallest = max(64 * float(flushed), float(info.smallest_subnormal))
    return Tolerance(rtol=ulps * float(info.eps), atol=ulps * smallest)


def check_close(
    name: str, actual, expected, slack, dtype, x, ulps: float | int
) -> None:
    """Raises an `AssertionError` that shows the first entry that differs, and its `x`.

    The error allowed is relative to `|expected| + slack`; `slack` is how far the result
    moves when `x` moves by its own magnitude, so that a rounding error of the input
    counts no more than one of the result. `actual` has the shape of `x`, with further
    axes where it is a Jacobian.
    """
    actual, expected = np.asarray(actual, float), np.asarray(expected, float)
    limits = tolerance(dtype, ulps)
    largest = float(jnp.finfo(dtype).max)
    with np.errstate(over="ignore", invalid="ignore"):
        allowed = limits["rtol"] * (np.abs(expected) + slack) + limits["atol"]
        close = np.abs(actual - expected) <= allowed
        # Beyond the largest number of the dtype, infinity is the right answer.
        beyond = np.abs(expected) + allowed > largest
        close |= (
            beyond
            & (np.sign(actual) == np.sign(expected))
            & ~(np.abs(actual) + allowed < largest)
        )
    wrong = np.argwhere(~close)
    if len(wrong):
        at = tuple(wrong[0])
        raise AssertionError(
            f"{name} at x = {float(x[at[: x.ndim]])!r} ({jnp.dtype(dtype).name}): got "
            f"{actual[at]!r}, expected {expected[at]!r}. {len(wrong)} of {close.size} "
            "entries differ."
        )
