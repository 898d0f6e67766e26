"""One line of synapses that learns: all of one pre neuron, or all of one post neuron.

Loops over the entries of a line hold numbers of 32 bits and no branches, so that vector units can take them.
"""

from __future__ import annotations

import numpy as np

from neurotrain_hw.simulator.rule_tables import (
    F_COLUMNS,
    F_CONSTANT,
    F_LIMIT,
    F_OF,
    F_SIGN,
    F_WHICH,
    Q_COLUMNS,
    Q_DEPENDENCY,
    Q_EXP,
    Q_FACTORS,
    Q_FACTORS_AT,
    Q_PART,
    Q_SHIFT,
    Q_SLOTS,
    Q_SYNAPTIC,
    Q_TARGET,
    R_BELOW_AT,
    R_COUNTS_AT,
    R_LINE_AT,
    R_POST_N,
    R_PRE_N,
    R_PRODUCTS,
    R_PRODUCTS_AT,
    R_READS,
    R_ROW,
    R_SIDES,
    R_SIGN,
    R_TARGETS,
    R_WEIGHTS_AT,
    S_COLUMNS,
    S_IN_ROW,
    S_LIST_AT,
    S_LIVE,
    S_N,
    S_OWN_AT,
    S_PARTS_AT,
    VALUES,
)
from neurotrain_hw.simulator.traces import L_APPLIED, L_PROPOSED, L_ROUNDED, L_SATURATED, padded, part_stride
from neurotrain_hw.simulator.views import inlined, kernel, plain_bytes, shifted_right, wide, words

X0, Y0, U = 1, 2, 4
"""Bits of the dependencies of a rule's products."""
LOW, HIGH = -(2**15) - 1, 2**15 - 1
"""Range of the accumulator; Lava's bound is one below that of 16 bits."""


@kernel
def change_line(rule_at, mine_at, other_at, mine, m, first, gates, lift, every):
    """Change the synapses between neuron m of a side's list and those of the other side's list from `first` on.

    `mine`: the number of the side that m belongs to; `gates`: the products' dependencies that count.
    """
    rule, me, other = wide(rule_at, R_SIDES), wide(mine_at, S_COLUMNS), wide(other_at, S_COLUMNS)
    count = other[S_LIVE] - first
    n, width = padded(count), padded(max(rule[R_PRE_N], rule[R_POST_N]))
    neuron, my_time = np.int64(words(me[S_LIST_AT], m + 1)[m]), np.int64(words(me[S_OWN_AT], m + 1)[m])
    start, stride = (neuron, rule[R_ROW]) if mine else (neuron * rule[R_ROW], np.int64(1))
    line_at, list_at = rule[R_LINE_AT], other[S_LIST_AT] + first * 4 if other[S_IN_ROW] == 0 else 0
    value = words(line_at + 6 * width * 4, n)
    for v in range(3):
        if rule[R_READS] >> v & 1:
            _take(line_at + v * width * 4, rule[R_WEIGHTS_AT + v] + start * 4, list_at, stride * 4, count, n)
    changed = 0
    for target in range(3):
        if rule[R_TARGETS] >> target & 1 == 0:
            continue
        old = words(line_at + target * width * 4, n)
        sums, left, room = old, np.int32(7), 7
        for q in range(rule[R_PRODUCTS]):
            product = wide(rule[R_PRODUCTS_AT] + q * Q_COLUMNS * 8, Q_COLUMNS)
            on = gates >> product[Q_DEPENDENCY] & 1 != 0
            if product[Q_TARGET] != target or not (on or every):
                continue
            mine_part_at = me[S_PARTS_AT] + (product[Q_PART + mine] + m) * 4
            crossed = product[Q_SLOTS + mine] > 1
            scale = words(mine_part_at, 1)[0] if on and not crossed else np.int32(on)
            if scale == 0 and not every:
                continue
            slot = my_time if product[Q_SLOTS + 1 - mine] > 1 else 0
            part_at = other[S_PARTS_AT] + (product[Q_PART + 1 - mine] + slot * part_stride(other[S_N]) + first) * 4
            part = words(part_at, n)
            if crossed or product[Q_SYNAPTIC]:
                for a in range(n):
                    value[a] = np.int32(scale * part[a])
                scale = np.int32(1)
                if crossed:
                    times = words(other[S_OWN_AT] + first * 4, n)
                    for a in range(count):
                        step = np.int64(times[a]) * part_stride(me[S_N])
                        value[a] = np.int32(value[a] * words(mine_part_at + step * 4, 1)[0])
                for f in range(product[Q_FACTORS]):
                    factor = wide(product[Q_FACTORS_AT] + f * F_COLUMNS * 8, F_COLUMNS)
                    if factor[F_OF] == VALUES:
                        _multiply(value, words(line_at + factor[F_WHICH] * width * 4, n), factor, n)
                part = value
            total = words(
                line_at + room * width * 4, n
            )  # by turns in two places, as loops over one would not be vectors
            _add(total, sums, left, part, scale, product, n)
            sums, left, room = total, np.int32(0), 15 - room
        if left == 0:
            _store(rule, target, sums, old, words(line_at + (3 + target) * width * 4, n), lift, every, n)
            changed |= 1 << target
    for v in range(3):
        if changed >> v & 1:
            _put(rule[R_WEIGHTS_AT + v] + start * 4, line_at + (3 + v) * width * 4, list_at, stride * 4, count)


@inlined
def _take(into_at, from_at, list_at, stride, count, n):
    """Copy a line's values, `stride` bytes apart in the order of a list, or side by side; and 0 up to n."""
    into = words(into_at, n)
    if list_at == 0:
        source = words(from_at, count)
        for a in range(count):
            into[a] = source[a]
    else:
        index = words(list_at, count)
        for a in range(count):
            into[a] = words(from_at + index[a] * stride, 1)[0]
    for a in range(count, n):
        into[a] = 0


@inlined
def _put(into_at, from_at, list_at, stride, count):
    """Copy a line's values back."""
    source = words(from_at, count)
    if list_at == 0:
        into = words(into_at, count)
        for a in range(count):
            into[a] = source[a]
    else:
        index = words(list_at, count)
        for a in range(count):
            words(into_at + index[a] * stride, 1)[0] = source[a]


@inlined
def _multiply(value, read, factor, n):
    """Times clip(read + constant, -2^bits, 2^bits - 1), or its sign."""
    constant, limit = np.int32(factor[F_CONSTANT]), np.int32(factor[F_LIMIT])
    if factor[F_SIGN]:
        for a in range(n):
            total = np.int32(read[a] + constant)
            value[a] = np.int32(value[a] * np.int32(np.int32(total > 0) - np.int32(total < 0)))
    else:
        for a in range(n):
            total = min(max(np.int32(read[a] + constant), np.int32(-limit)), np.int32(limit - 1))
            value[a] = np.int32(value[a] * total)


@inlined
def _add(sums, start, left, part, scale, product, n):
    """The product, shifted and clipped, added to start << left, and the sum clipped."""
    down, up = np.int32(product[Q_SHIFT]), np.int32(product[Q_EXP] & 31)
    for a in range(n):
        change = np.int32(shifted_right(np.int32(scale * part[a]), down) << up)
        change = min(max(change, np.int32(LOW)), np.int32(HIGH))
        total = np.int32(np.int32(start[a] << left) + change)
        sums[a] = min(max(total, np.int32(LOW)), np.int32(HIGH))


@inlined
def _store(rule, target, sums, old, new, lift, every, n):
    """Sign, stochastic rounding (`arithmetic.round_weight`) and range; counts what became of the weights."""
    sign, up = rule[R_SIGN] if target == 0 else 3 + target, np.int32(lift)
    floor, ceiling = np.int32(0 if sign == 1 or sign == 4 else LOW), np.int32(0 if sign == 2 else HIGH)
    low = np.int32(0 if sign == 1 or sign == 4 else (-255 if sign == 2 else (-257 if sign == 5 else -256)))
    high = np.int32(0 if sign == 2 else 255)
    proposed = applied = saturated = lost = held_back = np.int32(0)
    lowest = np.int32(0)
    for a in range(n):
        held = min(max(sums[a], floor), ceiling)
        rounded = np.int32(np.int32(held + up) >> 7)
        kept = min(max(rounded, low), high)
        new[a] = kept
        proposed = np.int32(proposed + np.int32(sums[a] != np.int32(old[a] << 7)))
        applied = np.int32(applied + np.int32(kept != old[a]))
        held_back = np.int32(held_back | (held ^ sums[a]) | (kept ^ rounded))
        lowest = min(lowest, kept)
    if target != 0:
        if lowest == -257:
            plain_bytes(rule[R_BELOW_AT], 1)[0] = 1
        return
    lost = np.int32(proposed - applied)
    if held_back != 0 or every:
        applied = lost = np.int32(0)
        for a in range(n):
            held = min(max(sums[a], floor), ceiling)
            full = (held != sums[a]) | (new[a] != np.int32(np.int32(held + up) >> 7))
            changing, changed = sums[a] != np.int32(old[a] << 7), new[a] != old[a]
            applied = np.int32(applied + np.int32(changing & changed))
            saturated = np.int32(saturated + np.int32(changing & full))
            lost = np.int32(lost + np.int32(changing & ~(changed | full)))
    counts = wide(rule[R_COUNTS_AT], 5)
    counts[L_PROPOSED] += proposed
    counts[L_APPLIED] += applied
    counts[L_SATURATED] += saturated
    counts[L_ROUNDED] += lost
