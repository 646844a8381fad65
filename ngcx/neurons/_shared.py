import jax
import jax.numpy as jnp
from jaxtyping import PyTree

from .._module import Module


class Shared(Module):
    """A part of the state of a cell that all samples of a batch share: statistics, or
    weights and thresholds that learn inside the loop. It has no batch axis, and it
    outlives the sequence, since [`ngcx.neurons.AbstractCell.rest`][] keeps it.

    A cell may put it anywhere in its state, as in `{"v": v, "weight": Shared(weight)}`,
    and must return the same value for all samples: `jax.lax.pmean(value, "batch")` is
    their average.

    **Attributes:**

    - `value`: arrays.
    """

    value: PyTree


def is_shared(node) -> bool:
    return isinstance(node, Shared)


def places(state):
    """The axis of the samples in a state, for `jax.vmap`."""
    return jax.tree.map(
        lambda node: None if is_shared(node) else 0, state, is_leaf=is_shared
    )


def hold(valid, new, old, *, shared: bool):
    """The old state where there is no step: its shared part, or the rest of it."""

    def held(new, old):
        if is_shared(new) != shared:
            return new
        return jax.tree.map(lambda n, o: jnp.where(valid, n, o), new, old)

    return jax.tree.map(held, new, old, is_leaf=is_shared)
