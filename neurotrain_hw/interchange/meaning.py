"""Meaning: what a NIR graph leaves unsaid, kept as one JSON string in the graph's metadata.

NIR gives weights and time constants; it does not give the length of a step, how a neuron is integrated, when and how
it resets, or the integers behind its weights. `Meaning` says those, under the metadata key `neurotrain_hw`, with a
digest of the standard fields that it was written for: where another tool changed them, the meaning no longer holds.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from neurotrain_hw.errors import FormatError, ValueRangeError

if TYPE_CHECKING:
    from nir import NIRGraph

METADATA_KEY = "neurotrain_hw"
FORMAT = "meaning-1"

Reset = Literal["zero", "subtract", "zero_delayed", "subtract_delayed", "none"]
Integration = Literal["none", "euler", "exponential"]
SignMode = Literal["mixed", "excitatory", "inhibitory"]


@dataclass(frozen=True)
class Quantisation:
    """Integers behind float weights: `weight == scale * q` with integers q of `bits` bits, recovered by `integers`.

    `sign_mode` mixed: q in -2^(bits-1) .. 2^(bits-1)-1; excitatory: 0 .. 2^bits-1; inhibitory: -(2^bits-1) .. 0.
    Raises ValueRangeError for bits outside 1..16 or a scale that is not positive and finite.
    """

    bits: int
    scale: float
    sign_mode: SignMode = "mixed"

    def __post_init__(self) -> None:
        object.__setattr__(self, "bits", int(self.bits))
        object.__setattr__(self, "scale", float(self.scale))
        if not 1 <= self.bits <= 16:
            raise ValueRangeError(f"weights of {self.bits} bits", where="Quantisation.bits", need="1..16")
        if not (math.isfinite(self.scale) and self.scale > 0):
            raise ValueRangeError(f"a scale of {self.scale}", where="Quantisation.scale", need="a positive number")
        _check_choice(self.sign_mode, get_args(SignMode), "Quantisation.sign_mode")

    @property
    def limits(self) -> tuple[int, int]:
        """Smallest and largest integer."""
        if self.sign_mode == "mixed":
            return -(1 << (self.bits - 1)), (1 << (self.bits - 1)) - 1
        top = (1 << self.bits) - 1
        return (0, top) if self.sign_mode == "excitatory" else (-top, 0)

    def integers(self, weight: npt.ArrayLike, *, where: str = "weights") -> npt.NDArray[np.int32]:
        """The integers q, int32 of the weights' shape.

        Raises ValueRangeError where a weight is further than 1/100 of a step from the grid, or outside the range;
        float32 keeps integers of 16 bits to better than that.
        """
        steps = np.asarray(weight, np.float64) / self.scale
        rounded = np.rint(steps)
        if not np.all(np.isfinite(steps)) or bool(np.any(np.abs(steps - rounded) > 1e-2)):
            raise ValueRangeError(
                f"the weights are not multiples of the scale {self.scale:.6g}", where=where,
                need="round(weight / scale) equal to weight / scale within 0.01",
            )  # fmt: skip
        low, high = self.limits
        if rounded.size and (rounded.min() < low or rounded.max() > high):
            raise ValueRangeError(
                f"integers reach from {int(rounded.min())} to {int(rounded.max())}", where=where,
                need=f"{low}..{high} for {self.bits} bits, {self.sign_mode}",
            )  # fmt: skip
        return rounded.astype(np.int32)


@dataclass(frozen=True)
class NodeMeaning:
    """What one node does beyond its NIR fields.

    `reset`, for neurons: to zero or by subtraction of the threshold, in the step of the spike or (delayed) before
    the next update. `integration`, for neurons: `euler` is v' = v + dt/tau * (v_leak - v + r * I), `exponential`
    decays with exp(-dt/tau). `quantisation`, for weights. Nodes to which a field does not apply keep its default.
    """

    reset: Reset = "none"
    integration: Integration = "none"
    quantisation: Quantisation | None = None

    def __post_init__(self) -> None:
        _check_choice(self.reset, get_args(Reset), "NodeMeaning.reset")
        _check_choice(self.integration, get_args(Integration), "NodeMeaning.integration")


@dataclass(frozen=True)
class Meaning:
    """Seconds per step, and the meaning of each node by its name in the graph (nodes left out: the default)."""

    dt_s: float
    nodes: Mapping[str, NodeMeaning] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "dt_s", float(self.dt_s))
        if not (math.isfinite(self.dt_s) and self.dt_s > 0):
            raise ValueRangeError(f"dt_s is {self.dt_s}", where="Meaning", need="positive seconds per step")
        object.__setattr__(self, "nodes", MappingProxyType(dict(self.nodes)))

    def node(self, name: str) -> NodeMeaning:
        """The meaning of a node; the default where nothing was said."""
        return self.nodes.get(name, NodeMeaning())


def to_text(meaning: Meaning, *, digest: str) -> str:
    """The JSON document that goes into the metadata."""
    nodes = {name: _without_none(asdict(node)) for name, node in sorted(meaning.nodes.items())}
    document = {"format": FORMAT, "digest": digest, "dt_s": meaning.dt_s, "nodes": nodes}
    return json.dumps(document, sort_keys=True, allow_nan=False)


def from_text(text: str, *, where: str = f"metadata.{METADATA_KEY}") -> tuple[Meaning, str]:
    """The meaning and its digest from the JSON document; FormatError names the key that is wrong."""
    try:
        document = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise FormatError("is not a JSON document", where=where) from error
    _check_keys(document, ("format", "digest", "dt_s", "nodes"), where)
    if document["format"] != FORMAT:
        raise FormatError(f"format is {document['format']!r}", where=where, need=FORMAT)
    if not isinstance(document["digest"], str):
        raise FormatError("digest is not a text", where=where)
    if not isinstance(document["nodes"], dict):
        raise FormatError("nodes is not a table", where=where)
    nodes = {name: _node_from(value, f"{where}.nodes.{name}") for name, value in document["nodes"].items()}
    try:
        return Meaning(_number(document["dt_s"], f"{where}.dt_s"), nodes), document["digest"]
    except ValueRangeError as error:
        raise FormatError(error.what, where=where, need=error.need) from error


def digest(graph: NIRGraph) -> str:
    """SHA-256 over names, types, fields and edges of a graph, whatever their order and their number type.

    Metadata is left out, and numbers count as float64, so that the digest survives writing, reading and a change
    of float32 into float64.
    """
    state = hashlib.sha256()
    _digest_dict(state, graph.to_dict())
    return state.hexdigest()


def _digest_dict(state: Any, node: Mapping[str, Any]) -> None:
    for key in sorted(node):
        if key in ("metadata", "input_type", "output_type"):
            continue
        value = node[key]
        state.update(f"<{key}>".encode())
        if isinstance(value, Mapping):
            _digest_dict(state, value)
        elif key == "edges":
            for pre, post in sorted((str(a), str(b)) for a, b in value):
                state.update(f"{pre}\0{post}\0".encode())
        elif value is None or isinstance(value, str | bytes):
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
            quantisation = Quantisation(bits, _number(part["scale"], f"{inner}.scale"), part["sign_mode"])
        return NodeMeaning(table.get("reset", "none"), table.get("integration", "none"), quantisation)
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


def _check_choice(value: object, choices: tuple[str, ...], where: str) -> None:
    if value not in choices:
        raise ValueRangeError(f"{value!r} is not a choice", where=where, need=" | ".join(choices))


def _without_none(table: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in table.items() if value is not None}
