import math
import operator
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import nir
import numpy as np
from jax.typing import DTypeLike

from .._compiled import compiled
from .._typing import Positive
from ..neurons import Parallel, Recurrent, Residual, Stack
from ._graph import INTEGRATING, Graph, absorb, check_loops, inlined
from ._layers import node_layer, shape_after
from ._neurons import neuron_layer
from ._structure import Branches, Loop, structure


# This is not compiled: it needs the numbers.
@compiled(jit=False)
def from_nir(
    graph: nir.NIRGraph,
    *,
    dt: Positive[float | int],
    dtype: DTypeLike = jnp.float32,
) -> Stack:
    r"""Reads a network from NIR.

    The nodes are those that [`ngcx.exchange.to_nir`][] writes, and `CubaLI`, which
    becomes two integrators; subgraphs, and edges that lead back, become
    [`ngcx.neurons.Recurrent`][], in which feedback arrives a step later; paths that
    part and meet again become [`ngcx.neurons.Residual`][] and
    [`ngcx.neurons.Parallel`][].

    The step of a leaky neuron is that of Euler's method, $v \leftarrow v +
    \frac{dt}{\tau}(v_\text{leak} - v + r i)$, so its `decay` is $1 - dt / \tau$. It
    scales its input, `scale_input=True`, unless $r = \tau / dt$ undoes that. Any other
    $r$ is multiplied into the weights before the neuron, or becomes a
    [`ngcx.exchange.Scale`][] if there are none. An `IF` or `I` with $r = 1$ adds its
    input as it is. All libraries mean it so except SpikingJelly, which writes $1 / dt$.

    A parameter that is the same for all neurons becomes a number, which is a constant.
    Any other parameter becomes an array, which is learnt. In graphs that ngcx wrote,
    parameters that were learnt stay so, and weights that were divided by $1 - \beta$
    come back as they were.

    Reading executes nothing from the graph, and does not change it.

    **Arguments:**

    - `graph`: a NIR graph, as `nir.read(path)` returns it. `nir.read(path,
        type_check=False)` also reads graphs that the checks of `nir` wrongly refuse,
        such as convolutions in groups.
    - `dt`: the length of a step in seconds. For equal spikes, it must be the one of the
        writer: snnTorch and SpikingJelly write with 1e-4, Norse with 1e-3, Spyx and
        sinabs with 1.
    - `dtype`: the dtype of the arrays.

    **Returns:** the network, whose input has the shape of the graph's node `Input`.

    **Raises:** `ValueError` that names the node, for a time constant below `dt`, a loop
    without a neuron or a delay, loops and branches that cross, several inputs or
    outputs, nodes that lead nowhere, and shapes that do not fit.

    **See also:** [`ngcx.exchange.to_nir`][], which writes a network.

    !!! example

        ```python
        >>> import nir
        >>> import numpy as np
        >>> from ngcx.exchange import from_nir
        >>> one = np.ones(2)
        >>> graph = nir.NIRGraph.from_list(
        ...     nir.Linear(np.ones((2, 3))), nir.LIF(one * 2e-3, one, 0 * one, one)
        ... )
        >>> stack = from_nir(graph, dt=1e-3)
        >>> print(stack[0].weight[0], stack[1].decay, stack[1].threshold)
        [1. 1. 1.] 0.5 1.0

        ```
    """
    if not jnp.issubdtype(dtype, jnp.floating):
        raise ValueError(f"`dtype` must be a floating-point dtype; got {dtype}.")
    flat, first, last = inlined(graph)
    check_loops(flat)
    reader = _Reader(flat, float(dt), jnp.dtype(dtype))
    items = structure(flat, first, last)
    shape = _named(first, flat.nodes[first], _known)
    layers, after = reader.layers(items, shape)
    _named(last, flat.nodes[last], _check_shape, after)
    return Stack(*layers)


class _Reader:
    def __init__(self, graph: Graph, dt: float, dtype):
        self.graph, self.dt, self.dtype = graph, dt, dtype
        self.neurons = {}
        for name, node in [*graph.nodes.items()]:
            if isinstance(node, (*INTEGRATING, nir.Threshold)):
                made = _named(name, node, neuron_layer, dt, dtype)
                self.neurons[name], gain = made
                absorb(graph, name, gain)

    def layers(self, items: list, shape) -> tuple[list, tuple[int, ...]]:
        """The layers of a sequence whose input has a shape, and that of the output."""
        found = []
        for item in items:
            if isinstance(item, Loop):
                layer, shape = self._recurrent(item, shape)
                found.append(layer)
            elif isinstance(item, Branches):
                layer, shape = self._branches(item, shape)
                found.append(layer)
            else:
                node = self.graph.nodes[item]
                layers, shape = _named(item, node, self._node, shape, item)
                found += layers
        return found, shape

    def _node(self, node: nir.NIRNode, shape, name: str):
        _check_shape(node, shape)
        if isinstance(node, nir.Input | nir.Output):
            return [], shape
        layers = self.neurons.get(name)
        if layers is None:
            layer = node_layer(node, shape, self.dt, self.dtype)
            layers = [] if layer is None else [layer]
        for layer in layers:
            shape = shape_after(layer, shape)
        return layers, shape

    def _branches(self, item: Branches, shape):
        pairs = [self.layers(path, shape) for path in item.paths]
        shapes = {after for _, after in pairs}
        if len(shapes) > 1:
            raise ValueError(
                f"Values that are added must have one shape; got {sorted(shapes)}."
            )
        paths = [layers for layers, _ in pairs]
        is_residual = [] in paths
        if is_residual:
            paths.remove([])
        *others, layer = map(_one, paths)
        for other in reversed(others):
            layer = Parallel(other, layer, combine=operator.add)
        return Residual(layer) if is_residual else layer, *shapes

    def _recurrent(self, item: Loop, shape):
        layers, after = self.layers(item.cell, shape)
        back, heard = self.layers(item.feedback, after)
        if heard != shape:
            raise ValueError(
                "The feedback of a loop must have the shape of its input, "
                f"{shape}; got {heard}."
            )
        feedback = _one(back)
        if isinstance(feedback, eqx.nn.Linear) and feedback.bias is None:
            feedback = feedback.weight.T
        return Recurrent(_one(layers), feedback), after


def _one(layers: list) -> Any:
    return layers[0] if len(layers) == 1 else Stack(*layers)


def _named(name: str, node: nir.NIRNode, function: Callable, *args):
    """Calls a function of a node, whose errors then name it."""
    try:
        return function(node, *args)
    except (ValueError, TypeError, RuntimeError) as error:
        text = str(error).partition("\n")[0]
        raise ValueError(f"Node {name!r} ({type(node).__name__}): {text}") from error


def _declared(node: nir.NIRNode) -> Any:
    """The shape of the inputs of a node; None if it is not known, or not one number
    of it.
    """
    match node:
        case nir.Linear() | nir.Affine():
            return (np.shape(node.weight)[-1],)
        case nir.Conv1d() | nir.Conv2d():
            weight = np.shape(node.weight)
            places = [None] * len(weight[2:])
            if node.input_shape is not None:
                places = np.ravel(node.input_shape)
            return weight[1] * int(node.groups), *places
        case nir.AvgPool2d() | nir.SumPool2d():
            return None
    shape = node.input_type["input"]
    if shape is None:
        return None
    # Some writers have one number for all neurons.
    whole = isinstance(node, nir.Input | nir.Output | nir.Flatten)
    shape = tuple(int(each) for each in np.ravel(shape))
    return shape if whole or math.prod(shape) != 1 else None


def _known(node: nir.Input) -> tuple[int, ...]:
    shape = _declared(node)
    if shape is None:
        raise ValueError("It must state its shape.")
    return shape


def _check_shape(node: nir.NIRNode, shape: tuple[int, ...]):
    declared = _declared(node)
    if declared is None:
        return
    fits = [a in (None, b) for a, b in zip(declared, shape, strict=False)]
    if len(declared) != len(shape) or not all(fits):
        raise ValueError(f"Its input must have the shape {declared}; it is {shape}.")
