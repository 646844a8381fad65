"""What is wrong with an error, or with a result."""

import os
import re
import traceback

import jax
import jax.numpy as jnp
import numpy as np

from ngcx.testing import tolerance


def trouble(error: Exception, blamed: set[str]) -> str:
    """Why an error is none as errors of ngcx should be, if it is not."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [each for each in frames if "site-packages" not in each.filename]
    # A function that is an argument may fail, and so may a file.
    if "subpackages" in own[-1].filename or isinstance(error, OSError):
        return ""
    ours = type(error) in (ValueError, TypeError, ImportError)
    if not ours or frames[-1] != own[-1]:
        place = f"{os.path.basename(frames[-1].filename)}:{frames[-1].lineno}"
        return f"from {place}: {brief(error)}"
    if len(str(error).splitlines()) > 3:
        return f"more than three lines: {brief(error)}"
    # A message may begin with the number of a layer.
    if not any(re.search(rf"(`|^){re.escape(name)}\b", str(error)) for name in blamed):
        return f"names none of {sorted(blamed)}: {brief(error)}"
    return ""


def brief(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".replace("\n", " | ")[:300]


def is_floating(x) -> bool:
    return jnp.issubdtype(getattr(x, "dtype", x), jnp.floating)


def as_numbers(x) -> np.ndarray:
    return np.asarray(x).astype(complex if x.dtype.kind == "c" else float)


def distance(x, y) -> np.ndarray:
    """How far numbers are apart; equal ones, or NaN beside NaN, are not."""
    x, y = as_numbers(x), as_numbers(y)
    with np.errstate(all="ignore"):
        apart = np.nan_to_num(np.abs(x - y), nan=np.inf)
    return np.where((x == y) | (np.isnan(x) & np.isnan(y)), 0.0, apart)


def difference(actual, expected, moved=None, scale: float = 0.0) -> str:
    """How results differ by more than rounding; `moved` is how far rounding errors of
    the input may move them, and `scale` is that of the terms they are differences of.
    """
    for i, (x, y) in enumerate(zip(actual, expected, strict=True)):
        if x.shape != y.shape or x.dtype != y.dtype:
            return f"{x.dtype}{list(x.shape)}, eagerly {y.dtype}{list(y.shape)}"
        limits = tolerance(y.dtype, 64) if is_floating(y) else {"rtol": 0, "atol": 0}
        with np.errstate(all="ignore"):
            sizes = np.maximum(np.abs(as_numbers(y)), scale)
            allowed = limits["rtol"] * sizes + limits["atol"]
            wrong = distance(x, y) > allowed + (moved[i] if moved else 0)
        if wrong.any():
            at = tuple(np.argwhere(wrong)[0])
            return f"{as_numbers(x)[at]!r}, eagerly {as_numbers(y)[at]!r} at {at}"
    return ""


def nudged(x, rng: np.random.Generator, ulps: int):
    """Numbers that are off by up to so many units in the last place."""
    if not is_floating(x):
        return x
    steps = float(jnp.finfo(x.dtype).eps) * rng.integers(-ulps, ulps + 1, x.shape)
    with np.errstate(over="ignore"):
        moved = jnp.asarray((as_numbers(x) * (1 + steps)).astype(x.dtype))
    return jnp.where(jnp.isfinite(moved), moved, x)


def arrays_of_numpy(tree) -> list[np.ndarray]:
    return [x for x in jax.tree.leaves(tree) if isinstance(x, np.ndarray)]


def holds_floats(tree) -> bool:
    arrays = [x for x in jax.tree.leaves(tree) if hasattr(x, "dtype")]
    return any(map(is_floating, arrays))
