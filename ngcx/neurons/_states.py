"""States in words, and whether one is that of a cell."""

from typing import Any

import jax
import jax.tree_util as jtu

from .._words import in_words
from ._shared import is_shared


def fields(state) -> dict[str, Any]:
    """The leaves of a state by their paths."""
    state = jax.tree.map(
        lambda node: node.value if is_shared(node) else node, state, is_leaf=is_shared
    )
    return {
        jtu.keystr(path, simple=True, separator="."): leaf
        for path, leaf in jtu.tree_leaves_with_path(state)
    }


def started(fresh, state):
    """The given state, and that at rest where it says nothing."""
    try:
        merged = jax.tree.map(
            lambda node, given: node if given is None else given,
            fresh,
            state,
            is_leaf=is_shared,
        )
    except ValueError as error:
        raise ValueError(
            f"`state` must be a state of this cell, {_shapes(fresh)}; got "
            f"{_shapes(state)}."
        ) from error
    given = fields(merged)
    if given.keys() != fields(fresh).keys():
        raise ValueError(
            f"`state` must be a state of this cell, {_shapes(fresh)}; got "
            f"{_shapes(state)}."
        )
    for path, leaf in fields(fresh).items():
        if in_words(given[path]) != in_words(leaf):
            raise ValueError(
                f"`state` must have {in_words(leaf)} as its `{path}`, for these "
                f"inputs; got {in_words(given[path])}."
            )
    return merged


def _shapes(state) -> str:
    return str({path: in_words(leaf) for path, leaf in fields(state).items()})
