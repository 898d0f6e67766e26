"""Linear operators between neurons: what lies between two layers of a graph, as one matrix or one kernel.

Weights, convolutions, pooling, scaling and flattening are linear, so what stands between two layers of neurons can be
multiplied out. It is kept as what a chip stores: a kernel where it is one convolution, also with pooling before it;
else a matrix. Factors that are the same for a whole row stay outside (`row_scale`), so that integers stay integers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from neurotrain_hw.compiler.ideal import ConvGeometry, FloatArray
from neurotrain_hw.errors import CapacityError, UnsupportedError
from neurotrain_hw.interchange import Quantisation
from neurotrain_hw.interchange.primitives import paddings, pair

Shape = tuple[int, ...]

_MOST_WEIGHTS = 1 << 26
"""Weights of a matrix that is multiplied out: 512 MiB in float64."""


@dataclass(frozen=True, eq=False)
class Way:
    """A linear operator from values of shape `taken` to values of shape `sent`, both counted in C order.

    `weight`: a matrix (n_sent, n_taken); with `conv`, a kernel (C_out, C_in / groups, height, width) from (C, H, W) to
    `volume`; None: every value goes on as it is. `row_scale`: (n_sent,), (C_out,) of a kernel, or () where there is no
    weight. `nodes`: the names of the nodes with weights that it passed. `losses`: why training's integers did not stay.
    """

    taken: Shape
    sent: Shape
    weight: FloatArray | None = None
    row_scale: FloatArray | None = None
    conv: ConvGeometry | None = None
    volume: Shape = ()
    quantisation: Quantisation | None = None
    nodes: tuple[str, ...] = ()
    losses: tuple[str, ...] = ()

    def matrix(self, where: str) -> FloatArray:
        """The whole operator, (n_sent, n_taken), `row_scale` included."""
        n_sent, n_taken = math.prod(self.sent), math.prod(self.taken)
        _check_size(n_sent, n_taken, where)
        if self.weight is None:
            scale = 1.0 if self.row_scale is None else self.row_scale
            return np.asarray(np.eye(n_sent) * np.reshape(scale, (-1, 1)))
        if self.conv is None:
            return _rows(self) * self.weight
        rows, columns, values = taps(self)
        found = np.zeros((n_sent, n_taken))
        np.add.at(found, (rows, columns), values)
        return found


def start(shape: Shape) -> Way:
    """The way that begins at values of that shape, before any node."""
    return Way(shape, shape)


def follow(way: Way, name: str, node: Any, quantisation: Quantisation | None) -> Way:
    """The way led through one more node; UnsupportedError for a node that is not linear."""
    kind = type(node).__name__
    if kind not in _FOLLOW:
        raise UnsupportedError(
            f"is of kind {kind}, which is not lowered between layers", where=f"node '{name}'",
            need="Linear, Affine, Conv1d, Conv2d, SumPool2d, AvgPool2d, Scale, Flatten or Delay",
        )  # fmt: skip
    return _FOLLOW[kind](way, name, node, quantisation)


def constant(way: Way, values: npt.NDArray[Any], where: str) -> FloatArray:
    """What constant values (n_taken,), sent in every step, become behind the way, (n_sent,)."""
    flat = np.asarray(values, np.float64).reshape(-1)
    if way.weight is None:
        return flat if way.row_scale is None else flat * way.row_scale
    return way.matrix(where) @ flat


def _pass(way: Way, name: str, node: Any, quantisation: Quantisation | None) -> Way:
    return way


def _flatten(way: Way, name: str, node: Any, quantisation: Quantisation | None) -> Way:
    return replace(way, sent=tuple(int(n) for n in np.atleast_1d(node.output_type["output"])))


def _scale(way: Way, name: str, node: Any, quantisation: Quantisation | None) -> Way:
    values = np.broadcast_to(np.asarray(node.scale, np.float64), way.sent)
    if way.weight is None:
        old = np.broadcast_to(1.0 if way.row_scale is None else way.row_scale, (math.prod(way.sent),))
        return replace(way, row_scale=old * values.reshape(-1))
    if way.conv is None:
        return replace(way, row_scale=_row_scale(way) * values.reshape(-1))
    by_channel = values.reshape(way.volume[0], -1)
    if np.all(by_channel == by_channel[:, :1]):
        return replace(way, row_scale=_row_scale(way) * by_channel[:, 0])
    return _unrolled(
        way, values.reshape(-1, 1) * way.matrix(f"node '{name}'"), name, "scales neurons of a channel apart"
    )


def _linear(way: Way, name: str, node: Any, quantisation: Quantisation | None) -> Way:
    weight = np.asarray(node.weight, np.float64)
    if weight.ndim != 2:
        raise UnsupportedError(f"weights of shape {weight.shape}", where=f"node '{name}'", need="(n_post, n_pre)")
    sent, nodes, ones = (weight.shape[0],), (*way.nodes, name), np.ones(weight.shape[0])
    if way.weight is None:
        scale = np.asarray(1.0 if way.row_scale is None else way.row_scale)
        if np.all(scale == scale.reshape(-1)[0]):
            return replace(
                way,
                sent=sent,
                weight=weight,
                row_scale=ones * scale.reshape(-1)[0],
                quantisation=quantisation,
                nodes=nodes,
            )
        lost = _lost(quantisation, name, "its inputs are scaled apart")
        return replace(way, sent=sent, weight=weight * scale, row_scale=ones, nodes=nodes, losses=(*way.losses, *lost))
    _check_size(weight.shape[0], math.prod(way.taken), f"node '{name}'")
    if way.conv is not None:
        found = _aftertaps(way, weight, name, quantisation)
        if found is not None:
            return found
    lost = (
        *way.losses,
        *_lost(quantisation or way.quantisation, name, "it follows other weights without neurons between"),
    )
    product = weight @ way.matrix(f"node '{name}'")
    return Way(way.taken, sent, product, ones, nodes=nodes, losses=lost)


def _aftertaps(way: Way, weight: FloatArray, name: str, quantisation: Quantisation | None) -> Way | None:
    """Weights behind a pooling whose windows do not overlap: their columns, copied; None for other ways."""
    rows, columns, values = taps(way)
    if way.nodes or np.unique(columns).size < columns.size or not np.all(values == values[:1]):
        return None
    spread = np.zeros((weight.shape[0], math.prod(way.taken)))
    spread[:, columns] = weight[:, rows]
    factor = float(values[0]) if values.size else 1.0
    return replace(
        way, sent=(weight.shape[0],), weight=spread, row_scale=np.full(weight.shape[0], factor), conv=None, volume=(),
        quantisation=quantisation, nodes=(*way.nodes, name),
    )  # fmt: skip


def _convolution(way: Way, name: str, node: Any, quantisation: Quantisation | None) -> Way:
    weight = np.asarray(node.weight, np.float64)
    axes = weight.ndim - 2
    stride, dilation = pair(node.stride, axes), pair(node.dilation, axes)
    around = paddings(node.padding, node.dilation, weight.shape[2:])
    if axes == 1:  # a row of height 1
        weight, stride, dilation, around = weight[:, :, None], (1, *stride), (1, *dilation), ((0, 0), *around)
    weight, padding, dilation = _evenly_padded(weight, around, dilation)
    geometry = ConvGeometry((stride[0], stride[1]), padding, (dilation[0], dilation[1]), int(node.groups))
    sent = tuple(int(n) for n in np.atleast_1d(node.output_type["output"]))
    return _convolved(way, weight, np.ones(len(weight)), geometry, sent, name, quantisation)


def _pool(way: Way, name: str, node: Any, quantisation: Quantisation | None) -> Way:
    """A sum over a window of each channel is a convolution with ones; a mean is a sum and a factor."""
    kernel, stride, padding = (pair(getattr(node, key), 2) for key in ("kernel_size", "stride", "padding"))
    channels = int(way.sent[0])
    geometry = ConvGeometry((stride[0], stride[1]), (padding[0], padding[1]), (1, 1), channels)
    sent = tuple(int(n) for n in np.atleast_1d(node.output_type["output"]))
    factor = 1 / math.prod(kernel) if type(node).__name__ == "AvgPool2d" else 1.0
    return _convolved(way, np.ones((channels, 1, *kernel)), np.full(channels, factor), geometry, sent, "", quantisation)


def _convolved(
    way: Way, kernel: FloatArray, row_scale: FloatArray, geometry: ConvGeometry, sent: Shape, name: str,
    quantisation: Quantisation | None,
) -> Way:  # fmt: skip
    """A way through a convolution; nodes without a name (pooling) hold no weights of training's."""
    volume = sent if len(sent) == 3 else (sent[0], 1, sent[1])
    nodes = (*way.nodes, name) if name else way.nodes
    if way.weight is None:
        scale = np.asarray(1.0 if way.row_scale is None else way.row_scale).reshape(-1)
        if np.all(scale == scale[0]):
            return Way(way.taken, sent, kernel, row_scale * scale[0], geometry, volume, quantisation, nodes, way.losses)
    elif way.conv is not None and not way.nodes:
        joined = _joined(way, kernel, geometry)
        if joined is not None:
            kernel, factor, geometry = joined
            overlap = any(size > step for size, step in zip(way.weight.shape[2:], way.conv.stride, strict=True))
            lost = (
                _lost(quantisation, name or "pooling", "the windows of the pooling before it overlap")
                if overlap
                else ()
            )
            return Way(
                way.taken, sent, kernel, row_scale * factor, geometry, volume, None if lost else quantisation, nodes,
                (*way.losses, *lost),
            )  # fmt: skip
    n_taken, n_sent = math.prod(way.sent), math.prod(sent)
    _check_size(n_sent, n_taken, f"node '{name or 'pooling'}'")
    alone = Way(way.sent, sent, kernel, row_scale, geometry, volume).matrix(f"node '{name}'")
    product = alone @ way.matrix(f"node '{name}'") if way.weight is not None else alone * np.asarray(way.row_scale)
    lost = _lost(
        quantisation or way.quantisation,
        name or "pooling",
        "it does not follow neurons, or its inputs are scaled apart",
    )
    return Way(way.taken, sent, product, np.ones(n_sent), nodes=nodes, losses=(*way.losses, *lost))


def _joined(way: Way, kernel: FloatArray, geometry: ConvGeometry) -> tuple[FloatArray, float, ConvGeometry] | None:
    """One kernel for a pooling (one factor, windows over single channels) and a convolution behind it.

    None where the padding of the second would reach values that the pooling leaves out at its far end.
    """
    pool, before = way.conv, way.weight
    if pool is None or before is None or before.shape[1] != 1 or pool.groups != len(before):
        return None
    factors = before.reshape(-1) * np.repeat(_row_scale(way), before[0].size)
    if not np.all(factors == factors[0]) or pool.dilation != (1, 1):
        return None
    sizes, padding, stride = [], [], []
    for axis in range(2):
        window, step = before.shape[2 + axis], pool.stride[axis]
        places = kernel.shape[2 + axis]
        short = way.volume[1 + axis] * step < _size(way.taken, axis) + pool.padding[axis]
        if geometry.padding[axis] and (short or pool.padding[axis] or window > step):
            return None
        sizes.append((geometry.dilation[axis] * (places - 1)) * step + window)
        padding.append(geometry.padding[axis] * step + pool.padding[axis])
        stride.append(geometry.stride[axis] * step)
    joined = np.zeros((*kernel.shape[:2], *sizes))
    for i in range(kernel.shape[2]):
        for k in range(kernel.shape[3]):
            top = i * geometry.dilation[0] * pool.stride[0]
            left = k * geometry.dilation[1] * pool.stride[1]
            joined[:, :, top : top + before.shape[2], left : left + before.shape[3]] += kernel[
                :, :, i : i + 1, k : k + 1
            ]
    return (
        joined,
        float(factors[0]),
        ConvGeometry((stride[0], stride[1]), (padding[0], padding[1]), (1, 1), geometry.groups),
    )


def taps(way: Way) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], FloatArray]:
    """Every weight of an unrolled kernel that lies within the input: row, column, and value, `row_scale` included."""
    conv, kernel = way.conv, way.weight
    if conv is None or kernel is None:
        raise TypeError("only kernels have taps")
    c_out, height, width = way.volume
    _, rows_in, columns_in = way.taken if len(way.taken) == 3 else (way.taken[0], 1, way.taken[1])
    per_group, out_per_group = kernel.shape[1], c_out // conv.groups
    scaled = kernel * _row_scale(way).reshape(-1, 1, 1, 1)
    o, c, i, k, y, x = np.ogrid[:c_out, :per_group, : kernel.shape[2], : kernel.shape[3], :height, :width]
    row = y * conv.stride[0] + i * conv.dilation[0] - conv.padding[0]
    column = x * conv.stride[1] + k * conv.dilation[1] - conv.padding[1]
    channel = (o // out_per_group) * per_group + c
    inside = np.broadcast_to(
        (row >= 0) & (row < rows_in) & (column >= 0) & (column < columns_in), _grid(o, c, i, k, y, x)
    )
    target = np.broadcast_to((o * height + y) * width + x, inside.shape)[inside]
    source = np.broadcast_to((channel * rows_in + row) * columns_in + column, inside.shape)[inside]
    return target, source, np.broadcast_to(scaled[..., None, None], inside.shape)[inside]


def _grid(*axes: npt.NDArray[Any]) -> Shape:
    return np.broadcast_shapes(*(axis.shape for axis in axes))


def _size(shape: Shape, axis: int) -> int:
    """Height or width of a volume (C, H, W), or of a row (C, N)."""
    return shape[1 + axis] if len(shape) == 3 else (1, shape[1])[axis]


def _evenly_padded(
    weight: FloatArray, around: tuple[tuple[int, int], ...], dilation: Shape
) -> tuple[FloatArray, tuple[int, int], Shape]:
    """The same convolution with as many zeros before as behind, by a tap of 0 in front where they differ by one."""
    padding = []
    for axis, (before, after) in enumerate(around):
        if before != after:
            if after - before != 1 or dilation[axis] != 1:
                weight = _spread(weight, 2 + axis, dilation[axis])
                dilation = tuple(1 if k == axis else d for k, d in enumerate(dilation))
            weight = np.concatenate(
                [np.zeros_like(np.take(weight, [0], 2 + axis))] * (after - before) + [weight], 2 + axis
            )
        padding.append(after)
    return weight, (padding[0], padding[1]), dilation


def _spread(weight: FloatArray, axis: int, dilation: int) -> FloatArray:
    """A dilated kernel with its zeros written out."""
    shape = list(weight.shape)
    shape[axis] = dilation * (shape[axis] - 1) + 1
    found = np.zeros(shape)
    index: list[slice] = [slice(None)] * weight.ndim
    index[axis] = slice(None, None, dilation)
    found[tuple(index)] = weight
    return found


def _rows(way: Way) -> FloatArray:
    return _row_scale(way).reshape(-1, 1)


def _row_scale(way: Way) -> FloatArray:
    if way.row_scale is None:
        raise TypeError("a way with weights has row scales")
    return way.row_scale


def _unrolled(way: Way, matrix: FloatArray, name: str, why: str) -> Way:
    lost = _lost(way.quantisation, name, why)
    return Way(way.taken, way.sent, matrix, np.ones(len(matrix)), nodes=way.nodes, losses=(*way.losses, *lost))


def _lost(quantisation: Quantisation | None, name: str, why: str) -> tuple[str, ...]:
    return () if quantisation is None else (f"{name}: the integers of training could not be kept: {why}",)


def _check_size(n_sent: int, n_taken: int, where: str) -> None:
    if n_sent * n_taken > _MOST_WEIGHTS:
        raise CapacityError(
            "what stands between two layers is too large to be multiplied out", where=where,
            need=f"{n_sent} x {n_taken} weights", limit=_MOST_WEIGHTS, remedy="Put neurons behind each set of weights.",
        )  # fmt: skip


_FOLLOW: dict[str, Callable[[Way, str, Any, Quantisation | None], Way]] = {
    "Linear": _linear, "Affine": _linear, "Conv1d": _convolution, "Conv2d": _convolution, "SumPool2d": _pool,
    "AvgPool2d": _pool, "Scale": _scale, "Flatten": _flatten, "Delay": _pass, "Output": _pass,
}  # fmt: skip
