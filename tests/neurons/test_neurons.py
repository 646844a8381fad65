import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from hypothesis import given, strategies as st

from ngcx.neurons import LIF, LeakyIntegrator, LIFState, decay_factor
from ngcx.surrogate import StraightThrough
from ngcx.testing import tolerance


def simulate(currents, decay, threshold, reset):
    """The equations of the docstring, in float64."""
    v, spikes = np.zeros(currents.shape[1:]), []
    for current in np.asarray(currents, np.float64):
        v = decay * v + current
        spike = np.float64(v > threshold)
        spikes.append(spike)
        v = {"soft": v - threshold * spike, "hard": v * (1 - spike), "none": v}[reset]
    return v, np.stack(spikes)


@pytest.mark.parametrize("reset", ["soft", "hard", "none"])
@given(seed=st.integers(0, 1000), decay=st.sampled_from([0.0, 0.5, 0.9, 1.0]))
def test_lif_follows_its_equations(reset, seed, decay):
    # Multiples of 1/8 keep sums exact for these decays, but for 0.9.
    currents = jnp.round(jr.normal(jr.key(seed), (20, 3)) * 8) / 8
    if decay == 0.9:
        currents = currents + 0.0123
    state, spikes = LIF(jnp.array(decay), reset=reset).run(currents)
    v, expected = simulate(currents, float(np.float32(decay)), 1.0, reset)
    np.testing.assert_array_equal(spikes, expected)
    np.testing.assert_allclose(state.v, v, rtol=1e-5, atol=1e-5)


def test_leaky_integrator_follows_its_equation():
    state, out = LeakyIntegrator(0.5).run(jnp.array([[1.0], [0.0], [2.0]]))
    np.testing.assert_array_equal(out, [[1], [0.5], [2.25]])
    np.testing.assert_array_equal(state.v, [2.25])


@pytest.mark.parametrize(
    "cell", [LIF(), LeakyIntegrator()], ids=lambda c: type(c).__name__
)
def test_run_is_the_loop_of_steps_in_every_dtype(cell, dtype):
    currents = jr.normal(jr.key(1), (12, 4)).astype(dtype)
    state, outs = cell.init((4,), dtype), []
    for current in currents:
        state, out = cell(state, current)
        outs.append(out)
    final, together = cell.run(currents)
    assert together.dtype == final.v.dtype == dtype
    for got, expected in ((together, jnp.stack(outs)), (final.v, state.v)):
        got, expected = np.asarray(got, np.float64), np.asarray(expected, np.float64)
        np.testing.assert_allclose(got, expected, **tolerance(dtype))


def test_run_goes_on_where_it_stopped():
    currents = jr.normal(jr.key(2), (10, 3))
    state, first = LIF().run(currents[:6])
    _, second = LIF().run(currents[6:], state)
    np.testing.assert_array_equal(
        LIF().run(currents)[1], jnp.concatenate([first, second])
    )


def test_arrays_are_learnt_and_numbers_are_not():
    currents = jr.normal(jr.key(3), (10, 3))

    def activity(cell):
        return jnp.sum(cell.run(currents)[1])

    gradient = eqx.filter_grad(activity)(LIF(jnp.full(3, 0.9), jnp.array(1.0)))
    assert gradient.decay.shape == (3,) and np.all(gradient.decay != 0)
    assert gradient.threshold != 0
    assert eqx.filter_grad(activity)(LIF(jnp.array(0.9))).threshold is None


def test_a_detached_reset_is_invisible_to_the_gradient():
    currents = jnp.full((2, 1), 1.5)

    def last_potential(currents, detach):
        cell = LIF(1.0, surrogate=StraightThrough(), detach_reset=detach)
        return cell.run(currents)[0].v[0]

    detached = jax.grad(last_potential)(currents, True)
    attached = jax.grad(last_potential)(currents, False)
    np.testing.assert_array_equal(detached, [[1], [1]])
    np.testing.assert_array_equal(attached, [[0], [0]])


def test_under_vmap_over_populations():
    currents = jr.normal(jr.key(4), (5, 10, 3))
    decays = jnp.linspace(0.5, 0.9, 5)
    together = jax.vmap(lambda decay, current: LIF(decay).run(current)[1])(
        decays, currents
    )
    for decay, current, spikes in zip(decays, currents, together, strict=True):
        np.testing.assert_array_equal(spikes, LIF(decay).run(current)[1])


def test_decay_factor():
    np.testing.assert_allclose(decay_factor(20.0, dt=2.0), np.exp(-0.1))
    with pytest.raises(ValueError, match="`time_constant` must be positive; got 0"):
        decay_factor(0)


def test_wrong_arguments_are_errors():
    with pytest.raises(ValueError, match="`decay` must be from 0 to 1; got 1.5"):
        LIF(1.5)
    with pytest.raises(TypeError, match="'reset'"):
        LIF(reset="medium")  # pyright: ignore[reportArgumentType]
    with pytest.raises(TypeError, match="'current'"):
        LIF()(LIFState(jnp.zeros(3)), jnp.arange(3))
    with pytest.raises(TypeError, match="'currents'"):
        LIF().run(jnp.ones(()))
