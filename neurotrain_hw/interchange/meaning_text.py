"""The meaning of a graph as one JSON text, and the digest of the graph that it was written for."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from neurotrain_hw.errors import FormatError, ValueRangeError
from neurotrain_hw.interchange.meaning import MOST_CHANNELS, Meaning, NodeMeaning, Quantisation

if TYPE_CHECKING:
    from nir import NIRGraph

METADATA_KEY = "neurotrain_hw"
FORMAT = "meaning-1"

_REQUIRED = ("format", "digest", "dt_s", "nodes")
_OPTIONAL = {"precision": "float32", "loops": "neurons"}  # and what they are where they are left out


def to_text(meaning: Meaning, *, digest: str) -> str:
    """The JSON document that goes into the metadata."""
    nodes = {name: _table(node) for name, node in sorted(meaning.nodes.items())}
    document = {"format": FORMAT, "digest": digest, "dt_s": meaning.dt_s, "nodes": nodes}
    document |= {key: getattr(meaning, key) for key in _OPTIONAL if getattr(meaning, key) != _OPTIONAL[key]}
    return json.dumps(document, sort_keys=True, allow_nan=False)


def from_text(text: str, *, where: str = f"metadata.{METADATA_KEY}") -> tuple[Meaning, str]:
    """The meaning and its digest from the JSON document; FormatError names the key that is wrong."""
    try:
        document = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise FormatError("is not a JSON document", where=where) from error
    _check_keys(document, _REQUIRED, where, (*_REQUIRED, *_OPTIONAL))
    if document["format"] != FORMAT:
        raise FormatError(f"format is {document['format']!r}", where=where, need=FORMAT)
    if not isinstance(document["digest"], str):
        raise FormatError("digest is not a text", where=where)
    if not isinstance(document["nodes"], dict):
        raise FormatError("nodes is not a table", where=where)
    nodes = {name: _node_from(value, f"{where}.nodes.{name}") for name, value in document["nodes"].items()}
    try:
        rest = {key: document[key] for key in _OPTIONAL if key in document}
        return Meaning(_number(document["dt_s"], f"{where}.dt_s"), nodes, **rest), document["digest"]
    except ValueRangeError as error:
        raise FormatError(error.what, where=f"{where} ({error.where})", need=error.need) from error


def digest(graph: NIRGraph | Mapping[str, Any]) -> str:
    """SHA-256 over names, types, fields and edges of a graph, or of a file's tree at `/node`, whatever their order.

    Metadata is left out, and numbers count as float64, so that the digest survives writing, reading and a change
    of float32 into float64.
    """
    state = hashlib.sha256()
    _digest_dict(state, graph if isinstance(graph, Mapping) else graph.to_dict())
    return state.hexdigest()


def _digest_dict(state: Any, node: Mapping[str, Any]) -> None:
    for key in sorted(node):
        value = node[key]
        if key in ("metadata", "input_type", "output_type") or value is None:
            continue
        state.update(f"<{key}>".encode())
        if isinstance(value, Mapping):
            _digest_dict(state, value)
        elif key == "edges":
            for pre, post in sorted((str(a), str(b)) for a, b in value):
                state.update(f"{pre}\0{post}\0".encode())
        elif isinstance(value, str | bytes):
            state.update(repr(value.decode() if isinstance(value, bytes) else value).encode())
        else:
            array = np.asarray(value).astype("<f8")
            state.update(f"{array.shape}".encode() + array.tobytes())
        state.update(b"</>")


def _node_from(value: object, where: str) -> NodeMeaning:
    known = tuple(f.name for f in fields(NodeMeaning))
    table = _check_keys(value, (), where, known)
    quantisation = None
    try:
        if "quantisation" in table:
            inner = f"{where}.quantisation"
            part = _check_keys(table["quantisation"], ("bits", "scale", "sign_mode"), inner)
            bits = part["bits"]
            if isinstance(bits, bool) or not isinstance(bits, int):
                raise FormatError("bits is not an integer", where=inner)
            quantisation = Quantisation(bits, _scale(part["scale"], f"{inner}.scale"), part["sign_mode"])
        return NodeMeaning(**(table | {"quantisation": quantisation}))
    except ValueRangeError as error:
        raise FormatError(error.what, where=f"{where} ({error.where})", need=error.need) from error


def _check_keys(
    value: object, required: tuple[str, ...], where: str, known: tuple[str, ...] | None = None
) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise FormatError("is not a table", where=where)
    for key in required:
        if key not in value:
            raise FormatError(f"key '{key}' is missing", where=where)
    for key in value:
        if key not in (known or required):
            raise FormatError(f"key '{key}' is not known", where=where, need=" ".join(known or required))
    return value


def _number(value: object, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise FormatError("is not a number", where=where)
    return float(value)


def _scale(value: object, where: str) -> float | tuple[float, ...]:
    """One number, or a list of one per output channel."""
    if not isinstance(value, list):
        return _number(value, where)
    if len(value) > MOST_CHANNELS:
        raise FormatError(f"has {len(value)} numbers", where=where, limit=MOST_CHANNELS)
    return tuple(_number(one, where) for one in value)


def _table(node: NodeMeaning) -> dict[str, Any]:
    """What a node says; of the fields that files of the first kind did not have, only what is not their default."""
    first, plain = ("reset", "integration", "quantisation"), asdict(NodeMeaning())
    return {
        key: value for key, value in asdict(node).items() if value is not None and (key in first or value != plain[key])
    }
