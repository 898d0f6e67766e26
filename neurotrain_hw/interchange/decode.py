"""NIR nodes from the groups of a file: every field checked, every fault named by node and field.

Layout (nir 1.0.8, serialization.py): `/node/type` is NIRGraph, `/node/nodes/<name>` holds `type` and one dataset
per field, `/node/edges` pairs of names. Fields that older writers left out (v_reset, w_in, input_shape) may be absent.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import nir
import numpy as np

from neurotrain_hw.errors import FormatError, UnknownNameError
from neurotrain_hw.interchange.hdf5 import Tree, Value


class Fields(NamedTuple):
    """Names of a node's fields; those of `neuron` nodes all have the shape of the neurons."""

    required: tuple[str, ...]
    optional: tuple[str, ...] = ()
    neuron: bool = False


_CONV = Fields(("weight", "stride", "padding", "dilation", "groups", "bias"), ("input_shape",))
_POOL = Fields(("kernel_size", "stride", "padding"))
_NODES: Mapping[str, Fields] = {
    "Input": Fields(("shape",)),
    "Output": Fields(("shape",)),
    "Affine": Fields(("weight", "bias")),
    "Linear": Fields(("weight",)),
    "Scale": Fields(("scale",)),
    "Conv1d": _CONV,
    "Conv2d": _CONV,
    "SumPool2d": _POOL,
    "AvgPool2d": _POOL,
    "Flatten": Fields(("start_dim", "end_dim"), ("input_type",)),
    "Delay": Fields(("delay",)),
    "Threshold": Fields(("threshold",)),
    "I": Fields(("r",), neuron=True),
    "LI": Fields(("tau", "r", "v_leak"), neuron=True),
    "IF": Fields(("r", "v_threshold"), ("v_reset",), neuron=True),
    "LIF": Fields(("tau", "r", "v_leak", "v_threshold"), ("v_reset",), neuron=True),
    "CubaLI": Fields(("tau_syn", "tau_mem", "r", "v_leak"), ("w_in",), neuron=True),
    "CubaLIF": Fields(("tau_syn", "tau_mem", "r", "v_leak", "v_threshold"), ("v_reset", "w_in"), neuron=True),
}
_TEXT_FIELDS = ("padding",)
# What nir's constructors and type inference raise for graphs that do not fit together.
_NIR_FAULTS = (ValueError, TypeError, AssertionError, KeyError, IndexError, AttributeError, NotImplementedError)


def decode(tree: Tree, *, where: str) -> nir.NIRGraph:
    """The graph in a file's tree; FormatError or UnknownNameError names file, node and field."""
    if "node" not in tree:
        raise FormatError("key 'node' is missing", where=where, need="/node with type NIRGraph, nodes and edges")
    return _graph(_group(tree["node"], f"{where}: node"), f"{where}: node")


def _graph(group: Tree, where: str) -> nir.NIRGraph:
    _required(group, ("type", "nodes", "edges"), where)
    if group["type"] != "NIRGraph":
        raise FormatError(f"type is {group['type']!r}", where=where, need="NIRGraph")
    inner = _group(group["nodes"], f"{where}.nodes")
    nodes = {
        name: _node(_group(value, f"{where}.nodes.{name}"), f"{where}.nodes.{name}") for name, value in inner.items()
    }
    edges = _edges(group["edges"], nodes, f"{where}.edges")
    _check_ends(nodes, edges, where)
    try:
        return nir.NIRGraph(nodes, edges, metadata=_metadata(group))
    except _NIR_FAULTS as error:
        raise FormatError(f"the graph does not fit together: {error}", where=where) from error


def _node(group: Tree, where: str) -> Any:
    _required(group, ("type",), where)
    kind = group["type"]
    if kind == "NIRGraph":
        return _graph(group, where)
    if not isinstance(kind, str) or kind not in _NODES:
        raise FormatError(str(UnknownNameError("kind of NIR node", str(kind), (*_NODES, "NIRGraph"))), where=where)
    spec = _NODES[kind]
    _required(group, spec.required, f"{where} ({kind})")
    for key in group:
        if key not in (*spec.required, *spec.optional, "type", "metadata"):
            raise FormatError(
                f"field '{key}' is not one of a {kind}", where=where, need=" ".join((*spec.required, *spec.optional))
            )
    values = {
        key: _value(group[key], f"{where}.{key}", key) for key in (*spec.required, *spec.optional) if key in group
    }
    if spec.neuron:
        _check_neuron(values, where)
    return _build(kind, values, _metadata(group), where)


def _value(value: Value, where: str, key: str) -> Any:
    if isinstance(value, str) and key in _TEXT_FIELDS:
        return value
    if not isinstance(value, np.ndarray):
        raise FormatError("is not an array of numbers", where=where)
    if value.size == 0:
        raise FormatError(f"has shape {value.shape}, which holds nothing", where=where)
    if not np.all(np.isfinite(value)):
        raise FormatError("has values that are not finite", where=where)
    return value


def _check_neuron(values: Mapping[str, Any], where: str) -> None:
    shapes = {key: value.shape for key, value in values.items() if not (key == "w_in" and value.ndim == 0)}
    if len(set(shapes.values())) > 1:
        text = ", ".join(f"{key} {shape}" for key, shape in shapes.items())
        raise FormatError(f"parameters have different shapes: {text}", where=where, need="one shape for all")
    for key, value in values.items():
        if key.startswith("tau") and not np.all(value > 0):
            raise FormatError(
                f"goes down to {float(value.min()):.6g}", where=f"{where}.{key}", need="time constants above 0"
            )


def _build(kind: str, values: dict[str, Any], metadata: dict[str, Any], where: str) -> Any:
    if kind in ("Input", "Output"):
        shape = values["shape"]
        if shape.ndim != 1 or shape.dtype.kind not in "iu" or np.any(shape < 1):
            raise FormatError("is not a shape", where=f"{where}.shape", need="positive integers")
        key = "input" if kind == "Input" else "output"
        node = getattr(nir, kind)({key: shape.astype(np.int64)})
        node.metadata = metadata
        return node
    if "weight" in values and values["weight"].ndim < 2:
        raise FormatError(f"has shape {values['weight'].shape}", where=f"{where}.weight", need="(n_post, n_pre)")
    if kind == "Affine" and values["bias"].shape != values["weight"].shape[:-1]:
        raise FormatError(
            f"has shape {values['bias'].shape}", where=f"{where}.bias", need=f"{values['weight'].shape[:-1]}"
        )
    if kind in ("Conv1d", "Conv2d"):
        values.setdefault("input_shape", None)
    if kind == "Flatten":
        values["input_type"] = {"input": values.get("input_type")}
        values |= {key: int(values[key]) for key in ("start_dim", "end_dim") if values[key].ndim == 0}
    if not _NODES[kind].neuron:  # strides and the like as nir's own reader gives them: NumPy scalars
        values = {key: value[()] if isinstance(value, np.ndarray) else value for key, value in values.items()}
    try:
        return getattr(nir, kind)(**values, metadata=metadata)
    except _NIR_FAULTS as error:
        raise FormatError(f"is not a well-formed {kind}: {error}", where=where) from error


def _edges(value: Value, nodes: Mapping[str, Any], where: str) -> list[tuple[str, str]]:
    if isinstance(value, np.ndarray) and value.size == 0:
        return []
    edges = []
    if not isinstance(value, list):
        raise FormatError("is not a list of pairs of names", where=where)
    for pair in value:
        if not (isinstance(pair, list) and len(pair) == 2 and all(isinstance(name, str) for name in pair)):
            raise FormatError(f"holds {pair!r}", where=where, need="pairs of node names")
        for name in pair:
            if name not in nodes:
                raise FormatError(
                    f"edge {pair[0]} -> {pair[1]} speaks of a node '{name}' that is not there", where=where
                )
        if tuple(pair) in edges:
            raise FormatError(f"edge {pair[0]} -> {pair[1]} is there twice", where=where)
        edges.append((pair[0], pair[1]))
    return edges


def _check_ends(nodes: Mapping[str, Any], edges: list[tuple[str, str]], where: str) -> None:
    """Inputs and outputs exist and are connected (nir would add some of its own), and shapes agree along edges."""
    for kind, end, verb in ((nir.Input, 0, "leads nowhere"), (nir.Output, 1, "is reached by no edge")):
        names = [name for name, node in nodes.items() if isinstance(node, kind)]
        if not names:
            raise FormatError(f"the graph has no {kind.__name__} node", where=where)
        for name in names:
            if not any(edge[end] == name for edge in edges):
                raise FormatError(f"{kind.__name__} node '{name}' {verb}", where=where)
    for name, node in nodes.items():
        if not isinstance(node, nir.Input) and not any(edge[1] == name for edge in edges):
            raise FormatError(f"node '{name}' is reached by no edge", where=where)
    for pre, post in edges:
        sent, taken = _shape(nodes[pre].output_type), _shape(nodes[post].input_type)
        if sent is not None and taken is not None and sent != taken:
            raise FormatError(
                f"'{pre}' sends shape {sent}, '{post}' takes {taken}", where=f"{where}: edge {pre} -> {post}"
            )


def _shape(type_: Mapping[str, Any] | None) -> tuple[int, ...] | None:
    values = list((type_ or {}).values())
    if len(values) != 1 or values[0] is None:
        return None
    return tuple(int(size) for size in np.atleast_1d(np.asarray(values[0])))


def _metadata(group: Tree) -> dict[str, Any]:
    value = group.get("metadata", {})
    return dict(value) if isinstance(value, dict) else {}


def _group(value: Value, where: str) -> Tree:
    if not isinstance(value, dict):
        raise FormatError("is a dataset", where=where, need="a group")
    return value


def _required(group: Tree, keys: tuple[str, ...], where: str) -> None:
    for key in keys:
        if key not in group:
            raise FormatError(f"key '{key}' is missing", where=where)
