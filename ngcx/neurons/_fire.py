"""What leaky integrate-and-fire neurons have in common: they integrate a current, fire
above a threshold, and are reset.

All is computed in float32 at least, and rounded where it is stored.
"""

import jax
import jax.numpy as jnp

from .._module import Module
from .._numerics import widened
from .._words import in_words
from ._base import at_rest
from ._decay import TimeConstant, as_factor
from ._frozen import as_array, thawed
from ._reset import AbstractReset, HardReset, is_zero


def check_neuron(cell):
    """Refuses options that do not go together."""
    if isinstance(cell.reset, HardReset) and not cell.surrogate.binary:
        raise ValueError(
            "`reset` must be `SoftReset` or `NoReset` where several spikes are "
            f"counted; got {cell.reset}."
        )
    for option in ("refractory_leak", "refractory_spikes"):
        if getattr(cell, option) and not cell.refractory_steps:
            raise ValueError(
                f"`{option}` must be False where there are no refractory steps; got "
                "True and `refractory_steps` 0."
            )
    if cell.reset.delayed and cell.refractory_steps:
        raise ValueError(
            "`reset` must not be delayed where there are refractory steps, in which "
            f"the potential stays where it is; got {cell.reset} and "
            f"`refractory_steps` {cell.refractory_steps}."
        )


def neuron_at_rest(cell, shape, dtype) -> dict:
    """What every neuron has in its state."""
    v = potential_at_rest(cell, shape, dtype)
    refractory = jnp.zeros(v.shape, jnp.int32) if cell.refractory_steps else None
    pending = at_rest(shape, dtype) if cell.reset.delayed else None
    return {"v": v, "refractory": refractory, "pending": pending}


def potential_at_rest(cell, shape, dtype):
    v = at_rest(shape, dtype)
    check_parameters(cell, v.shape)
    return v if is_zero(cell.v_rest) else v + as_array(cell.v_rest, v.dtype)


def stored(x, dtype):
    """What a state keeps: rounded, and for what float16 cannot hold, its largest
    number, since infinity times 0 would be NaN in the next step.
    """
    largest = float(jnp.finfo(dtype).max)
    if largest < float(jnp.finfo(x.dtype).max):
        x = jnp.clip(x, -largest, largest)
    return x.astype(dtype)


def leaked(cell, v, current):
    """The membrane potential after its decay and the current."""
    v, current = widened(v), widened(current)
    decay = as_factor(cell.decay, v.dtype)
    if cell.scale_input:
        current = (1 - decay) * current
    if is_zero(cell.v_rest):
        return decay * v + current
    rest = as_array(cell.v_rest, v.dtype)
    return rest + decay * (v - rest) + current


def integrated(cell, state, current):
    """The membrane potential that the spike is read from."""
    u = leaked(cell, state.v, current)
    return cell.reset.apply(u, widened(state.pending)) if cell.reset.delayed else u


def fire(cell, state, current, threshold, key):
    """Integrates, fires and resets: returns what every neuron has in its state, and the
    spikes.
    """
    v, refractory, pending = state.v, state.refractory, state.pending
    if refractory is None and cell.refractory_steps:
        raise ValueError(
            "`state.refractory` must say how many steps are left, as the state of "
            "`init` does; got None."
        )
    if pending is None and cell.reset.delayed:
        raise ValueError(
            "`state.pending` must say what the reset takes at the next step, as the "
            "state of `init` does; got None."
        )
    u = integrated(cell, state, current)
    spikes = cell.surrogate(u, threshold, key=key)
    taken = cell.reset.taken(spikes, threshold)
    if cell.reset.delayed:
        pending = stored(taken, v.dtype)
    else:
        u = cell.reset.apply(u, taken)
    u, spikes = stored(u, v.dtype), spikes.astype(v.dtype)
    if refractory is not None:
        active = refractory == 0
        spikes = jnp.where(active, spikes, 0)
        idle = leaked(cell, v, jnp.zeros_like(v)) if cell.refractory_leak else v
        u = jnp.where(active, u, stored(idle, v.dtype))
        left = jnp.maximum(refractory - 1, 0)
        refractory = jnp.where(spikes > 0, cell.refractory_steps, left)
        if cell.refractory_spikes:
            spikes = jnp.where(active, spikes, 1)
    return {"v": u, "refractory": refractory, "pending": pending}, spikes


def check_step(cell, v, current):
    """Refuses another number of neurons, which might broadcast, or another dtype."""
    if v.shape != current.shape or v.dtype != current.dtype:
        raise ValueError(
            f"`state` must have the shape and dtype of the current, "
            f"{in_words(current)}; got {in_words(v)}."
        )
    check_parameters(cell, v.shape)


def check_parameters(cell, neurons: tuple):
    """Refuses parameters that would not broadcast to the neurons, or only by adding
    some.
    """
    for name, value in _parameters(cell):
        shape = value.shape if isinstance(value, jax.Array) else ()
        ends = zip(reversed(shape), reversed(neurons), strict=False)
        if len(shape) > len(neurons) or any(size not in (1, n) for size, n in ends):
            raise ValueError(
                f"`{name}` must be one for all neurons, or one for each of {neurons}; "
                f"got the shape {shape}."
            )


def _parameters(module: Module):
    for name, value in vars(module).items():
        if isinstance(value, AbstractReset):
            yield from ((f"{name}.{inner}", each) for inner, each in _parameters(value))
        else:
            yield name, thawed(value.tau if isinstance(value, TimeConstant) else value)
