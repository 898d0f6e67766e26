"""A training run's network as a file for other tools."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from neurotrain_hw.errors import DataUnavailableError, UnknownNameError
from neurotrain_hw.interchange.graph import Graph
from neurotrain_hw.interchange.meaning import NodeMeaning
from neurotrain_hw.interchange.nir_file import MODEL_FILE, read_nir, write_nir

FORMATS = ("nir",)
_RARE = ("drive", "threshold", "decided", "floor", "delay_steps")  # told only where they are not the default


def export_run(run: str | Path, out: str | Path, *, format: str = "nir") -> Graph:
    """Write the network of a run folder to `out` and return it.

    Raises DataUnavailableError where the folder holds no network, UnknownNameError for another format than nir.
    """
    if format not in FORMATS:
        raise UnknownNameError("export format", format, FORMATS)
    source = Path(run) / MODEL_FILE
    if not source.is_file():
        raise DataUnavailableError(
            f"holds no {MODEL_FILE}",
            where=str(run),
            remedy="Give the folder of a finished run of `neurotrain-hw train`.",
        )
    graph = read_nir(source)
    write_nir(out, graph)
    return graph


def describe(graph: Graph) -> list[dict[str, str]]:
    """Per node, in the order of the edges: name, kind, shape, and what its meaning adds to NIR, in words."""
    order = list(dict.fromkeys(name for edge in _along(graph) for name in edge))
    return [
        {
            "name": name,
            "kind": type(graph.nodes[name]).__name__,
            "shape": _shape(graph.nodes[name]),
            "meaning": _words(graph.meaning.node(name)),
        }
        for name in order
    ]


def _along(graph: Graph) -> list[tuple[str, str]]:
    """Edges in the order in which they are reached from the inputs; those of loops where they are first met."""
    left, reached = list(graph.edges), [name for name, node in graph.nodes.items() if type(node).__name__ == "Input"]
    ordered: list[tuple[str, str]] = []
    while left:
        edge = next((e for e in left if e[0] in reached), left[0])
        left.remove(edge)
        ordered.append(edge)
        reached.append(edge[1])
    return ordered


def _shape(node: object) -> str:
    value = getattr(node, "weight", getattr(node, "v_threshold", None))
    if value is None:
        types = getattr(node, "input_type", None) or {}
        shapes = [tuple(int(n) for n in np.atleast_1d(shape)) for shape in types.values() if shape is not None]
        return " ".join(map(str, shapes))
    return str(tuple(np.shape(value)))


def _words(meaning: NodeMeaning) -> str:
    parts = []
    if meaning.integration != "none":
        parts.append(f"{meaning.integration}, reset {meaning.reset}")
    parts += [f"{key} {getattr(meaning, key)}" for key in _RARE if getattr(meaning, key) != getattr(NodeMeaning(), key)]
    if meaning.quantisation is not None:
        q = meaning.quantisation
        parts.append(f"{q.bits}-bit integers, {q.sign_mode}, {q.scale_in_words}")
    return "; ".join(parts)
