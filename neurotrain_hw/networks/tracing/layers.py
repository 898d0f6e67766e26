"""Layers without state as nodes of NIR, each with what NIR leaves unsaid."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import nir
import numpy as np

from neurotrain_hw.errors import UnsupportedError, ValueRangeError
from neurotrain_hw.interchange import NodeMeaning, Quantisation
from neurotrain_hw.interchange.primitives import pair
from neurotrain_hw.networks.tracing.arrays import array, bias, weight_and_quantisation
from neurotrain_hw.networks.tracing.terms import Layer

Shape = tuple[int, ...]
WEIGHTED = ("Linear", "Conv1d", "Conv2d")


@dataclass(frozen=True, eq=False)
class Made:
    """A node, its meaning (None: nothing to say), and notes."""

    node: nir.NIRNode
    meaning: NodeMeaning | None = None
    notes: tuple[str, ...] = ()


def layer_node(layer: Layer, taken: Shape, sent: Shape, norm: Layer | None = None) -> Made:
    """The node for a layer that takes and sends such shapes (without a batch), with a batch norm after it folded in.

    Raises UnsupportedError, naming the layer, for options that NIR does not have.
    """
    where = f"module '{layer.path}'"
    if layer.kind in WEIGHTED:
        made = _weighted(layer, taken, where, norm)
    else:
        made = _POOLS[layer.kind](layer.module, taken, sent, where)
    # nir 1.0.8 gets the shapes of convolutions with groups or other than square kernels wrong, and of pools none
    made.node.input_type = {"input": np.array(taken, np.int64)}
    made.node.output_type = {"output": np.array(sent, np.int64)}
    return made


def _weighted(layer: Layer, taken: Shape, where: str, norm: Layer | None) -> Made:
    module = layer.module
    weight, quantisation, notes = weight_and_quantisation(module, where=where)
    offset, more = bias(module, weight.shape[0], where=where)
    notes += more
    if norm is not None:
        weight, offset, quantisation, more = _folded(weight, offset, quantisation, norm)
        notes += more
    meaning = None if quantisation is None else NodeMeaning(quantisation=quantisation)
    if layer.kind == "Linear":
        if len(taken) != 1:
            raise UnsupportedError(
                f"a Linear over the last axis of {taken}", where=where, need="one axis", remedy="Flatten before it."
            )
        offset = np.zeros(weight.shape[0], weight.dtype) if offset is None else offset
        return Made(nir.Affine(weight, offset), meaning, notes)  # Sinabs reads no Linear
    if getattr(module, "padding_mode", "zeros") != "zeros":
        raise UnsupportedError(f"pads with '{module.padding_mode}'", where=where, need="padding_mode 'zeros'")
    axes = 1 if layer.kind == "Conv1d" else 2
    stride, dilation = pair(module.stride, axes), pair(module.dilation, axes)
    padding = _padding(module.padding, dilation, weight.shape[2:])
    offset = np.zeros(weight.shape[0], weight.dtype) if offset is None else offset
    if axes == 1:
        one = padding if isinstance(padding, str) else padding[0]
        node = nir.Conv1d(taken[1], weight, stride[0], one, dilation[0], int(module.groups), offset)
    else:
        node = nir.Conv2d((taken[1], taken[2]), weight, stride, padding, dilation, int(module.groups), offset)
    return Made(node, meaning, notes)


def _padding(padding: Any, dilation: Shape, kernel: Shape) -> Shape | str:
    """Padding in numbers, which every reader understands, wherever it is the same on both sides."""
    if padding == "valid":
        return (0,) * len(kernel)
    if padding != "same":
        return pair(padding, len(kernel))
    spans = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
    return "same" if any(span % 2 for span in spans) else tuple(span // 2 for span in spans)


def _folded(
    weight: Any, offset: Any, quantisation: Quantisation | None, norm: Layer
) -> tuple[Any, Any, Quantisation | None, tuple[str, ...]]:
    """Weights and bias with a batch norm's y = (x - mean) / sqrt(var + eps) * gamma + beta folded in.

    Worked out in float64 and rounded once. Integers keep their scale times |gain|; a negative gain turns their sign.
    """
    where, module, channels = f"module '{norm.path}'", norm.module, weight.shape[0]
    if module.running_mean is None or module.running_var is None:
        raise UnsupportedError(
            "a batch norm without running statistics depends on the batch", where=where,
            remedy="Train it with track_running_stats=True.",
        )  # fmt: skip

    def vector(value: Any, default: float) -> Any:
        return np.full(channels, default) if value is None else array(value, where=where).astype(np.float64)

    gain = vector(module.weight, 1.0) / np.sqrt(vector(module.running_var, 1.0) + module.eps)
    shift = vector(module.bias, 0.0) - gain * vector(module.running_mean, 0.0)
    rows = gain.reshape(-1, *(1,) * (weight.ndim - 1))
    new = (weight.astype(np.float64) * rows).astype(weight.dtype)
    bias_ = (shift if offset is None else gain * offset.astype(np.float64) + shift).astype(weight.dtype)
    if quantisation is None:
        return new, bias_, None, ()
    try:
        scaled = replace(quantisation, scale=tuple(map(float, quantisation.scales(channels) * np.abs(gain))))
        scaled.integers(new, where=where)
    except ValueRangeError as error:
        note = f"{where}: folded into quantised weights, which are integers no longer ({error.what})"
        return new, bias_, None, (note,)
    return new, bias_, scaled, ()


def _average(module: Any, taken: Shape, sent: Shape, where: str) -> Made:
    kernel = pair(module.kernel_size, 2)
    stride = kernel if module.stride is None else pair(module.stride, 2)
    padding = pair(module.padding, 2)
    _check_windows(taken, sent, kernel, stride, padding, where)
    if any(padding) and not module.count_include_pad:
        raise UnsupportedError(
            "its mean leaves the padding out", where=where, need="count_include_pad=True", remedy="Or pad nothing."
        )
    divisor = module.divisor_override
    if divisor not in (None, 1, kernel[0] * kernel[1]):
        raise UnsupportedError(f"divides by {divisor}", where=where, need=f"{kernel[0] * kernel[1]} or 1")
    kind = nir.SumPool2d if divisor == 1 and kernel != (1, 1) else nir.AvgPool2d
    return Made(kind(np.array(kernel), np.array(stride), np.array(padding)))


def _lp(module: Any, taken: Shape, sent: Shape, where: str) -> Made:
    if float(module.norm_type) != 1:
        raise UnsupportedError(f"a pool of norm {module.norm_type}", where=where, need="norm_type 1, the sum")
    kernel = pair(module.kernel_size, 2)
    stride = kernel if module.stride is None else pair(module.stride, 2)
    _check_windows(taken, sent, kernel, stride, (0, 0), where)
    return Made(nir.SumPool2d(np.array(kernel), np.array(stride), np.zeros(2, np.int64)))


def _adaptive(module: Any, taken: Shape, sent: Shape, where: str) -> Made:
    if len(taken) != 3 or any(size % out for size, out in zip(taken[1:], sent[1:], strict=True)):
        raise UnsupportedError(
            f"pools {taken} to {sent} with windows of different sizes", where=where, need="sizes that divide evenly"
        )
    kernel = np.array([size // out for size, out in zip(taken[1:], sent[1:], strict=True)])
    return Made(nir.AvgPool2d(kernel, kernel.copy(), np.zeros(2, np.int64)))


def _norm(module: Any, taken: Shape, sent: Shape, where: str) -> Made:
    raise UnsupportedError(
        "a batch norm that does not follow a layer with weights", where=where,
        remedy="Put it right behind a Linear or convolution, into which it is folded.",
    )  # fmt: skip


def _check_windows(taken: Shape, sent: Shape, kernel: Shape, stride: Shape, padding: Shape, where: str) -> None:
    """Windows that hang over the edge (ceil_mode) are not NIR's."""
    if len(taken) != 3:
        raise UnsupportedError(f"pools {taken}", where=where, need="(channels, height, width)")
    whole = tuple((taken[1 + a] + 2 * padding[a] - kernel[a]) // stride[a] + 1 for a in range(2))
    if whole != tuple(sent[1:]):
        raise UnsupportedError(f"sends {sent}, whole windows would give {whole}", where=where, need="ceil_mode=False")


_POOLS: dict[str, Callable[[Any, Shape, Shape, str], Made]] = {
    "AvgPool2d": _average, "LPPool2d": _lp, "AdaptiveAvgPool2d": _adaptive, "BatchNorm": _norm,
}  # fmt: skip
