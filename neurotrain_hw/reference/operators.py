"""Nodes without state, on batches: x (B, *taken) -> (B, *sent), in the precision of x."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from neurotrain_hw.errors import UnsupportedError
from neurotrain_hw.interchange.primitives import paddings, pair

Array: TypeAlias = npt.NDArray[Any]
Operator: TypeAlias = Callable[[Array], Array]


def operator(node: Any, precision: npt.DTypeLike, *, where: str) -> Operator:
    """What a NIR node without state does in a step; UnsupportedError for a kind that has state."""
    kind = type(node).__name__
    if kind not in _MAKERS:
        raise UnsupportedError(f"no operator for a node of kind {kind}", where=where)
    return _MAKERS[kind](node, np.dtype(precision))


def _identity(node: Any, precision: np.dtype[Any]) -> Operator:
    return lambda x: x


def _linear(node: Any, precision: np.dtype[Any]) -> Operator:
    """y = W x + b; axes of W before the last two go along with those of x."""
    weight = np.ascontiguousarray(np.swapaxes(node.weight.astype(precision), -1, -2))  # (..., n_pre, n_post)
    bias = np.asarray(getattr(node, "bias", 0), precision)
    if weight.ndim == 2:
        return lambda x: x @ weight + bias
    return lambda x: (x[..., None, :] @ weight)[..., 0, :] + bias


def _scale(node: Any, precision: np.dtype[Any]) -> Operator:
    scale = node.scale.astype(precision)
    return lambda x: x * scale


def _threshold(node: Any, precision: np.dtype[Any]) -> Operator:
    threshold = node.threshold.astype(precision)
    return lambda x: (x > threshold).astype(precision)


def _flatten(node: Any, precision: np.dtype[Any]) -> Operator:
    shape = tuple(int(n) for n in node.output_type["output"])
    return lambda x: x.reshape(len(x), *shape)


def _convolution(node: Any, precision: np.dtype[Any]) -> Operator:
    """Cross-correlation as in torch.nn.Conv1d and Conv2d, by one matrix product per group."""
    axes = node.weight.ndim - 2
    kernel, stride, dilation = node.weight.shape[2:], pair(node.stride, axes), pair(node.dilation, axes)
    padding = [(0, 0), (0, 0), *paddings(node.padding, node.dilation, kernel)]
    groups, c_out = int(node.groups), node.weight.shape[0]
    weight = node.weight.astype(precision).reshape(groups, c_out // groups, -1)
    bias = np.asarray(node.bias, precision).reshape(c_out, *(1,) * axes)

    def convolve(x: Array) -> Array:
        windows = _windows(np.pad(x, padding), kernel, stride, dilation)  # (B, C, *sent, *kernel)
        sent = windows.shape[2 : 2 + axes]
        order = (0, 1, *range(2 + axes, 2 + 2 * axes), *range(2, 2 + axes))
        columns = windows.transpose(order).reshape(len(x), groups, weight.shape[-1], -1)
        found = weight @ columns  # (B, groups, C_out / groups, n_sent)
        result: Array = found.reshape(len(x), c_out, *sent) + bias
        return result

    return convolve


def _pool(node: Any, precision: np.dtype[Any]) -> Operator:
    kernel, stride, (high, wide) = pair(node.kernel_size, 2), pair(node.stride, 2), pair(node.padding, 2)
    share = precision.type(1 / np.prod(kernel)) if type(node).__name__ == "AvgPool2d" else precision.type(1)

    def pool(x: Array) -> Array:
        padded = np.pad(x, [(0, 0), (0, 0), (high, high), (wide, wide)]) if high or wide else x
        windows = _windows(padded, kernel, stride, (1, 1))
        total: Array = windows[..., 0, 0].copy()
        for row, column in [(i, k) for i in range(kernel[0]) for k in range(kernel[1])][1:]:
            total += windows[..., row, column]
        total *= share
        return total

    return pool


def _windows(x: Array, kernel: tuple[int, ...], stride: tuple[int, ...], dilation: tuple[int, ...]) -> Array:
    """A view of the windows (B, C, *places, *kernel) over the axes of x (B, C, *sizes)."""
    spans = tuple(d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True))
    axes = tuple(range(2, 2 + len(kernel)))
    view = np.lib.stride_tricks.sliding_window_view(x, spans, axes)
    places = tuple(slice(None, None, s) for s in stride)
    within = tuple(slice(None, None, d) for d in dilation)
    return view[(slice(None), slice(None), *places, *within)]


_MAKERS: dict[str, Callable[[Any, np.dtype[Any]], Operator]] = {
    "Input": _identity, "Output": _identity, "Affine": _linear, "Linear": _linear, "Scale": _scale,
    "Threshold": _threshold, "Flatten": _flatten, "Conv1d": _convolution, "Conv2d": _convolution,
    "SumPool2d": _pool, "AvgPool2d": _pool,
}  # fmt: skip
