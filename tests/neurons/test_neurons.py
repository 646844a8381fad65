from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from hypothesis import given, strategies as st
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from ngcx.neurons import (
    LIF,
    AdaptiveLIF,
    HardReset,
    LeakyIntegrator,
    NoReset,
    Recurrent,
    SoftReset,
    SynapticLIF,
    TimeConstant,
    decay_factor,
)
from ngcx.surrogate import (
    Arctan,
    EscapeNoise,
    MultiLevelSpikeCount,
    MultiSpike,
    Sigmoid,
    StraightThrough,
)


pytestmark = pytest.mark.in_turn(3)


WEIGHT = np.round(np.random.default_rng(0).normal(size=(4, 4)) * 4) / 8
CELLS = [
    LIF(),
    LIF(reset=HardReset()),
    LIF(reset=NoReset()),
    LIF(refractory_steps=2),
    LIF(TimeConstant(8.0, dt=0.5), threshold=0.75),
    LIF(0.5, surrogate=MultiLevelSpikeCount(3)),
    LIF(threshold=0.5, surrogate=MultiSpike(Arctan()), reset=SoftReset(delayed=True)),
    AdaptiveLIF(0.5, adaptation_decay=0.75, adaptation_strength=0.25),
    SynapticLIF(0.5, synaptic_decay=0.75, refractory_steps=1),
    Recurrent(LIF(0.5), jnp.asarray(WEIGHT, jnp.float32)),
    LIF(TimeConstant(4.0, euler=True), reset=SoftReset(delayed=True)),
    LIF(
        reset=HardReset(to=-0.5),
        v_rest=0.25,
        scale_input=True,
        refractory_steps=2,
        refractory_leak=True,
        refractory_spikes=True,
    ),
    LIF(reset=SoftReset(by=0.5)),
    AdaptiveLIF(0.5, reset=SoftReset(delayed=True), adaptation_strength=0.5),
    AdaptiveLIF(0.5, reset=SoftReset(by=1.0, delayed=True), v_rest=-0.5),
    SynapticLIF(reset=HardReset(to=0.5, delayed=True), scale_input=True),
]


def named(value):
    return value if isinstance(value, str | int) else type(value).__name__


def simulate(cell: Any, currents):
    """The equations of the docstrings, neuron by neuron, in float64."""
    recurrent, cell = isinstance(cell, Recurrent), getattr(cell, "cell", cell)
    decay: Any = cell.decay
    if isinstance(decay, TimeConstant):
        decay = decay.factor()
    neurons = currents.shape[1]
    v, adaptation, synaptic = np.zeros((3, neurons))
    v = v + cell.v_rest
    spikes, rest, out = np.zeros(neurons), np.zeros(neurons, int), []
    pending = [lambda u: u] * neurons
    for current in np.asarray(currents, np.float64):
        threshold = np.full(neurons, float(np.asarray(cell.threshold)))
        if isinstance(cell, AdaptiveLIF):
            threshold += np.asarray(cell.adaptation_strength) * adaptation
        if isinstance(cell, SynapticLIF):
            synaptic = np.asarray(cell.synaptic_decay) * synaptic + current
            current = synaptic
        if recurrent:
            current = current + spikes @ WEIGHT
        spikes = np.zeros(neurons)
        for n in range(neurons):
            if rest[n]:
                rest[n] -= 1
                spikes[n] = cell.refractory_spikes
                if cell.refractory_leak:
                    v[n] = cell.v_rest + decay * (v[n] - cell.v_rest)
                continue
            gain = 1 - decay if cell.scale_input else 1
            u = cell.v_rest + decay * (v[n] - cell.v_rest) + gain * current[n]
            u = pending[n](u)
            if isinstance(cell.surrogate, MultiSpike):
                spikes[n] = max(np.floor(u / threshold[n]), 0)
            elif isinstance(cell.surrogate, MultiLevelSpikeCount):
                spikes[n] = np.round(np.clip(u - threshold[n], 0, 3))
            else:
                spikes[n] = u > threshold[n]
            reset = reset_of(cell.reset, threshold[n], spikes[n])
            if cell.reset.delayed:
                pending[n] = reset
            else:
                u = reset(u)
            v[n] = u
            rest[n] = cell.refractory_steps if spikes[n] else 0
        if isinstance(cell, AdaptiveLIF):
            adaptation = np.asarray(cell.adaptation_decay) * adaptation + spikes
        out.append(spikes)
    return v, np.stack(out)


@pytest.mark.parametrize("cell", CELLS, ids=named)
@given(seed=st.integers(0, 1000))
def test_cells_follow_their_equations(cell, seed):
    # The simulation is in float64, so that rounding decides no spike.
    with jax.enable_x64(True):
        currents = jr.normal(jr.key(seed), (20, 4), jnp.float64)
        state, spikes = cell.run(currents)
    v, expected = simulate(cell, currents)
    np.testing.assert_array_equal(spikes, expected)
    np.testing.assert_allclose(potential(state), v, rtol=1e-12, atol=1e-12)


def reset_of(reset: Any, threshold, spikes):
    if isinstance(reset, SoftReset):
        by = threshold if reset.by is None else reset.by
        return lambda u: u - by * spikes
    if isinstance(reset, HardReset):
        return lambda u: reset.to if spikes else u
    return lambda u: u


def potential(state):
    return getattr(state, "cell", state).v


def test_leaky_integrator_follows_its_equation():
    state, out = LeakyIntegrator(0.5).run(jnp.array([[1.0], [0.0], [2.0]]))
    np.testing.assert_array_equal(out, [[1], [0.5], [2.25]])
    np.testing.assert_array_equal(state.v, [2.25])


# The plain cell is run in every dtype, and each other one in a half precision; float64
# and float32 are what further tests run them in.
DTYPES = ["float16", "bfloat16", "float32", "float64"]
IN_DTYPES = [(CELLS[0], dtype) for dtype in DTYPES] + [
    (cell, DTYPES[i % 2]) for i, cell in enumerate([*CELLS[1:], LeakyIntegrator()])
]


@pytest.mark.parametrize(("cell", "dtype"), IN_DTYPES, indirect=["dtype"], ids=named)
def test_run_is_the_loop_of_steps_in_every_dtype(cell, dtype):
    currents = jr.normal(jr.key(1), (12, 4)).astype(dtype)
    state, outs = cell.init((4,), dtype), []
    for current in currents:
        state, out = cell(state, current)
        outs.append(out)
    final, together = cell.run(currents)
    assert together.dtype == potential(final).dtype == dtype
    np.testing.assert_array_equal(together, jnp.stack(outs))
    jax.tree.map(np.testing.assert_array_equal, final, state)


def test_a_key_draws_the_spikes_of_each_step():
    cell = LIF(surrogate=EscapeNoise(Sigmoid()), reset=NoReset())
    currents = jnp.zeros((2000, 3))
    _, spikes = cell.run(currents, key=jr.key(0))
    # A potential at rest is one unit below the threshold. Five standard deviations are
    # exceeded once in a million.
    p = 1 / (1 + np.exp(4.0))
    rates = np.mean(spikes, axis=0)
    assert np.all(np.abs(rates - p) < 5 * np.sqrt(p * (1 - p) / 2000))
    again = cell.run(currents, key=jr.key(0), checkpoint=True)[1]
    np.testing.assert_array_equal(spikes, again)
    assert np.any(spikes != cell.run(currents, key=jr.key(1))[1])
    with pytest.raises(ValueError, match="`key` must be given to `EscapeNoise`"):
        cell.run(currents)


@pytest.mark.parametrize("cell", CELLS, ids=named)
def test_a_key_changes_nothing_where_nothing_is_random(cell):
    currents = 2 * jr.normal(jr.key(0), (20, 4))
    plain, keyed = cell.run(currents), cell.run(currents, key=jr.key(0))
    jax.tree.map(np.testing.assert_array_equal, keyed, plain)


@pytest.mark.parametrize("cell", CELLS, ids=named)
def test_a_cell_is_exported_with_symbolic_sizes(cell):
    neurons = "4" if isinstance(cell, Recurrent) else "n"
    shape = jax.export.symbolic_shape(f"time, {neurons}")
    run = jax.jit(lambda x: cell.run(x)[1])
    exported = jax.export.export(run)(jax.ShapeDtypeStruct(shape, jnp.float32))
    x = 2 * jr.normal(jr.key(0), (9, 4))
    np.testing.assert_array_equal(exported.call(x), run(x))


def test_a_time_constant_is_learnt_as_its_decay_factor_is():
    currents = jr.normal(jr.key(3), (10, 3))

    def activity(decay):
        return jnp.sum(LIF(decay).run(currents)[1])

    tau = jnp.array([5.0, 10.0, 20.0])
    value, gradient = jax.value_and_grad(lambda tau: activity(TimeConstant(tau)))(tau)
    expected, slope = jax.value_and_grad(activity)(jnp.exp(-1 / tau))
    np.testing.assert_allclose(value, expected)
    np.testing.assert_allclose(gradient, slope * jnp.exp(-1 / tau) / tau**2, rtol=1e-5)
    # The factor is computed once, and not in every step.
    program = jax.make_jaxpr(lambda tau: LIF(TimeConstant(tau)).run(currents))(tau)
    assert "exp" in str(program) and "exp" not in str(scan_body(program))


def scan_body(program):
    for equation in program.eqns:
        if equation.primitive.name == "scan":
            return equation.params["jaxpr"]
        for inner in equation.params.values():
            if hasattr(inner, "eqns") and (found := scan_body(inner)):
                return found
    return None


def test_a_compiled_step_is_what_one_writes_by_hand():
    weight, currents = jnp.ones((4, 3)), jnp.ones((10, 2, 4))

    def loss(weight):
        return jnp.sum(LIF(surrogate=Arctan()).run(currents @ weight)[1])

    with jax.enable_x64(True):  # where a stray float64 would show
        compiled = jax.jit(jax.grad(loss)).lower(weight).compile()
    instructions = compiled.as_text() or ""
    assert "f32" in instructions and "f64" not in instructions
    text = str(jax.make_jaxpr(jax.grad(loss))(weight))
    # There is one product forward and one for the gradient of the weight, and none in
    # the loop.
    assert text.count("dot_general[") == 2
    assert "atan" not in text  # the primitive is not needed for constants


@pytest.mark.parametrize("cell", CELLS, ids=named)
def test_cells_are_saved_and_sharded(cell, tmp_path):
    currents = jr.normal(jr.key(0), (12, 8, 4))
    _, spikes = cell.run(currents)
    eqx.tree_serialise_leaves(tmp_path / "cell.eqx", cell)
    again = eqx.tree_deserialise_leaves(tmp_path / "cell.eqx", cell)
    np.testing.assert_array_equal(again.run(currents)[1], spikes)
    mesh = Mesh(jax.devices(), "batch")
    there = jax.device_put(currents, NamedSharding(mesh, PartitionSpec(None, "batch")))
    np.testing.assert_array_equal(cell.run(there)[1], spikes)


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
        cell = LIF(1.0, surrogate=StraightThrough(), reset=SoftReset(detach=detach))
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


@pytest.mark.parametrize("half", [jnp.float16, jnp.bfloat16])
def test_a_time_constant_in_half_precision_still_leaks(half):
    def out(tau):
        cell = LeakyIntegrator(TimeConstant(tau))
        return cell.run(jnp.ones((1000, 1)))[1][-1, 0]

    tau = jnp.array(1000, half)
    value, slope = jax.value_and_grad(out)(tau)
    expected = jax.value_and_grad(out)(tau.astype(jnp.float32))
    np.testing.assert_allclose(value, expected[0], rtol=1e-5)
    np.testing.assert_allclose(slope, expected[1], rtol=float(jnp.finfo(half).eps))
    assert jnp.asarray(decay_factor(tau)).dtype == half


def test_a_compiled_function_takes_cells_of_numbers():
    currents = jnp.ones((10, 3))
    for cell in CELLS:
        if not isinstance(cell, Recurrent):
            got = jax.jit(lambda cell, currents: cell.run(currents)[1])(cell, currents)
            np.testing.assert_array_equal(got, cell.run(currents)[1])


def test_decay_factor():
    np.testing.assert_allclose(decay_factor(20.0, dt=2.0), np.exp(-0.1))
    with pytest.raises(ValueError, match="`time_constant` must be positive; got 0"):
        decay_factor(0)
    with pytest.raises(ValueError, match="`dt` must be positive; got -1"):
        decay_factor(20.0, -1)


@pytest.mark.parametrize("value", [-7.0, 0.0, 1.0, 300.0])
@pytest.mark.parametrize(
    "make",
    [
        LIF,
        LeakyIntegrator,
        lambda decay: AdaptiveLIF(adaptation_decay=decay),
        lambda decay: SynapticLIF(synaptic_decay=decay),
        lambda tau: LIF(TimeConstant(tau)),
        lambda tau: LIF(TimeConstant(tau, euler=True)),
    ],
    ids=[
        *("LIF", "LeakyIntegrator", "AdaptiveLIF", "SynapticLIF", "TimeConstant"),
        "Euler",
    ],
)
def test_a_learnt_decay_out_of_range_stays_finite(make, value):
    # An optimiser does not know of the range.
    currents = jnp.ones((400, 2))

    def total(decay):
        return jnp.sum(make(decay).run(currents)[1])

    value, gradient = compiled_slope(total, jnp.asarray(value))
    assert np.isfinite(value) and np.isfinite(gradient)


def compiled_slope(total, x):
    return jax.jit(jax.value_and_grad(total))(x)


def test_a_state_in_half_precision_is_rounded_once():
    # What is added in a step would be lost if the sum were taken in half precision.
    decay, x = 0.875, jnp.asarray([0.33, 1.7, -5.1], jnp.bfloat16)
    v = jnp.asarray([100.0, 3.0, 0.01], jnp.bfloat16)
    wide = np.float32(decay) * np.asarray(v, np.float32) + np.asarray(x, np.float32)
    state, _ = LeakyIntegrator(decay)(LeakyIntegrator().init((3,), x.dtype), x)
    state, _ = LeakyIntegrator(decay)(eqx.tree_at(lambda s: s.v, state, v), x)
    np.testing.assert_array_equal(state.v, jnp.asarray(wide).astype(jnp.bfloat16))
    state = eqx.tree_at(lambda s: s.v, LIF().init((3,), x.dtype), v)
    state, _ = LIF(decay, threshold=1e9)(state, x)
    np.testing.assert_array_equal(state.v, jnp.asarray(wide).astype(jnp.bfloat16))


@pytest.mark.parametrize(
    "cell",
    [
        LIF(0.0, reset=HardReset()),
        LIF(1.0, reset=HardReset(to=0.5), v_rest=0.25, refractory_steps=1),
        LIF(0.5, reset=SoftReset(delayed=True), v_rest=-0.5),
        AdaptiveLIF(0.0, reset=NoReset(), surrogate=MultiSpike(Arctan())),
        SynapticLIF(0.0, synaptic_decay=1.0, refractory_steps=1, refractory_leak=True),
        LeakyIntegrator(0.0, v_rest=1.0),
        LeakyIntegrator(1.0),
    ],
    ids=lambda cell: type(cell).__name__,
)
def test_what_half_precision_cannot_hold_stays_a_number(cell):
    largest = jnp.finfo(jnp.float16).max
    x = largest * jnp.asarray([1, 1, 0.9, 1, -1, -1, -1, 0, 0], largest.dtype)[:, None]
    for inputs in (x, -x):
        for array in jax.tree.leaves(cell.run(inputs)):
            assert np.all(np.isfinite(array))
        gradient = jax.grad(lambda x: jnp.sum(cell.run(x)[1]))(inputs)
        assert np.all(np.isfinite(gradient))
