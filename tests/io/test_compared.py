"""What a file does not hold, it states: another value, class or function is refused."""

import functools as ft
import math
import pathlib
import types

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ngcx import activations, metrics, neurons, surrogate
from ngcx.io import deserialize, serialize

from ._trees import (
    KEY,
    Colour,
    Custom,
    Flags,
    Holder,
    Point,
    Registered,
    Settings,
    calling_itself,
    closing_over,
    named,
    other,
    with_default,
)


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
    "modules": lambda: (neurons.LIF(), neurons.LIF(reset=neurons.HardReset())),
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
    "classes": lambda: (neurons.LIF, neurons.LeakyIntegrator),
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


MODULES = {
    "cells": (
        lambda: neurons.LIF(decay=jnp.full(16, 0.9), reset=neurons.HardReset()),
        lambda: neurons.LIF(decay=jnp.zeros(16), reset=neurons.SoftReset()),
        "`like.reset` must be what the file has, ngcx.neurons.HardReset; got "
        "ngcx.neurons.SoftReset",
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
