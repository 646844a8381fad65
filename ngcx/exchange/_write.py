import operator
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import nir
import numpy as np

from .._compiled import compiled
from .._typing import Positive
from ..neurons import (
    AbstractCell,
    AdaptiveLIF,
    BatchNorm,
    Dropout,
    Frozen,
    Parallel,
    Recurrent,
    Residual,
    Stack,
)
from ._graph import Graph, absorb, check_loops, unused
from ._layers import layer_node, shape_after
from ._neurons import neuron_nodes


SUMS = (operator.add, jnp.add)


# This is not compiled: it needs the numbers.
@compiled(jit=False)
def to_nir(
    stack: AbstractCell, shape: tuple[int, ...], *, dt: Positive[float | int]
) -> nir.NIRGraph:
    r"""Writes a network in NIR, for other libraries and for neuromorphic hardware.

    A step of NIR's leaky neuron, $v \leftarrow v + \frac{dt}{\tau}(v_\text{leak} - v + r i)$,
    is one of ngcx with $\beta = 1 - dt / \tau$ and `scale_input=True`. So
    $\tau = dt / (1 - \beta)$ and $r = 1$ are written, and where the neuron does not scale
    its input, the weights before it are divided by $1 - \beta$, since some readers
    ignore $r$. A neuron without weights before it gets a node `Scale`.

    | layer | nodes |
    | --- | --- |
    | `eqx.nn.Linear` | `Affine`, or `Linear` without bias |
    | `eqx.nn.Conv1d`, `Conv2d` | `Conv1d`, `Conv2d` |
    | `eqx.nn.AvgPool2d`, `eqx.nn.Pool(0, jax.lax.add, 2, ...)` | `AvgPool2d`, `SumPool2d` |
    | `jnp.ravel` | `Flatten` |
    | [`ngcx.exchange.Scale`][], [`ngcx.neurons.Delay`][] | `Scale`, `Delay` |
    | [`ngcx.neurons.LIF`][] with a hard reset; with `decay=1.0` | `LIF`; `IF` |
    | the same without a reset; with `decay=0.0` | `LI` and `Threshold`; `Threshold` |
    | [`ngcx.neurons.SynapticLIF`][] with a hard reset | `CubaLIF`, where `w_in` and `r` hold the scale, which all readers respect |
    | [`ngcx.neurons.LeakyIntegrator`][]; with `decay=1.0` | `LI`; `I` |
    | [`ngcx.neurons.Recurrent`][] | an edge back |
    | [`ngcx.neurons.Residual`][], [`ngcx.neurons.Parallel`][] that add | several edges to a node |
    | a `Stack` in a `Stack`; `eqx.nn.Identity` | its layers; nothing |

    NIR describes what a network computes, and not how it learns. Surrogates, whether a
    reset is detached, and what is frozen are not written. A
    [`ngcx.neurons.TimeConstant`][] is written as its factor.

    **Arguments:**

    - `stack`: a [`ngcx.neurons.Stack`][], or any other cell made of these layers.
    - `shape`: the shape of the input of one sample in one step.
    - `dt`: the length of a step, in seconds, as in NIR. snnTorch reads all files as if
        it were 1e-4.

    **Returns:** the graph. Its arrays have float64, in which float32 weights can be
    divided and multiplied again without loss. `nir.write(path, graph)` makes a file.

    **Raises:** `ValueError` that names the layer and the cure, for everything that NIR
    cannot express: a reset that is soft or delayed, refractory steps, adaptation,
    surrogates whose spikes are not those of a step, other layers, and shapes that do
    not fit.

    **See also:** [`ngcx.exchange.from_nir`][], which reads it again.

    ??? cite "Reference"
        Pedersen et al., *Neuromorphic intermediate representation: A unified instruction
        set for interoperable brain-inspired computing*, Nature Communications 15, 2024.

    !!! example

        ```python
        >>> import equinox as eqx
        >>> import jax.random as jr
        >>> from ngcx.exchange import to_nir
        >>> from ngcx.neurons import HardReset, LIF, Stack
        >>> layer = eqx.nn.Linear(3, 2, key=jr.key(0))
        >>> graph = to_nir(Stack(layer, LIF(0.5, reset=HardReset())), (3,), dt=1e-3)
        >>> print(graph.edges)
        [('input', 'affine_0'), ('affine_0', 'lif_1'), ('lif_1', 'output')]
        >>> print(graph.nodes["lif_1"].tau, graph.nodes["lif_1"].r)
        [0.002 0.002] [1. 1.]

        ```
    """  # noqa: E501
    writer = _Writer(float(dt))
    graph = writer.graph
    graph.nodes["input"] = nir.Input({"input": np.array(shape)})
    layers = stack if isinstance(stack, Stack) else Stack(stack)
    last, after = writer.layers(layers, "", shape, ["input"])
    graph.nodes["output"] = nir.Output({"output": np.array(after)})
    graph.edges += [(each, "output") for each in last]
    if len({*graph.edges}) < len(graph.edges):
        raise ValueError("NIR cannot add a value to itself; take a `Scale`.")
    for name, gain in writer.gains.items():
        absorb(graph, name, gain)
    return nir.NIRGraph(graph.nodes, graph.edges, type_check=False)


class _Writer:
    """Each method adds the nodes of a layer that hears the sum of some nodes, and
    returns those whose sum is its output, and the shape of that.
    """

    def __init__(self, dt: float):
        self.dt = dt
        self.graph = Graph()
        self.gains: dict[str, np.ndarray] = {}

    def layers(self, stack: Stack, path: str, shape, sources):
        for number, layer in enumerate(stack):
            sources, shape = self.layer(layer, f"{path}{number}", shape, sources)
        return sources, shape

    def layer(self, layer: Any, path: str, shape, sources):
        if isinstance(layer, Frozen):
            layer = layer.value
        try:
            return self._layer(layer, path, shape, sources)
        except (TypeError, ValueError) as error:
            if str(error).startswith("Layer "):
                raise
            name = getattr(layer, "__name__", type(layer).__name__)
            raise ValueError(f"Layer {path} ({name}): {error}") from error

    def _layer(self, layer: Any, path: str, shape, sources):
        if isinstance(layer, eqx.nn.Identity):
            return sources, shape
        if isinstance(layer, Stack):
            return self.layers(layer, f"{path}.", shape, sources)
        if isinstance(layer, Recurrent | Residual | Parallel):
            if layer.combine not in SUMS:
                raise ValueError(
                    "NIR adds paths that meet; use `combine=operator.add`."
                )
            if isinstance(layer, Recurrent):
                return self._recurrent(layer, path, shape, sources)
            return self._branches(layer, path, shape, sources)
        node = layer_node(layer, shape, self.dt)
        nodes = [(node, np.ones(()))] if node else neuron_nodes(layer, shape, self.dt)
        if not nodes:
            raise ValueError(f"NIR has nothing like it. {_cure(layer)}")
        after = shape_after(layer, shape)
        for node, gain in nodes:
            name = self._add(node, path, shape, after, sources)
            self.gains[name] = gain
            sources = [name]
        return sources, after

    def _add(self, node: nir.NIRNode, path: str, shape, after, sources) -> str:
        name = f"{type(node).__name__.lower()}_{path.replace('.', '_')}"
        name = unused(self.graph, name)
        node.input_type = {"input": np.array(shape)}
        node.output_type = {"output": np.array(after)}
        self.graph.nodes[name] = node
        self.graph.edges += [(each, name) for each in sources]
        return name

    def _joined(self, path: str, shape, sources) -> list[str]:
        """One node for a sum that several are to hear."""
        if len(sources) == 1:
            return sources
        return [self._add(nir.Scale(np.ones(shape)), path, shape, shape, sources)]

    def _branches(self, layer: Residual | Parallel, path: str, shape, sources):
        cells = layer.cells if isinstance(layer, Parallel) else (layer.cell,)
        sources = self._joined(path, shape, sources)
        last, shapes = [], []
        if isinstance(layer, Residual):
            shortcut = layer.shortcut
            cells = (*cells, eqx.nn.Identity() if shortcut is None else shortcut)
        for number, cell in enumerate(cells):
            inner = f"{path}.{number}"
            names, after = self.layer(cell, inner, shape, sources)
            last += self._joined(inner, after, names)
            shapes.append(after)
        if len({*shapes}) != 1:
            raise ValueError(f"NIR adds only values of one shape; got {shapes}.")
        return last, shapes[0]

    def _recurrent(self, layer: Recurrent, path: str, shape, sources):
        graph = self.graph
        # It stands for the sum of the input and of what is heard.
        entry = self._add(nir.Scale(np.ones(shape)), path, shape, shape, sources)
        last, after = self.layer(layer.cell, f"{path}.0", shape, [entry])
        last = self._joined(path, after, last)
        feedback = layer.feedback
        matrix = feedback.value if isinstance(feedback, Frozen) else feedback
        if isinstance(matrix, jax.Array):
            # It stands on the right of the spikes.
            feedback = eqx.nn.Linear(*matrix.shape, use_bias=False, key=jr.key(0))
            feedback = eqx.tree_at(lambda layer: layer.weight, feedback, matrix.T)
        heard, back = self.layer(feedback, f"{path}.1", after, last)
        if back != shape:
            raise ValueError(
                f"NIR adds only values of one shape; got {shape} and {back}."
            )
        graph.edges += [(each, entry) for each in heard]
        check_loops(graph)
        targets = graph.targets(entry)
        if len(targets) == 1 and entry not in last:
            del graph.nodes[entry]
            graph.edges = [
                (a, targets[0] if b == entry else b)
                for a, b in graph.edges
                if a != entry
            ]
        return last, after


def _cure(layer: Any) -> str:
    """What to do about a layer that NIR lacks."""
    if isinstance(layer, AdaptiveLIF):
        return "A threshold that adapts is `ngcx` alone: take a `LIF`."
    if isinstance(layer, BatchNorm | eqx.nn.BatchNorm):
        return "Fold what it does in inference into the weights before it."
    if isinstance(layer, Dropout | eqx.nn.Dropout):
        return "Take it out: it does nothing in inference."
    if isinstance(layer, eqx.nn.Pool):
        return "Take `eqx.nn.AvgPool2d`."
    return "Take one of the layers that `help(ngcx.exchange.to_nir)` lists."
