"""A graph of NIR without subgraphs, and the gains that go into its weights."""

import copy
import dataclasses
import graphlib
from typing import Any

import nir
import numpy as np


INTEGRATING = (nir.I, nir.IF, nir.LI, nir.LIF, nir.CubaLI, nir.CubaLIF)
WEIGHTS = (nir.Linear, nir.Affine, nir.Conv1d, nir.Conv2d, nir.Scale)
PASSING = (nir.Input, nir.Output, nir.Delay)
POOLING = (nir.AvgPool2d, nir.SumPool2d, nir.Flatten)


@dataclasses.dataclass
class Graph:
    """Nodes by name, and edges between them; several edges to a node are a sum."""

    nodes: dict[str, nir.NIRNode] = dataclasses.field(default_factory=dict)
    edges: list[tuple[str, str]] = dataclasses.field(default_factory=list)

    def sources(self, name: str) -> list[str]:
        return [a for a, b in self.edges if b == name]

    def targets(self, name: str) -> list[str]:
        return [b for a, b in self.edges if a == name]


def inlined(graph: nir.NIRGraph, path: str = "") -> tuple[Graph, str, str]:
    """The graph without subgraphs, and the names of its input and output. The ends of
    subgraphs stay, as nodes that change nothing. Nodes are copies.
    """
    flat, first, last = Graph(), {}, {}
    for name, node in graph.nodes.items():
        if isinstance(node, nir.NIRGraph):
            inner, first[name], last[name] = inlined(node, f"{path}{name}/")
            flat.nodes |= inner.nodes
            flat.edges += inner.edges
        else:
            first[name] = last[name] = path + name
            flat.nodes[path + name] = copy.copy(node)
    for a, b in graph.edges:
        if a not in last or b not in first:
            raise ValueError(f"The edge {(a, b)} leads to a node that does not exist.")
        flat.edges.append((last[a], first[b]))
    if len({*flat.edges}) < len(flat.edges):
        twice = next(edge for edge in flat.edges if flat.edges.count(edge) > 1)
        raise ValueError(f"The edge {twice} is there more than once.")
    return flat, _only(graph, nir.Input, path), _only(graph, nir.Output, path)


def _only(graph: nir.NIRGraph, kind: type, path: str) -> str:
    names = [name for name, node in graph.nodes.items() if isinstance(node, kind)]
    if len(names) != 1:
        raise ValueError(
            f"{f'Subgraph {path[:-1]!r}' if path else '`graph`'} must have one node "
            f"`{kind.__name__}`; got {len(names)}."
        )
    return path + names[0]


def check_loops(graph: Graph):
    """Refuses loops that act at once."""
    waiting = (*INTEGRATING, nir.Delay)
    at_once = {
        name for name, node in graph.nodes.items() if not isinstance(node, waiting)
    }
    sources = {name: at_once.intersection(graph.sources(name)) for name in at_once}
    try:
        graphlib.TopologicalSorter(sources).prepare()
    except graphlib.CycleError as error:
        names = ", ".join(dict.fromkeys(error.args[1]))
        raise ValueError(
            f"Every path around a loop must hold a neuron or a delay; got {names}."
        ) from error


def absorb(graph: Graph, name: str, gain: np.ndarray):
    """Multiplies what a node hears by a gain, or one for each of its neurons: in the
    weights before it, where they serve no other node; else in a `Scale` of its own.
    """
    if np.all(gain == 1):
        return
    if np.ptp(gain) == 0:
        gain = np.ravel(gain)[0]
    for source in graph.sources(name):
        node = graph.nodes[source]
        passing = PASSING if np.ndim(gain) else PASSING + POOLING
        if len(graph.targets(source)) > 1:
            _insert_scale(graph, source, name, gain)
        elif isinstance(node, passing) and graph.sources(source):
            absorb(graph, source, gain)
        elif not isinstance(node, WEIGHTS) or not _multiply(node, gain):
            _insert_scale(graph, source, name, gain)


def _multiply(node: Any, gain) -> bool:
    """Multiplies weights by the gains of their outputs, if they have one for each."""
    if isinstance(node, nir.Scale):
        node.scale = np.asarray(node.scale, np.float64) * gain
        return True
    if isinstance(node, nir.Conv1d | nir.Conv2d) and np.ndim(gain):
        # All places of a channel share their weights.
        places = gain.reshape(gain.shape[0], -1)
        if np.ptp(places, axis=1).any():
            return False
        gain = places[:, 0]
    weight, gain = np.asarray(node.weight, np.float64), np.asarray(gain)
    node.weight = weight * gain.reshape(*gain.shape, *[1] * (weight.ndim - 1))
    if getattr(node, "bias", None) is not None:
        node.bias = np.asarray(node.bias, np.float64) * gain
    return True


def _insert_scale(graph: Graph, source: str, name: str, gain):
    scale = unused(graph, f"scale_{name}")
    shape = graph.nodes[name].input_type["input"]
    graph.nodes[scale] = nir.Scale(np.broadcast_to(gain, shape).copy())
    place = graph.edges.index((source, name))
    graph.edges[place : place + 1] = [(source, scale), (scale, name)]


def unused(graph: Graph, name: str) -> str:
    """The name, with a number after it if there is a node of that name."""
    names = (f"{name}_{number}" for number in range(1, len(graph.nodes) + 1))
    return next(each for each in (name, *names) if each not in graph.nodes)
