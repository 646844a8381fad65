"""What is written and read again is the same network."""

import os

import equinox as eqx
import hypothesis
import jax
import jax.numpy as jnp
import jax.random as jr
import nir
import numpy as np

from ngcx.exchange import Scale, from_nir, to_nir
from ngcx.neurons import (
    LIF,
    Delay,
    Frozen,
    LeakyIntegrator,
    NoReset,
    Parallel,
    Recurrent,
    Residual,
    Stack,
    SynapticLIF,
    TimeConstant,
)

from ._networks import NEURONS, stacks


DT = 1e-3
# Compiling takes most of the time.
EXAMPLES = 200 if os.environ.get("HYPOTHESIS_PROFILE") == "thorough" else 5


def thawed(value):
    return value.value if isinstance(value, Frozen) else value


def number(value):
    """The value of a parameter, and whether it is the same constant for all neurons."""
    factor = value.factor() if isinstance(value, TimeConstant) else value
    array = np.asarray(thawed(factor), np.float64)
    # What is frozen is read as if it had not been.
    is_learnt = isinstance(value, jax.Array) or bool(np.ptp(array) != 0)
    return array, is_learnt


def parts(layer) -> list:
    """What a network is made of, in the form in which it is read."""
    layer = thawed(layer)
    match layer:
        case Stack():
            return [part for each in layer for part in parts(each)]
        case Recurrent():
            feedback = thawed(layer.feedback)
            if isinstance(feedback, eqx.nn.Linear) and feedback.bias is None:
                feedback = feedback.weight.T
            is_matrix = isinstance(feedback, jax.Array)
            heard = feedback if is_matrix else parts(feedback)
            return ["recurrent", parts(layer.cell), heard]
        case Residual():
            return ["residual", parts(layer.cell)]
        case Parallel():
            return ["parallel", *map(parts, layer.cells)]
        case LIF(reset=NoReset()) if np.any(number(layer.decay)[0]):
            options = {"v_rest": layer.v_rest, "scale_input": layer.scale_input}
            step = LIF(0.0, layer.threshold, reset=NoReset())
            return [*parts(LeakyIntegrator(layer.decay, **options)), *parts(step)]
        case SynapticLIF(reset=NoReset()):
            options = {"v_rest": layer.v_rest, "scale_input": layer.scale_input}
            synapse = LeakyIntegrator(layer.synaptic_decay)
            step = LIF(0.0, layer.threshold, reset=NoReset())
            cells = (synapse, LeakyIntegrator(layer.decay, **options), step)
            return [part for cell in cells for part in parts(cell)]
        case LIF() | LeakyIntegrator() | SynapticLIF():
            fields = vars(layer) | vars(getattr(layer, "reset", NoReset()))
            names = ("decay", "synaptic_decay", "threshold", "v_rest", "to")
            found = {name: number(fields[name]) for name in names if name in fields}
            return [type(layer).__name__, found, layer.scale_input]
        case Delay():
            return ["delay", np.broadcast_to(layer.delay, (NEURONS,))]
        case Scale():
            return ["scale", number(layer.factor)]
    arrays, rest = eqx.partition(layer, eqx.is_array)
    return [jax.tree.leaves(arrays), rest if callable(layer) else None]


def assert_same(ours, theirs):
    assert type(ours) is type(theirs)
    if isinstance(ours, list | tuple):
        assert len(ours) == len(theirs)
        for pair in zip(ours, theirs, strict=True):
            assert_same(*pair)
    elif isinstance(ours, dict):
        assert ours.keys() == theirs.keys()
        for name, value in ours.items():
            assert_same(value, theirs[name])
    elif isinstance(ours, np.ndarray):
        ours, theirs = np.broadcast_arrays(ours, theirs)
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-15)
    elif isinstance(ours, jax.Array):
        np.testing.assert_array_equal(ours, theirs)
    else:
        assert eqx.tree_equal(ours, theirs)


def spikes(shape, steps=20):
    return jr.bernoulli(jr.key(1), 0.5, (steps, *shape)).astype(jnp.float32)


@hypothesis.settings(max_examples=3 * EXAMPLES)
@hypothesis.given(stacks())
def test_structure_and_parameters_are_the_same(pair):
    stack, shape = pair
    graph = to_nir(stack, shape, dt=DT)
    assert_same(parts(stack), parts(from_nir(graph, dt=DT)))


@hypothesis.settings(max_examples=EXAMPLES)
@hypothesis.given(stacks())
def test_spikes_are_the_same(pair):
    stack, shape = pair
    again = from_nir(to_nir(stack, shape, dt=DT), dt=DT)
    inputs = spikes(shape)
    np.testing.assert_array_equal(again.run(inputs)[1], stack.run(inputs)[1])


@hypothesis.given(stacks())
@hypothesis.settings(max_examples=EXAMPLES)
def test_a_file_holds_all_of_it(tmp_path, pair):
    stack, shape = pair
    nir.write(tmp_path / "network.nir", to_nir(stack, shape, dt=DT))
    # The checks of nir know neither groups nor windows that are not square.
    graph = nir.read(tmp_path / "network.nir", type_check=False)
    assert_same(parts(stack), parts(from_nir(graph, dt=DT)))
