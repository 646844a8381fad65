"""Inputs over time, as a scan takes them."""

import jax
import jax.numpy as jnp
import jax.tree_util as jtu

from .._words import in_words, is_traceable


def packed(name: str, value, length: int):
    """An input that is no array with a time axis."""
    if callable(value) and not isinstance(value, type):
        return jax.vmap(value)(jnp.arange(length))

    def leaf(array):
        array = _array(name, array)
        if array.ndim:
            raise ValueError(
                f"`{name}` must be in `over_time` if its first axis is time, or else a "
                f"function of the time step; got {array.dtype}{list(array.shape)}.\n"
                f"Give `over_time={{{name!r}: ...}}`, or `{name}=lambda step: ...`."
            )
        if jnp.issubdtype(array.dtype, jax.dtypes.prng_key):
            return jax.random.split(array, length)
        return jnp.broadcast_to(array, (length,))

    return jtu.tree_map(leaf, value)


def rows_of(name: str, value, length: int):
    """An input with a time axis."""

    def leaf(array):
        array = _array(name, array)
        if array.shape[:1] != (length,):
            raise ValueError(
                f"`{name}` must have a leading axis of {length} time steps; got an "
                f"array of shape {array.shape}."
            )
        return array

    return jtu.tree_map(leaf, value)


def _array(name: str, leaf) -> jax.Array:
    if not is_traceable(leaf):
        raise TypeError(
            f"`{name}` must be a number, a key, an array or a function of the step; "
            f"got {in_words(leaf)}."
        )
    return jnp.asarray(leaf)
