import math

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from hypothesis import given, strategies as st

from ngcx import ops
from ngcx.testing import arrays


pytestmark = pytest.mark.in_turn(2)


@given(data=st.data())
def test_statistics_are_those_of_all_entries_together(data, dtype):
    parts = [data.draw(arrays(dtype, shape)) for shape in ((2, 3), (4,), ())]
    floor = 1e-290 if dtype == jnp.float64 else 1e-30
    parts = [jnp.asarray(np.asarray(part) * (np.abs(part) >= floor)) for part in parts]
    pooled = np.concatenate([np.asarray(part, np.float64).ravel() for part in parts])
    pooled = pooled.astype(np.longdouble)
    got = ops.tensor_stats({"a": parts[0], "b": parts[1:]})
    assert got.mean.dtype == (jnp.float64 if dtype == jnp.float64 else jnp.float32)
    error = 16 * float(jnp.finfo(got.mean.dtype).eps) * float(np.abs(pooled).max())
    np.testing.assert_allclose(got.mean, float(pooled.mean()), rtol=0, atol=error)
    np.testing.assert_allclose(got.std, float(pooled.std()), rtol=0, atol=error)
    assert got.magnitude == float(np.abs(pooled).max())
    assert got.minimum == float(pooled.min()) and got.maximum == float(pooled.max())
    assert (got.nan_count, got.inf_count, got.size) == (0, 0, 11)


def test_statistics_of_unlike_dtypes():
    tree = [
        jnp.array([-128, 5], jnp.int8),
        jnp.array([True]),
        jnp.array([2**16], jnp.uint32),
        np.float16(0.5),
        3,
        2.5,
        None,
    ]
    numbers = np.array([-128, 5, 1, 2**16, 0.5, 3, 2.5])
    got = ops.tensor_stats(tree)
    np.testing.assert_allclose(got.mean, numbers.mean(), rtol=1e-6)
    np.testing.assert_allclose(got.std, numbers.std(), rtol=1e-6)
    assert (got.minimum, got.maximum, got.size) == (-128, 2**16, 7)
    assert all(value.shape == () and not value.weak_type for value in got)


@pytest.mark.parametrize("dtype", ["float64"], indirect=True)
def test_integers_are_exact_in_double_precision(dtype):
    assert ops.tensor_stats(jnp.array([2**53 - 1])).maximum == 2**53 - 1
    assert ops.tensor_stats(jnp.ones(1, jnp.float32)).mean.dtype == jnp.float32


@pytest.mark.parametrize(
    "x, mean, std, magnitude",
    [
        (np.full(100_000, 10, np.float16), 10, 0, 10),
        (np.ones(1000, jnp.bfloat16), 1, 0, 1),
        (np.full(1000, 0.1, np.float32), np.float32(0.1), 0, np.float32(0.1)),
        (np.array([-128, 5], np.int8), -61.5, 66.5, 128),
        (np.array([-32768], np.int16), -32768, 0, 32768),
        (np.array([-3e38, 3e38], np.float32), 0, 3e38, 3e38),
        (np.array([1e-37, 3e-37], np.float32), 2e-37, 1e-37, 3e-37),
        (np.array([1e8, 1e8 + 8], np.float32), 1e8 + 4, 4, 1e8 + 8),
        (3.0, 3, 0, 3),
        ([1.0, 2.0], 1.5, 0.5, 2),
    ],
)
def test_statistics_do_not_overflow_or_cancel(x, mean, std, magnitude):
    got = ops.tensor_stats(x)
    np.testing.assert_allclose(got.mean, mean, rtol=1e-6, atol=1e30 * (mean == 0))
    np.testing.assert_allclose(got.std, std, rtol=1e-6)
    np.testing.assert_allclose(got.magnitude, magnitude, rtol=1e-6)


def test_statistics_are_of_the_finite_entries():
    got = ops.tensor_stats(
        [jnp.array([math.nan, 1.0, math.inf]), jnp.array(-math.inf), 3]
    )
    assert got.mean == 2 and got.std == 1 and got.magnitude == 3
    assert (got.minimum, got.maximum) == (1, 3)
    assert (got.nan_count, got.inf_count, got.size) == (1, 2, 5)
    nothing = ops.tensor_stats(jnp.array([math.nan, math.inf]))
    assert all(np.isnan(value) for value in nothing[:5])
    assert (nothing.nan_count, nothing.inf_count, nothing.size) == (1, 1, 2)


def test_statistics_of_a_model_within_a_program():
    model = eqx.nn.MLP(3, 2, 4, 2, key=jr.key(0))
    arrays = eqx.filter(model, eqx.is_array)
    flat = np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(arrays)])
    for function in (ops.tensor_stats, jax.jit(ops.tensor_stats)):
        got = function(arrays)
        np.testing.assert_allclose(got.mean, flat.mean(), rtol=1e-5)
        np.testing.assert_allclose(got.std, flat.std(), rtol=1e-5)
        assert got.size == flat.size
    with pytest.raises(TypeError, match=r"`tree\.activation` must be an array of real"):
        ops.tensor_stats(model)


def test_gradients_of_statistics():
    x = jnp.array([1.0, 3.0, 3e38])
    gradient = jax.jit(jax.grad(lambda x: ops.tensor_stats(x).mean))(x)
    np.testing.assert_allclose(gradient, [1 / 3] * 3, rtol=1e-6)
    of_std = jax.jit(jax.grad(lambda x: ops.tensor_stats(x).std))
    gradient = of_std(jnp.array([1.0, 5.0]))
    np.testing.assert_allclose(gradient, [-0.5, 0.5], rtol=1e-6)
    np.testing.assert_array_equal(of_std(jnp.ones(2)), np.zeros(2))


@pytest.mark.parametrize("tree", [(), {}, None, jnp.zeros((0, 3)), [jnp.zeros(0)]])
def test_nothing_has_no_statistics(tree):
    with pytest.raises(ValueError, match="`tree` must hold at least one number"):
        ops.tensor_stats(tree)


@pytest.mark.parametrize("leaf", ["text", jnp.tanh, 1j, np.ones(1, complex), object()])
def test_what_is_not_a_real_number_is_an_error(leaf):
    with pytest.raises(TypeError, match=r"`tree\['a'\]\[1\]` must be an array of real"):
        ops.tensor_stats({"a": [1.0, leaf]})
    with pytest.raises(TypeError, match="`tree` must be an array of real"):
        ops.tensor_stats(jr.key(0))
