"""Weights as chips store them: packed mantissas of dense rows, compressed rows, and kernels of convolutions.

A chip weight of b bits is `sign * (mantissa << shift)`: 8-bit mixed weights are even numbers from -256 to 254, so
their mantissa fits into 8 bits with a shift of 1. Rows belong to pre neurons, because events arrive from there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]

STORED_BITS = {1: 1, 2: 2, 3: 4, 4: 4, 5: 8, 6: 8, 7: 8, 8: 8}
"""Bits in memory for each number of weight bits: what packs into bytes without a remainder."""

_CHUNK = 1 << 20


@dataclass(frozen=True, eq=False)
class PackedWeights:
    """The weights of a dense connection, truncated as the chip holds them, in 1, 2, 4 or 8 bits each.

    `data` uint8 (n_pre, ceil(n_post * bits / 8)). A row consists of 8 / bits planes: with h bytes in a row, post
    neuron p * h + k is bits p * bits to (p + 1) * bits of byte k. Mantissas are two's complement where `signed`;
    w = mantissa << shift, negated where `negative`. The array becomes read-only: kernels trust what was checked.
    """

    data: npt.NDArray[np.uint8]
    n_post: int
    bits: int
    shift: int
    signed: bool
    negative: bool

    def __post_init__(self) -> None:
        _make_read_only(self.data)

    @property
    def shape(self) -> tuple[int, int]:
        """(n_post, n_pre)."""
        return self.n_post, self.data.shape[0]

    def matrix(self) -> I32:
        """The weights, int32 (n_post, n_pre)."""
        out = np.empty(self.shape, np.int32)
        for first, last in chunks(self.shape[1], self.n_post):
            mantissa = self.mantissas(first, last)
            out[:, first:last] = (-mantissa if self.negative else mantissa).T << self.shift
        return out

    def mantissas(self, first: int, last: int) -> I32:
        """The mantissas of the rows first..last, int32 (last - first, n_post)."""
        rows, mask = self.data[first:last], (1 << self.bits) - 1
        planes = [(rows >> (self.bits * p)) & mask for p in range(8 // self.bits)]
        found = np.concatenate(planes, axis=1)[:, : self.n_post].astype(np.int32)
        if self.signed:
            found -= (found >> (self.bits - 1)) << self.bits
        return found


@dataclass(frozen=True, eq=False)
class SparseWeights:
    """The synapses of a sparse connection in compressed rows by pre neuron.

    `pointer` int64 (n_pre + 1,); `post` int32 (nnz,), strictly increasing within a row; `mantissa` int8 (mixed)
    or uint8 (nnz,): w = mantissa << shift, negated where `negative`; `delay` uint8 (nnz,) in steps, or None. The
    arrays become read-only: kernels trust what was checked.
    """

    pointer: I64
    post: I32
    mantissa: npt.NDArray[Any]
    n_post: int
    shift: int = 0
    negative: bool = False
    delay: npt.NDArray[np.uint8] | None = None

    def __post_init__(self) -> None:
        _make_read_only(self.pointer, self.post, self.mantissa, self.delay)

    @property
    def shape(self) -> tuple[int, int]:
        """(n_post, n_pre)."""
        return self.n_post, self.pointer.size - 1

    @property
    def nnz(self) -> int:
        """Number of stored synapses."""
        return self.post.size

    def values(self) -> I32:
        """The weights of the stored synapses, int32 (nnz,)."""
        wide = self.mantissa.astype(np.int32) << self.shift
        return np.asarray(-wide if self.negative else wide, np.int32)

    def matrix(self) -> I32:
        """The weights, int32 (n_post, n_pre), 0 where there is no synapse."""
        out = np.zeros(self.shape, np.int32)
        out[self.post, self._pre()] = self.values()
        return out

    def delays(self) -> I32:
        """Delays, int32 (n_post, n_pre), 0 where there is no synapse."""
        out = np.zeros(self.shape, np.int32)
        if self.delay is not None:
            out[self.post, self._pre()] = self.delay
        return out

    def _pre(self) -> I64:
        return np.repeat(np.arange(self.pointer.size - 1), np.diff(self.pointer))


def _make_read_only(*arrays: npt.NDArray[Any] | None) -> None:
    for array in arrays:
        if isinstance(array, np.ndarray):  # whatever else it may be, the program's check says so
            array.flags.writeable = False


@dataclass(frozen=True)
class Convolution:
    """Geometry of a `conv` connection, each pair along (x, y); populations have shapes (X, Y, C).

    Weights are (C_out, k_x, k_y, C_in / groups), and the kernel is flipped, as in a true convolution:
    out[ox, oy, co] = sum over taps (i, j) and ci of w[co, k_x-1-i, k_y-1-j, ci]
    * in[ox * stride_x + i * dilation_x - padding_x, ..., ci]. Source: Lava, `proc/conv/utils.py`.
    """

    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1

    def output_shape(self, input_shape: tuple[int, ...], kernel: tuple[int, ...]) -> tuple[int, int, int]:
        """(X, Y, C_out) for inputs (X, Y, C_in) and a kernel (C_out, k_x, k_y, C_in / groups)."""
        x, y = (
            (size + 2 * pad - dil * (k - 1) - 1) // step + 1
            for size, k, step, pad, dil in zip(
                input_shape, kernel[1:3], self.stride, self.padding, self.dilation, strict=False
            )
        )
        return int(x), int(y), int(kernel[0])

    def reach(self, axis: int, size: int, kernel: int, outputs: int) -> I64:
        """How many outputs along an axis each input position feeds, int64 (size,)."""
        out = np.zeros(size, np.int64)
        for tap in range(kernel):
            at = np.arange(outputs) * self.stride[axis] + tap * self.dilation[axis] - self.padding[axis]
            out[at[(at >= 0) & (at < size)]] += 1
        return out


Weights = npt.NDArray[Any] | PackedWeights | SparseWeights


def chunks(rows: int, width: int) -> Iterator[tuple[int, int]]:
    """Ranges of rows that hold about a million values together: what is worked on at a time, to bound the memory."""
    step = max(1, _CHUNK // max(width, 1))
    return ((first, min(first + step, rows)) for first in range(0, rows, step))


def row_chunks(pointer: I64) -> Iterator[tuple[int, int]]:
    """The same of compressed rows: ranges of rows with about a million synapses together, at least one row each."""
    first = 0
    while first < pointer.size - 1:
        last = int(np.searchsorted(pointer, pointer[first] + _CHUNK, side="right")) - 1
        last = max(last, first + 1)
        yield first, last
        first = last


def derive_sign_mode(weights: npt.NDArray[Any]) -> str:
    """Excitatory where no weight is negative, inhibitory where none is positive, else mixed."""
    if weights.size == 0 or weights.min() >= 0:
        return "excitatory"
    return "inhibitory" if weights.max() <= 0 else "mixed"


def truncation(sign_mode: str, num_weight_bits: int) -> int:
    """Low bits that the chip drops: k = 8 - num_weight_bits, plus 1 where mixed."""
    return 8 - num_weight_bits + (sign_mode == "mixed")


def truncate_weights(weights: npt.NDArray[Any], sign_mode: str, num_weight_bits: int, *, clip: bool = True) -> I32:
    """Weights as the chip holds them: clipped to 8 bits and sign, lower bits dropped.

    w = (w >> k) << k with k of `truncation`, on the magnitude where inhibitory. Plastic connections are truncated
    without the clip. Source: Lava, `utils/weightutils.py`.
    """
    out = np.empty(weights.shape, np.int32)
    flat, given = out.reshape(-1), weights.reshape(-1)
    for first, last in chunks(flat.size, 1):
        flat[first:last] = _truncated(given[first:last], sign_mode, num_weight_bits, clip)
    return out


def _truncated(weights: npt.NDArray[Any], sign_mode: str, num_weight_bits: int, clip: bool) -> I64:
    w = weights.astype(np.int64)
    mixed, inhibitory = sign_mode == "mixed", sign_mode == "inhibitory"
    if inhibitory:
        w = -w
    if clip:
        w = np.clip(w, -256 if mixed else 0, 255)
    k = truncation(sign_mode, num_weight_bits)
    w = (w >> k) << k
    return -w if inhibitory else w


def pack_weights(weights: npt.NDArray[Any], sign_mode: str, num_weight_bits: int) -> PackedWeights:
    """Truncate weights (n_post, n_pre) as the chip does, and pack them.

    Works on some rows at a time, so that the memory on top is small against the result.
    """
    n_post, n_pre = weights.shape
    bits, shift = STORED_BITS[num_weight_bits], truncation(sign_mode, num_weight_bits)
    planes = 8 // bits
    width = -(-n_post // planes)
    data = np.zeros((n_pre, width), np.uint8)
    for first, last in chunks(n_pre, n_post):
        mantissa = _mantissas(weights[:, first:last], sign_mode, num_weight_bits).T
        for p in range(planes):
            part = mantissa[:, p * width : (p + 1) * width].astype(np.uint8) & np.uint8((1 << bits) - 1)
            data[first:last, : part.shape[1]] |= part << np.uint8(bits * p)
    return PackedWeights(data, n_post, bits, shift, sign_mode == "mixed", sign_mode == "inhibitory")


def sparse_weights(
    weights: npt.NDArray[Any],
    sign_mode: str,
    num_weight_bits: int,
    delays: npt.NDArray[Any] | None = None,
    *,
    keep_zeros: bool = False,
) -> SparseWeights:
    """Compressed rows of the weights (n_post, n_pre) that are not 0 after the chip's truncation, or of all."""
    n_post, n_pre = weights.shape
    kind = np.dtype(np.int8 if sign_mode == "mixed" else np.uint8)
    pointer = np.zeros(n_pre + 1, np.int64)
    posts, mantissas, kept = [np.zeros(0, np.int32)], [np.zeros(0, kind)], [np.zeros(0, np.uint8)]
    for first, last in chunks(n_pre, n_post):
        mantissa = _mantissas(weights[:, first:last], sign_mode, num_weight_bits).T
        pre, post = np.nonzero(np.ones_like(mantissa) if keep_zeros else mantissa)
        pointer[first + 1 : last + 1] = np.bincount(pre, minlength=last - first)
        posts.append(post.astype(np.int32))
        mantissas.append(mantissa[pre, post].astype(kind))
        if delays is not None:
            kept.append(delays[post, first + pre].astype(np.uint8))
    return SparseWeights(
        np.cumsum(pointer), np.concatenate(posts), np.concatenate(mantissas), n_post,
        truncation(sign_mode, num_weight_bits), sign_mode == "inhibitory",
        None if delays is None else np.concatenate(kept),
    )  # fmt: skip


def mantissa_range(signed: bool, bits: int) -> tuple[int, int]:
    """Smallest and largest mantissa of that many bits."""
    return (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)


def _mantissas(weights: npt.NDArray[Any], sign_mode: str, num_weight_bits: int) -> I32:
    """|w| >> k of the truncated weights, with their sign where mixed, int32."""
    w = truncate_weights(weights, sign_mode, num_weight_bits)
    return np.asarray((-w if sign_mode == "inhibitory" else w) >> truncation(sign_mode, num_weight_bits), np.int32)
