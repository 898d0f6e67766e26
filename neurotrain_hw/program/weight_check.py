"""What makes weights in the chip's form valid: types, shapes, row pointers, and mantissas that truncation would keep.

Arrays are read some rows at a time, so that a check takes little memory beside a hundred million synapses.
"""

from __future__ import annotations

import numpy as np

from neurotrain_hw.errors import ValueRangeError
from neurotrain_hw.program.synapses import (
    STORED_BITS,
    PackedWeights,
    SparseWeights,
    chunks,
    mantissa_range,
    row_chunks,
    truncation,
)


def check_packed(weights: PackedWeights, sign_mode: str, num_weight_bits: int, where: str) -> None:
    """ValueRangeError unless these are the chip's own weights of that sign mode and number of bits.

    Bits that belong to no post neuron must be 0, so that equal weights have equal bytes.
    """
    mixed, inhibitory = sign_mode == "mixed", sign_mode == "inhibitory"
    stated = (weights.bits, weights.shift, weights.signed, weights.negative)
    need = (STORED_BITS[num_weight_bits], truncation(sign_mode, num_weight_bits), mixed, inhibitory)
    if stated != need:
        raise ValueRangeError(
            f"packed weights with (bits, shift, signed, negative) = {stated}", where=where,
            need=f"{need} for {num_weight_bits} bits, {sign_mode}",
        )  # fmt: skip
    data, width = weights.data, -(-weights.n_post // (8 // weights.bits))
    if data.dtype != np.uint8 or data.shape[1:] != (width,):
        raise ValueRangeError(
            f"packed weights of type {data.dtype} and shape {data.shape}", where=where, need=f"uint8 (n_pre, {width})"
        )
    unused = np.zeros(width, np.uint8)
    for plane in range(8 // weights.bits):
        beyond = np.arange(width) + plane * width >= weights.n_post
        unused[beyond] |= np.uint8(((1 << weights.bits) - 1) << (plane * weights.bits))
    narrow = num_weight_bits < weights.bits
    low, high = mantissa_range(weights.signed, num_weight_bits)
    for first, last in chunks(data.shape[0], weights.n_post) if narrow or unused.any() else ():
        if np.any(data[first:last] & unused):
            raise ValueRangeError("packed weights have bits set that belong to no neuron", where=where, need=0)
        found = weights.mantissas(first, last) if narrow else np.zeros(1)
        if found.min() < low or found.max() > high:
            raise ValueRangeError(
                f"packed weights reach from {found.min()} to {found.max()}", where=where,
                need=f"{low} to {high} for {num_weight_bits} bits",
            )  # fmt: skip


def check_sparse(weights: SparseWeights, sign_mode: str, num_weight_bits: int, where: str) -> None:
    """ValueRangeError unless the rows are in order and the weights the chip's own of that sign mode and bits."""
    _check_rows(weights, where)
    mixed = sign_mode == "mixed"
    stated = (weights.shift, weights.negative, weights.mantissa.dtype.name)
    need = (truncation(sign_mode, num_weight_bits), sign_mode == "inhibitory", "int8" if mixed else "uint8")
    low, high = mantissa_range(mixed, num_weight_bits)
    fits = not weights.nnz or bool(weights.mantissa.min() >= low and weights.mantissa.max() <= high)
    if stated != need or not fits:
        raise ValueRangeError(
            f"sparse weights with (shift, negative, type) = {stated} that are not in the chip's form", where=where,
            need=f"{need} and mantissas from {low} to {high} for {num_weight_bits} bits, {sign_mode}",
        )  # fmt: skip


def _check_rows(weights: SparseWeights, where: str) -> None:
    pointer, post, mantissa, delay = weights.pointer, weights.post, weights.mantissa, weights.delay
    if pointer.dtype != np.int64 or post.dtype != np.int32 or pointer.ndim != 1 or post.ndim != 1 or not pointer.size:
        raise ValueRangeError(
            f"sparse weights with pointers {pointer.dtype} {pointer.shape} and targets {post.dtype} {post.shape}",
            where=where, need="int64 (n_pre + 1,) and int32 (nnz,)",
        )  # fmt: skip
    if mantissa.shape != post.shape or (delay is not None and (delay.shape != post.shape or delay.dtype != np.uint8)):
        raise ValueRangeError(
            "mantissas or delays do not fit the synapses", where=where, need=f"one for each of {post.size}"
        )
    if pointer[0] != 0 or pointer[-1] != post.size or np.any(pointer[1:] < pointer[:-1]):
        raise ValueRangeError("the row pointers of its sparse weights do not fit its synapses", where=where)
    for first, last in row_chunks(pointer):
        row = post[pointer[first] : pointer[last]]
        if row.size and (row.min() < 0 or row.max() >= weights.n_post):
            raise ValueRangeError(
                "a synapse leads to a neuron that is not there", where=where, need=f"0..{weights.n_post - 1}"
            )
        falls = row[1:] <= row[:-1]
        starts = pointer[first + 1 : last] - pointer[first]
        falls[starts[(starts > 0) & (starts < row.size)] - 1] = False  # the next row begins anew
        if np.any(falls):
            raise ValueRangeError(
                "the synapses of a row are not in order, or one is there twice", where=where,
                need="post neurons strictly increasing within each row",
            )  # fmt: skip
