"""The options of the leaky cells: what each costs, and what they mean to each other."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from ngcx.neurons import (
    LIF,
    AdaptiveLIF,
    HardReset,
    LeakyIntegrator,
    NoReset,
    SoftReset,
    SynapticLIF,
    TimeConstant,
)


CURRENTS = 2 * jr.normal(jr.key(0), (40, 5))
# Their sums are exact where the decay is a half, since there are no more than 20.
EXACT = jnp.round(CURRENTS * 4)[:20] / 4


@pytest.mark.parametrize(
    ("cell", "operations"),
    [(LIF(), 26), (AdaptiveLIF(), 59), (SynapticLIF(), 34), (LeakyIntegrator(), 11)],
    ids=lambda value: type(value).__name__,
)
def test_options_that_nobody_asked_for_cost_nothing(cell, operations):
    step = jax.jit(cell).lower(cell.init((3,)), jnp.ones(3)).compile()
    assert (step.as_text() or "").count(" = ") <= operations


@pytest.mark.parametrize(
    "option",
    [
        {"v_rest": jnp.array(0.0)},
        {"reset": SoftReset(by=1.0)},
        {"reset": SoftReset(by=jnp.ones(5))},
    ],
    ids=["v_rest", "by", "by each"],
)
def test_options_with_the_values_of_the_defaults_change_nothing(option):
    expected, same = LIF(0.5).run(EXACT), LIF(0.5, **option).run(EXACT)
    jax.tree.map(np.testing.assert_array_equal, same, expected)


@pytest.mark.parametrize("reset", [SoftReset(), HardReset(), NoReset()])
def test_a_potential_of_rest_shifts_everything(reset):
    moved = HardReset(to=2.0) if isinstance(reset, HardReset) else reset
    if isinstance(reset, SoftReset):
        moved = SoftReset(by=1.0)
    state, spikes = LIF(0.5, reset=reset).run(EXACT)
    high, same = LIF(0.5, 3.0, reset=moved, v_rest=2.0).run(EXACT)
    np.testing.assert_array_equal(same, spikes)
    np.testing.assert_array_equal(high.v, state.v + 2)


def test_a_scaled_input_takes_the_potential_to_it_whatever_the_step():
    for dt in (0.1, 1.0, 5.0):
        for euler in (False, True):
            decay = TimeConstant(10.0, dt, euler)
            cell = LeakyIntegrator(decay, v_rest=-1.0, scale_input=True)
            _, v = cell.run(jnp.full((int(200 / dt), 1), 3.0))
            np.testing.assert_allclose(v[-1], 2.0, rtol=1e-5)


def test_a_delayed_reset_acts_after_the_decay_of_the_next_step():
    currents = jnp.array([[1.5], [0.25], [0.0]])

    def potentials(reset):
        *_, seen = LIF(0.5, reset=reset).run(currents, watch=("v", "u"))
        return seen["v"][:, 0], seen["u"][:, 0]

    for reset, expected in (
        (SoftReset(delayed=True), [1.5, 0.0, 0.0]),
        (SoftReset(delayed=True, by=0.5), [1.5, 0.5, 0.25]),
        (HardReset(delayed=True), [1.5, 0.0, 0.0]),
        (HardReset(to=0.5, delayed=True), [1.5, 0.5, 0.25]),
    ):
        v, u = potentials(reset)
        np.testing.assert_array_equal(v, expected)
        np.testing.assert_array_equal(u, v)
    v, u = potentials(SoftReset())
    np.testing.assert_array_equal(v, [0.5, 0.5, 0.25])
    np.testing.assert_array_equal(u, [1.5, 0.5, 0.25])


def test_rest_and_resets_are_learnt():
    def activity(cell):
        return jnp.sum(cell.run(CURRENTS)[1])

    def slope(make):
        return jax.grad(lambda value: activity(make(value)))(jnp.full(5, 0.5))

    for make in (
        lambda value: LIF(v_rest=value),
        lambda value: LIF(reset=HardReset(to=value)),
        lambda value: LIF(reset=SoftReset(by=value)),
        lambda value: LIF(reset=SoftReset(by=value, delayed=True)),
    ):
        gradient = slope(make)
        assert np.all(np.isfinite(gradient)) and np.all(gradient != 0)
