"""One line of synapses that learns: all of one pre neuron, or all of one post neuron.

Whatever is done to a line is done to sixteen of its synapses at once (`lanes`).
"""

from __future__ import annotations

import math

import numpy as np

from neurotrain_hw.simulator.lanes import NEURONS, count_bits, differ, every, load, mask_bits, store
from neurotrain_hw.simulator.learning_lanes import least, most
from neurotrain_hw.simulator.rule_tables import (
    F_COLUMNS,
    F_CONSTANT,
    F_LIMIT,
    F_OF,
    F_SIGN,
    F_WHICH,
    INDEPENDENT,
    NEAREST,
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
    R_DRAW_AT,
    R_DROPS,
    R_LINE_AT,
    R_POST_N,
    R_PRE_N,
    R_PRODUCTS,
    R_PRODUCTS_AT,
    R_READS,
    R_READY_AT,
    R_ROUNDS,
    R_ROW,
    R_SIGN,
    R_TARGETS,
    R_WEIGHTS_AT,
    S_IN_ROW,
    S_LIST_AT,
    S_LIVE,
    S_N,
    S_OWN_AT,
    S_PARTS_AT,
    VALUES,
    Y_COLUMNS,
    Y_DOWN,
    Y_FACTORS,
    Y_FACTORS_AT,
    Y_PART_AT,
    Y_SCALE,
    Y_UP,
)
from neurotrain_hw.simulator.traces import (
    L_APPLIED,
    L_COLUMNS,
    L_DRAWN,
    L_PROPOSED,
    L_ROUNDED,
    L_SATURATED,
    padded,
    row_of,
)
from neurotrain_hw.simulator.views import call, inlined, kernel, plain_bytes, table_row, wide, words

X0, Y0, U = 1, 2, 4
"""Bits of the dependencies of a rule's products."""
LOW, HIGH = -(2**15) - 1, 2**15 - 1
"""Range of the accumulator; Lava's bound is one below that of 16 bits."""


@kernel
def change_line(rule_at, mine_at, other_at, mine, m, first, gates, random, whole):
    """Change the synapses between neuron m of a side's list and those of the other side's list from `first` on.

    `mine`: the number of the side that m belongs to; `gates`: the products' dependencies that count; `random`: the
    epoch's number where all synapses share one; `whole`: add products that are 0, too, for what they clip.
    """
    rule, me, other = table_row(rule_at), table_row(mine_at), table_row(other_at)
    count, length = other[S_LIVE] - first, padded(max(rule[R_PRE_N], rule[R_POST_N])) * 4
    neuron, row = np.int64(words(me[S_LIST_AT], m + 1)[m]), rule[R_ROW] * 4
    start, stride = (neuron * 4, row) if mine else (neuron * row, np.int64(4))
    in_row, list_at = other[S_IN_ROW] != 0, other[S_LIST_AT] + first * 4
    alone = rule[R_TARGETS] & (rule[R_TARGETS] - 1) == 0
    values, line_at, changed = wide(rule[R_READY_AT], 3), rule[R_LINE_AT], 0
    for v in range(3):
        if rule[R_READS] >> v & 1:
            values[v] = rule[R_WEIGHTS_AT + v] + start
            if not in_row:
                _take(line_at + v * length, values[v], list_at, stride, count)
                values[v] = line_at + v * length
    for target in range(3):
        if rule[R_TARGETS] >> target & 1:
            ready = _prepare(rule, me, other, mine, m, first, gates, whole, target, line_at + 7 * length, length)
            if ready > 0:
                # what other targets may read stays as it is until all are done
                into_at = values[target] if alone else line_at + (3 + target) * length
                drops = rule[R_DROPS] if target == 0 else 0
                if rule[R_ROUNDS] == INDEPENDENT:
                    call(rule[R_DRAW_AT], rule_at, list_at, count, neuron, 2 * target + mine)
                _change(rule, target, into_at, ready, count, drops, random, line_at + 6 * length)
                changed |= 1 << target
    for v in range(3):
        if changed >> v & 1:
            from_at, into_at = line_at + (0 if alone else 3) * length + v * length, rule[R_WEIGHTS_AT + v] + start
            if not in_row:
                _put(into_at, from_at, list_at, stride, count)
            elif not alone:
                for i in range(0, count * 4, NEURONS * 4):
                    store(into_at + i, load(from_at + i))


@kernel
def _prepare(rule, me, other, mine, m, first, gates, whole, target, room_at, length):
    """List a target's products that can change the line, at R_READY_AT, with what is the same for all of it."""
    ready = 0
    for q in range(rule[R_PRODUCTS]):
        product = table_row(rule[R_PRODUCTS_AT] + q * Q_COLUMNS * 8)
        on = gates >> product[Q_DEPENDENCY] & 1 != 0
        if product[Q_TARGET] != target or not (on or whole):
            continue
        mine_part_at = me[S_PARTS_AT] + (product[Q_PART + mine] + m) * 4
        crossed = product[Q_SLOTS + mine] > 1
        scale = np.int64(words(mine_part_at, 1)[0]) if on and not crossed else np.int64(on)
        if scale == 0 and not whole:
            continue
        slot = np.int64(words(me[S_OWN_AT], m + 1)[m]) if product[Q_SLOTS + 1 - mine] > 1 else 0
        part_at = other[S_PARTS_AT] + (product[Q_PART + 1 - mine] + slot * row_of(other[S_N]) + first) * 4
        if crossed:
            value_at, count = room_at + ready * length, other[S_LIVE] - first
            value, part = words(value_at, count), words(part_at, count)
            times = words(other[S_OWN_AT] + first * 4, count)
            store(value_at + (padded(count) - NEURONS) * 4, every(0))
            for a in range(count):
                value[a] = np.int32(part[a] * words(mine_part_at + times[a] * row_of(me[S_N]) * 4, 1)[0])
            part_at = value_at
        found = table_row(rule[R_READY_AT] + (3 + ready * Y_COLUMNS) * 8)
        found[Y_PART_AT], found[Y_SCALE], found[Y_DOWN], found[Y_UP] = part_at, scale, product[Q_SHIFT], product[Q_EXP]
        found[Y_FACTORS] = product[Q_FACTORS] if product[Q_SYNAPTIC] else 0
        found[Y_FACTORS_AT] = product[Q_FACTORS_AT]
        ready += 1
    return ready


@kernel
def _change(rule, target, into_at, ready, n, drops, random, lifts_at):
    """A line's new values: products, sign, rounding (`arithmetic.round_weight`), range, and counts.

    `drops`: lower bits that are 0 in what is stored.
    """
    values, lowest, highest, independent = wide(rule[R_READY_AT], 3), every(LOW), every(HIGH), False
    if rule[R_ROUNDS] == NEAREST:
        lift = 1 << (6 + drops)
    else:
        lift, independent = (128 << drops) - 1 - math.floor(random * (128 << drops)), rule[R_ROUNDS] == INDEPENDENT
    up = every(lift)
    sign = rule[R_SIGN] if target == 0 else 3 + target
    floor, ceiling = every(0 if sign == 1 or sign == 4 else LOW), every(0 if sign == 2 else HIGH)
    low = every(0 if sign == 1 or sign == 4 else (-255 if sign == 2 else (-257 if sign == 5 else -256)))
    low = every(0) - (every(0) - low >> drops << drops)
    high = every((0 if sign == 2 else 255) >> drops << drops)
    proposed = applied = saturated = spared = below = 0
    for i in range(0, n * 4, NEURONS * 4):
        old = load(values[target] + i)
        before = old << 7
        total = before
        for p in range(ready):
            product = table_row(rule[R_READY_AT] + (3 + p * Y_COLUMNS) * 8)
            value = load(product[Y_PART_AT] + i) * every(product[Y_SCALE])
            for f in range(product[Y_FACTORS]):
                factor = table_row(product[Y_FACTORS_AT] + f * F_COLUMNS * 8)
                if factor[F_OF] == VALUES:
                    read = load(values[factor[F_WHICH]] + i)
                    read = limited(read, factor[F_CONSTANT], factor[F_LIMIT])
                    value = value * (least(most(read, every(-1)), every(1)) if factor[F_SIGN] else read)
            change = value >> product[Y_DOWN] << product[Y_UP]
            total = least(most(total + least(most(change, lowest), highest), lowest), highest)
        held = least(most(total, floor), ceiling)
        if independent:
            up = load(lifts_at + i)
        rounded = (held + up) >> (7 + drops) << drops
        new = least(most(rounded, low), high)
        store(into_at + i, new)
        changing, changed = mask_bits(differ(total, before)), mask_bits(differ(new, old))
        full = mask_bits(differ((held ^ total) | (new ^ rounded), every(0)))
        proposed += count_bits(changing)
        applied += count_bits(changing & changed)
        if full != 0:
            saturated += count_bits(changing & full)
            spared += count_bits(changing & full & ~changed)
        below |= mask_bits(every(-256) > new)
    counts = wide(rule[R_COUNTS_AT], L_COLUMNS)
    counts[L_DRAWN] += proposed if independent else 0
    if target == 0:
        counts[L_PROPOSED] += proposed
        counts[L_APPLIED] += applied
        counts[L_SATURATED] += saturated
        counts[L_ROUNDED] += proposed - applied - spared
    elif below != 0:
        plain_bytes(rule[R_BELOW_AT], 1)[0] = 1


@inlined
def limited(read, constant, limit):
    """A factor: clip(read + constant, -limit, limit - 1), with bits to spare for whatever is read."""
    some = least(most(read, every(-(1 << 20))), every(1 << 20))
    return least(most(some + every(constant), every(-limit)), every(limit - 1))


@inlined
def _take(into_at, from_at, list_at, stride, count):
    """Copy a line's values, `stride` bytes apart in the order of a list; and 0 up to the last lane."""
    into, index = words(into_at, count), words(list_at, count)
    store(into_at + (padded(count) - NEURONS) * 4, every(0))
    for a in range(count):
        into[a] = words(from_at + index[a] * stride, 1)[0]


@inlined
def _put(into_at, from_at, list_at, stride, count):
    """Copy a line's values back."""
    source, index = words(from_at, count), words(list_at, count)
    for a in range(count):
        words(into_at + index[a] * stride, 1)[0] = source[a]
