"""The graphs that can be lowered: one chain Input -> (Linear | Affine) -> LIF -> ... -> Output."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from neurotrain_hw.errors import UnsupportedError
from neurotrain_hw.interchange import Graph


@dataclass(frozen=True)
class Layer:
    """A weight node and the LIF node that it feeds, by name; `depth` counts from 1 at the input."""

    weights: str
    neurons: str
    depth: int


@dataclass(frozen=True)
class Chain:
    """The input node, the layers in order, and the output node."""

    input: str
    layers: tuple[Layer, ...]
    output: str


def find_chain(graph: Graph) -> Chain:
    """The chain that a graph is; UnsupportedError names the node that does not fit, the reason and a remedy."""
    _check_kinds(graph)
    _check_degrees(graph)
    follows = dict(graph.edges)
    start = next(name for name, node in graph.nodes.items() if _kind(node) == "Input")
    layers: list[Layer] = []
    name = follows[start]
    while _kind(graph.nodes[name]) != "Output":
        previous = layers[-1].neurons if layers else start
        weights, neurons = name, follows.get(name, "")
        _expect(graph, weights, ("Linear", "Affine"), f"it follows '{previous}'")
        _expect(graph, neurons, ("LIF",), f"it follows the weights '{weights}'")
        layers.append(Layer(weights, neurons, len(layers) + 1))
        name = follows[neurons]
    if not layers:
        raise UnsupportedError("the graph has no neurons", where=f"node '{start}'", need="Linear or Affine, then LIF")
    reached = 2 * len(layers) + 2
    if reached != len(graph.nodes):
        raise UnsupportedError("the graph holds a loop beside its chain", where="graph", need="one chain")
    return Chain(start, tuple(layers), name)


_SPIKELESS = "a neuron that never spikes sends nothing on a chip that sends spikes"
_REASONS = {
    "CubaLIF": "a current with a memory of its own is not lowered yet",
    "IF": "NIR files disagree on what its r means, so it is not lowered yet",
    "LI": _SPIKELESS,
    "CubaLI": _SPIKELESS,
    "I": _SPIKELESS,
    "Threshold": "a spike without a membrane potential is not lowered yet",
    "NIRGraph": "subgraphs, which hold recurrent layers, are not lowered yet",
}
_BUILD = "Build the layer in code (docs/how-to/build-a-network.md)."
_REMEDIES = {
    "IF": "Write it as a LIF whose tau is long against the sample.",
    "CubaLIF": "Train with neurons without a synaptic current (in snnTorch Leaky), or build the layer in code.",
    "Scale": "Fold it into the rows of the weights before it.",
    "Flatten": "Train on flat samples.",
    "Conv1d": _BUILD, "Conv2d": _BUILD, "SumPool2d": _BUILD, "AvgPool2d": _BUILD, "Delay": _BUILD,
}  # fmt: skip


def _check_kinds(graph: Graph) -> None:
    for name, node in graph.nodes.items():
        kind = _kind(node)
        if kind not in ("Input", "Output", "Linear", "Affine", "LIF"):
            raise UnsupportedError(
                f"is of kind {kind}: {_REASONS.get(kind, 'this kind is not lowered yet')}", where=f"node '{name}'",
                need="Input, Linear, Affine, LIF and Output",
                remedy=_REMEDIES.get(kind, "End the network in a LIF." if kind in ("LI", "CubaLI", "I") else _BUILD),
            )  # fmt: skip
    counts = Counter(_kind(node) for node in graph.nodes.values())
    for kind in ("Input", "Output"):
        if counts[kind] != 1:
            raise UnsupportedError(f"{counts[kind]} {kind} nodes", where="graph", need="exactly one")


def _check_degrees(graph: Graph) -> None:
    """Every node has one edge in and one out, apart from the ends."""
    for end, word, free in ((1, "receives", "Input"), (0, "sends", "Output")):
        counts = Counter(edge[end] for edge in graph.edges)
        for name, node in graph.nodes.items():
            allowed = 0 if _kind(node) == free else 1
            if counts[name] != allowed:
                others = [edge[1 - end] for edge in graph.edges if edge[end] == name]
                raise UnsupportedError(
                    f"{word} along {counts[name]} edges ({', '.join(others) or 'none'})", where=f"node '{name}'",
                    need=f"{allowed}: only chains are lowered, recurrent and branching networks not yet",
                )  # fmt: skip


def _expect(graph: Graph, name: str, kinds: tuple[str, ...], why: str) -> None:
    kind = _kind(graph.nodes[name])
    if kind not in kinds:
        remedy = "The network must end in neurons: give the last weights a LIF." if kind == "Output" else ""
        raise UnsupportedError(
            f"is of kind {kind}, where {why}", where=f"node '{name}'", need=" or ".join(kinds), remedy=remedy
        )


def _kind(node: Any) -> str:
    return type(node).__name__
