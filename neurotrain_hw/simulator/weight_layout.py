"""Weights laid out for the compiled kernels: where they lie, in which form, and what a kernel must know of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from neurotrain_hw.errors import UnsupportedError
from neurotrain_hw.program import Connection, Population, Program
from neurotrain_hw.program.synapses import Convolution, PackedWeights, SparseWeights, pack_weights, sparse_weights
from neurotrain_hw.simulator import tables as t
from neurotrain_hw.simulator.rule_tables import row_length

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
Keep = Callable[[npt.NDArray[Any]], int]
"""Keeps an array alive and gives its address."""


def lay_weights(row: I64, c: Connection, program: Program, keep: Keep) -> None:
    """Fill the columns of a connection's row that tell of its weights, which do not learn."""
    if c.transpose_of is not None:
        _transposed(row, c, program, keep)
    elif c.kind == "conv":
        _conv(row, c, program.population(c.pre), program.population(c.post), keep)
    elif c.kind == "dense":
        _dense(row, c, keep)
    else:
        _sparse(row, c, keep)


def plastic_values(plastic: Sequence[Connection]) -> tuple[I32, I32, I32]:
    """Weights, tag_1 and tag_2 of the learning connections, one after the other, in rows of `row_length` words."""
    shapes = [(c.weights.shape[1], row_length(c.weights.shape[0])) for c in plastic]
    size = sum(n_pre * length for n_pre, length in shapes)
    found, start = (np.zeros(size, np.int32), np.zeros(size, np.int32), np.zeros(size, np.int32)), 0
    for c, (n_pre, length) in zip(plastic, shapes, strict=True):
        given = (c.matrix(), getattr(c.plasticity, "tag_1", None), getattr(c.plasticity, "tag_2", None))
        for into, values in zip(found, given, strict=True):
            if values is not None:
                into[start : start + n_pre * length].reshape(n_pre, length)[:, : c.weights.shape[0]] = values.T
        start += n_pre * length
    return found


def _dense(row: I64, c: Connection, keep: Keep) -> None:
    weights = c.packed().weights
    if not isinstance(weights, PackedWeights):
        raise UnsupportedError(f"dense weights of type {type(weights).__name__}", where=f"connection '{c.name}'")
    _packed(row, weights, keep)


def _packed(row: I64, weights: PackedWeights, keep: Keep) -> None:
    data = np.ascontiguousarray(weights.data)
    row[t.C_FORMAT], row[t.C_WEIGHTS_AT], row[t.C_ROW] = t.DENSE, keep(data), data.shape[1]
    row[t.C_BITS], row[t.C_SIGNED] = weights.bits, int(weights.signed)
    row[t.C_SHIFT], row[t.C_NEGATIVE] = weights.shift, int(weights.negative)


def _transposed(row: I64, c: Connection, program: Program, keep: Keep) -> None:
    """Weights that learn are read where they are; others never change, and are turned round once."""
    read = program.connection(str(c.transpose_of))
    if read.plasticity is not None:
        row[t.C_FORMAT], row[t.C_WEIGHTS_AT] = t.TRANSPOSED, _first_learned(program, read.name)
        row[t.C_ROW], row[t.C_SIGNED] = row_length(read.weights.shape[0]), int(c.signs_only)
    elif c.signs_only:
        signs = pack_weights(2 * np.sign(read.matrix().T), "mixed", 8)  # twice, since mixed weights drop a bit
        _packed(row, replace(signs, shift=0), keep)
    else:
        _packed(row, pack_weights(read.matrix().T, read.resolved_sign_mode, 8), keep)


def _first_learned(program: Program, name: str) -> int:
    """Where the weights of a learning connection begin among those of all."""
    learning = [c for c in program.connections if c.plasticity is not None]
    sizes = [c.weights.shape[1] * row_length(c.weights.shape[0]) for c in learning]
    return sum(sizes[: [c.name for c in learning].index(name)])


def _sparse(row: I64, c: Connection, keep: Keep) -> None:
    weights = c.weights
    if isinstance(weights, np.ndarray):
        every = c.kind == "delay_dense"  # it stores the weights that are 0, too
        weights = sparse_weights(weights, c.resolved_sign_mode, c.num_weight_bits, c.delays, keep_zeros=every)
    if not isinstance(weights, SparseWeights):
        raise UnsupportedError(f"weights of type {type(weights).__name__}", where=f"connection '{c.name}'")
    row[t.C_FORMAT], row[t.C_WEIGHTS_AT] = t.SPARSE, keep(np.ascontiguousarray(weights.mantissa))
    row[t.C_POINTER_AT] = keep(np.ascontiguousarray(weights.pointer))
    row[t.C_TARGETS_AT] = keep(np.ascontiguousarray(weights.post))
    if weights.delay is not None:
        row[t.C_DELAY_AT] = keep(np.ascontiguousarray(weights.delay))
    row[t.C_SIGNED], row[t.C_SHIFT] = int(weights.mantissa.dtype == np.int8), weights.shift
    row[t.C_NEGATIVE] = int(weights.negative)


def _conv(row: I64, c: Connection, pre: Population, post: Population, keep: Keep) -> None:
    geometry = c.conv
    if geometry is None:
        raise UnsupportedError("a conv without its geometry", where=f"connection '{c.name}'")
    groups = geometry.groups
    kernel = c.matrix()[:, ::-1, ::-1, :]
    c_out, k_x, k_y, c_in = kernel.shape
    # (groups, C_out / groups, k_x, k_y, C_in / groups) -> (k_x, k_y, groups, C_in / groups, C_out / groups)
    kernel = kernel.reshape(groups, c_out // groups, k_x, k_y, c_in).transpose(2, 3, 0, 4, 1)
    row[t.C_FORMAT], row[t.C_WEIGHTS_AT] = t.CONV, keep(np.ascontiguousarray(kernel))
    reach_x = _reach(geometry, 0, pre.shape[0], k_x, post.shape[0]) * (post.shape[1] * c_out)
    reach_y = _reach(geometry, 1, pre.shape[1], k_y, post.shape[1]) * c_out
    found = np.array(
        [*pre.shape, *post.shape, k_x, k_y, groups, *geometry.stride, *geometry.padding, *geometry.dilation,
         keep(reach_x), keep(reach_y)],
        np.int64,
    )  # fmt: skip
    row[t.C_GEOMETRY_AT] = keep(found)


def _reach(geometry: Convolution, axis: int, size: int, taps: int, outputs: int) -> I32:
    """The output position that each tap of each input position along an axis feeds, negative where none, int32."""
    at = np.arange(size)[:, None] + geometry.padding[axis] - np.arange(taps) * geometry.dilation[axis]
    position, rest = np.divmod(at, geometry.stride[axis])
    return np.where((rest == 0) & (position >= 0) & (position < outputs), position, -1).astype(np.int32)
