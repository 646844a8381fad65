"""What leaky integrate-and-fire neurons have in common: they integrate a current, fire
above a threshold, and are reset.

All is computed in float32 at least, and rounded where it is stored.
"""

from typing import Literal

import jax
import jax.numpy as jnp

from .._numerics import widened
from .._words import in_words
from ._decay import TimeConstant, as_factor
from ._frozen import thawed


Reset = Literal["soft", "hard", "none"]


def check_reset(cell):
    if cell.reset == "hard" and not cell.surrogate.binary:
        raise ValueError(
            "`reset` must be 'soft' or 'none' where several spikes are counted; got "
            "'hard'."
        )


def refractory_at_rest(cell, v):
    return jnp.zeros(v.shape, jnp.int32) if cell.refractory_steps else None


def integrated(cell, v, current):
    """The membrane potential before the reset."""
    v, current = widened(v), widened(current)
    return as_factor(cell.decay, v.dtype) * v + current


def fire(cell, state, current, threshold, key):
    """Integrates, fires and resets: returns `v`, the spikes, and the number of
    refractory steps left (None if there are never any).
    """
    v, refractory = state.v, state.refractory
    if refractory is None and cell.refractory_steps:
        raise ValueError(
            "`state.refractory` must say how many steps are left, as the state of "
            "`init` does; got None."
        )
    u = integrated(cell, v, current)
    spikes = cell.surrogate(u, threshold, key=key)
    reset = jax.lax.stop_gradient(spikes) if cell.detach_reset else spikes
    if cell.reset == "soft":
        u = u - threshold * reset
    elif cell.reset == "hard":
        u = u * (1 - reset)
    u, spikes = u.astype(v.dtype), spikes.astype(v.dtype)
    if refractory is None:
        return u, spikes, None
    active = refractory == 0
    spikes = jnp.where(active, spikes, 0)
    u = jnp.where(active, u, v)
    left = jnp.maximum(refractory - 1, 0)
    return u, spikes, jnp.where(spikes > 0, cell.refractory_steps, left)


def check_step(cell, v, current):
    """Refuses another number of neurons, which might broadcast, or another dtype."""
    if v.shape != current.shape or v.dtype != current.dtype:
        raise ValueError(
            f"`state` must have the shape and dtype of the current, "
            f"{in_words(current)}; got {in_words(v)}."
        )
    for name, value in vars(cell).items():
        value = thawed(value.tau if isinstance(value, TimeConstant) else value)
        shape = value.shape if isinstance(value, jax.Array) else ()
        ends = zip(reversed(shape), reversed(v.shape), strict=False)
        if len(shape) > v.ndim or any(size not in (1, n) for size, n in ends):
            raise ValueError(
                f"`{name}` must be one for all neurons, or one for each of {v.shape}; "
                f"got the shape {shape}."
            )
