"""Graphs of others: what they mean, and what means nothing."""

import copy
from typing import Any

import jax.numpy as jnp
import jax.random as jr
import nir
import numpy as np
import pytest

from ngcx.exchange import Scale, from_nir
from ngcx.neurons import LIF, LeakyIntegrator, Parallel, Recurrent, Residual, Stack


DT = 1e-3
ONE = np.ones(3)


def lif(**changes):
    fields: dict[str, Any] = dict(
        tau=4 * DT * ONE, r=ONE, v_leak=0 * ONE, v_threshold=ONE
    )
    return nir.LIF(**(fields | changes))


def linear(outputs=3, inputs=3, value=1.0):
    return nir.Linear(np.full((outputs, inputs), value))


def graph(edges, shape: Any = (3,), after: Any = (3,), **nodes):
    ends: dict[str, Any] = {
        "input": nir.Input({"input": shape}),
        "output": nir.Output({"output": after}),
    }
    pairs = [tuple(edge.split()) for edge in edges.split(", ")]
    return nir.NIRGraph(ends | nodes, pairs, type_check=False)


def read(edges, **nodes):
    return from_nir(graph(edges, **nodes), dt=DT)


def kinds(layer) -> str:
    """The structure, in short."""
    match layer:
        case Stack():
            return "[" + " ".join(map(kinds, layer)) + "]"
        case Recurrent():
            heard = layer.feedback
            return f"loop({kinds(layer.cell)}, {kinds(heard)})"
        case Residual():
            return f"residual({kinds(layer.cell)})"
        case Parallel():
            return f"both({', '.join(map(kinds, layer.cells))})"
    return "W" if hasattr(layer, "ndim") else type(layer).__name__


STRUCTURES = {
    "input a, a b, b output": "[LIF Linear]",
    "input a, a output, b a, a b": "[loop(LIF, W)]",
    "input b, b a, a b, a output": "[loop([Linear LIF], [])]",
    "input a, a a, a output": "[loop(LIF, [])]",
    "input a, a b, b output, input output": "[residual([LIF Linear])]",
    "input a, input b, a output, b output": "[both(LIF, Linear)]",
    "input a, a b, a c, b output, c output": "[LIF both(Linear, LIF)]",
    "input a, a c, c b, b a, c output": "[loop([LIF LIF], W)]",
    "input a, a b, b a, a c, c d, d c, d output": (
        "[loop(LIF, W) loop([LIF Linear], [])]"
    ),
    "input a, a b, b a, a c, c output, c d, d a": "[loop([loop(LIF, W) LIF], W)]",
    "input a, a b, b a, a d, d a, a output": "[loop(LIF, both(Linear, Linear))]",
    "input a, input b, a c, b c, c output, input output": (
        "[residual([both(LIF, Linear) LIF])]"
    ),
    "input a, input b, input c, a output, b output, c output": (
        "[both(LIF, both(Linear, LIF))]"
    ),
    "input a, a output, a b, b a, input output": "[residual(loop(LIF, W))]",
    "input a, a b, b c, a c, c d, d a, c output": (
        "[loop([LIF residual(Linear) LIF], W)]"
    ),
    "input output": "[]",
}


@pytest.mark.parametrize("edges", STRUCTURES)
def test_edges_are_a_structure(edges):
    nodes = {"a": lif(), "b": linear(), "c": lif(), "d": linear()}
    named = edges.replace(",", "").split()
    used = {name: node for name, node in nodes.items() if name in named}
    assert kinds(read(edges, **used)) == STRUCTURES[edges]


def test_a_subgraph_is_what_it_holds():
    inner = graph(
        "input lif, lif w_rec, w_rec lif, lif output", lif=lif(), w_rec=linear()
    )
    found = read("input a, a b, b output", a=linear(), b=inner)
    assert kinds(found) == "[Linear loop(LIF, W)]"
    deeper = graph("input a, a output", a=inner)
    assert kinds(read("input a, a output", a=deeper)) == "[loop(LIF, W)]"


def test_the_weights_of_a_loop_are_transposed():
    weight = np.arange(9.0).reshape(3, 3)
    found = read("input a, a output, a b, b a", a=lif(), b=nir.Linear(weight))
    np.testing.assert_array_equal(found[0].feedback, weight.T)


def euler(x, *, tau, r=1.0, v_leak=0.0, v_threshold=1.0, v_reset=0.0, tau_syn=None):
    """NIR's neuron, by its differential equation."""
    v, i, found = np.full(3, v_leak), np.zeros(3), []
    for now in x:
        i = i + DT / tau_syn * (now - i) if tau_syn else now
        v = v + DT / tau * (v_leak - v + r * i)
        spikes = v > v_threshold
        v = np.where(spikes, v_reset, v)
        found.append(spikes)
    return np.array(found, np.float32)


PARAMETERS = (
    dict(tau=5.1e-3),
    dict(tau=DT, r=0.7),
    dict(tau=8.3e-3, r=2.0, v_threshold=0.4),
    dict(tau=8.3e-3, r=8.3, v_threshold=3.0),
    dict(tau=6.1e-3, v_leak=0.3, v_reset=-0.2, v_threshold=0.5),
)


@pytest.mark.parametrize("fields", PARAMETERS)
@pytest.mark.parametrize("synapse", [False, True])
@pytest.mark.parametrize("weights", [False, True])
def test_neurons_follow_their_equation(fields, synapse, weights):
    full: dict[str, Any] = {name: value * ONE for name, value in fields.items()}
    full = {"r": ONE, "v_leak": 0 * ONE, "v_threshold": ONE} | full
    syn = {"tau_syn": 3.3e-3} if synapse else {}
    node = nir.LIF(**full)
    if synapse:
        full["tau_mem"] = full.pop("tau")
        node = nir.CubaLIF(tau_syn=3.3e-3 * ONE, **full)
    rng = np.random.default_rng(0)
    x = rng.normal(0.7, 1, (200, 3))
    weight = rng.normal(size=(3, 3)) if weights else np.eye(3)
    nodes = {"b": node} | ({"a": nir.Linear(weight)} if weights else {})
    edges = "input a, a b, b output" if weights else "input b, b output"
    found = read(edges, **nodes).run(jnp.asarray(x, jnp.float32))[1]
    np.testing.assert_array_equal(found, euler(x @ weight.T, **fields, **syn))


def test_what_is_equal_is_a_number_and_what_differs_an_array():
    found = read("input a, a output", a=lif(v_threshold=np.array([1.0, 2, 3])))
    assert isinstance(found[0].decay, float)
    np.testing.assert_array_equal(found[0].threshold, [1, 2, 3])


def test_an_integrator_with_r_of_one_adds_its_input():
    for r in (1, 1 / DT):
        found = read("input a, a output", a=nir.I(r * ONE))
        assert kinds(found) == "[LeakyIntegrator]"
    found = read("input a, a output", a=nir.IF(2 / DT * ONE, ONE))
    assert kinds(found) == "[Scale LIF]"
    np.testing.assert_allclose(found[0].factor, 2)


def test_an_integrator_behind_a_synapse_is_two():
    node = nir.CubaLI(2e-3 * ONE, 4e-3 * ONE, 4 * ONE, 0.5 * ONE, 2 * ONE)
    found = read("input a, a output", a=node)
    assert [cell.decay for cell in found] == [0.5, 0.75]
    assert found[1].v_rest == 0.5


def test_one_number_stands_for_all_neurons():
    one = np.ones(1)
    found = read("input a, a output", a=nir.LIF(4e-3 * one, one, 0 * one, one))
    assert found[0] == LIF(
        0.75, 1.0, reset=found[0].reset, v_rest=0.0, scale_input=True
    )


def test_a_delay_is_whole_steps():
    found = read("input a, a output", a=nir.Delay(np.array([0, 2e-3, 3e-3])))
    np.testing.assert_array_equal(found[0].delay, [0, 2, 3])
    with pytest.raises(ValueError, match=r"Node 'a' \(Delay\).*whole steps"):
        read("input a, a output", a=nir.Delay(np.array([0, 2.5e-3, 3e-3])))


BAD = np.array([1.0, np.nan, 1.0])
REFUSED = {
    "a time constant below a step": (
        "input a, a output",
        {"a": lif(tau=0.5 * DT * ONE)},
        r"Node 'a' \(LIF\).*at least `dt`.*smaller `dt`",
    ),
    "NaN": ("input a, a output", {"a": lif(tau=BAD)}, r"Node 'a' \(LIF\)"),
    "a threshold that is not finite": (
        "input a, a output",
        {"a": lif(v_threshold=BAD)},
        r"Node 'a' \(LIF\).*finite",
    ),
    "Spyx' r": (
        "input a, a output",
        {"a": lif(r=0.75 * ONE)},
        r"Node 'a' \(LIF\).*Spyx.*node\.r = node\.tau / dt",
    ),
    "a loop without a delay": (
        "input a, a b, b a, a output",
        {"a": linear(), "b": linear()},
        "a neuron or a delay",
    ),
    "branches that cross": (
        "input a, input b, a c, b c, b d, c output, d output",
        {"a": lif(), "b": lif(), "c": lif(), "d": lif()},
        "cross",
    ),
    "a loop with two entries": (
        "input a, input b, a b, b a, b output",
        {"a": lif(), "b": lif()},
        "entered at one node",
    ),
    "feedback that leads elsewhere": (
        "input a, a c, c b, b d, d a, b e, e c, c output",
        {name: lif() for name in "abcde"},
        "nowhere else|entered at one",
    ),
    "a node that leads nowhere": (
        "input a, a output, a b",
        {"a": lif(), "b": lif()},
        "b is not",
    ),
    "a node that hears nothing": (
        "input a, a output, b a",
        {"a": lif(), "b": lif()},
        "b is not",
    ),
    "a node that is not there": ("input a, a output, a b", {"a": lif()}, "not exist"),
    "an edge that is there twice": (
        "input a, input a, a output",
        {"a": lif()},
        "more than once",
    ),
    "an edge to the input": (
        "input a, a output, a input",
        {"a": lif()},
        "to the input",
    ),
    "an edge from the output": (
        "input a, a output, output b, b a",
        {"a": lif(), "b": lif()},
        "from the output",
    ),
    "two inputs": (
        "input a, b a, a output",
        {"a": lif(), "b": nir.Input({"input": np.array([3])})},
        "one node `Input`; got 2",
    ),
    "shapes that do not fit": (
        "input a, a b, b output",
        {"a": linear(4), "b": lif()},
        r"Node 'b' \(LIF\).*\(3,\).*\(4,\)",
    ),
    "an output that does not fit": (
        "input a, a output",
        {"a": linear(4)},
        r"Node 'output' \(Output\)",
    ),
    "a sum that does not fit": (
        "input a, a output, input output",
        {"a": linear(4)},
        "one shape",
    ),
    "a loop that does not fit": (
        "input a, a b, b a, a output",
        {"a": lif(), "b": linear(4)},
        "shape of its input",
    ),
    "weights with three axes": (
        "input a, a output",
        {"a": nir.Linear(np.ones((2, 3, 3)))},
        r"Node 'a' \(Linear\).*two axes",
    ),
    "a bias that does not fit": (
        "input a, a output",
        {"a": nir.Affine(np.ones((3, 3)), np.ones(4))},
        r"Node 'a' \(Affine\).*3 numbers; got 4",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_means_nothing_is_refused(what):
    edges, nodes, message = REFUSED[what]
    with pytest.raises(ValueError, match=message):
        read(edges, **nodes)


class Foreign(nir.NIRNode):
    def __init__(self):
        self.input_type = {"input": np.array([3])}
        self.output_type = {"output": np.array([3])}
        self.metadata = {}


def test_an_unknown_node_is_refused():
    with pytest.raises(ValueError, match=r"Node 'a' \(Foreign\): ngcx has no layer"):
        read("input a, a output", a=Foreign())


def test_the_shape_of_the_input_must_be_known():
    with pytest.raises(ValueError, match=r"Node 'input' \(Input\).*shape"):
        from_nir(graph("input a, a output", None, a=linear()), dt=DT)


def flatten(start, end):
    return nir.Flatten({"input": np.array([1, 2, 3])}, start, end)


def image(node, shape=(1, 2, 3)):
    return graph("input a, a output", shape, None, a=node)


@pytest.mark.parametrize("ends", [(0, -1), (0, 2), (-3, -1)])
def test_all_axes_may_be_flattened(ends):
    found = from_nir(image(flatten(*ends)), dt=DT)
    assert found.run(jnp.ones((1, 1, 2, 3)))[1].shape == (1, 6)


def test_some_axes_may_not_be_flattened():
    with pytest.raises(ValueError, match=r"Node 'a' \(Flatten\).*start_dim=0"):
        from_nir(image(flatten(1, -1)), dt=DT)


@pytest.mark.parametrize("padding", [0, 1, (1, 2), "same", "valid"])
@pytest.mark.parametrize("groups", [1, 2])
def test_convolutions_are_those_of_equinox(padding, groups):
    weight = np.asarray(jr.normal(jr.key(0), (4, 2 // groups, 3, 3)))
    node = nir.Conv2d((5, 6), weight, 1, padding, 1, groups, np.arange(4.0))
    found = from_nir(image(node, (2, 5, 6)), dt=DT)
    assert found[0].groups == groups
    np.testing.assert_array_equal(found[0].weight, weight)
    np.testing.assert_array_equal(found[0].bias.ravel(), np.arange(4))
    rows = {0: 3, 1: 5, (1, 2): 5, "same": 5, "valid": 3}[padding]
    assert found.run(jnp.ones((1, 2, 5, 6)))[1].shape[:3] == (1, 4, rows)


def test_text_is_never_run(tmp_path):
    node = nir.Conv2d((5, 6), np.ones((1, 2, 3, 3)), 1, 0, 1, 1, np.ones(1))
    trap = f"open({str(tmp_path / 'trap')!r}, 'w')"
    node.metadata = {"learnt": trap, "scale_input": trap, "use_bias": trap}
    from_nir(image(node, (2, 5, 6)), dt=DT)
    node.padding = trap
    with pytest.raises(ValueError, match=r"Node 'a' \(Conv2d\)"):
        from_nir(image(node, (2, 5, 6)), dt=DT)
    assert not [*tmp_path.iterdir()]


def test_dtype_is_checked():
    with pytest.raises(ValueError, match="`dtype` must be a floating-point dtype"):
        from_nir(graph("input a, a output", a=lif()), dt=DT, dtype=jnp.int32)


def test_a_scale_between_neurons_stays():
    found = read("input a, a b, b c, c output", a=lif(), b=nir.Scale(2 * ONE), c=lif())
    assert kinds(found) == "[LIF Scale LIF]"
    assert isinstance(found[1], Scale)
    assert isinstance(
        read("input a, a output", a=nir.LI(ONE, ONE, 0 * ONE))[0], LeakyIntegrator
    )


def test_metadata_of_others_change_nothing():
    node = lif()
    node.metadata = {"learnt": 3, "scale_input": None, "author": "somebody"}
    plain = read("input a, a output", a=lif())
    assert read("input a, a output", a=node)[0] == plain[0]
    assert copy.copy(node).metadata == node.metadata
