"""Winners take all."""

import functools as ft

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from hypothesis import given, strategies as st
from jax.sharding import Mesh, PartitionSpec

from ngcx import activations
from ngcx.testing import floats_for


def largest(x, k):
    """Finds the first k of the largest, in numpy."""
    won = np.zeros(x.shape, bool)
    order = np.argsort(-x, axis=-1, kind="stable")[..., :k]
    np.put_along_axis(won, order, True, axis=-1)
    return won


@ft.partial(jax.jit, static_argnums=1)
def winners(x, k):
    rows, columns = activations.KWTA(k), activations.KWTA(k, axis=0)
    return activations.BinaryKWTA(k)(x), rows(x), columns(x.T)


@given(data=st.data(), k=st.sampled_from([1, 2, 7, 12]))
def test_exactly_k_win_and_the_first_among_equals(dtype, data, k):
    # Few different values, so that ties are frequent.
    few = data.draw(st.lists(floats_for(dtype), min_size=1, max_size=4))
    few += data.draw(st.sampled_from([[], [-np.inf], [np.inf], [-np.inf, np.inf]]))
    x = data.draw(st.lists(st.sampled_from(few), min_size=36, max_size=36))
    x = np.reshape(np.asarray(x, np.float64), (3, 12))
    won = largest(x, k)
    binary, rows, columns = (
        np.asarray(each, np.float64) for each in winners(jnp.asarray(x, dtype), k)
    )
    np.testing.assert_array_equal(binary, won)
    np.testing.assert_array_equal(rows, np.where(won, x, 0))
    np.testing.assert_array_equal(columns, np.where(won, x, 0).T)


def test_local_winners():
    x = jnp.array([[5.0, 6, 7, 1, 2, 3]])
    groups = jnp.array([[1, 1, 1, 0, 0, 0], [0, 0, 0, 1, 1, 1]], bool)
    for k, expected in [(1, [0, 0, 7, 0, 0, 3]), (2, [0, 6, 7, 0, 2, 3])]:
        np.testing.assert_array_equal(activations.KWTA(k, groups=groups)(x), [expected])
    everyone = activations.KWTA(4, groups=groups)
    np.testing.assert_array_equal(everyone(x), x)
    np.testing.assert_array_equal(everyone.derivative(x), jnp.ones_like(x))
    some = activations.KWTA(1, groups=groups[:1])
    np.testing.assert_array_equal(some(-x), [[-5, 0, 0, 0, 0, 0]])
    np.testing.assert_array_equal(some(x[0]), [0, 0, 7, 0, 0, 0])
    columns = activations.KWTA(1, axis=0, groups=groups)
    np.testing.assert_array_equal(columns(x.T).T, activations.KWTA(1, groups=groups)(x))


def test_masked_entries_lose():
    x = jnp.array([1.0, -jnp.inf, 3.0, 2.0])
    np.testing.assert_array_equal(activations.BinaryKWTA(2)(x), [0, 0, 1, 1])


def test_groups_under_shard_map():
    x = jr.normal(jr.key(0), (8, 6))
    groups = jnp.array([[1, 1, 1, 0, 0, 0], [0, 0, 1, 1, 0, 0]], bool)
    winners = activations.KWTA(1, groups=groups)
    mesh, spec = Mesh(jax.devices(), "batch"), PartitionSpec("batch")
    mapped = jax.shard_map(winners, mesh=mesh, in_specs=spec, out_specs=spec)
    np.testing.assert_array_equal(mapped(x), winners(x))
