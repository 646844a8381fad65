"""What NIR says of a network, and what it cannot say."""

import operator
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import nir
import numpy as np
import pytest

from ngcx import surrogate
from ngcx.exchange import Scale, from_nir, to_nir
from ngcx.neurons import (
    LIF,
    AdaptiveLIF,
    BatchNorm,
    Delay,
    Dropout,
    HardReset,
    LeakyIntegrator,
    NoReset,
    Parallel,
    Recurrent,
    Residual,
    Stack,
    SynapticLIF,
    TimeConstant,
)


HARD = HardReset()
LINEAR = eqx.nn.Linear(3, 3, key=jr.key(0))
DT = 1e-3


def nodes(*layers, shape=(3,)) -> dict[str, Any]:
    return to_nir(Stack(*layers), shape, dt=DT).nodes


def test_a_leaky_neuron_has_r_1_and_its_gain_is_in_the_weights():
    found = nodes(LINEAR, LIF(0.75, 0.5, reset=HARD))
    neuron = found["lif_1"]
    np.testing.assert_array_equal(neuron.r, np.ones(3))
    np.testing.assert_allclose(neuron.tau, 4 * DT)
    np.testing.assert_array_equal(neuron.v_threshold, np.full(3, 0.5))
    np.testing.assert_array_equal(found["affine_0"].weight, 4 * LINEAR.weight)
    bias = np.asarray(LINEAR.bias)
    np.testing.assert_array_equal(found["affine_0"].bias, 4 * bias)


def test_a_neuron_that_scales_its_input_leaves_the_weights():
    found = nodes(LINEAR, LIF(0.75, v_rest=0.25, scale_input=True, reset=HardReset(-1)))
    np.testing.assert_array_equal(found["affine_0"].weight, LINEAR.weight)
    np.testing.assert_array_equal(found["lif_1"].v_leak, np.full(3, 0.25))
    np.testing.assert_array_equal(found["lif_1"].v_reset, np.full(3, -1))


def test_a_synapse_holds_the_scale_itself():
    found = nodes(LINEAR, SynapticLIF(0.75, synaptic_decay=0.5, reset=HARD))
    np.testing.assert_array_equal(found["affine_0"].weight, LINEAR.weight)
    np.testing.assert_allclose(found["cubalif_1"].r, 4)
    np.testing.assert_allclose(found["cubalif_1"].w_in, 2)


def test_weights_that_serve_two_neurons_stay():
    both = Parallel(LIF(0.75, reset=HARD), LIF(0.5, reset=HARD), combine=operator.add)
    found = nodes(LINEAR, both)
    np.testing.assert_array_equal(found["affine_0"].weight, LINEAR.weight)
    scales = [node.scale[0] for node in found.values() if isinstance(node, nir.Scale)]
    assert sorted(scales) == [2, 4]


def test_the_gain_goes_through_a_pool_and_stays_before_places_that_differ():
    convolution = eqx.nn.Conv2d(1, 2, 1, key=jr.key(0))
    pool = eqx.nn.AvgPool2d(2, 2)
    found = nodes(convolution, pool, LIF(0.75, reset=HARD), shape=(1, 4, 4))
    np.testing.assert_array_equal(found["conv2d_0"].weight, 4 * convolution.weight)
    decays = jnp.full((2, 2, 2), 0.75).at[0, 0, 0].set(0.5)
    found = nodes(convolution, pool, LIF(decays, reset=HARD), shape=(1, 4, 4))
    np.testing.assert_array_equal(found["conv2d_0"].weight, convolution.weight)
    decays = jnp.array([0.5, 0.75])[:, None, None]
    found = nodes(convolution, LIF(decays, reset=HARD), shape=(1, 4, 4))
    gains = jnp.array([2.0, 4.0])[:, None, None, None]
    np.testing.assert_array_equal(found["conv2d_0"].weight, gains * convolution.weight)


def test_a_loop_may_wait_in_its_feedback_alone():
    stack = Stack(Recurrent(eqx.nn.Identity(), Delay(2)))
    again = from_nir(to_nir(stack, (3,), dt=DT), dt=DT)
    x = jnp.eye(8, 3)
    np.testing.assert_array_equal(again.run(x)[1], stack.run(x)[1])


def test_shapes_are_stated():
    found = nodes(
        eqx.nn.Conv1d(2, 4, 3, stride=2, padding=1, groups=2, key=jr.key(0)),
        Delay(2),
        jnp.ravel,
        shape=(2, 9),
    )
    after = {name: tuple(node.output_type["output"]) for name, node in found.items()}
    assert after["conv1d_0"] == after["delay_1"] == (4, 5)
    assert after["output"] == (20,)
    assert found["conv1d_0"].input_shape == 9


def test_all_dtypes_are_taken(dtype):
    stack = Stack(
        eqx.nn.Linear(2, 3, dtype=dtype, key=jr.key(0)),
        LIF(jnp.asarray([0.5, 0.75, 0.25], dtype), reset=HARD),
    )
    again = from_nir(to_nir(stack, (2,), dt=DT), dt=DT, dtype=dtype)
    assert again[0].weight.dtype == dtype == again[1].decay.dtype
    # Narrower numbers come back to the last bit.
    rtol = 1e-15 if dtype == jnp.float64 else 0
    for ours, theirs in (
        (again[0].weight, stack[0].weight),
        (again[1].decay, stack[1].decay),
    ):
        ours, theirs = np.asarray(ours, float), np.asarray(theirs, float)
        np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=0)


class Unknown(eqx.Module):
    def __call__(self, x):
        return x


REFUSED = {
    "SoftReset": (LIF(), r"SoftReset.*HardReset"),
    "delayed": (LIF(reset=HardReset(delayed=True)), r"delayed=True.*HardReset"),
    "refractory": (LIF(reset=HARD, refractory_steps=2), "refractory_steps=0"),
    "noise": (
        LIF(reset=HARD, surrogate=surrogate.EscapeNoise(surrogate.Sigmoid())),
        "EscapeNoise.*AbstractStep",
    ),
    "at the threshold": (
        SynapticLIF(reset=HARD, surrogate=surrogate.AtThreshold(surrogate.Arctan())),
        "AtThreshold.*AbstractStep",
    ),
    "adaptation": (AdaptiveLIF(reset=HARD), "take a `LIF`"),
    "synapse without decay": (SynapticLIF(synaptic_decay=1.0, reset=HARD), "below 1"),
    "some without leak": (LIF(jnp.array([0.5, 1, 0.5]), reset=HARD), "below 1"),
    "rest without leak": (LIF(1.0, v_rest=0.5, reset=HARD), "v_rest=0.0"),
    "silent": (LeakyIntegrator(1.0, scale_input=True), "scale_input=False"),
    "norm": (BatchNorm(3), "Fold"),
    "dropout": (Dropout(0.5), "Take it out"),
    "dropout of Equinox": (eqx.nn.Dropout(0.5), "Take it out"),
    "function": (jax.nn.relu, "to_nir"),
    "module": (Unknown(), "to_nir"),
    "scalar": (eqx.nn.Linear(3, "scalar", key=jr.key(0)), "'scalar'"),
    "difference": (Residual(LIF(reset=HARD), operator.sub), "operator.add"),
    "tuple": (Parallel(LIF(reset=HARD), LIF(reset=HARD)), "operator.add"),
    "a value added to itself": (Residual(Stack()), "to itself"),
    "loop at once": (Recurrent(LINEAR, jnp.ones((3, 3))), "a neuron or a delay"),
    "way around a neuron": (
        Recurrent(Residual(LIF(reset=HARD)), jnp.ones((3, 3))),
        "a neuron or a delay",
    ),
    "parameters": (LIF(jnp.full(2, 0.5), reset=HARD), r"\(3,\).*\(2,\)"),
    "shapes": (eqx.nn.Linear(4, 3, key=jr.key(0)), r"\(3,\)|\(4,\)"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_an_error_names_the_layer_and_the_cure(what):
    layer, cure = REFUSED[what]
    name = getattr(layer, "__name__", type(layer).__name__)
    with pytest.raises(ValueError, match=rf"(?s)^Layer 1 \({name}\): .*{cure}|itself"):
        nodes(LINEAR, layer)
    with pytest.raises(ValueError, match=r"^Layer 0\.0\.1\.0 |itself"):
        nodes(Residual(Stack(LINEAR, Stack(layer))))


IMAGES = {
    "maximum": (eqx.nn.MaxPool2d(2, 2), "AvgPool2d"),
    "a part of a window": (eqx.nn.AvgPool2d(2, 2, use_ceil=True), "pad the input"),
    "one side": (eqx.nn.AvgPool2d(2, 2, padding=[(0, 1), (0, 1)]), "both sides"),
    "reflected": (
        eqx.nn.Conv2d(1, 1, 3, padding=1, padding_mode="REFLECT", key=jr.key(0)),
        "pad the input",
    ),
    "one side of a convolution": (
        eqx.nn.Conv2d(1, 1, 3, padding=[(0, 1), (0, 1)], key=jr.key(0)),
        "both sides",
    ),
    "same with a stride": (
        eqx.nn.Conv2d(1, 1, 3, stride=2, padding="SAME", key=jr.key(0)),
        "stride of 1",
    ),
    "three dimensions": (eqx.nn.Conv3d(1, 1, 1, key=jr.key(0)), "to_nir"),
}


@pytest.mark.parametrize("what", IMAGES)
def test_layers_of_images_that_nir_lacks_are_refused(what):
    layer, cure = IMAGES[what]
    with pytest.raises(
        ValueError, match=rf"^Layer 0 \({type(layer).__name__}\): .*{cure}"
    ):
        nodes(layer, shape=(1, 4, 4))


def test_a_time_constant_is_the_factor_that_it_stands_for():
    found = nodes(LIF(TimeConstant(20.0), reset=HARD, scale_input=True))
    np.testing.assert_allclose(DT / found["lif_0"].tau, 1 - np.exp(-1 / 20))
    found = nodes(LIF(TimeConstant(20.0, euler=True), reset=HARD, scale_input=True))
    np.testing.assert_allclose(found["lif_0"].tau, 20e-3)


def test_spikes_without_a_reset_are_a_threshold():
    found = nodes(LIF(0.5, 0.25, reset=NoReset()))
    assert {*found} == {"input", "scale_li_0", "li_0", "threshold_0", "output"}
    found = nodes(LIF(0.0, 0.25, reset=NoReset()))
    assert {*found} == {"input", "threshold_0", "output"}


def test_a_scale_is_a_node():
    assert nodes(Scale(jnp.array([1.0, 2.0, 3.0])))["scale_0"].scale.tolist() == [
        1,
        2,
        3,
    ]


def test_the_network_stays_as_it_is():
    stack = Stack(LINEAR, LIF(reset=HARD))
    copy = jax.tree.map(lambda leaf: leaf, stack)
    graph = to_nir(stack, (3,), dt=DT)
    assert eqx.tree_equal(stack, copy)
    before = graph.to_dict()
    from_nir(graph, dt=DT)
    after = graph.to_dict()
    assert jax.tree.all(jax.tree.map(np.array_equal, before, after))
