"""One flat graph out of graphs in graphs: a node `lif` of the subgraph `layer` becomes `layer.lif`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from neurotrain_hw.errors import FormatError, UnsupportedError
from neurotrain_hw.interchange.primitives import RawGraph, RawNode, shape_of

Edge = tuple[str, str]


@dataclass(frozen=True)
class Flat:
    """Nodes of one level, edges between them, and what was put right on the way."""

    nodes: dict[str, RawNode]
    edges: tuple[Edge, ...]
    notes: list[str] = field(default_factory=list)


def flatten(graph: RawGraph, *, where: str) -> Flat:
    """The nodes of all levels under one roof; Input and Output nodes inside become edges.

    A name that begins with that of its subgraph is kept as it is. An edge to or from a name that stands for no node,
    where `<name>.input` or `<name>.output` does, is led there, with a note: old exporters flattened their subgraphs
    so. Raises FormatError for edges that lead nowhere, UnsupportedError for a subgraph with several inputs or outputs.
    """
    nodes, edges, notes = _level(graph, "", where)
    return Flat(*_without_passages(nodes, edges, where), notes)


def _level(graph: RawGraph, prefix: str, where: str) -> tuple[dict[str, RawNode], list[Edge], list[str]]:
    nodes: dict[str, RawNode] = {}
    edges: list[Edge] = []
    notes: list[str] = []
    ports: dict[
        str, tuple[str, str]
    ] = {}  # name in this level -> names of the nodes that edges arrive at and leave from
    for name, node in graph.nodes.items():
        full = name if not prefix or name.startswith(f"{prefix}.") else f"{prefix}.{name}"
        if isinstance(node, RawNode):
            inner = {full: node}
            ports[name] = (full, full)
        else:
            inner, inside, found = _level(node, full, f"{where}.{name}")
            edges += inside
            ports[name] = (_port(inner, node, full, "Input", where), _port(inner, node, full, "Output", where))
            ends = " and ".join(f"{inner[end].kind} {shape_of(inner[end].values['shape'])}" for end in ports[name])
            notes += [*found, f"the subgraph '{full}' was flattened, its {ends} left out"]
        for key in inner:
            if key in nodes:
                raise FormatError(f"two nodes are called '{key}' once the subgraphs are flattened", where=where)
        nodes |= inner
    for pre, post in graph.edges:
        found_ends = []
        for name, side in ((pre, 1), (post, 0)):
            beside = f"{name}.{('input', 'output')[side]}"
            if name not in ports and beside in ports:
                notes.append(f"edge {pre} -> {post}: '{name}' is no node, '{beside}' was taken")
                name = beside
            if name not in ports:
                raise FormatError(
                    f"edge {pre} -> {post} speaks of a node '{name}' that is not there", where=f"{where}.edges",
                    need=f"one of {' '.join(list(ports)[:20])}",
                )  # fmt: skip
            found_ends.append(ports[name][side])
        edges.append((found_ends[0], found_ends[1]))
    return nodes, edges, notes


def _port(inner: Iterable[str], graph: RawGraph, full: str, kind: str, where: str) -> str:
    """The one Input or Output node of a subgraph, by its full name."""
    names = [name for name, node in graph.nodes.items() if isinstance(node, RawNode) and node.kind == kind]
    if len(names) != 1:
        raise UnsupportedError(
            f"has {len(names)} {kind} nodes, and an edge does not say which it means",
            where=f"{where}: subgraph '{full}'", need="exactly one", remedy="Flatten the subgraph before writing it.",
        )  # fmt: skip
    return names[0] if names[0] in inner else f"{full}.{names[0]}"


def _without_passages(
    nodes: dict[str, RawNode], edges: list[Edge], where: str
) -> tuple[dict[str, RawNode], tuple[Edge, ...]]:
    """Take out Inputs that something leads to and Outputs that lead on: what comes before goes straight on."""
    before: dict[str, list[str]] = {name: [] for name in nodes}
    sends: set[str] = set()
    for pre, post in edges:
        before[post].append(pre)
        sends.add(pre)
    passages = {
        name
        for name, node in nodes.items()
        if (node.kind == "Input" and before[name]) or (node.kind == "Output" and name in sends)
    }
    if not passages:
        return nodes, tuple(edges)
    straight: dict[Edge, None] = {}
    for pre, post in edges:
        if post in passages:
            continue
        for source in _sources(pre, before, passages, where):
            if (source, post) in straight:
                raise FormatError(f"two ways without any node lead from '{source}' to '{post}'", where=f"{where}.edges")
            straight[source, post] = None
    return {name: node for name, node in nodes.items() if name not in passages}, tuple(straight)


def _sources(name: str, before: dict[str, list[str]], passages: set[str], where: str) -> list[str]:
    """What sends into a passage, through other passages too; the node itself where it is none."""
    found, left, seen = [], [name], {name}
    while left:
        here = left.pop()
        if here not in passages:
            found.append(here)
            continue
        for source in before[here]:
            if source in seen:
                raise FormatError(
                    f"two ways, or a loop, of edges without any node lead to '{here}'", where=f"{where}.edges"
                )
            seen.add(source)
            left.append(source)
    return found
