import math

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from hypothesis import given
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from ngcx import surrogate
from ngcx.testing import arrays, check_module, surrogates, tolerance


MEMBERS = [
    surrogate.StraightThrough(),
    surrogate.Arctan(),
    surrogate.Arctan(jnp.array(5.0)),
]


@pytest.mark.parametrize("member", MEMBERS, ids=lambda s: type(s).__name__)
def test_composes_with_every_transformation(member):
    with jax.enable_x64(True):  # for float64 too
        check_module(member)


@given(v=arrays("float32"), threshold=arrays("float32"), member=surrogates())
def test_spikes_above_the_threshold(v, threshold, member):
    spikes = member(v, threshold)
    assert spikes.dtype == v.dtype
    # XLA takes subnormal numbers for 0.
    v, threshold = (np.where(np.abs(a) < 2.0**-126, 0, a) for a in (v, threshold))
    np.testing.assert_array_equal(spikes, v > threshold)


def test_no_spike_at_the_threshold(dtype):
    v = jnp.array([-0.0, 0.0, 1.0], dtype)
    np.testing.assert_array_equal(surrogate.Arctan()(v), [0, 0, 1])
    np.testing.assert_array_equal(surrogate.Arctan()(v, 1.0), [0, 0, 0])


@given(v=arrays("float32"), member=surrogates())
def test_gradients_are_those_of_the_primitive(v, member):
    v = v.clip(-1e4, 1e4)
    threshold = jnp.asarray(0.25)

    def gradients(emit):
        return eqx.filter_grad(lambda args: jnp.sum(emit(*args)))(
            (member, v, threshold)
        )

    spikes = gradients(lambda member, v, threshold: member(v, threshold))
    smooth = gradients(lambda member, v, threshold: member.primitive(v - threshold))
    for got, expected in zip(*map(jax.tree.leaves, (spikes, smooth)), strict=True):
        np.testing.assert_allclose(got, expected, **tolerance("float32"))


def test_a_learnable_slope_receives_its_gradient():
    v, alpha = jnp.linspace(-2, 2, 9), jnp.array(3.0)
    gradient = jax.vmap(
        lambda v: jax.grad(lambda alpha: surrogate.Arctan(alpha, 1.0)(v))(alpha)
    )(v)
    with jax.enable_x64(True):

        def primitive(alpha):
            u = math.pi * alpha * np.asarray(v, np.float64) / 2
            return 2 / (math.pi * alpha) * (math.pi / 2 + np.arctan(u))

        expected = (primitive(3 + 1e-6) - primitive(3 - 1e-6)) / 2e-6
    np.testing.assert_allclose(gradient, expected, rtol=1e-4, atol=1e-6)


def test_defaults_are_those_of_the_reference():
    x = np.array([0.0, 0.25, 1.0, -1.0])
    expected = (1 / math.pi) / (1 + (math.pi * x) ** 2)
    np.testing.assert_allclose(
        surrogate.Arctan().derivative(jnp.asarray(x, jnp.float32)), expected, rtol=1e-6
    )


def test_gain_scales_both():
    x = jnp.linspace(-1, 1, 5)
    one, two = surrogate.Arctan(gain=1.0), surrogate.Arctan(gain=2.0)
    np.testing.assert_allclose(2 * one.derivative(x), two.derivative(x), rtol=1e-6)
    np.testing.assert_allclose(2 * one.primitive(x), two.primitive(x), rtol=1e-6)


def test_gain_of_half_alpha_gives_area_one():
    member = surrogate.Arctan(alpha=3.0, gain=1.5)
    ends = member.primitive(jnp.array([-1e6, 1e6]))
    np.testing.assert_allclose(ends, [0, 1], atol=1e-6)


def test_a_number_is_a_constant_and_an_array_is_a_parameter():
    def total(member):
        return jnp.sum(member(jnp.linspace(-1, 1, 4)))

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


def test_wrong_arguments_are_errors():
    with pytest.raises(ValueError, match="`alpha` must be positive; got 0"):
        surrogate.Arctan(alpha=0.0)
    with pytest.raises(TypeError, match="'threshold'"):
        surrogate.Arctan()(jnp.ones(3), jnp.ones(2))
    with pytest.raises(TypeError, match="'v'"):
        surrogate.Arctan()(jnp.arange(3))


@pytest.mark.parametrize("name", ["arctan", "straight_through"])
def test_create(name):
    assert isinstance(surrogate.create(name, gain=2.0), surrogate.AbstractSurrogate)


def test_create_refuses_an_unknown_name():
    with pytest.raises(ValueError, match="got 'actan'. Did you mean 'arctan'?"):
        surrogate.create("actan")
