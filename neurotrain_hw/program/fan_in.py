"""What a connection stores for ranges of its post neurons, counted without a dense matrix.

The compiler asks this of thousands of ranges, so everything that depends on the synapses is counted once: a question
for a number of synapses takes two look-ups, one for the axons of a range takes time in proportion to its synapses.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Protocol

import numpy as np
import numpy.typing as npt

from neurotrain_hw.program import Connection, Program
from neurotrain_hw.program.synapses import I32, I64, Convolution, SparseWeights, row_chunks

Ranges = Sequence[tuple[int, int]]
"""Post neurons first to last (excluded) of each part; the parts do not overlap."""


class FanIn(Protocol):
    """Synapses and axons of ranges of post neurons."""

    def synapses(self, ranges: Ranges) -> int:
        """Synapses into these neurons; of a convolution, every tap that lies within its input (unrolled)."""

    def by_axon(self, ranges: Ranges) -> tuple[I64, I64]:
        """Numbers of synapses that an axon has among these neurons, above 0, and how many axons have each."""

    def axons(self, ranges: Ranges) -> int:
        """Pre neurons with at least one synapse among these neurons."""


def fan_in(program: Program, connection: Connection) -> FanIn:
    """The counts of a connection: all pairs of a dense one, what is stored of a sparse one, the taps of a conv."""
    weights = connection.weights
    if connection.kind == "conv":
        if connection.conv is None or not isinstance(weights, np.ndarray):
            raise TypeError("a checked conv has a geometry and a kernel")  # `Program` refuses it before
        kernel = (weights.shape[0], weights.shape[1], weights.shape[2], weights.shape[3])
        pre, post = program.population(connection.pre).shape, program.population(connection.post).shape
        return ConvolutionFanIn(connection.conv, kernel, (pre[0], pre[1], pre[2]), (post[0], post[1], post[2]))
    if isinstance(weights, SparseWeights):
        ends = _ends(connection.stored_synapses())
        return ListedFanIn(ends, lambda: _by_post(weights, ends))
    if connection.kind in ("sparse", "delay_sparse"):
        stored = connection.matrix() != 0
        counts = np.count_nonzero(stored, axis=1).astype(np.int64)
        return ListedFanIn(_ends(counts), lambda: np.nonzero(stored)[1].astype(np.int32))
    return FullFanIn(weights.shape[1])


class FullFanIn:
    """Every post neuron has a synapse from each of `n_pre` axons."""

    def __init__(self, n_pre: int) -> None:
        self.n_pre = n_pre

    def synapses(self, ranges: Ranges) -> int:
        """n_pre for each neuron."""
        return self.n_pre * _size(ranges)

    def by_axon(self, ranges: Ranges) -> tuple[I64, I64]:
        """All axons have as many as there are neurons."""
        return np.array([_size(ranges)], np.int64), np.array([self.n_pre], np.int64)

    def axons(self, ranges: Ranges) -> int:
        """All of them."""
        return self.n_pre if _size(ranges) else 0


class ListedFanIn:
    """Synapses listed by post neuron: those of neuron j are `pre[ends[j]:ends[j + 1]]`, listed when first asked for."""

    def __init__(self, ends: I64, list_pre: Callable[[], I32]) -> None:
        self.ends, self._list_pre = ends, list_pre

    @cached_property
    def pre(self) -> I32:
        """Pre neurons of all synapses, in the order of the post neurons, int32 (nnz,)."""
        return self._list_pre()

    def synapses(self, ranges: Ranges) -> int:
        """Two look-ups for each range."""
        return sum(int(self.ends[last] - self.ends[first]) for first, last in ranges)

    def by_axon(self, ranges: Ranges) -> tuple[I64, I64]:
        """Counts the ranges' synapses by axon, and then the axons by their counts."""
        times = np.bincount(np.diff(self._starts(ranges)))
        sizes = np.flatnonzero(times)
        return sizes, times[sizes]

    def axons(self, ranges: Ranges) -> int:
        """Distinct pre neurons of the ranges."""
        return self._starts(ranges).size - 1

    def _starts(self, ranges: Ranges) -> I64:
        """Where each axon's synapses begin among those of the ranges, sorted by axon, and the end of the last."""
        pre = np.sort(np.concatenate([self.pre[self.ends[first] : self.ends[last]] for first, last in ranges]))
        return np.append(np.flatnonzero(np.diff(pre, prepend=-1)), pre.size)


def _by_post(weights: SparseWeights, ends: I64) -> I32:
    """Pre neurons of all synapses in the order of the post neurons, in one pass over some rows at a time."""
    at, out = ends[:-1].copy(), np.empty(weights.nnz, np.int32)
    for first, last in row_chunks(weights.pointer):
        pointer = weights.pointer[first : last + 1]
        post = weights.post[pointer[0] : pointer[-1]]
        pre = np.repeat(np.arange(first, last, dtype=np.int32), np.diff(pointer))
        order = np.argsort(post, kind="stable")
        post, pre = post[order], pre[order]
        starts = np.flatnonzero(np.diff(post, prepend=-1))
        counts = np.diff(starts, append=post.size)
        out[np.repeat(at[post[starts]] - starts, counts) + np.arange(post.size)] = pre
        at[post[starts]] += counts
    return out


class ConvolutionFanIn:
    """Taps of a convolution on an input of shape (X, Y, C) that feed an output (X, Y, C); both in C order."""

    def __init__(
        self,
        geometry: Convolution,
        kernel: tuple[int, int, int, int],
        inputs: tuple[int, int, int],
        outputs: tuple[int, int, int],
    ) -> None:
        self.geometry, self.kernel, self.outputs = geometry, kernel, outputs
        self.inputs = inputs
        taps = [_taps(geometry, axis, inputs[axis], kernel[1 + axis], outputs[axis]) for axis in (0, 1)]
        self.taps = taps
        inside = [np.sum(found >= 0, axis=1) for found in taps]  # taps of each output position within the input
        per_position = np.multiply.outer(inside[0], inside[1]).ravel() * kernel[3]
        self.ends = _ends(np.repeat(per_position, outputs[2]))

    def synapses(self, ranges: Ranges) -> int:
        """Unrolled: a chip that does not share kernels stores a weight for each tap of each output neuron."""
        return sum(int(self.ends[last] - self.ends[first]) for first, last in ranges)

    def kernel_entries(self, ranges: Ranges) -> int:
        """Weights of the kernel that these neurons need: those of each output channel among them, once."""
        here = np.zeros(self.outputs[2], bool)
        for first, last in ranges:
            here[np.arange(first, min(last, first + here.size)) % here.size] = True
        return int(here.sum()) * self.kernel[1] * self.kernel[2] * self.kernel[3]

    def by_axon(self, ranges: Ranges) -> tuple[I64, I64]:
        """Scatters how many channels of each group lie at an output position over the inputs of its taps."""
        sizes, times = np.unique(self._per_input(ranges), return_counts=True)
        sizes, times = sizes[sizes > 0], times[sizes > 0]
        return sizes.astype(np.int64), (times * self.kernel[3]).astype(np.int64)

    def axons(self, ranges: Ranges) -> int:
        """Inputs under at least one tap."""
        return int(np.count_nonzero(self._per_input(ranges))) * self.kernel[3]

    def reached(self, ranges: Ranges) -> npt.NDArray[np.bool_]:
        """Whether each input neuron feeds at least one of these neurons, bool (n_pre,)."""
        return np.repeat(self._per_input(ranges) > 0, self.kernel[3], axis=2).ravel()

    def _per_input(self, ranges: Ranges) -> I64:
        """Synapses of each input position and group, (X, Y, groups); all channels of a group have the same."""
        groups, channels = self.geometry.groups, self.outputs[2]
        x, y = self.inputs[:2]
        counts = np.zeros((x, y, groups), np.int64)
        for first, last in ranges:
            rows = slice(first // (self.outputs[1] * channels), -(-last // (self.outputs[1] * channels)))
            here = np.zeros((rows.stop - rows.start, self.outputs[1], channels), np.int64)
            offset = rows.start * self.outputs[1] * channels
            here.reshape(-1)[first - offset : last - offset] = 1
            cover = here.reshape(*here.shape[:2], groups, -1).sum(axis=3)
            for i in range(self.kernel[1]):
                at_x = self.taps[0][rows, i]
                for j in range(self.kernel[2]):
                    at_y = self.taps[1][:, j]
                    part = cover[at_x >= 0][:, at_y >= 0]
                    # one tap leads different outputs to different inputs, so no place is written twice
                    counts[np.ix_(at_x[at_x >= 0], at_y[at_y >= 0])] += part
        return counts


def _taps(geometry: Convolution, axis: int, size: int, kernel: int, outputs: int) -> I64:
    """Input position under each tap of each output along an axis, int64 (outputs, kernel); -1 outside the input."""
    step, gap, pad = geometry.stride[axis], geometry.dilation[axis], geometry.padding[axis]
    at = np.arange(outputs)[:, None] * step + np.arange(kernel) * gap - pad
    return np.where((at >= 0) & (at < size), at, -1).astype(np.int64)


def _ends(counts: I64) -> I64:
    out = np.zeros(counts.size + 1, np.int64)
    np.cumsum(counts, out=out[1:])
    return out


def _size(ranges: Ranges) -> int:
    return sum(last - first for first, last in ranges)
