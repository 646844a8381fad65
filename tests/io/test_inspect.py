"""What a file tells of itself: contents, parts, names, versions."""

import base64
import json
import runpy
import sys
import types
import zlib

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import jax.tree_util as jtu
import numpy as np
import pytest

from ngcx import activations, density, metrics, neurons, process, surrogate
from ngcx.io import deserialize, inspect, serialize

from ._trees import (
    KEY,
    Point,
    closing_over,
    named,
)


def test_a_file_says_what_it_holds(path):
    cell = neurons.LIF(decay=jnp.full(16, 0.9), reset=neurons.HardReset())
    tree = {"cell": cell, "key": jr.key(0), "step": 3, "act": jax.nn.relu, "no": None}
    serialize(path, tree)
    contents = inspect(path)
    assert contents.version == 2
    found = {node["path"]: node for node in contents.nodes}
    assert set(found) >= {
        f"{jtu.keystr(each)}" for each, _ in jtu.tree_leaves_with_path(tree)
    }
    assert found[""]["class"] == "dict"
    assert found["['cell']"]["class"] == "ngcx.neurons.LIF"
    assert found["['cell'].reset"]["static"]["detach"] is True
    assert found["['cell'].decay"]["dtype"] == "float32"
    assert found["['cell'].decay"]["shape"] == [16]
    assert found["['no']"]["class"] == "NoneType"
    lines = str(contents).splitlines()
    assert len(lines) == 1 + len(contents.nodes)
    for line in (
        "['cell'].decay  *float32[16]",
        "['step']  *int 3",
        "['act']  *jax.nn.relu",
        "['key']  *key<fry>[]",
    ):
        start, _, end = line.partition("*")
        assert any(each.startswith(start) and each.endswith(end) for each in lines)
    # The text stands in the file as it is, a line for each node.
    held = path.read_bytes()
    begin, end = held.index(b"{"), held.index(b"]}\n") + 2
    assert json.loads(held[begin:end])["nodes"] == [*contents.nodes]


def test_a_file_is_inspected_without_its_code(tmp_path, monkeypatch):
    """Neither the classes nor anything else of a script is needed."""
    script, path = tmp_path / "training.py", tmp_path / "file"
    script.write_text(
        "import sys, equinox as eqx, jax.numpy as jnp\n"
        "from ngcx import io\n"
        "class Net(eqx.Module):\n"
        "    weight: object\n"
        "    name: str = eqx.field(static=True, default='a')\n"
        "if __name__ == '__main__':\n"
        "    io.serialize(sys.argv[1], Net(jnp.ones(2)))\n"
    )
    monkeypatch.setattr("sys.argv", ["training.py", str(path)])
    runpy.run_path(str(script), run_name="__main__")
    (root, weight) = inspect(path).nodes
    assert root["class"] == "training.Net" and weight["shape"] == [2]
    assert "training" not in sys.modules
    # What a script saves is known to those who import it.
    module = types.ModuleType("training")
    vars(module)["__name__"] = "training"
    exec(script.read_text(), vars(module))
    assert deserialize(path, vars(module)["Net"](jnp.zeros(2))).weight.sum() == 2


@pytest.mark.parametrize(
    ("at", "part"),
    [
        ("model", lambda tree: tree["model"]),
        ("['model']", lambda tree: tree["model"]),
        ("['model'].layers[1]", lambda tree: tree["model"].layers[1]),
        ("['model'].layers[1].weight", lambda tree: tree["model"].layers[1].weight),
        ("['models']", lambda tree: tree["models"]),
        ("step", lambda tree: tree["step"]),
        ("", lambda tree: tree),
    ],
)
def test_a_part_is_read_by_its_path(path, at, part):
    def make(seed):
        key = jr.key(seed)
        model = eqx.nn.MLP(2, 2, 3, 1, key=key)
        return {
            "key": key,
            "model": model,
            "models": [jnp.ones(1) * seed],
            "step": seed,
        }

    serialize(path, make(1))
    restored = deserialize(path, part(make(2)), at=at)
    assert eqx.tree_equal(restored, part(make(1)))
    serialize(path, Point(make(1), 3))
    if at and at.startswith("["):
        restored = deserialize(path, part(make(2)), at=f"x{at}")
        assert eqx.tree_equal(restored, part(make(1)))


def test_a_part_must_be_there_and_be_like(path):
    serialize(path, {"model": eqx.nn.Linear(2, 2, key=KEY), "step": 3})
    with pytest.raises(ValueError, match=r"`at` must be a path.*\['model'\].*'modle'"):
        deserialize(path, 0, at="['modle']")
    with pytest.raises(ValueError, match="`at` must be a path in the file; got 'mod'"):
        deserialize(path, 0, at="mod")
    with pytest.raises(
        ValueError, match=r"`like.weight` must have the shape of the fil"
    ):
        like = eqx.nn.Linear(2, 2, key=KEY)
        like = eqx.tree_at(lambda layer: layer.weight, like, jnp.ones((2, 3)))
        deserialize(path, like, at="model")


def module(name, **contents):
    made = types.ModuleType(name)
    vars(made).update(contents)
    for each in contents.values():
        each.__module__ = name
    return made


def test_a_moved_or_renamed_class_is_known_by_its_old_name(path, monkeypatch):
    def net(name):
        return type(name, (eqx.Module,), {"__annotations__": {"weight": object}})

    old, new = net("Old"), net("New")
    monkeypatch.setitem(sys.modules, "package._old", module("package._old", Old=old))
    serialize(path, old(jnp.ones(2)))
    assert inspect(path).nodes[0]["class"] == "package._old.Old"
    renamed = module("package._new", New=new)
    monkeypatch.setitem(sys.modules, "package._new", renamed)
    with pytest.raises(ValueError, match=r"package._old.Old; got package._new.New"):
        deserialize(path, new(jnp.zeros(2)))
    vars(sys.modules["package._old"])["Old"] = new
    assert deserialize(path, new(jnp.zeros(2))).weight.sum() == 2
    # Where a class is public, the name of its private file does not matter.
    package = types.ModuleType("package")
    vars(package)["New"] = new
    monkeypatch.setitem(sys.modules, "package", package)
    serialize(path, new(jnp.ones(2)))
    assert inspect(path).nodes[0]["class"] == "package.New"


def test_no_class_of_ours_is_called_by_a_private_file(path):
    trees = [
        neurons.LIF(),
        activations.Tanh(),
        surrogate.Arctan(),
        metrics.Streaming.init(metrics.accuracy),
        neurons.LIF().init((2,)),
        process.MethodProcess("p", ("named", named)),
        density.Mixture,
    ]
    serialize(path, trees)
    assert "ngcx.neurons.LIF" in str(inspect(path))
    assert "ngcx._" not in str(inspect(path)) and "._lif" not in str(inspect(path))


def test_code_is_not_compared_between_versions_of_python(path, monkeypatch):
    monkeypatch.setattr("ngcx.io._file.PYTHON", "3.1")
    serialize(path, [closing_over(1), 2])
    monkeypatch.undo()
    with pytest.warns(UserWarning, match="saved by Python 3.1, ") as warned:
        deserialize(path, [closing_over(1), 0])
    assert warned[0].filename == __file__
    with (
        pytest.warns(UserWarning),
        pytest.raises(ValueError, match="what the file has"),
    ):
        deserialize(path, [closing_over(2), 0])


# What ngcx 0.1.0 wrote.
OLD = zlib.decompress(
    base64.b85decode(
        "c-p;`PfEi;6vk6s6kUlY2(yVoP@2{vrL?YerF0`GA;>hDG(*!#oJ?aw4fY6v+aAHC3wL(s))TnUBX|Iv"
        "NkP)k(n7?6K;Ad+eeX9fe@Mq1$bQ5qLYrG_QnH31L^Qx20X4a#%D_c1L;(-<A@Ct{_#My{XfnkBe7lQ@"
        "B_z8~OeU&gRZb^5(6y(T7K?l&#J25vkd>-J3>=t<x@M%zAf+(MI(1Q$G2%+yrcq<YDDA@&#2)VXF6tq|"
        "Ae){GFoz$RmuiEumhIzWf*@6ly&Hr(4x8zikn@ssLq4SC@V};Q41?vCOZ`Y@6qvATW#Js=S_BOFv(J#5"
        "h%kh1KQS$X*oYs_&QDvH1u2w<iiHA`Dm7WD_ccY872BhXLUQF%3km%gx&h*P0>R@QP2E-HSkAFFCrxRx"
        "fT8kV4C1>e@@qbay&8vjPx6rnj;17y8aX-sU>>8F`3(4QC5F5NoMB`7yOKUWi%++$_s+Gke^FS!{~ny&"
        "y>5@6-^O1D`s0zV{s0KSJtF"
    )
)


def old_like(**others):
    linear = eqx.nn.Linear(2, 1, key=jr.key(1))
    like = {"act": jax.nn.relu, "half": np.zeros(2, jnp.bfloat16), "key": jr.key(0)}
    return like | {"linear": linear, "n": np.int64(0), "step": 0} | others


def test_files_of_0_1_0_are_read_with_a_warning(path):
    path.write_bytes(OLD)
    with pytest.warns(UserWarning, match=r"0\.1\.0.*neither classes") as warned:
        tree = deserialize(path, old_like())
    assert warned[0].filename == __file__
    np.testing.assert_array_equal(tree["linear"].weight, [[0.5, 0.25]])
    np.testing.assert_array_equal(tree["linear"].bias, [-1])
    np.testing.assert_array_equal(tree["half"].astype(float), [1.5, -2])
    assert tree["half"].dtype == jnp.bfloat16 and tree["key"] == jr.key(7)
    assert (tree["n"], tree["step"], tree["act"]) == (9, 3, jax.nn.relu)
    with pytest.warns(UserWarning):
        assert deserialize(path, old_like()["linear"], at="linear").bias == -1
    with (
        pytest.warns(UserWarning),
        pytest.raises(ValueError, match="has, int; got float"),
    ):
        deserialize(path, old_like(step=0.0))
    with pytest.warns(UserWarning), pytest.raises(ValueError, match="structure"):
        deserialize(path, old_like(more=0.0))
    contents = inspect(path)
    assert contents.version == 1 and "['linear'].weight  float32[1, 2]" in str(contents)
