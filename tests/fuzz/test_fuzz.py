"""The fuzz finds the faults that are put before it, and no others.

`nox -s fuzz` lets it loose on all of ngcx.
"""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.core import Tracer

from ngcx.analysis import TrainingResult

from ..robustness._entries import Array, Entry
from ._errors import difference
from ._known import scale_of
from ._rounds import run_epochs
from ._run import visit
from ._targets import Target, targets


def is_right(x):
    if not isinstance(x, jax.Array | np.ndarray) or x.dtype not in _FLOATS:
        raise TypeError(f"`x` must be a floating-point array; got a {type(x)}.")
    return jnp.sin(x)


_FLOATS = [jnp.float16, jnp.bfloat16, jnp.float32, jnp.float64]


def rounds_otherwise_in_jit(x):
    """Differences that are cut off at 0, of which rounding errors may be left."""
    y = is_right(x)
    if x.ndim < 2:
        return y
    error = (2 if isinstance(x, Tracer) else -2) * float(jnp.finfo(x.dtype).eps)
    return jnp.maximum(y * (1 + error) - jnp.roll(y, 1, -1), 0)


def gives_nan(x):
    return is_right(x) / jnp.sin(x)


def changes_the_dtype(x):
    return is_right(x).astype(jnp.float32)


def differs_in_jit(x):
    return is_right(x) + (1.0 if isinstance(x, Tracer) else 0.0)


def cannot_be_traced(x):
    return is_right(x) if jnp.all(is_right(x) < 2) else x


def names_nothing(x):
    try:
        return is_right(x)
    except TypeError:
        raise TypeError("An array is needed.") from None


def fails_in_jax(x):
    return jnp.negative(x) if isinstance(x, str | None) else is_right(x)  # pyright: ignore


def writes(x):
    result = is_right(x)
    if isinstance(x, np.ndarray):
        x += 1
    return result


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("function", "invariants"),
    [
        (is_right, set()),
        (rounds_otherwise_in_jit, set()),
        (gives_nan, {"NaN"}),
        (changes_the_dtype, {"dtype"}),
        (differs_in_jit, {"jit", "vmap", "shard_map"}),
        (cannot_be_traced, {"jit", "vmap", "shard_map"}),
        (names_nothing, {"error"}),
        (fails_in_jax, {"error"}),
        (writes, {"input"}),
    ],
)
def test_a_fault_is_found_and_said(function, invariants):
    target = Target(function.__name__, Entry(function, {"x": Array("*shape")}))
    # One visit tries few of all dtypes, shapes and transforms.
    outcomes = (each for n in range(1, 6) for each in visit(target, 0, n, set()))
    if not invariants:
        outcomes = itertools.islice(outcomes, 2)
    fault, text = next(((f, text) for f, text, _ in outcomes if f), (None, ""))
    assert (fault.invariant in invariants) if fault else not invariants
    assert not fault or f"{function.__name__}(x=" in text


def test_of_a_training_the_epochs_that_were_run_are_looked_at():
    loss, none = jnp.array([1.0, jnp.nan, jnp.nan]), jnp.array(0)
    result = TrainingResult(loss, None, jnp.array(2), none, jnp.array(True))
    cut, other = run_epochs((result, loss))
    np.testing.assert_array_equal(cut.loss, loss[:2])
    np.testing.assert_array_equal(other, loss)


def test_what_is_left_of_a_difference_is_rounded_at_the_scale_of_its_terms():
    zero, little, much = ([np.array(x)] for x in (0.0, 1e-17, 1e-13))
    scale = scale_of("metrics.adjusted_mutual_information", {})
    assert not difference(little, zero, scale=scale)
    assert difference(much, zero, scale=scale)
    scale = scale_of(
        "filters.difference_of_gaussians", {"images": np.array([1.0, -1e3])}
    )
    assert scale == 1e3
    empty = {"images": np.zeros((0, 5, 6))}
    assert scale_of("filters.difference_of_gaussians", empty) == 0
    assert difference(little, zero, scale=scale_of("metrics.mean_squared_error", {}))


def test_every_public_callable_is_called():
    assert targets()[1] == []
