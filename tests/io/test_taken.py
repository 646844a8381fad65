"""What Equinox saves is taken, and what would be lost is refused."""

import collections
import functools as ft
import json
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import jax.tree_util as jtu
import ml_dtypes
import numpy as np
import optax
import pytest

from ngcx import activations, data, metrics
from ngcx.io import deserialize, inspect, serialize

from ._trees import (
    KEY,
    Custom,
    Holder,
    Point,
    Registered,
    Settings,
    calling_itself,
    closing_over,
    named,
    with_default,
)


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
    restored = deserialize(
        path, {name: np.zeros_like(one) for name, one in tree.items()}
    )
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
