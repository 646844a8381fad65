from typing import ClassVar, NamedTuple

import equinox as eqx
import jax
import jax.random as jr

from ngcx import ops
from ngcx.activations import ReLU, Softplus, Tanh


class Pair(NamedTuple):
    first: eqx.Module
    second: object


class Outer(eqx.Module):
    inner: eqx.Module
    parts: dict
    fixed: eqx.Module = eqx.field(static=True)
    equation: ClassVar[str] = r"y = f(x)"


class Odd(eqx.Module):
    """Its equation is not a string."""

    child: eqx.Module

    def equation(self):
        return ""


def test_equations_of_a_model_by_path():
    model = Outer(
        inner=Tanh(),
        parts={"a_b": [ReLU(), None, jax.nn.relu], "c": Pair(Softplus(), 3.0)},
        fixed=ReLU(),
    )
    assert ops.equations(model) == {
        "": r"y = f(x)",
        ".inner": Tanh.equation,
        ".parts['a_b'][0]": ReLU.equation,
        ".parts['c'].first": Softplus.equation,
        ".fixed": ReLU.equation,
    }


def test_equations_of_a_part_by_itself_and_of_nothing():
    assert ops.equations(Tanh()) == {"": r"\tanh x"}
    assert ops.equations(Tanh()).text == r"\tanh x"
    assert ops.equations(Odd(Tanh())) == {".child": r"\tanh x"}
    for model in (None, [], 1.0, jax.nn.relu, eqx.nn.Linear(2, 2, key=jr.key(0))):
        assert len(ops.equations(model)) == 0
        assert ops.equations(model).text == ""


def test_equations_of_a_network_of_equinox():
    network = eqx.nn.MLP(2, 2, 4, 1, activation=Tanh(), key=jr.key(0))
    found = ops.equations({"net": network})
    assert found == {"['net'].activation": r"\tanh x"}
    assert ops.equations(eqx.nn.Sequential([network]))[".layers[0].activation"]


def test_renderings():
    found = ops.equations({"a_b": Tanh(), "c": [ReLU()]})
    assert found.text == "['a_b']: \\tanh x\n['c'][0]: \\max(0, x)"
    assert found.latex == (
        "\\begin{aligned}\n"
        "\\texttt{['a\\_b']} &\\quad \\tanh x \\\\\n"
        "\\texttt{['c'][0]} &\\quad \\max(0, x)\n"
        "\\end{aligned}"
    )
    assert repr(found).startswith("Equations({")
    assert list(found) == ["['a_b']", "['c'][0]"]


def test_paths_are_escaped_in_latex():
    latex = ops.equations({r"a\{^~": Tanh()}).latex
    assert r"['a\textbackslash{}\textbackslash{}\{\^{}\~{}']" in latex
