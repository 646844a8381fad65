"""What a graph is made of: sequences, branches and loops, one within the other."""

import graphlib
import itertools
from collections.abc import Iterable
from typing import NamedTuple

from ._graph import Graph


Edges = list[tuple[str, str]]
# They stand for what is before and after a part of a graph; no node has such a name.
START, END = "\0start", "\0end"


class Loop(NamedTuple):
    """A part that hears its own output of the step before."""

    cell: list
    feedback: list


class Branches(NamedTuple):
    """Parts side by side, whose outputs are added; an empty one is a shortcut."""

    paths: list[list]


def structure(graph: Graph, first: str, last: str) -> list:
    """The sequence of names, branches and loops between two nodes of a graph."""
    for a, b in graph.edges:
        if a == last or b == first:
            raise ValueError(
                f"No edge leads to the input, or from the output; got {(a, b)}."
            )
    nodes = {*graph.nodes} - {first, last}
    return _sequence(nodes, _part(graph.edges, nodes, first, last))


def _part(edges: Edges, nodes: set[str], before: str, after: str) -> Edges:
    """The edges between some nodes, what is before them and what is after them."""
    starts, stops = nodes | {before}, nodes | {after}
    return [
        (START if a == before else a, END if b == after else b)
        for a, b in edges
        if a in starts and b in stops
    ]


def _sequence(nodes: set[str], edges: Edges) -> list:
    astray = nodes - (_reached(edges, START) & _reached(_reversed(edges), END))
    if astray or not edges:
        raise ValueError(
            "All nodes must be on a path from the input to the output; "
            f"{', '.join(sorted(astray)) or 'the input'} is not."
        )
    edges, units = _without_loops(nodes, edges)
    order = [*graphlib.TopologicalSorter(_sources(edges)).static_order()]
    place = {name: i for i, name in enumerate(order)}
    # All ways lead through the nodes that no edge goes around.
    cuts = [
        name
        for name in order
        if not any(place[a] < place[name] < place[b] for a, b in edges)
    ]
    found = []
    for before, after in itertools.pairwise(cuts):
        between = {*order[place[before] + 1 : place[after]]}
        if between:
            found.append(
                _branches(between, _part(edges, between, before, after), units)
            )
        if after != END:
            found.append(units.get(after, after))
    return found


def _branches(nodes: set[str], edges: Edges, units: dict) -> Branches:
    inner = [edge for edge in edges if nodes.issuperset(edge)]
    both = inner + _reversed(inner)
    paths, seen = [[]] * ((START, END) in edges), set()
    for name in (name for edge in edges for name in edge if name in nodes):
        if name in seen:
            continue
        members = {name, *_reached(both, name)}
        seen |= members
        if members == nodes and not paths:
            raise ValueError(
                f"Branches must not cross each other; got {', '.join(sorted(nodes))}. "
                "They may split, and be added, one within the other."
            )
        part = [edge for edge in edges if members.intersection(edge)]
        paths.append(_with_units(_sequence(members, part), units))
    return Branches(paths)


def _with_units(items: list, units: dict) -> list:
    """Puts loops where the names stand that stood for them."""
    return [
        Branches([_with_units(path, units) for path in item.paths])
        if isinstance(item, Branches)
        else units.get(item, item)
        if isinstance(item, str)
        else item
        for item in items
    ]


def _without_loops(nodes: set[str], edges: Edges) -> tuple[Edges, dict[str, Loop]]:
    """The edges, where the name of one node stands for each loop, and the loops."""
    units, stands_for = {}, {}
    for name in sorted(nodes):
        ahead = _reached(edges, name)
        if name not in ahead or name in stands_for:
            continue
        members = {each for each in ahead if name in _reached(edges, each)}
        stands_for |= dict.fromkeys(members, name)
        units[name] = _loop(members, edges)
    renamed = [(stands_for.get(a, a), stands_for.get(b, b)) for a, b in edges]
    return [edge for edge in dict.fromkeys(renamed) if edge[0] != edge[1]], units


def _loop(members: set[str], edges: Edges) -> Loop:
    entries = {b for a, b in edges if b in members and a not in members}
    exits = {a for a, b in edges if a in members and b not in members}
    if len(entries) != 1 or len(exits) != 1:
        raise ValueError(
            f"The loop of {', '.join(sorted(members))} must be entered at one node and "
            f"left at one; got {sorted(entries)} and {sorted(exits)}."
        )
    (entry,), (leave,) = entries, exits
    # What leads from the output back to the input, and to nothing else.
    back = [(a, b) for a, b in edges if a in members and b in members]
    ends = {entry, leave}
    away = _reached([edge for edge in back if edge[1] not in ends], leave)
    home = _reached(_reversed([edge for edge in back if edge[0] not in ends]), entry)
    between = away & home
    inside = members - between
    feedback = _part(back, between, leave, entry)
    cell = [edge for edge in back if inside.issuperset(edge) and edge != (leave, entry)]
    if len(feedback) + len(cell) != len(back):
        raise ValueError(
            f"The feedback of {', '.join(sorted(between))} must lead from node "
            f"{leave!r} to node {entry!r}, and nowhere else."
        )
    cell += [(START, entry), (leave, END)]
    return Loop(_sequence(inside, cell), _sequence(between, feedback))


def _reached(edges: Edges, start: str) -> set[str]:
    """What can be reached from a node, itself only if it lies on a loop."""
    targets: dict[str, list[str]] = {}
    for a, b in edges:
        targets.setdefault(a, []).append(b)
    found, waiting = set(), [start]
    while waiting:
        new = {*targets.get(waiting.pop(), ())} - found
        found |= new
        waiting += new
    return found


def _reversed(edges: Iterable[tuple[str, str]]) -> Edges:
    return [(b, a) for a, b in edges]


def _sources(edges: Edges) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for a, b in edges:
        found.setdefault(b, []).append(a)
    return found
