"""Pytrees of numbers: numbers of numpy as those of Python, how two trees differ, and
where they may differ from device to device.
"""

import functools as ft
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ._words import in_words, is_array


def of_python(value: Any) -> Any:
    """A number of numpy as that of Python, also in a tuple; anything else as it is."""
    if isinstance(value, np.generic):
        return value.item()
    return tuple(map(of_python, value)) if type(value) is tuple else value


def difference(given: Any, expected: Any) -> str | None:
    """How one pytree of arrays differs from another in its structure, or in the shape
    or dtype of a leaf, if it does.
    """
    kinds = [jax.tree.structure(tree) for tree in (given, expected)]
    if kinds[0] != kinds[1]:
        texts = [str(jax.tree.map(_Look, tree)) for tree in (given, expected)]
        short = all(len(text) < 80 for text in texts)
        return "got {} for {}".format(*(texts if short else kinds))
    pairs = zip(
        jax.tree_util.tree_leaves_with_path(given),
        jax.tree.leaves(expected),
        strict=True,
    )
    for (path, leaf), other in pairs:
        if _Look(leaf) != _Look(other):
            place = f" at `{jax.tree_util.keystr(path)}`" if path else ""
            return f"got {_Look(leaf)} for {_Look(other)}{place}"
    return None


def manual_axes() -> tuple:
    """The axes of `jax.shard_map` that this runs in."""
    return jax.sharding.get_abstract_mesh().manual_axes


def is_bound(name: str) -> bool:
    """Whether an axis of that name is mapped over here."""
    try:
        jax.lax.axis_index(name)
    except NameError:
        return False
    return True


def varying(tree: Any, *others: Any) -> Any:
    """`tree`, of a type that may differ from device to device of `jax.shard_map` where
    that of `others` may. Loops and branches need this of what they start from, or give
    back, if what they compute with differs.
    """
    for leaf in jax.tree.leaves(others) if manual_axes() else ():
        if is_array(leaf):
            # JAX 0.8, the oldest that is taken, has no `jax.lax.pcast` yet.
            no = jnp.zeros_like(leaf, bool, shape=())
            tree = jax.tree.map(ft.partial(jnp.where, no), tree, tree)
    return tree


class _Look(str):
    """The dtype and the shape of a leaf, as it is shown within a pytree."""

    __repr__ = str.__str__

    def __new__(cls, leaf: Any):
        numbers = eqx.is_array_like(leaf) and not is_array(leaf)
        return super().__new__(cls, in_words(jnp.asarray(leaf) if numbers else leaf))
