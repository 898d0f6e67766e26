"""The primitives of NIR (nir 1.0.8): their equations, their fields, and the shapes that they take and send.

| node | equation, x the sum of what arrives |
|---|---|
| Input, Output | y = x |
| Affine, Linear | y = W x + b; y = W x |
| Scale, Threshold | y = s x; y = 1 where x > threshold, else 0 |
| Conv1d, Conv2d | y = W * x + b, the cross-correlation of torch |
| SumPool2d, AvgPool2d | y = sum, mean of x over a window; padding counts as zeros of the mean, as in torch |
| Flatten | the axes start_dim..end_dim become one; NIR has no batch axis |
| Delay | y(t) = x(t - delay) |
| I, IF | v' = r x; IF: spike where v > v_threshold, then v_reset |
| LI, LIF | tau v' = v_leak - v + r x; LIF: spike and reset as IF |
| CubaLI, CubaLIF | tau_syn i' = -i + w_in x; tau_mem v' = v_leak - v + r i; CubaLIF: spike and reset as IF |
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from neurotrain_hw.errors import FormatError

Shape: TypeAlias = tuple[int, ...]


class Fields(NamedTuple):
    """Names of a node's fields; those of `neuron` nodes hold one value per neuron, or one for all."""

    required: tuple[str, ...]
    optional: tuple[str, ...] = ()
    neuron: bool = False


_CONV = Fields(("weight", "stride", "padding", "dilation", "groups", "bias"), ("input_shape",))
_POOL = Fields(("kernel_size", "stride", "padding"))
FIELDS: Mapping[str, Fields] = {
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
NEURONS = tuple(kind for kind, fields in FIELDS.items() if fields.neuron)
SPIKING = ("IF", "LIF", "CubaLIF")
# What files of older writers leave out, and what it is then.
DEFAULTS: Mapping[str, float] = {"v_reset": 0.0, "w_in": 1.0}
# One array with a value for each element of what arrives.
ELEMENTWISE: Mapping[str, str] = {"Scale": "scale", "Threshold": "threshold", "Delay": "delay"}


@dataclass(frozen=True, eq=False)
class RawNode:
    """A node as a file holds it: its kind, its fields as arrays (padding may be a text) and its metadata."""

    kind: str
    values: Mapping[str, Any]
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class RawGraph:
    """Nodes and edges as a file holds them; a node may be a graph of its own."""

    nodes: Mapping[str, RawNode | RawGraph]
    edges: tuple[tuple[str, str], ...]
    metadata: Mapping[str, Any] = field(default_factory=dict)


def shape_of(values: Any) -> Shape:
    """A shape that a file holds as an array of integers."""
    return tuple(int(size) for size in values.reshape(-1))


def fixed_shapes(node: RawNode) -> tuple[Shape, Shape] | None:
    """The shapes that a node takes and sends where its own fields tell; None where they follow from what arrives."""
    values = node.values
    if node.kind in ("Input", "Output"):
        return shape_of(values["shape"]), shape_of(values["shape"])
    if node.kind in ("Affine", "Linear"):
        weight = values["weight"].shape
        return (*weight[:-2], weight[-1]), weight[:-1]
    if node.kind in ELEMENTWISE:
        shape = values[ELEMENTWISE[node.kind]].shape
        return (shape, shape) if shape else None
    if node.kind in NEURONS:
        shape = np.broadcast_shapes(*(value.shape for value in values.values()))
        return (shape, shape) if shape else None
    return None


def sent_shape(node: RawNode, taken: Shape, where: str) -> Shape:
    """The shape that a node sends when `taken` arrives; FormatError where it cannot take that."""
    fixed = fixed_shapes(node)
    if fixed is not None:
        return fixed[1]
    if node.kind in ("Conv1d", "Conv2d"):
        return _convolved(node, taken, where)
    if node.kind in ("SumPool2d", "AvgPool2d"):
        return _pooled(node, taken, where)
    if node.kind == "Flatten":
        return _flattened(node, taken, where)
    return taken


def pair(value: Any, axes: int) -> Shape:
    """One integer per spatial axis, from one for all or one each."""
    flat = tuple(int(v) for v in np.asarray(value).reshape(-1))
    return flat * axes if len(flat) == 1 else flat


def paddings(padding: Any, dilation: Any, kernel: Shape) -> tuple[tuple[int, int], ...]:
    """Zeros before and after each spatial axis of a convolution; `same` as torch does it, the odd one behind."""
    if not isinstance(padding, str):
        return tuple((p, p) for p in pair(padding, len(kernel)))
    if padding == "valid":
        return ((0, 0),) * len(kernel)
    spans = [d * (k - 1) for d, k in zip(pair(dilation, len(kernel)), kernel, strict=True)]
    return tuple((span // 2, span - span // 2) for span in spans)


def _convolved(node: RawNode, taken: Shape, where: str) -> Shape:
    weight = node.values["weight"].shape
    axes = len(weight) - 2
    channels = weight[1] * int(node.values["groups"].reshape(-1)[0])
    if len(taken) != axes + 1 or taken[0] != channels:
        raise FormatError(f"takes {channels} channels of {axes} axes", where=where, need=f"what arrives: {taken}")
    stride, dilation = pair(node.values["stride"], axes), pair(node.values["dilation"], axes)
    sizes = []
    for axis, (before, after) in enumerate(paddings(node.values["padding"], dilation, weight[2:])):
        span = dilation[axis] * (weight[2 + axis] - 1) + 1
        sizes.append(_windows(taken[1 + axis] + before + after, span, stride[axis], where))
    return (weight[0], *sizes)


def _pooled(node: RawNode, taken: Shape, where: str) -> Shape:
    if len(taken) != 3:
        raise FormatError(f"takes (channels, height, width), {taken} arrives", where=where)
    kernel, stride, padding = (pair(node.values[key], 2) for key in ("kernel_size", "stride", "padding"))
    sizes = [_windows(taken[1 + k] + 2 * padding[k], kernel[k], stride[k], where) for k in range(2)]
    return (taken[0], *sizes)


def _windows(size: int, span: int, stride: int, where: str) -> int:
    if span > size:
        raise FormatError(
            f"a window of {span} is larger than the {size} values of its axis, padding included", where=where
        )
    return (size - span) // stride + 1


def _flattened(node: RawNode, taken: Shape, where: str) -> Shape:
    start, end = (int(node.values[key].reshape(-1)[0]) for key in ("start_dim", "end_dim"))
    first, last = (axis + len(taken) if axis < 0 else axis for axis in (start, end))
    if not 0 <= first <= last < len(taken):
        raise FormatError(f"flattens axes {start}..{end} of {taken}", where=where, need=f"axes 0..{len(taken) - 1}")
    size = 1
    for n in taken[first : last + 1]:
        size *= n
    return (*taken[:first], size, *taken[last + 1 :])
