"""One node of each NIR primitive, and graphs of them, for the tests of interchange."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import nir
import numpy as np

RNG = np.random.default_rng(0)


def ones(*shape: int) -> np.ndarray:
    return np.ones(shape)


NODES: dict[str, tuple[Any, tuple[int, ...], tuple[int, ...]]] = {  # node, shape taken, shape sent
    "Affine": (nir.Affine(RNG.normal(size=(3, 4)), ones(3)), (4,), (3,)),
    "Linear": (nir.Linear(RNG.normal(size=(3, 4))), (4,), (3,)),
    "Scale": (nir.Scale(ones(4)), (4,), (4,)),
    "Threshold": (nir.Threshold(ones(4)), (4,), (4,)),
    "Delay": (nir.Delay(ones(4)), (4,), (4,)),
    "Flatten": (nir.Flatten({"input": np.array([2, 3, 4])}, 1, -1), (2, 3, 4), (2, 12)),
    "Conv1d": (nir.Conv1d(9, ones(4, 2, 3), 2, 1, 1, 1, ones(4)), (2, 9), (4, 5)),
    "Conv2d": (nir.Conv2d((8, 8), ones(4, 1, 3, 3), 1, 0, 1, 1, ones(4)), (1, 8, 8), (4, 6, 6)),
    "SumPool2d": (nir.SumPool2d(np.array([2, 2]), np.array([2, 2]), np.array([0, 0])), (3, 8, 6), (3, 4, 3)),
    "AvgPool2d": (nir.AvgPool2d(np.array([2, 2]), np.array([2, 2]), np.array([0, 0])), (3, 8, 6), (3, 4, 3)),
    "I": (nir.I(ones(4)), (4,), (4,)),
    "LI": (nir.LI(ones(4), ones(4), ones(4)), (4,), (4,)),
    "IF": (nir.IF(ones(4), ones(4)), (4,), (4,)),
    "LIF": (nir.LIF(ones(2, 3), ones(2, 3), ones(2, 3), ones(2, 3)), (2, 3), (2, 3)),
    "CubaLI": (nir.CubaLI(ones(4), ones(4), ones(4), ones(4)), (4,), (4,)),
    "CubaLIF": (nir.CubaLIF(ones(4), ones(4), ones(4), ones(4), ones(4)), (4,), (4,)),
}
LIF4 = nir.LIF(ones(4), ones(4), ones(4), ones(4))


def in_line(taken: tuple[int, ...], sent: tuple[int, ...], **nodes: Any) -> nir.NIRGraph:
    """Nodes one after the other between an input and an output."""
    ends = {"input": nir.Input(np.array(taken)), "output": nir.Output(np.array(sent))}
    edges = list(pairwise(["input", *nodes, "output"]))
    return nir.NIRGraph(ends | nodes, edges, type_check=False)


def all_primitives() -> nir.NIRGraph:
    """An input, a node and an output for each primitive, in one graph."""
    nodes: dict[str, Any] = {}
    edges = []
    for kind, (node, taken, sent) in NODES.items():
        nodes |= {f"{kind}.in": nir.Input(np.array(taken)), kind: node, f"{kind}.out": nir.Output(np.array(sent))}
        edges += [(f"{kind}.in", kind), (kind, f"{kind}.out")]
    return nir.NIRGraph(nodes, edges, type_check=False)


def recurrent(lif: str, weights: str) -> nir.NIRGraph:
    """A layer of 2 neurons that feed each other: input -> lif -> output, lif -> weights -> lif."""
    nodes = {"input": nir.Input(np.array([2])), "output": nir.Output(np.array([2])),
             lif: nir.LIF(ones(2), ones(2), ones(2), ones(2)), weights: nir.Linear(ones(2, 2))}  # fmt: skip
    edges = [("input", lif), (lif, weights), (weights, lif), (lif, "output")]
    return nir.NIRGraph(nodes, edges, type_check=False)


def tree_of(table: dict[str, Any]) -> Any:
    """What reading a file gives of a graph that nir wrote into it."""
    return {
        key: tree_of(value) if isinstance(value, dict)
        else [list(edge) for edge in value] if key == "edges"
        else value if isinstance(value, str)
        else np.asarray(value)
        for key, value in table.items()
        if value is not None and key != "metadata"
    }  # fmt: skip
