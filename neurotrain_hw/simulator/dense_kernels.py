"""Compiled dense connections: rows of packed weights of 8, 4, 2 or 1 bits, and rows that learn.

Sums are int32 and wrap, so their order does not matter.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from neurotrain_hw.simulator.lanes import SUMS, bytes_at, no_sums, store_sums
from neurotrain_hw.simulator.tables import (
    C_BITS,
    C_ERROR,
    C_FORMAT,
    C_GRADED,
    C_N_POST,
    C_ROW,
    C_SCRATCH_AT,
    C_SIGNED,
    C_WEIGHTS_AT,
    DENSE,
    P_ACTIVE_AT,
    P_ERROR_AT,
    P_VALUE_AT,
)
from neurotrain_hw.simulator.views import halves, inlined, kernel, plain_bytes, signed_bytes, words

_LONG, _TOGETHER = 2048, 16
"""Longer rows are added this many at a time, so that the processor sees each of them read on from end to end."""


@kernel
def add_rows(row, active_at, into_at, sending):
    """Spikes through a dense connection of 8, 4, 2 or 1 bits."""
    n, bits, stride, base = row[C_N_POST], row[C_BITS], row[C_ROW], row[C_WEIGHTS_AT]
    if bits == 8:
        into, sums = words(into_at, n), halves(row[C_SCRATCH_AT], n)
        most = 256 if row[C_SIGNED] else 128  # rows that sums of 16 bits hold: of -128 to 127, or of 0 to 255
        if n > _LONG:
            most = _TOGETHER
        for first in range(0, sending, most):
            count = min(sending - first, most)
            if row[C_SIGNED]:
                _sum_signed(row[C_SCRATCH_AT], n, active_at + first * 4, count, base)
            else:
                _sum_unsigned(row[C_SCRATCH_AT], n, active_at + first * 4, count, base)
            for i in range(into.size):
                into[i] = np.int32(into[i] + sums[i])
        return
    active = words(active_at, sending)
    for a in range(sending):
        _packed_row(into_at, n, bits, row[C_SIGNED], base + active[a] * stride, stride, np.int32(1))


def _sums_of(signed: bool) -> Any:
    """A kernel that writes the sums of rows of 8-bit mantissas, int16 (n,): stripes of columns, held in registers.

    The last stripe may begin before the one before it ends; both find the same sums.
    """
    stripes = tuple(_stripe_of(count, signed) for count in SUMS)
    wide_stripe, middle_stripe, narrow_stripe = stripes
    view = signed_bytes if signed else plain_bytes

    @kernel
    def add(sums_at, n, active_at, count, base):
        i = 0
        while i + 128 <= n:
            wide_stripe(sums_at + i * 2, active_at, count, base + i, n)
            i += 128
        if n >= 32:
            while i < n:
                i = min(i, n - 32)
                middle_stripe(sums_at + i * 2, active_at, count, base + i, n)
                i += 32
        elif n >= 8:
            while i < n:
                i = min(i, n - 8)
                narrow_stripe(sums_at + i * 2, active_at, count, base + i, n)
                i += 8
        else:
            sums, active = halves(sums_at, n), words(active_at, count)
            for k in range(sums.size):
                sums[k] = 0
            for a in range(active.size):
                one = view(base + np.int64(active[a]) * n, n)
                for k in range(one.size):
                    sums[k] = np.int16(sums[k] + one[k])

    return add


def _stripe_of(width: int, signed: bool) -> Any:
    """A kernel that writes the sums of `width` columns, int16, over rows that lie `stride` bytes apart."""
    nothing, read, write = no_sums(width), bytes_at(width, signed), store_sums(width)

    @inlined
    def stripe(sums_at, active_at, count, base, stride):
        active, sums = words(active_at, count), nothing()
        for a in range(active.size):
            sums = sums + read(base + np.int64(active[a]) * stride)
        write(sums_at, sums)

    return stripe


_sum_signed = _sums_of(signed=True)
_sum_unsigned = _sums_of(signed=False)


@kernel
def _packed_row(into_at, n, bits, signed, row_at, width, value):
    """One row of 8, 4, 2 or 1 bits times a value; plane by plane (`synapses.PackedWeights`)."""
    packed = plain_bytes(row_at, width)
    mask, top = np.int32((1 << bits) - 1), np.int32(1 << (bits - 1)) if signed else np.int32(0)
    for plane in range(8 // bits):
        start = plane * width
        count = min(width, n - start)
        if count <= 0:
            break
        into = words(into_at + start * 4, count)
        right = np.int32(bits * plane)
        for k in range(count):
            mantissa = np.int32((((np.int32(packed[k]) >> right) & mask) ^ top) - top)
            into[k] = np.int32(into[k] + mantissa * value)


@kernel
def add_graded_rows(row, pre, into_at, plastic_at, sending):
    """Values through a dense or plastic connection; also the error that an output neuron sends at every step."""
    n, bits, stride, base = row[C_N_POST], row[C_BITS], row[C_ROW], row[C_WEIGHTS_AT]
    dense, from_error, graded = row[C_FORMAT] == DENSE, row[C_ERROR] != 0, row[C_GRADED] != 0
    active = words(pre[P_ACTIVE_AT], sending)
    valued = from_error or pre[P_VALUE_AT] != 0
    values = words(pre[P_ERROR_AT] if from_error else pre[P_VALUE_AT], sending)
    events = 0
    into = words(into_at, n)
    for a in range(sending):
        value = values[a] if valued else np.int32(1)
        if value == 0:
            continue
        if not graded:
            value = np.int32(1)
        j = np.int64(a) if from_error else np.int64(active[a])
        events += n
        if dense:
            _packed_row(into_at, n, bits, row[C_SIGNED], base + j * stride, stride, value)
        else:
            learned = words(plastic_at + (base + j * stride) * 4, n)
            for i in range(n):
                into[i] = np.int32(into[i] + learned[i] * value)
    return events


@kernel
def add_plastic_rows(row, active_at, into_at, plastic_at, sending):
    """Spikes through a connection that learns; its weights are int32, row by row of pre neuron."""
    n, stride, base = row[C_N_POST], row[C_ROW], plastic_at + row[C_WEIGHTS_AT] * 4
    into, active = words(into_at, n), words(active_at, sending)
    for a in range(sending):
        learned = words(base + np.int64(active[a]) * stride * 4, n)
        for i in range(n):
            into[i] = np.int32(into[i] + learned[i])
