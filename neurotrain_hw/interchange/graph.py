"""Graph: a NIR graph together with its meaning."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nir import NIRGraph

from neurotrain_hw.errors import UnknownNameError
from neurotrain_hw.interchange.meaning import Meaning

OWN_DIALECT = "neurotrain-hw"


@dataclass(frozen=True, eq=False)
class Graph:
    """A network as it is exchanged: the NIR graph, what NIR leaves unsaid, and how it was come by.

    `notes`: what a reader must know (metadata that was ignored, a dialect that was detected), shown in every
    report. `dialect`: where the meaning comes from; `neurotrain-hw` for our own metadata, else the dialect that
    the file was read in. Raises UnknownNameError where the meaning speaks of a node that the graph does not have,
    ValueRangeError where float weights are not the integers that the meaning says they are.
    """

    nir: NIRGraph
    meaning: Meaning
    notes: tuple[str, ...] = ()
    dialect: str = OWN_DIALECT

    def __post_init__(self) -> None:
        for name, node in self.meaning.nodes.items():
            if name not in self.nir.nodes:
                raise UnknownNameError("node in the graph", name, self.nir.nodes)
            if node.quantisation is not None:
                weight = getattr(self.nir.nodes[name], "weight", None)
                if weight is None:
                    raise UnknownNameError("node with weights", name, self._weighted())
                node.quantisation.integers(weight, where=f"node '{name}'")

    @property
    def nodes(self) -> Mapping[str, Any]:
        """NIR nodes by name."""
        nodes: Mapping[str, Any] = self.nir.nodes
        return nodes

    @property
    def edges(self) -> tuple[tuple[str, str], ...]:
        """Edges (source, target)."""
        return tuple((str(a), str(b)) for a, b in self.nir.edges)

    def _weighted(self) -> list[str]:
        return [name for name, node in self.nir.nodes.items() if hasattr(node, "weight")]
