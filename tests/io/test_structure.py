"""A file states what it does not hold: classes, static fields, functions."""

import base64
import collections
import dataclasses
import enum
import functools as ft
import json
import math
import pathlib
import runpy
import sys
import types
import zlib
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import jax.tree_util as jtu
import ml_dtypes
import numpy as np
import optax
import pytest

from ngcx import activations, data, density, metrics, neurons, process, surrogate
from ngcx.io import deserialize, inspect, serialize


class Holder(eqx.Module):
    """Holds a value that is no child."""

    weight: jax.Array
    value: Any = eqx.field(static=True)


class Point(NamedTuple):
    x: Any
    y: Any


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


class Flags(enum.Flag):
    A = 1
    B = 2


@dataclasses.dataclass(frozen=True)
class Settings:
    rate: float
    names: tuple[str, ...] = ()


@jtu.register_pytree_node_class
class Custom:
    """A node with a part that is no child, by the oldest way to register one."""

    def __init__(self, child, kept):
        self.child, self.kept = child, kept

    def tree_flatten(self):
        return (self.child,), self.kept

    @classmethod
    def tree_unflatten(cls, kept, children):
        (child,) = children
        return cls(child, kept)


@ft.partial(jtu.register_dataclass, data_fields=["child"], meta_fields=["kept"])
@dataclasses.dataclass
class Registered:
    child: Any
    kept: Any


def named(x):
    return x


def other(x):
    return x


def closing_over(value):
    return lambda x: (x, value)


def with_default(value):
    def function(x, y=value, *, z=value):
        return x, y, z

    return function


def calling_itself(value):
    def function(n):
        return value if n == 0 else function(n - 1)

    return function


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("io") / "file"


# Pairs of values that are not the same, each made anew by every call.
DIFFERENT = {
    "bool and int": lambda: (True, 1),
    "int and float": lambda: (1, 1.0),
    "int and str": lambda: (1, "1"),
    "None and str": lambda: (None, "None"),
    "floats": lambda: (0.1, 0.1 + 2**-56),
    "zeros": lambda: (0.0, -0.0),
    "nan and inf": lambda: (math.nan, math.inf),
    "nan and str": lambda: (math.nan, "nan"),
    "complex": lambda: (1j, 2j),
    "bytes and str": lambda: (b"a", "a"),
    "long integers": lambda: (10**30, 10**30 + 1),
    "tuple and list": lambda: ((1, 2), [1, 2]),
    "tuples": lambda: ((1, (2, 3)), (1, (2, 4))),
    "dicts": lambda: ({"a": 1, "b": 2}, {"a": 1, "b": 3}),
    "keys": lambda: ({1: 0}, {"1": 0}),
    "sets": lambda: (frozenset("abc"), frozenset("abd")),
    "set and frozenset": lambda: ({1}, frozenset({1})),
    "named tuples": lambda: (Point(1, 2), Point(1, 3)),
    "named tuple and tuple": lambda: (Point(1, 2), (1, 2)),
    "enums": lambda: (Colour.RED, Colour.BLUE),
    "flags": lambda: (Flags.A, Flags.A | Flags.B),
    "data classes": lambda: (Settings(0.1, ("a",)), Settings(0.1, ("b",))),
    "modules": lambda: (neurons.LIF(), neurons.LIF(reset="hard")),
    "dtypes": lambda: (np.dtype("f4"), np.dtype("f8")),
    "narrow dtypes": lambda: (jnp.dtype("bfloat16"), np.dtype("float16")),
    "scalar types": lambda: (jnp.float32, jnp.bfloat16),
    "scalars": lambda: (np.float32(1.5), np.float64(1.5)),
    "arrays": lambda: (np.arange(3.0), np.arange(3.0) + 2**-50),
    "large arrays": lambda: (np.zeros(99), np.r_[np.zeros(98), 1]),
    "shapes": lambda: (np.zeros((2, 3)), np.zeros((3, 2))),
    "masks": lambda: tuple(np.ma.masked_greater(np.arange(6.0), n) for n in (3, 4)),
    "slices": lambda: (slice(1), slice(2)),
    "ranges": lambda: (range(3), range(4)),
    "paths": lambda: (pathlib.PurePath("a"), pathlib.PurePath("b")),
    "classes": lambda: (neurons.LIF, neurons.RecurrentLIF),
    "python modules": lambda: (jax, np),
    "objects": lambda: (types.SimpleNamespace(a=1), types.SimpleNamespace(a=2)),
    "named functions": lambda: (named, other),
    "functions of libraries": lambda: (jax.nn.relu, jnp.tanh),
    "built-in functions": lambda: (max, min),
    "universal functions": lambda: (np.tanh, np.sin),
    "methods": lambda: ("a".upper, "b".upper),
    "lambdas": lambda: (lambda x: x, lambda x: 2 * x),
    "constants": lambda: (lambda x: 3 * x, lambda x: 2 * x),
    "attributes": lambda: (lambda x: x.a, lambda x: x.b),
    "inner lambdas": lambda: (lambda: lambda x: x, lambda: lambda x: 2 * x),
    "closures": lambda: (closing_over(1), closing_over(2)),
    "deep closures": lambda: tuple(closing_over(closing_over(n)) for n in (1, 2)),
    "default arguments": lambda: (with_default(1), with_default(2)),
    "recursive functions": lambda: (calling_itself(1), calling_itself(2)),
    "partials": lambda: (ft.partial(named, 1), ft.partial(named, 2)),
    "partials by name": lambda: (ft.partial(named, x=1), ft.partial(named, x=2)),
    "jit": lambda: (jax.jit(lambda x: x), jax.jit(lambda x: 2 * x)),
    "vmap": lambda: tuple(jax.vmap(closing_over(n)) for n in (1, 2)),
    "grad": lambda: tuple(jax.grad(closing_over(n)) for n in (1, 2)),
    "checkpoint": lambda: tuple(jax.checkpoint(closing_over(n)) for n in (1, 2)),
    "custom derivatives": lambda: tuple(
        jax.custom_jvp(closing_over(n)) for n in (1, 2)
    ),
    "jit of vmap": lambda: tuple(jax.jit(jax.vmap(named, n)) for n in (0, 1)),
    "equinox jit": lambda: tuple(eqx.filter_jit(closing_over(n)) for n in (1, 2)),
}
# How a value that is not saved can stand in a pytree.
PLACES = {
    "static field": lambda value: Holder(jnp.ones(2), value),
    "leaf": lambda value: [value, jnp.ones(2)],
    "kept by a node": lambda value: Custom(jnp.ones(2), value),
    "meta field": lambda value: Registered(jnp.ones(2), value),
}
NO_LEAVES = ("bool and", "int and", "None", "float", "zeros", "nan", "complex", "long")
IN_NODES = ("tuple", "dict", "keys", "named tuple", "module", "equinox", "scalars")
HOLDS_ARRAYS = ("array", "large", "shape", "mask")


def cases():
    for what in DIFFERENT:
        for place in PLACES:
            as_leaf = place == "leaf"
            if as_leaf and what.startswith((*NO_LEAVES, *IN_NODES, *HOLDS_ARRAYS)):
                continue  # These are saved, or other nodes, or refused.
            yield pytest.param(what, place, id=f"{what}, {place}")


@pytest.mark.filterwarnings("ignore:A JAX array is being set as static")
@pytest.mark.parametrize(("what", "place"), list(cases()))
def test_what_is_not_saved_is_compared(path, what, place):
    make, (one, another) = PLACES[place], DIFFERENT[what]()
    serialize(path, make(one))
    deserialize(path, make(one))
    deserialize(path, make(DIFFERENT[what]()[0]))
    with pytest.raises(ValueError, match=r"`like.*` must .* the file.*; got"):
        deserialize(path, make(another))


KEY = jr.key(0)
MODULES = {
    "cells": (
        lambda: neurons.LIF(decay=jnp.full(16, 0.9), reset="hard"),
        lambda: neurons.LIF(decay=jnp.zeros(16), reset="soft"),
        '`like` must have the `reset` of the file, "hard"; got "soft"',
    ),
    "activation": (
        lambda: eqx.nn.MLP(2, 2, 2, 1, activation=activations.Tanh(), key=KEY),
        lambda: eqx.nn.MLP(2, 2, 2, 1, activation=activations.ReLU(), key=KEY),
        "`like.activation` must be what the file has, ngcx.activations.Tanh; got "
        "ngcx.activations.ReLU",
    ),
    "functions": (
        lambda: eqx.nn.MLP(2, 2, 2, 1, activation=jnp.tanh, key=KEY),
        lambda: eqx.nn.MLP(2, 2, 2, 1, activation=jax.nn.relu, key=KEY),
        "`like.activation` must be what the file has, jax.numpy.tanh; got jax.nn.relu",
    ),
    "classes without leaves": (
        lambda: [surrogate.Arctan(), jnp.ones(2)],
        lambda: [surrogate.FastSigmoid(), jnp.ones(2)],
        r"`like\[0\]` must be what the file has, ngcx.surrogate.Arctan; got",
    ),
    "optimisers": (
        lambda: optax.sgd(0.1, momentum=0.9).init(jnp.ones(2)),
        lambda: optax.adam(0.1).init(jnp.ones(2)),
        r"`like.* must .* the file.*; got",
    ),
    "metrics": (
        lambda: metrics.Streaming.init(metrics.accuracy),
        lambda: metrics.Streaming.init(metrics.mean_squared_error),
        "`like.*accuracy; got .*mean_squared_error",
    ),
    "another axis": (
        lambda: eqx.nn.WeightNorm(eqx.nn.Linear(2, 2, key=KEY), axis=0),
        lambda: eqx.nn.WeightNorm(eqx.nn.Linear(2, 2, key=KEY), axis=1),
        "`like` must have the `axis` of the file, 0; got 1",
    ),
}


@pytest.mark.parametrize("what", MODULES)
def test_another_network_is_refused(path, what):
    make, make_other, match = MODULES[what]
    serialize(path, make())
    deserialize(path, make())
    with pytest.raises(ValueError, match=match):
        deserialize(path, make_other())


def test_of_long_values_the_difference_is_shown(path):
    long = tuple(range(1000))
    serialize(path, Holder(jnp.ones(1), (*long, 7, *long)))
    with pytest.raises(ValueError, match=r"999, 7, .*; got .* 999, 8") as error:
        deserialize(path, Holder(jnp.ones(1), (*long, 8, *long)))
    assert len(str(error.value)) < 400


def batch_norm(mode):
    return eqx.nn.BatchNorm(3, "batch", mode=mode)


def shared():
    layers = (eqx.nn.Linear(2, 2, key=KEY), eqx.nn.Linear(2, 2, key=KEY))
    return eqx.nn.Shared(
        layers, lambda pair: pair[1].weight, lambda pair: pair[0].weight
    )


def state_of(optimizer):
    return optimizer.init({"weight": jnp.ones(3)})


TAKEN = {
    "batch norm": lambda: batch_norm("ema"),
    "batch norm and state": lambda: eqx.nn.make_with_state(batch_norm)("batch"),
    "state of a model": lambda: eqx.nn.State(batch_norm("batch")),
    "state index": lambda: eqx.nn.StateIndex(jnp.ones(2)),
    "spectral norm": lambda: eqx.nn.make_with_state(eqx.nn.SpectralNorm)(
        eqx.nn.Linear(2, 2, key=KEY), "weight", key=KEY
    ),
    "weight norm": lambda: eqx.nn.WeightNorm(eqx.nn.Linear(2, 2, key=KEY)),
    "shared": shared,
    "dropout": lambda: eqx.nn.Sequential([eqx.nn.Dropout(0.5), eqx.nn.Identity()]),
    "attention": lambda: eqx.nn.MultiheadAttention(1, 2, key=KEY),
    "optax": lambda: state_of(
        optax.chain(optax.clip(1.0), optax.adamw(optax.linear_schedule(1, 0, 9)))
    ),
    "injected": lambda: state_of(optax.inject_hyperparams(optax.adam)(1e-3)),
    "masked": lambda: state_of(optax.masked(optax.adam(1e-3), True)),
    "optimiser": lambda: optax.adam(1e-3),
    "ordered": lambda: collections.OrderedDict(b=jnp.ones(1), a=jnp.ones(2)),
    "default": lambda: collections.defaultdict(list, {"a": jnp.ones(1)}),
    "named tuple": lambda: Point(jnp.ones(2), None),
    "data class": lambda: Registered(jnp.ones(2), Settings(0.1)),
    "custom": lambda: Custom(jnp.ones(2), "kept"),
    "partial of jax": lambda: jtu.Partial(jnp.add, jnp.ones(2)),
    "bound method": lambda: activations.ReLU().__call__,
    "jitted module": lambda: eqx.filter_jit(eqx.nn.Linear(2, 2, key=KEY)),
    "mapped module": lambda: eqx.filter_vmap(eqx.nn.Linear(2, 2, key=KEY)),
    "text": lambda: ["text", np.array(["a", "bc"]), np.datetime64("2020-01-01")],
    "records": lambda: np.zeros(3, [("a", "f4"), ("b", "i2", (2,))]),
    "no gradient": lambda: np.zeros(3, jax.dtypes.float0),
    "keys": lambda: (jr.key(3), jr.split(jr.key(3, impl="rbg"), 2), jr.PRNGKey(1)),
    "a lock": lambda: Holder(jnp.ones(1), __import__("threading").Lock()),
    "mesh": lambda: Holder(jnp.ones(1), jax.make_mesh((1,), ("a",))),
    "streaming": lambda: metrics.Streaming.init(metrics.accuracy),
    "loader": lambda: data.DataLoader(np.arange(9), batch_size=2).init(KEY),
}


@pytest.mark.parametrize("what", TAKEN)
def test_what_equinox_saves_is_taken(path, what):
    tree = TAKEN[what]()
    serialize(path, tree)
    restored = deserialize(path, TAKEN[what]())
    for one, two in zip(*map(jtu.tree_leaves, (restored, tree)), strict=True):
        if isinstance(two, jax.Array | np.ndarray) and two.dtype != jax.dtypes.float0:
            assert type(one) is type(two) and one.dtype == two.dtype
            assert (one == two).all()
    json.dumps(inspect(path).nodes)


def test_every_narrow_dtype_comes_back(path):
    kinds = [getattr(ml_dtypes, name) for name in dir(ml_dtypes)]
    kinds = [
        each
        for each in kinds
        if isinstance(each, type) and issubclass(each, np.generic)
    ]
    tree = {str(np.dtype(each)): np.ones((2, 3), each) for each in kinds}
    assert len(tree) > 10
    serialize(path, tree)
    restored = deserialize(path, {name: 0 * one for name, one in tree.items()})
    for name, one in restored.items():
        assert one.dtype == tree[name].dtype and one.flags.writeable
        assert one.tobytes() == tree[name].tobytes()


def test_weak_types_come_back(path):
    tree = [jnp.asarray(value) for value in (1.5, 2, 1j)] + [jnp.ones(2)]
    assert [leaf.weak_type for leaf in tree] == [True, True, True, False]
    serialize(path, tree)
    for like in (tree, [leaf.astype(leaf.dtype) for leaf in tree]):
        restored = deserialize(path, like)
        assert [leaf.weak_type for leaf in restored] == [True, True, True, False]
        assert eqx.tree_equal(restored, tree)


class Opaque:
    def __init__(self, value):
        self.value = value

    def method(self):
        return self.value


# An array that JAX does not see, and that no file would give back.
HIDES = {
    "closure": closing_over,
    "deep closure": lambda array: closing_over(closing_over({"a": [array]})),
    "closure over a module": lambda array: closing_over(Holder(array, None)),
    "default argument": with_default,
    "recursive function": calling_itself,
    "partial": lambda array: ft.partial(named, array),
    "partial by name": lambda array: ft.partial(named, x=array),
    "partial of a closure": lambda array: ft.partial(closing_over(array)),
    "jit": lambda array: jax.jit(closing_over(array)),
    "vmap": lambda array: jax.vmap(closing_over(array)),
    "grad": lambda array: jax.grad(closing_over(array)),
    "checkpoint": lambda array: jax.checkpoint(closing_over(array)),
    "custom derivative": lambda array: jax.custom_jvp(closing_over(array)),
    "equinox jit": lambda array: eqx.filter_jit(closing_over(array)),
    "method": lambda array: Opaque(array).method,
}
OBJECTS = {
    "object": Opaque,
    "set": lambda array: frozenset([Opaque(array)]),
    "data class": Settings,
}
ARRAYS = {
    "jax": lambda: jnp.ones(2),
    "scalar": lambda: jnp.asarray(1.0),
    "key": lambda: jr.key(0),
    "numpy": lambda: np.ones(2),
    "masked": lambda: np.ma.masked_greater(np.arange(6.0), 3),
}


@pytest.mark.parametrize("array", ARRAYS)
@pytest.mark.parametrize("what", [*HIDES, *OBJECTS])
def test_an_array_out_of_sight_is_refused_when_saved(path, what, array):
    serialize(path, 7)
    value = (HIDES | OBJECTS)[what](ARRAYS[array]())
    places: dict[str, Any] = {"['x'][0]": {"x": [value]}}
    if what in HIDES:
        places["['x']"] = {"x": Holder(jnp.ones(1), value)}
    for name, tree in places.items():
        with pytest.raises(TypeError, match="and it would be lost") as error:
            serialize(path, tree)
        message = str(error.value)
        assert message.startswith(f"`tree{name}") and "Make it a field" in message
        assert len(message.splitlines()) <= 3
    assert deserialize(path, 0) == 7


@pytest.mark.parametrize(
    "array",
    [
        np.ma.masked_greater(np.arange(6.0), 3),
        np.recarray((2,), [("a", float)]),
        np.memmap,
    ],
    ids=lambda array: getattr(array, "__name__", type(array).__name__),
)
def test_an_array_that_is_more_than_numbers_is_refused(path, tmp_path, array):
    serialize(path, 7)
    if array is np.memmap:
        array = np.memmap(tmp_path / "numbers", "f4", "w+", shape=(3,))
    with pytest.raises(
        TypeError, match=r"`tree\['x'\]` is a numpy.*\nSave `np.asarray`"
    ):
        serialize(path, {"x": array})
    assert deserialize(path, 0) == 7


def test_a_file_says_what_it_holds(path):
    cell = neurons.LIF(decay=jnp.full(16, 0.9), reset="hard")
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
    assert found["['cell']"]["static"]["reset"] == "hard"
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
