"""Every public function, called with every kind of wrong argument."""

import inspect
import re

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest

import ngcx

from ._entries import Entry, Mutation
from ._table import EXEMPT, ROOMS, TABLE, leaves


@pytest.mark.parametrize("room", ROOMS)
def test_every_public_name_has_an_entry(room):
    known = {name for name in TABLE.keys() | EXEMPT.keys() if name.startswith(room)}
    for name, member in vars(getattr(ngcx, room)).items():
        if not name.startswith("_") and not inspect.ismodule(member):
            where = f"add {name!r} to ENTRIES in tests/robustness/rooms/{room}.py"
            assert f"{room}.{name}" in known, where


@pytest.mark.parametrize("name", TABLE)
def test_wrong_arguments_are_errors_that_name_them(name):
    entry = TABLE[name]
    valid = entry.valid()
    expected = leaves(entry.call(valid))
    found = [
        f"{mutation.label}: {trouble}"
        for mutation in entry.mutations()
        if (trouble := outcome(entry, mutation, valid, expected))
    ]
    assert not found, "\n" + "\n".join(found)


def outcome(entry: Entry, mutation: Mutation, valid, expected) -> str:
    """What is wrong with what a mutation does, or an empty string."""
    arguments, result = valid | mutation.changed, []
    try:
        compiled = not mutation.shape or entry.on_host
        if not compiled:
            # Without compiling for every shape, but where there are numbers to judge.
            result = leaves(eqx.filter_eval_shape(entry.call, arguments))
            compiled = mutation.finite and any(leaf.size for leaf in result)
        if compiled:
            result = leaves(entry.call(arguments))
    except (TypeError, ValueError) as error:
        blamed = {*mutation.changed, *entry.also}
        if mutation.shape:
            blamed |= {*entry.arrays(), "axis"}
        if names(error, blamed):
            return ""
        return f"{type(error).__name__} names none of {sorted(blamed)}: {brief(error)}"
    except Exception as error:
        return f"{type(error).__name__}: {brief(error)}"
    if mutation.must_raise:
        return f"no error, but {result}"
    if mutation.same_shape:
        looks = [(x.shape, x.dtype) for x in expected]
        found = [(x.shape, x.dtype) for x in result]
        if looks != found:
            return f"a result of {found} instead of {looks}"
    if entry.like and entry.like in arguments:
        like = arguments[entry.like]
        if hasattr(like, "shape") and (result[0].shape, result[0].dtype) != (
            like.shape,
            like.dtype,
        ):
            return f"a result of {result[0].shape} for {like.shape}"
    if mutation.finite:
        for leaf in result:
            floating = leaf.size and jnp.issubdtype(leaf.dtype, jnp.floating)
            if floating and np.isnan(leaf).any():
                return f"NaN: {leaf}"
    return ""


def brief(error):
    return str(error).replace("\n", " | ")[:200]


def names(error, arguments) -> bool:
    # What follows are all arguments, and their annotations.
    message = str(error).split("Called with parameters")[0]
    if "Non-hashable static arguments" in message:
        return True  # of JAX, which shows the value
    if "dtype" in arguments and re.search(r"data type .* not understood", message):
        return True
    return any(
        re.search(
            rf"(parameter '|`|at path |argument: '){argument}\b|^{argument} ", message
        )
        for argument in arguments
    )
