"""Compiled dense connections: rows of packed weights of 8, 4, 2 or 1 bits, and rows that learn.

Sums are int32 and wrap, so their order does not matter.
"""

from __future__ import annotations

from typing import Any

import numpy as np

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
from neurotrain_hw.simulator.views import halves, kernel, plain_bytes, signed_bytes, words


@kernel
def add_rows(row, active_at, into_at, sending):
    """Spikes through a dense connection of 8, 4, 2 or 1 bits."""
    n, bits, stride, base = row[C_N_POST], row[C_BITS], row[C_ROW], row[C_WEIGHTS_AT]
    active = words(active_at, sending)
    if bits == 8:
        if row[C_SIGNED]:
            _signed_rows(words(into_at, n), halves(row[C_SCRATCH_AT], n), n, active, sending, base)
        else:
            _unsigned_rows(words(into_at, n), halves(row[C_SCRATCH_AT], n), n, active, sending, base)
        return
    for a in range(sending):
        _packed_row(into_at, n, bits, row[C_SIGNED], base + active[a] * stride, stride, np.int32(1))


def _rows_of(view: Any, most: int) -> Any:
    """A kernel that adds rows of 8-bit mantissas, seen through `view`: four at a time, into sums of 16 bits.

    Those hold `most` rows: 256 from -128 to 127, or 128 from 0 to 255.
    """

    @kernel
    def add(into, sums, n, active, count, base):
        first = 0
        while first < count:
            last = min(first + most, count)
            a = first
            while a + 4 <= last:
                r0 = view(base + np.int64(active[a]) * n, n)
                r1 = view(base + np.int64(active[a + 1]) * n, n)
                r2 = view(base + np.int64(active[a + 2]) * n, n)
                r3 = view(base + np.int64(active[a + 3]) * n, n)
                for i in range(n):
                    sums[i] = np.int16(sums[i] + r0[i] + r1[i] + r2[i] + r3[i])
                a += 4
            if a > first:
                for i in range(n):
                    into[i] = np.int32(into[i] + sums[i])
                    sums[i] = 0
            while a < last:
                one = view(base + np.int64(active[a]) * n, n)
                for i in range(n):
                    into[i] = np.int32(into[i] + one[i])
                a += 1
            first = last

    return add


_signed_rows = _rows_of(signed_bytes, 256)
_unsigned_rows = _rows_of(plain_bytes, 128)


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
            learned = words(plastic_at + (base + j * n) * 4, n)
            for i in range(n):
                into[i] = np.int32(into[i] + learned[i] * value)
    return events


@kernel
def add_plastic_rows(row, active_at, into_at, plastic_at, sending):
    """Spikes through a connection that learns; its weights are int32, row by row of pre neuron."""
    n, base = row[C_N_POST], plastic_at + row[C_WEIGHTS_AT] * 4
    into, active = words(into_at, n), words(active_at, sending)
    for a in range(sending):
        learned = words(base + np.int64(active[a]) * n * 4, n)
        for i in range(n):
            into[i] = np.int32(into[i] + learned[i])
