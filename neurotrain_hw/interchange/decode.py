"""A file's tree to one flat NIR graph whose shapes are known: fields, subgraphs, shapes, nodes, in this order."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import nir
import numpy as np

from neurotrain_hw.errors import FormatError
from neurotrain_hw.interchange.flatten import Flat, flatten
from neurotrain_hw.interchange.hdf5 import Tree
from neurotrain_hw.interchange.primitives import DEFAULTS, ELEMENTWISE, FIELDS, NEURONS, RawNode, Shape, pair
from neurotrain_hw.interchange.raw import read_raw
from neurotrain_hw.interchange.shapes import settle


@dataclass(frozen=True, eq=False)
class Decoded:
    """The graph, flat, every node with its `input_type` and `output_type`; `notes` say what was put right."""

    graph: nir.NIRGraph
    notes: tuple[str, ...]


def decode(tree: Tree, *, where: str) -> Decoded:
    """The graph in a file's tree; FormatError or UnsupportedError names file, node and field.

    Node types are nir's own; their shapes are ours, since nir 1.0.8 gets those of convolutions with other than square
    kernels, with groups, or with strides under `same` wrong.
    """
    raw = read_raw(tree, where=where)
    flat = flatten(raw, where=f"{where}: node")
    _check_ends(flat, f"{where}: node")
    flat, shapes = settle(flat, where=f"{where}: node")
    for name, node in flat.nodes.items():
        flat.nodes[name] = _complete(name, node, shapes[name][0], flat.notes)
    nodes = {name: _build(node, *shapes[name], f"{where}: node '{name}'") for name, node in flat.nodes.items()}
    graph = nir.NIRGraph(nodes, list(flat.edges), metadata=dict(raw.metadata), type_check=False)
    return Decoded(graph, tuple(flat.notes))


def _check_ends(flat: Flat, where: str) -> None:
    """Inputs and outputs exist and are connected (nir would add some of its own)."""
    sends, receives = {pre for pre, _ in flat.edges}, {post for _, post in flat.edges}
    for kind, connected, verb in (("Input", sends, "leads nowhere"), ("Output", receives, "is reached by no edge")):
        names = [name for name, node in flat.nodes.items() if node.kind == kind]
        if not names:
            raise FormatError(f"the graph has no {kind} node", where=where)
        for name in names:
            if name not in connected:
                raise FormatError(f"{kind} node '{name}' {verb}", where=where)
    for name, node in flat.nodes.items():
        if node.kind != "Input" and name not in receives:
            raise FormatError(f"node '{name}' is reached by no edge", where=where)


def _complete(name: str, node: RawNode, shape: Shape, notes: list[str]) -> RawNode:
    """A neuron with all its parameters, one value per neuron; others as they are."""
    if node.kind not in (*NEURONS, *ELEMENTWISE):
        return node
    values = dict(node.values)
    for key, value in values.items():
        if value.size == 1 and shape not in ((), (1,)):
            notes.append(f"{node.kind} '{name}': one {key} read as that of all {shape}")
    for key in FIELDS[node.kind].optional:
        if key not in values:
            notes.append(f"{node.kind} '{name}': has no {key}, {DEFAULTS[key]:g} taken")
            values[key] = np.array(DEFAULTS[key])
    return replace(node, values={key: _full(value, shape) for key, value in values.items()})


def _build(node: RawNode, taken: Shape, sent: Shape, where: str) -> Any:
    """The nir node, its parameters in full and its types those of the graph."""
    values = dict(node.values)
    if node.kind in ("Input", "Output"):
        key = node.kind.lower()
        built = getattr(nir, node.kind)({key: np.array(taken, np.int64)})
        built.metadata = dict(node.metadata)
        return built
    if node.kind in ("Conv1d", "Conv2d", "SumPool2d", "AvgPool2d"):
        values = _windows(values, 1 if node.kind == "Conv1d" else 2)
    elif node.kind == "Flatten":
        values = {key: int(values[key].reshape(-1)[0]) for key in ("start_dim", "end_dim")} | {"input_type": None}
    try:
        built = getattr(nir, node.kind)(**values, metadata=dict(node.metadata))
    except (ValueError, TypeError, AssertionError) as error:
        raise FormatError(f"is not a well-formed {node.kind}: {error}", where=where) from error
    if "input_shape" in node.values:
        shape = tuple(int(n) for n in node.values["input_shape"].reshape(-1))
        built.input_shape = shape[0] if node.kind == "Conv1d" else shape
    built.input_type = {"input": np.array(taken, np.int64)}
    built.output_type = {"output": np.array(sent, np.int64)}
    return built


def _full(value: Any, shape: Shape) -> Any:
    """One value per neuron, from one each or one for all."""
    return value.reshape(shape) if value.size > 1 or shape == () else np.full(shape, value.reshape(-1)[0])


def _windows(values: dict[str, Any], axes: int) -> dict[str, Any]:
    """Strides and the like as integers per axis; nir works out no shape, having no input_shape yet."""
    found: dict[str, Any] = {"input_shape": None} if "weight" in values else {}
    for key, value in values.items():
        if key in ("weight", "bias") or isinstance(value, str):
            found[key] = value
        elif key == "groups":
            found[key] = int(value.reshape(-1)[0])
        elif key != "input_shape":
            sizes = pair(value, axes)
            found[key] = sizes[0] if axes == 1 else np.array(sizes, np.int64) if "weight" not in values else sizes
    return found
