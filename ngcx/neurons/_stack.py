"""Running stacks of cells and stateless layers, such as `eqx.nn.Linear`."""

import functools as ft
from collections.abc import Callable, Iterable

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, PRNGKeyArray, PyTree, Real

from .._compiled import compiled
from ._base import AbstractCell, scan, varying
from ._segments import in_segments


def _as_tuple(layers, *args, **options):
    """Layers may come from a generator, which could be read only once."""
    return {"layers": tuple(layers)}


@compiled(static=("layers", "batched", "checkpoint"), before=_as_tuple)
def layerwise(
    layers: Iterable[Callable],
    inputs: Real[Array, "time ..."],
    states: tuple[PyTree, ...] | None = None,
    *,
    key: PRNGKeyArray | None = None,
    batched: bool = False,
    checkpoint: bool = False,
) -> tuple[tuple[PyTree, ...], Float[Array, "time ..."]]:
    r"""Runs a feed-forward stack through time, one layer after the other.

    A layer that is no cell sees all time steps as one batch, so that a linear layer is
    one matrix product.

    **Arguments:**

    - `layers`: cells, and functions of the input of one time step, as in
        `eqx.nn.Sequential`, which may be given too.
    - `inputs`: the input of the first layer, time first (and batch second, if
        `batched`).
    - `states`: where to start, as returned; the states at rest if not given.
    - `key`: gives each cell, step and sample a key of its own, for escape noise.
    - `batched`: whether the second axis of `inputs` is a batch. If the batch comes
        first, use `jax.vmap` instead, which costs a copy.
    - `checkpoint`: whether reverse mode computes steps again rather than storing them:
        time is cut into $\sqrt T$ segments, of which it keeps the first states only.

    **Returns:** the final states (None for what is no cell), and the output of the last
    layer, time first.

    !!! example

        ```python
        >>> import equinox as eqx
        >>> import jax.numpy as jnp
        >>> import jax.random as jr
        >>> from ngcx.neurons import LIF, LeakyIntegrator
        >>> layers = [eqx.nn.Linear(3, 2, key=jr.key(0)), LIF(), LeakyIntegrator()]
        >>> states, potentials = layerwise(layers, jnp.ones((10, 3)))
        >>> potentials.shape
        (10, 2)

        ```
    """

    def run(states, inputs):
        x, keys = inputs
        after = []
        for layer, state, key in zip(layers, states, keys, strict=True):
            if isinstance(layer, AbstractCell):
                state, x = scan(layer, state, (x, key))
            elif _is_matrix(layer) and x.ndim == 2:
                x = _linear(layer, x)
            else:
                x = jax.vmap(layer)(x)
            after.append(state)
        return tuple(after), x

    return _through_time(run, layers, inputs, states, key, batched, checkpoint)


@compiled(static=("layers", "batched", "checkpoint"), before=_as_tuple)
def stepwise(
    layers: Iterable[Callable],
    inputs: Real[Array, "time ..."],
    states: tuple[PyTree, ...] | None = None,
    *,
    key: PRNGKeyArray | None = None,
    batched: bool = False,
    checkpoint: bool = False,
) -> tuple[tuple[PyTree, ...], Float[Array, "time ..."]]:
    """Runs a stack through time, one time step after the other.

    Gives what [`ngcx.neurons.layerwise`][] gives, with less memory, because no layer
    stores its currents, and more time. Arguments and results are the same.
    """

    def step(states, now):
        x, keys = now
        after = []
        for layer, state, key in zip(layers, states, keys, strict=True):
            if isinstance(layer, AbstractCell):
                state, x = layer(state, x, key=key)
            elif _is_matrix(layer) and x.ndim == 1:
                x = _linear(layer, x)
            else:
                x = layer(x)
            after.append(state)
        return tuple(after), x

    run = ft.partial(jax.lax.scan, step)
    return _through_time(run, layers, inputs, states, key, batched, checkpoint)


def _is_matrix(layer) -> bool:
    return type(layer) is eqx.nn.Linear and layer.out_features != "scalar"


def _linear(layer, x):
    # The weight is on the right. With the weight on the left, where the layer itself
    # has it, XLA's CPU backend transposes the whole input, and a training step takes a
    # quarter longer.
    x = x @ layer.weight.T
    return x if layer.bias is None else x + jnp.broadcast_to(layer.bias, x.shape)


def _through_time(run, layers, inputs, states, key, batched, checkpoint):
    # These are the axes of time and, if there is one, of the batch.
    axes = inputs.shape[: 1 + batched]
    if states is None:
        sample = jax.ShapeDtypeStruct(inputs.shape[len(axes) :], inputs.dtype)
        states = jax.tree.map(
            lambda state: jnp.broadcast_to(state, axes[1:] + state.shape),
            varying(_at_rest(layers, sample), inputs),
        )
    if len(states) != len(layers):
        raise ValueError(
            f"`states` must be one for each of the {len(layers)} layers; got "
            f"{len(states)}."
        )
    keys = (None,) * len(layers)
    if key is not None:
        # Every layer and step has a key of its own, so that the order of the loops does
        # not matter.
        keys = tuple(jr.split(each, axes) for each in jr.split(key, len(layers)))
    if batched:
        # The map is within the segments: one over them would transpose the inputs.
        run = jax.vmap(run, in_axes=(0, 1), out_axes=(0, 1))
    if checkpoint:
        return in_segments(run, states, (inputs, keys))
    return run(states, (inputs, keys))


def _at_rest(layers, x):
    """The states of a stack at rest, None for what is no cell, for an input like x."""
    states = []
    for layer in layers:
        if isinstance(layer, AbstractCell):
            # The output of a cell is like its input.
            states.append(layer.init(x.shape, x.dtype))
        else:
            states.append(None)
            x = jax.eval_shape(layer, x)
    return tuple(states)
