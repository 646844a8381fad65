"""Valid calls, in each of the modes that JAX can be in."""

import collections
import os

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ._entries import Entry
from ._table import TABLE, leaves


pytestmark = pytest.mark.in_turn(4)


ALL = os.environ.get("HYPOTHESIS_PROFILE") == "thorough"


def sample(entries: dict[str, Entry], every: int) -> dict[str, Entry]:
    """The first of each subpackage, and every so many of the others; or all of them."""
    counts, chosen = collections.Counter(), {}
    for name, entry in entries.items():
        subpackage = name.split(".")[0]
        if ALL or counts[subpackage] % every == 0:
            chosen[name] = entry
        counts[subpackage] += 1
    return chosen


# Tracing all of them takes minutes, and more in the modes that turn off the caches of
# JAX or its compiler.
TRACEABLE = sample(
    {n: entry for n, entry in TABLE.items() if entry.arrays() and not entry.on_host}, 3
)
FEW = sample(TRACEABLE, 20)
DIFFERENTIABLE = {
    name: entry
    for name, entry in FEW.items()
    if entry.differentiable and entry.floats()
}


def gradient(entry: Entry, arguments):
    """The gradient of the sum of the results, in all floating arrays."""
    floats = {name: arguments[name] for name in entry.floats()}

    def total(floats):
        results = leaves(entry.call(arguments | floats))
        return sum(jnp.sum(x) for x in results if jnp.issubdtype(x.dtype, jnp.floating))

    return jax.grad(total)(floats)


@pytest.mark.parametrize("name", TRACEABLE)
@pytest.mark.parametrize(
    ("dtype", "x64"),
    [("float16", False), ("float32", False), ("float32", True), ("float64", True)],
)
def test_the_dtype_is_kept(name, dtype, x64):
    entry = TRACEABLE[name]
    if dtype == "float16" and not entry.half:
        pytest.skip("parameters stay in float32")
    if "state" in entry.arguments and dtype != "float32":
        pytest.skip("a state has a dtype of its own")
    with jax.enable_x64(x64):
        result = leaves(eqx.filter_eval_shape(entry.call, entry.valid(dtype)))
        has_dtype = entry.floats() or "state" in entry.arguments
        given = has_dtype and not entry.default_dtype
        expected = jnp.dtype(dtype) if given else jnp.result_type(float)
        for leaf in result:
            assert leaf.dtype == expected or not jnp.issubdtype(
                leaf.dtype, jnp.floating
            )


@pytest.mark.parametrize("name", TRACEABLE)
def test_numpy_without_x64_is_float32(name):
    entry = TRACEABLE[name]
    arguments = entry.valid()
    wide = {name: np.asarray(arguments[name], np.float64) for name in entry.floats()}
    expected = jax.eval_shape(lambda: leaves(entry.call(arguments)))
    try:
        result = eqx.filter_jit(lambda wide: leaves(entry.call(arguments | wide)))
        got = eqx.filter_eval_shape(result, wide)
    except TypeError as error:
        assert str(error).startswith("`")
    else:
        assert jax.tree.map(lambda x: x.dtype, got) == jax.tree.map(
            lambda x: x.dtype, expected
        )


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_no_nan_on_the_way(name):
    entry = DIFFERENTIABLE[name]
    # Operation by operation, so that an intermediate NaN is found as well.
    with jax.disable_jit(), jax.debug_nans(True):
        entry.call(entry.valid())
        gradient(entry, entry.valid())


@pytest.mark.parametrize("name", FEW)
def test_no_tracer_leaks(name):
    entry = FEW[name]
    with jax.checking_leaks():
        eqx.filter_eval_shape(entry.call, entry.valid())
        if name in DIFFERENTIABLE:
            eqx.filter_eval_shape(lambda a: gradient(entry, a), entry.valid())


@pytest.mark.parametrize("name", TRACEABLE)
def test_standard_promotion_changes_nothing(name, standard_promotion):
    entry = TRACEABLE[name]
    arguments = entry.valid()
    arrays = {name: arguments[name] for name in entry.arrays()}

    def program(arrays):
        return leaves(entry.call(arguments | arrays))

    standard = jax.make_jaxpr(program)(arrays)
    with (
        jax.numpy_dtype_promotion("strict"),
        jax.numpy_rank_promotion("raise"),
    ):
        strict = jax.make_jaxpr(program)(arrays)
    assert str(standard) == str(strict)


@pytest.mark.parametrize("name", [n for n in TABLE if n.startswith("metrics.")])
def test_what_is_computed_in_float64_is_mapped_over(name):
    """JAX would map over some operations in float32 without x64."""
    entry = TABLE[name]
    arrays = {each: entry.valid()[each] for each in entry.arrays()}
    if entry.on_host or not arrays:
        return

    def run(arrays):
        return leaves(entry.call(entry.valid() | arrays))

    lanes = jax.tree.map(lambda x: jnp.stack([x, x]), arrays)
    jax.jit(jax.vmap(run)).lower(lanes)
