"""Compiled synapses: spikes add rows of weights to what is due at later steps; what is due arrives.

Work follows events: a silent pre neuron costs nothing, and blocks of post neurons that nothing reaches are not
touched. Sums are int32 and wrap, so their order does not matter.
"""

from __future__ import annotations

import numpy as np

from neurotrain_hw.simulator.tables import (
    BLOCK,
    C_BITS,
    C_BUFFER_AT,
    C_COLUMNS,
    C_DELAY_AT,
    C_DEPTH,
    C_ERROR,
    C_EVENTS,
    C_EXP,
    C_FORMAT,
    C_GEOMETRY_AT,
    C_GRADED,
    C_LATE,
    C_MARKS_AT,
    C_N_POST,
    C_N_PRE,
    C_NEGATIVE,
    C_POINTER_AT,
    C_PORT,
    C_POST_AT,
    C_ROW,
    C_SCRATCH_AT,
    C_SCRATCH_MARKS_AT,
    C_SHIFT,
    C_SIGNED,
    C_USED_AT,
    C_WEIGHTS_AT,
    CONV,
    DENSE,
    G_C,
    G_CO,
    G_COLUMNS,
    G_GROUPS,
    G_KX,
    G_KY,
    G_REACH_X_AT,
    G_REACH_Y_AT,
    G_X,
    G_Y,
    IMAG,
    P_ACTIVE_AT,
    P_ANY_TOUCH,
    P_COLUMNS,
    P_CURRENT_AT,
    P_ERROR_AT,
    P_IMAG_AT,
    P_SENDING,
    P_SIGNAL_AT,
    P_TOUCHED_AT,
    P_VALUE_AT,
    SIGNAL,
    SPARSE,
    WIDE,
)
from neurotrain_hw.simulator.views import halves, inlined, kernel, plain_bytes, signed_bytes, wide, words

WRAP24 = 2**23


@kernel
def deliver(connection_at, post_at, t):
    """Add what arrives at step t through a connection to its port, and mark the blocks that it reaches."""
    row = wide(connection_at, C_COLUMNS)
    post = wide(post_at, P_COLUMNS)
    slot = t % row[C_DEPTH]
    used = plain_bytes(row[C_USED_AT], row[C_DEPTH])
    if used[slot] == 0:
        return
    used[slot] = 0
    n, blocks = row[C_N_POST], (row[C_N_POST] + BLOCK - 1) // BLOCK
    arriving_at = row[C_BUFFER_AT] + slot * n * 4
    marks = plain_bytes(row[C_MARKS_AT] + slot * blocks, blocks)
    touched = plain_bytes(post[P_TOUCHED_AT], blocks)
    port = row[C_PORT]
    into_at = post[P_SIGNAL_AT if port == SIGNAL else (P_IMAG_AT if port == IMAG else P_CURRENT_AT)]
    post[P_ANY_TOUCH] = 1
    done = row[C_LATE] != 0  # it was scaled when it was sent
    conv, shift, exp, negative = row[C_FORMAT] == CONV, row[C_SHIFT], row[C_EXP], row[C_NEGATIVE] != 0
    b = 0
    while b < blocks:
        if marks[b] == 0:
            b += 1
            continue
        first = b
        while b < blocks and marks[b] != 0:
            marks[b] = 0
            touched[b] = 1
            b += 1
        # views that begin where the stretch does: in a loop from 0, Numba need not look out for indices below 0
        start, count = first * BLOCK, min(b * BLOCK, n) - first * BLOCK
        into, arriving = words(into_at + start * 4, count), words(arriving_at + start * 4, count)
        if done or not (conv or shift or exp or negative):
            for i in range(count):
                into[i] = np.int32(into[i] + arriving[i])
                arriving[i] = 0
        elif exp >= 0 and not (conv or negative):
            left = np.int32(shift + exp) if shift + exp < 32 else np.int32(0)
            keep = np.int32(-1) if shift + exp < 32 else np.int32(0)
            for i in range(count):
                into[i] = np.int32(into[i] + np.int32((arriving[i] & keep) << left))
                arriving[i] = 0
        else:
            for i in range(count):
                into[i] = np.int32(into[i] + _scaled(arriving[i], shift, exp, negative, conv))
                arriving[i] = 0


@inlined
def _scaled(total, shift, exp, negative, conv):
    """The sum of mantissas as the value that arrives: << shift, sign, weight exponent, and 24 bits for a conv."""
    value = np.int32(np.int64(total) << shift)
    if negative:
        value = np.int32(-value)
    found = np.int32(np.int64(value) << exp) if exp > 0 else np.int32(value >> np.int32(-exp))
    if conv:
        found = np.int32(((found + WRAP24) & (2 * WRAP24 - 1)) - WRAP24)
    return found


@kernel
def propagate(connection_at, pre_at, plastic_at, t):
    """Add this step's messages of a connection to what is due at the steps after, and count the events."""
    row, pre = wide(connection_at, C_COLUMNS), wide(pre_at, P_COLUMNS)
    sending = row[C_N_PRE] if row[C_ERROR] else pre[P_SENDING]
    if sending == 0:
        return
    n, depth, kind = row[C_N_POST], row[C_DEPTH], row[C_FORMAT]
    blocks = (n + BLOCK - 1) // BLOCK
    if row[C_LATE] == WIDE:
        row[C_EVENTS] += _scatter_wide(row, pre, sending, t)
        return
    if row[C_LATE]:
        into_at, marks_at = row[C_SCRATCH_AT], row[C_SCRATCH_MARKS_AT]
    else:
        into_at, marks_at = row[C_BUFFER_AT], row[C_MARKS_AT]
    if kind == CONV:
        events = _convolve(row, pre, into_at, marks_at, sending)
    elif kind == SPARSE:
        events = _scatter(row, pre, into_at, marks_at, sending, t)
    elif row[C_GRADED] or row[C_ERROR]:
        events = _graded_rows(row, pre, into_at, plastic_at, sending)
    elif kind == DENSE:
        events = sending * n
        _rows(row, pre[P_ACTIVE_AT], into_at, sending)
    else:
        events = sending * n
        _plastic_rows(row, pre[P_ACTIVE_AT], into_at, plastic_at, sending)
    row[C_EVENTS] += events
    if events == 0:
        return
    if kind != CONV and kind != SPARSE:
        marks = plain_bytes(marks_at, blocks)
        for b in range(blocks):
            marks[b] = 1
    used = plain_bytes(row[C_USED_AT], depth)
    if row[C_LATE]:
        _scale_late(row, n, depth, blocks, t)
    elif kind != SPARSE or depth == 1:
        used[(t + 1) % depth] = 1


@kernel
def _rows(row, active_at, into_at, sending):
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


@kernel
def _signed_rows(into, sums, n, active, count, base):
    """Four rows at a time into sums of 16 bits, which hold 256 rows of mantissas from -128 to 127."""
    first = 0
    while first < count:
        last = min(first + 256, count)
        a = first
        while a + 4 <= last:
            r0 = signed_bytes(base + np.int64(active[a]) * n, n)
            r1 = signed_bytes(base + np.int64(active[a + 1]) * n, n)
            r2 = signed_bytes(base + np.int64(active[a + 2]) * n, n)
            r3 = signed_bytes(base + np.int64(active[a + 3]) * n, n)
            for i in range(n):
                sums[i] = np.int16(sums[i] + r0[i] + r1[i] + r2[i] + r3[i])
            a += 4
        if a > first:
            for i in range(n):
                into[i] = np.int32(into[i] + sums[i])
                sums[i] = 0
        while a < last:
            one = signed_bytes(base + np.int64(active[a]) * n, n)
            for i in range(n):
                into[i] = np.int32(into[i] + one[i])
            a += 1
        first = last


@kernel
def _unsigned_rows(into, sums, n, active, count, base):
    """As `_signed_rows`; sums of 16 bits hold 128 rows of mantissas from 0 to 255."""
    first = 0
    while first < count:
        last = min(first + 128, count)
        a = first
        while a + 4 <= last:
            r0 = plain_bytes(base + np.int64(active[a]) * n, n)
            r1 = plain_bytes(base + np.int64(active[a + 1]) * n, n)
            r2 = plain_bytes(base + np.int64(active[a + 2]) * n, n)
            r3 = plain_bytes(base + np.int64(active[a + 3]) * n, n)
            for i in range(n):
                sums[i] = np.int16(sums[i] + r0[i] + r1[i] + r2[i] + r3[i])
            a += 4
        if a > first:
            for i in range(n):
                into[i] = np.int32(into[i] + sums[i])
                sums[i] = 0
        while a < last:
            one = plain_bytes(base + np.int64(active[a]) * n, n)
            for i in range(n):
                into[i] = np.int32(into[i] + one[i])
            a += 1
        first = last


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
def _graded_rows(row, pre, into_at, plastic_at, sending):
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
def _plastic_rows(row, active_at, into_at, plastic_at, sending):
    """Spikes through a connection that learns; its weights are int32, row by row of pre neuron."""
    n, base = row[C_N_POST], plastic_at + row[C_WEIGHTS_AT] * 4
    into, active = words(into_at, n), words(active_at, sending)
    for a in range(sending):
        learned = words(base + np.int64(active[a]) * n * 4, n)
        for i in range(n):
            into[i] = np.int32(into[i] + learned[i])


@kernel
def _scatter(row, pre, into_at, marks_at, sending, t):
    """Messages through compressed rows, with delays where there are any.

    Slot d of the scratch is what is due d steps after the next one; the ring's slot is that step modulo its depth.
    """
    n, depth, late = row[C_N_POST], row[C_DEPTH], row[C_LATE] != 0
    blocks = (n + BLOCK - 1) // BLOCK
    pointer = wide(row[C_POINTER_AT], row[C_N_PRE] + 1)
    size = pointer[row[C_N_PRE]]
    post = words(row[C_POST_AT], size)
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
                i = post[s]
                into[i] = np.int32(into[i] + low[s] * value)
                marks[i // BLOCK] = 1
        else:
            for s in range(first, last):
                i = post[s]
                into[i] = np.int32(into[i] + high[s] * value)
                marks[i // BLOCK] = 1
    return events


@kernel
def _scatter_wide(row, pre, sending, t):
    """Graded values through a delayed dense connection with a negative exponent: Lava wraps each product into 32 bits
    and adds them in 64 (`proc/dense/models.py`)."""
    n, depth = row[C_N_POST], row[C_DEPTH]
    blocks = (n + BLOCK - 1) // BLOCK
    pointer = wide(row[C_POINTER_AT], row[C_N_PRE] + 1)
    size = pointer[row[C_N_PRE]]
    post, delay = words(row[C_POST_AT], size), plain_bytes(row[C_DELAY_AT], size)
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
def _scale_late(row, n, depth, blocks, t):
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
                    value = _scaled(scratch[d * n + i], shift, exp, negative, False)
                    ring[slot * n + i] = np.int32(ring[slot * n + i] + value)
                    scratch[d * n + i] = 0


@kernel
def _convolve(row, pre, into_at, marks_at, sending):
    """Messages through a convolution (`synapses.Convolution`), without unrolling it.

    The kernel is kept as (k_x, k_y, C_in, C_out / groups), flipped already, so that every tap adds a row.
    """
    g = wide(row[C_GEOMETRY_AT], G_COLUMNS)
    n, graded = row[C_N_POST], row[C_GRADED] != 0
    marks = plain_bytes(marks_at, (n + BLOCK - 1) // BLOCK)
    active, valued = words(pre[P_ACTIVE_AT], sending), pre[P_VALUE_AT] != 0
    values = words(pre[P_VALUE_AT], sending)
    out_group, in_group = g[G_CO] // g[G_GROUPS], g[G_C] // g[G_GROUPS]
    reach_x, reach_y = words(g[G_REACH_X_AT], g[G_X] * g[G_KX]), words(g[G_REACH_Y_AT], g[G_Y] * g[G_KY])
    events = 0
    for a in range(sending):
        value = values[a] if valued and graded else np.int32(1)
        j = np.int64(active[a])
        c, place = j % g[G_C], j // g[G_C]
        y, x = place % g[G_Y], place // g[G_Y]
        channel = (c // in_group) * out_group if in_group < g[G_C] else 0
        for i in range(g[G_KX]):
            ox = reach_x[x * g[G_KX] + i]
            if ox < 0:
                continue
            for k in range(g[G_KY]):
                oy = reach_y[y * g[G_KY] + k]
                if oy < 0:
                    continue
                start = np.int64(ox) + np.int64(oy) + channel
                tap = words(row[C_WEIGHTS_AT] + (((i * g[G_KY] + k) * g[G_C] + c) * out_group) * 4, out_group)
                part = words(into_at + start * 4, out_group)
                for o in range(out_group):
                    part[o] = np.int32(part[o] + tap[o] * value)
                for b in range(start // BLOCK, (start + out_group - 1) // BLOCK + 1):
                    marks[b] = 1
                events += out_group
    return events
