"""Compiled sparse connections: compressed rows, with delays where there are any.

Blocks of post neurons that nothing reaches are not touched.
"""

from __future__ import annotations

import numpy as np

from neurotrain_hw.simulator.scaling_kernel import scaled
from neurotrain_hw.simulator.tables import (
    BLOCK,
    C_BUFFER_AT,
    C_DELAY_AT,
    C_DEPTH,
    C_ERROR,
    C_EXP,
    C_GRADED,
    C_LATE,
    C_MARKS_AT,
    C_N_POST,
    C_N_PRE,
    C_NEGATIVE,
    C_POINTER_AT,
    C_SCRATCH_AT,
    C_SCRATCH_MARKS_AT,
    C_SHIFT,
    C_SIGNED,
    C_TARGETS_AT,
    C_USED_AT,
    C_WEIGHTS_AT,
    P_ACTIVE_AT,
    P_ERROR_AT,
    P_VALUE_AT,
)
from neurotrain_hw.simulator.views import kernel, plain_bytes, signed_bytes, wide, words


@kernel
def scatter(row, pre, into_at, marks_at, sending, t):
    """Messages through compressed rows, with delays where there are any.

    Slot d of the scratch is what is due d steps after the next one; the ring's slot is that step modulo its depth.
    """
    n, depth, late = row[C_N_POST], row[C_DEPTH], row[C_LATE] != 0
    blocks = (n + BLOCK - 1) // BLOCK
    pointer = wide(row[C_POINTER_AT], row[C_N_PRE] + 1)
    size = pointer[row[C_N_PRE]]
    post = words(row[C_TARGETS_AT], size)
    low, high = signed_bytes(row[C_WEIGHTS_AT], size), plain_bytes(row[C_WEIGHTS_AT], size)
    signed, delayed = row[C_SIGNED] != 0, row[C_DELAY_AT] != 0
    delay = plain_bytes(row[C_DELAY_AT], size)
    into, marks = words(into_at, depth * n), plain_bytes(marks_at, depth * blocks)
    used = plain_bytes(row[C_USED_AT], depth)
    active, from_error = words(pre[P_ACTIVE_AT], sending), row[C_ERROR] != 0
    valued = from_error or pre[P_VALUE_AT] != 0
    values = words(pre[P_ERROR_AT] if from_error else pre[P_VALUE_AT], sending)
    events = 0
    for a in range(sending):
        value = values[a] if valued else np.int32(1)
        if value == 0:
            continue
        if not row[C_GRADED]:
            value = np.int32(1)
        j = np.int64(a) if from_error else np.int64(active[a])
        first, last = pointer[j], pointer[j + 1]
        events += last - first
        if delayed:
            for s in range(first, last):
                slot = np.int64(delay[s]) if late else (t + 1 + delay[s]) % depth
                i = np.int64(post[s])
                weight = np.int32(low[s]) if signed else np.int32(high[s])
                into[slot * n + i] = np.int32(into[slot * n + i] + weight * value)
                marks[slot * blocks + i // BLOCK] = 1
                used[(t + 1 + delay[s]) % depth] = 1
        elif signed:
            for s in range(first, last):
                i = np.uint32(post[s])  # not below 0, so Numba need not look
                into[i] = np.int32(into[i] + low[s] * value)
                marks[i // BLOCK] = 1
        else:
            for s in range(first, last):
                i = np.uint32(post[s])
                into[i] = np.int32(into[i] + high[s] * value)
                marks[i // BLOCK] = 1
    return events


@kernel
def scatter_wide(row, pre, sending, t):
    """Graded values through a delayed dense connection with a negative exponent: Lava wraps each product into 32 bits
    and adds them in 64 (`proc/dense/models.py`)."""
    n, depth = row[C_N_POST], row[C_DEPTH]
    blocks = (n + BLOCK - 1) // BLOCK
    pointer = wide(row[C_POINTER_AT], row[C_N_PRE] + 1)
    size = pointer[row[C_N_PRE]]
    post, delay = words(row[C_TARGETS_AT], size), plain_bytes(row[C_DELAY_AT], size)
    low, high = signed_bytes(row[C_WEIGHTS_AT], size), plain_bytes(row[C_WEIGHTS_AT], size)
    ring, scratch = words(row[C_BUFFER_AT], depth * n), wide(row[C_SCRATCH_AT], depth * n)
    marks, used = plain_bytes(row[C_MARKS_AT], depth * blocks), plain_bytes(row[C_USED_AT], depth)
    active, from_error = words(pre[P_ACTIVE_AT], sending), row[C_ERROR] != 0
    valued = from_error or pre[P_VALUE_AT] != 0
    values = words(pre[P_ERROR_AT] if from_error else pre[P_VALUE_AT], sending)
    events = 0
    for a in range(sending):
        value = np.int64(values[a]) if valued else np.int64(1)
        if value == 0:
            continue
        j = np.int64(a) if from_error else np.int64(active[a])
        for s in range(pointer[j], pointer[j + 1]):
            weight = (np.int64(low[s]) if row[C_SIGNED] else np.int64(high[s])) << row[C_SHIFT]
            weight = -weight if row[C_NEGATIVE] else weight
            scratch[delay[s] * n + post[s]] += np.int64(np.int32(weight * value))
        events += pointer[j + 1] - pointer[j]
    if events == 0:
        return 0
    for d in range(depth):
        slot = (t + 1 + d) % depth
        used[slot] = 1
        for b in range(blocks):
            marks[slot * blocks + b] = 1
        for i in range(n):
            value = np.int32(scratch[d * n + i] >> -row[C_EXP])
            ring[slot * n + i] = np.int32(ring[slot * n + i] + value)
            scratch[d * n + i] = 0
    return events


@kernel
def scale_late(row, n, depth, blocks, t):
    """Scale what was sent in this step alone, and add it to the ring: floors of different steps do not mix."""
    ring, scratch = words(row[C_BUFFER_AT], depth * n), words(row[C_SCRATCH_AT], depth * n)
    marks, fresh = plain_bytes(row[C_MARKS_AT], depth * blocks), plain_bytes(row[C_SCRATCH_MARKS_AT], depth * blocks)
    used = plain_bytes(row[C_USED_AT], depth)
    shift, exp, negative = row[C_SHIFT], row[C_EXP], row[C_NEGATIVE] != 0
    for d in range(depth):
        slot = (t + 1 + d) % depth
        for b in range(blocks):
            if fresh[d * blocks + b]:
                fresh[d * blocks + b] = 0
                marks[slot * blocks + b] = 1
                used[slot] = 1
                for i in range(b * BLOCK, min((b + 1) * BLOCK, n)):
                    value = scaled(scratch[d * n + i], shift, exp, negative, False)
                    ring[slot * n + i] = np.int32(ring[slot * n + i] + value)
                    scratch[d * n + i] = 0
