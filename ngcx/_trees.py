"""Pytrees of numbers: numbers of numpy as those of Python, and how two trees differ."""

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


class _Look(str):
    """The dtype and the shape of a leaf, as it is shown within a pytree."""

    __repr__ = str.__str__

    def __new__(cls, leaf: Any):
        numbers = eqx.is_array_like(leaf) and not is_array(leaf)
        return super().__new__(cls, in_words(jnp.asarray(leaf) if numbers else leaf))
