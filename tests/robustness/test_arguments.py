"""Every public function, called with every kind of wrong argument."""

import inspect
import re

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest

import ngcx

from ._entries import Entry, Mutation
from ._table import EXEMPT, SUBPACKAGES, TABLE, leaves


pytestmark = pytest.mark.in_turn(6)


@pytest.mark.parametrize("subpackage", SUBPACKAGES)
def test_every_public_name_has_an_entry(subpackage):
    module = getattr(ngcx, subpackage)
    for name in dir(module):
        if not name.startswith("_") and not inspect.ismodule(getattr(module, name)):
            where = f"tests/robustness/subpackages/{subpackage}.py"
            known = f"{subpackage}.{name}" in TABLE.keys() | EXEMPT.keys()
            assert known, f"add {name!r} to ENTRIES in {where}"


# A size as an array is refused by us, after Equinox has warned of it.
@pytest.mark.filterwarnings("ignore:A JAX array is being set as static")
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
            # Shapes are only traced, unless there are numbers to judge: compiling takes
            # long.
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
    message = str(error)
    if "dtype" in arguments and re.search(r"data type .* not understood", message):
        return True
    return any(re.search(rf"(`|^){argument}\b", message) for argument in arguments)
