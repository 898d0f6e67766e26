"""Nodes and edges as a file's groups hold them: every field checked, every fault named by node and field.

Layout (nir 1.0.8, serialization.py): `/node/type` is NIRGraph, `/node/nodes/<name>` holds `type` and one dataset
per field, `/node/edges` pairs of names. Fields that older writers left out (v_reset, w_in, input_shape) may be absent.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from neurotrain_hw.errors import FormatError, UnknownNameError
from neurotrain_hw.interchange.hdf5 import Tree, Value
from neurotrain_hw.interchange.primitives import FIELDS, RawGraph, RawNode

_TEXT_FIELDS = ("padding",)
_AXES = {"Conv1d": 1, "Conv2d": 2, "SumPool2d": 2, "AvgPool2d": 2}
MAX_SIZE = 1 << 24  # values that an input or output may have


def read_raw(tree: Tree, *, where: str) -> RawGraph:
    """The graph in a file's tree; FormatError names file, node and field."""
    if "node" not in tree:
        raise FormatError("key 'node' is missing", where=where, need="/node with type NIRGraph, nodes and edges")
    return _graph(_group(tree["node"], f"{where}: node"), f"{where}: node")


def _graph(group: Tree, where: str) -> RawGraph:
    _required(group, ("type", "nodes", "edges"), where)
    kind = group["type"]
    if not isinstance(kind, str) or kind != "NIRGraph":
        raise FormatError(f"type is {kind!r}", where=where, need="NIRGraph")
    inner = _group(group["nodes"], f"{where}.nodes")
    nodes = {
        name: _node(_group(value, f"{where}.nodes.{name}"), f"{where}.nodes.{name}") for name, value in inner.items()
    }
    return RawGraph(nodes, _edges(group["edges"], f"{where}.edges"), _metadata(group))


def _node(group: Tree, where: str) -> RawNode | RawGraph:
    _required(group, ("type",), where)
    kind = group["type"]
    if isinstance(kind, str) and kind == "NIRGraph":
        return _graph(group, where)
    if not isinstance(kind, str) or kind not in FIELDS:
        raise FormatError(str(UnknownNameError("kind of NIR node", str(kind), (*FIELDS, "NIRGraph"))), where=where)
    spec = FIELDS[kind]
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
    _check_kind(kind, values, where)
    return RawNode(kind, values, _metadata(group))


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


def _check_neuron(values: dict[str, Any], where: str) -> None:
    """Parameters have one shape, or are one value for all neurons; time constants are above 0."""
    shapes = {key: value.shape for key, value in values.items() if value.size > 1}
    if len(set(shapes.values())) > 1:
        text = ", ".join(f"{key} {shape}" for key, shape in shapes.items())
        raise FormatError(f"parameters have different shapes: {text}", where=where, need="one shape for all")
    for key, value in values.items():
        if key.startswith("tau") and not np.all(value > 0):
            raise FormatError(
                f"goes down to {float(value.min()):.6g}", where=f"{where}.{key}", need="time constants above 0"
            )


def _check_kind(kind: str, values: dict[str, Any], where: str) -> None:
    if kind in ("Input", "Output"):
        shape = values["shape"]
        if (
            shape.ndim != 1
            or shape.dtype.kind not in "iu"
            or np.any(shape < 1)
            or np.prod(shape, dtype=float) > MAX_SIZE
        ):
            raise FormatError("is not a shape", where=f"{where}.shape", need="positive integers")
    elif "weight" in values:
        _check_weight(kind, values, where)
    if kind == "Delay" and np.any(values["delay"] < 0):
        raise FormatError(f"goes down to {values['delay'].min():.6g}", where=f"{where}.delay", need="0 or more")
    if kind == "Flatten":
        for key in ("start_dim", "end_dim"):
            _check_integers(values[key], f"{where}.{key}", sizes=(1,), least=-32)
    if kind in _AXES:
        _check_windows(kind, values, where)


def _check_weight(kind: str, values: dict[str, Any], where: str) -> None:
    weight, axes = values["weight"], _AXES.get(kind)
    if axes is None and weight.ndim < 2:
        raise FormatError(f"has shape {weight.shape}", where=f"{where}.weight", need="(n_post, n_pre)")
    if axes is not None and weight.ndim != axes + 2:
        raise FormatError(
            f"has shape {weight.shape}", where=f"{where}.weight",
            need=f"(channels out, channels in / groups, {'width' if axes == 1 else 'height, width'})",
        )  # fmt: skip
    wanted = weight.shape[:-1] if axes is None else weight.shape[:1]
    if "bias" in values and values["bias"].shape != wanted:
        raise FormatError(f"has shape {values['bias'].shape}", where=f"{where}.bias", need=f"{wanted}")


def _check_windows(kind: str, values: dict[str, Any], where: str) -> None:
    axes = _AXES[kind]
    for key in ("kernel_size", "stride", "dilation", "groups", "input_shape", "padding"):
        if key not in values:
            continue
        if isinstance(values[key], str):
            if kind.startswith("Conv") and values[key] in ("same", "valid"):
                continue
            raise FormatError(f"is {values[key]!r}", where=f"{where}.{key}", need="integers, 'same' or 'valid'")
        sizes = (1,) if key == "groups" else (1, axes)
        _check_integers(values[key], f"{where}.{key}", sizes=sizes, least=0 if key == "padding" else 1)
    if isinstance(values["padding"], str) and values["padding"] == "same" and np.any(values["stride"] != 1):
        raise FormatError("'same' goes with a stride of 1", where=f"{where}.padding")
    if kind.startswith("Conv") and values["weight"].shape[0] % int(values["groups"].reshape(-1)[0]):
        raise FormatError("does not divide the channels that are sent", where=f"{where}.groups")


def _check_integers(value: Any, where: str, *, sizes: tuple[int, ...], least: int) -> None:
    whole = value.dtype.kind in "iu" and value.size in sizes and np.all(value >= least) and np.all(value < 1 << 24)
    if not whole:
        raise FormatError(
            f"is {np.array2string(value.reshape(-1)[:4])} of type {value.dtype}", where=where,
            need=f"{' or '.join(map(str, dict.fromkeys(sizes)))} integers from {least} on",
        )  # fmt: skip


def _edges(value: Value, where: str) -> tuple[tuple[str, str], ...]:
    if isinstance(value, np.ndarray) and value.size == 0:
        return ()
    if not isinstance(value, list):
        raise FormatError("is not a list of pairs of names", where=where)
    edges: dict[tuple[str, str], None] = {}
    for both in value:
        if not (isinstance(both, list) and len(both) == 2 and all(isinstance(name, str) for name in both)):
            raise FormatError(f"holds {both!r}", where=where, need="pairs of node names")
        edge = (both[0], both[1])
        if edge in edges:
            raise FormatError(f"edge {edge[0]} -> {edge[1]} is there twice", where=where)
        edges[edge] = None
    return tuple(edges)


def _metadata(group: Tree) -> Mapping[str, Any]:
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
