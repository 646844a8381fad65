"""What surrogates compile to, and what JAX may do with them."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from ngcx import surrogate


def test_a_number_is_a_constant_and_an_array_is_a_parameter():
    def total(member):
        return jnp.sum(member(jnp.linspace(-1, 2, 4)))

    gradient = eqx.filter_grad(total)(surrogate.Arctan(jnp.array(2.0)))
    assert gradient.alpha != 0
    assert gradient.gain is None


def test_constants_cost_nothing():
    program = str(jax.make_jaxpr(jax.grad(surrogate.Arctan()))(1.0))
    assert "atan2" not in program  # only the gradient of alpha needs the primitive


def test_a_new_array_value_does_not_recompile():
    @eqx.filter_jit
    @eqx.debug.assert_max_traces(max_traces=1)
    def call(member, v):
        return member(v)

    for alpha in (1.0, 2.0, 3.0):
        call(surrogate.Arctan(jnp.array(alpha)), jnp.arange(3.0))


def test_a_compiled_function_takes_modules_of_numbers():
    v = jnp.linspace(-1, 1, 5)
    for member in (surrogate.Arctan(), surrogate.SquareWaveFourierSeries(n=3)):
        got = jax.jit(lambda member, v: member.derivative(v))(member, v)
        np.testing.assert_allclose(got, member.derivative(v), rtol=1e-6)


def test_under_shard_map():
    v, alpha = jr.normal(jr.key(0), (8, 4)), jnp.array(3.0)
    mesh, spec = Mesh(jax.devices(), "batch"), PartitionSpec("batch")

    def slopes(alpha, v):
        member = surrogate.Arctan(alpha)
        return jax.grad(lambda v: jnp.sum(member(v, 0.5)))(v)

    mapped = jax.shard_map(
        slopes, mesh=mesh, in_specs=(PartitionSpec(), spec), out_specs=spec
    )
    np.testing.assert_allclose(jax.jit(mapped)(alpha, v), slopes(alpha, v), rtol=1e-6)

    def total(alpha):
        spikes = jax.shard_map(
            lambda alpha, v: surrogate.Arctan(alpha)(v),
            mesh=mesh,
            in_specs=(PartitionSpec(), spec),
            out_specs=spec,
        )(alpha, v)
        return jnp.sum(spikes)

    expected = jax.grad(lambda alpha: jnp.sum(surrogate.Arctan(alpha)(v)))(alpha)
    np.testing.assert_allclose(jax.grad(total)(alpha), expected, rtol=1e-5)


def test_through_scan_remat_and_sharding():
    v = jr.normal(jr.key(0), (8, 4))
    member = surrogate.Arctan()

    @jax.checkpoint
    def step(carry, v):
        spikes = member(v + carry)
        return carry + spikes, spikes

    def total(v):
        return jnp.sum(jax.lax.scan(step, jnp.zeros(4), v)[1])

    mesh = Mesh(jax.devices()[:4], "neurons")
    sharding = NamedSharding(mesh, PartitionSpec(None, "neurons"))
    here, there = jax.grad(total)(v), jax.grad(total)(jax.device_put(v, sharding))
    np.testing.assert_allclose(here, there, rtol=1e-6)
    assert np.all(np.isfinite(here)) and np.any(np.asarray(here) != 0)
