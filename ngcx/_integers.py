"""Integers that JAX would silently take for others."""

from typing import Any

import jax
import numpy as np


# A union of types would be made anew at each call.
_INTEGERS = (int, np.integer, np.ndarray)


def is_beyond_32_bits(value: Any) -> bool:
    """Whether integers of Python or numpy are larger than JAX takes them for."""
    # Every eager call asks this, mostly of modules, of which `isinstance` would take a
    # microsecond.
    if not issubclass(type(value), _INTEGERS):
        return False
    if jax.config.jax_enable_x64:  # pyright: ignore[reportAttributeAccessIssue]
        return False
    if not isinstance(value, int):
        if value.dtype.kind not in "iu" or value.dtype.itemsize < 8 or not value.size:
            return False
        limits = np.iinfo(f"{value.dtype.kind}4")
        return bool(value.min() < limits.min or value.max() > limits.max)
    return not -(2**31) <= value < 2**31


def beyond_32_bits(what: str, value: Any) -> str:
    """What is wrong with such integers."""
    return (
        f"{what} must be of 32 bits, since JAX holds no others; got {np.max(value)}.\n"
        "Labels are numbered anew by `np.unique(labels, return_inverse=True)[1]`; "
        'for others\nthere is `jax.config.update("jax_enable_x64", True)`.'
    )
