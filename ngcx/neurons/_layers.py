"""Layers and functions of one time step, made cells when a container uses them."""

import functools as ft
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import PRNGKeyArray

from .._trees import is_bound
from ._base import AbstractCell
from ._frozen import thawed
from ._shared import Shared
from ._visits import AllTime


def lift(layer) -> AbstractCell:
    """The cell that a layer stands for."""
    if isinstance(layer, AbstractCell):
        return layer
    if isinstance(layer, eqx.nn.GRUCell | eqx.nn.LSTMCell):
        return _Gated(layer)
    if isinstance(layer, eqx.nn.StatefulLayer) and layer.is_stateful():
        return _Stateful(layer)
    return Pointwise(layer)


def check_layer(number: int, layer):
    """Refuses what would lose a state or parameters."""
    name = f"Layer {number} ({getattr(layer, '__name__', type(layer).__name__)})"
    if not callable(layer):
        raise TypeError(f"{name} must be a cell, a layer or a function; got {layer!r}.")
    for held in jax.tree.leaves(layer, is_leaf=_has_state):
        if _has_state(held) and not isinstance(layer, _WITH_STATE):
            raise TypeError(
                f"{name} holds a {type(held).__name__}, whose state would be lost.\n"
                "Make it a cell, or give its layers to a `Stack` one by one."
            )
    for held in _hidden(layer):
        if any(map(eqx.is_array, jax.tree.leaves(held))):
            raise TypeError(
                f"{name} hides arrays of a {type(held).__name__}, which would get no "
                "gradient.\nMake it an `equinox.Module` that holds them as fields."
            )


def holds(tree, kinds) -> bool:
    """Whether a pytree holds a node of that class."""
    nodes = jax.tree.leaves(tree, is_leaf=lambda node: isinstance(node, kinds))
    return any(isinstance(node, kinds) for node in nodes)


def _has_state(node) -> bool:
    return isinstance(node, AbstractCell | eqx.nn.StateIndex)


_WITH_STATE = (AbstractCell, eqx.nn.StatefulLayer)


def _hidden(function) -> Iterator[Any]:
    """What a function closes over, or is partially applied to."""
    function = inspect.unwrap(function)
    if isinstance(function, ft.partial):
        yield from (*function.args, *function.keywords.values())
        yield from _hidden(function.func)
    if inspect.ismethod(function):
        yield function.__self__
    for cell in getattr(function, "__closure__", None) or ():
        yield cell.cell_contents
        if inspect.isfunction(cell.cell_contents):
            yield from _hidden(cell.cell_contents)


class Pointwise(AbstractCell[None]):
    """A layer or a function of one time step, which keeps no state."""

    _layer: Callable

    def init(self, shape, dtype=jnp.float32) -> None:
        return None

    def __call__(self, state: None, x, *, key: PRNGKeyArray | None = None):
        return None, _call(self._layer, x, key)

    def _through_time(self, time: AllTime, state: None, xs):
        keys = None if self._is_constant else time.keys()
        layer = ft.partial(_call, self._layer)
        return None, time.apply_layer(layer, xs, keys, convolves=self._convolves)

    @property
    def _is_constant(self) -> bool:
        """Whether the same input gives the same output, whatever the key."""
        layer = thawed(self._layer)
        if not _takes_key(layer):
            return True
        # Every layer of Equinox takes a key, and few need it.
        of_equinox = type(layer).__module__.startswith("equinox.nn")
        return of_equinox and not isinstance(layer, _DRAWING)

    @property
    def _convolves(self) -> bool:
        return holds(self._layer, eqx.nn.Conv | eqx.nn.ConvTranspose)

    @property
    def _width_in_loop(self) -> int | None:
        layer = thawed(self._layer)
        if is_matrix(layer):
            return layer.out_features
        return None if self._convolves or holds(layer, eqx.nn.Pool) else 0


_DRAWING = (eqx.nn.Dropout, eqx.nn.MultiheadAttention, eqx.nn.Sequential)


def _call(layer, x, key):
    layer = thawed(layer)
    if is_matrix(layer) and x.ndim == 1:
        # The weight is on the right. With the weight on the left, where the layer
        # itself has it, XLA's CPU backend transposes the whole input, and a training
        # step takes a quarter longer.
        x = x @ layer.weight.T
        return x if layer.bias is None else x + layer.bias
    return layer(x, key=key) if _takes_key(layer) else layer(x)


def is_matrix(layer) -> bool:
    return type(layer) is eqx.nn.Linear and layer.out_features != "scalar"


def width_in_loop(cell) -> int | None:
    """How many numbers the widest matrix gives in a step, 0 without one; None where a
    loop over time is slower than all of it at once.
    """
    if hasattr(cell, "_width_in_loop"):
        return cell._width_in_loop
    ways = ("_visit", "_through_time", "over_time")
    return None if any(hasattr(cell, way) for way in ways) else 0


def _takes_key(layer) -> bool:
    try:
        return "key" in inspect.signature(layer).parameters
    except ValueError:  # some functions of C have no signature
        return False


class _Gated(AbstractCell):
    """A gated recurrent unit, or a long short-term memory, of Equinox."""

    _layer: Any

    def init(self, shape, dtype=jnp.float32):
        hidden = jnp.zeros(self._layer.hidden_size, dtype)
        both = isinstance(self._layer, eqx.nn.LSTMCell)
        return (hidden, jnp.zeros_like(hidden)) if both else hidden

    def __call__(self, state, x, *, key: PRNGKeyArray | None = None):
        state = self._layer(x, state, key=key)
        return state, state[0] if isinstance(state, tuple) else state


class _Stateful(AbstractCell[Shared]):
    """A stateful layer of Equinox, such as its batch normalisation."""

    _layer: Any

    @property
    def _axes(self) -> set[str]:
        """The axes over which it takes statistics now."""
        is_norm = ft.partial(lambda node: isinstance(node, eqx.nn.BatchNorm))
        norms = filter(is_norm, jax.tree.leaves(self._layer, is_leaf=is_norm))
        names = [norm.axis_name for norm in norms if not norm.inference]
        return {
            name
            for each in names
            for name in ((each,) if isinstance(each, str) else each)
        }

    @property
    def _sees_all_time(self) -> bool:
        return "time" in self._axes

    def init(self, shape, dtype=jnp.float32) -> Shared:
        try:
            return Shared(eqx.nn.State(self._layer))
        except ValueError as error:
            raise ValueError(
                "A layer that went through `eqx.nn.make_with_state` has lost its first "
                "state; give the layer as it was constructed."
            ) from error

    def __call__(self, state: Shared, x, *, key: PRNGKeyArray | None = None):
        def layer(x):
            # A state of Equinox must not be used twice, so this is a copy.
            return self._layer(x, jax.tree.map(lambda a: a, state.value), key=key)

        for name in sorted(name for name in self._axes if not is_bound(name)):
            layer = _bind(layer, name)
        out, value = layer(x)
        return Shared(value), out

    def _through_time(self, time: AllTime, state: Shared, xs):
        if self._axes and time.valid is not None:
            raise ValueError(
                "`lengths` cannot be masked in the statistics of Equinox' batch "
                "normalisation; take `ngcx.neurons.BatchNorm`."
            )
        if not self._sees_all_time:
            return time.scan(self, state, xs)

        def layer(x):
            return self._layer(x, jax.tree.map(lambda a: a, state.value))

        names = ("time", "batch")[: 1 + (time.batch is not None)]
        for name in self._axes - {*names}:
            layer = layer if is_bound(name) else _bind(layer, name)
        for name in reversed(names):
            layer = jax.vmap(layer, axis_name=name, out_axes=(0, None))
        ys, value = layer(xs)
        return Shared(value), ys


def _bind(layer, name: str):
    """Gives a name to the axis of one sample, or one step, alone."""
    mapped = jax.vmap(layer, axis_name=name, out_axes=(0, None))

    def alone(x):
        out, value = mapped(jax.tree.map(lambda a: a[None], x))
        return jax.tree.map(lambda a: a[0], out), value

    return alone
