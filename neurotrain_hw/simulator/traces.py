"""Traces of the learning engine: spike times within an epoch, impulses, decay, and the third factors that arrive.

Compiled; exact against Lava's `LearningConnectionModelBitApproximate` (`magma/core/model/py/connection.py`). The two
sides of a rule, pre and post, are rows of the same columns (`rule_tables`). At the end of an epoch a side lists the
neurons that can take part; everything after works on these alone, in their order in the list.
"""

from __future__ import annotations

import numpy as np

from neurotrain_hw.simulator.lanes import (
    NEURONS,
    choose,
    count_bits,
    differ,
    every,
    load,
    load_some,
    lowest_bit,
    mask_bits,
    store,
    store_some,
)
from neurotrain_hw.simulator.learning_lanes import decayed, least, most
from neurotrain_hw.simulator.rule_tables import (
    R_COUNTS_AT,
    R_EPOCH,
    R_GIVEN_AT,
    R_GIVEN_STEP,
    R_GIVEN_TRACE,
    R_SIDES,
    R_THIRD,
    S_COLUMNS,
    S_DECAY_AT,
    S_DRAWN_DECAY_AT,
    S_DRAWN_EARLY_AT,
    S_DRAWN_IMPULSE_AT,
    S_FULL,
    S_HISTORY_AT,
    S_IMPULSE_AT,
    S_IN_ROW,
    S_KEEPS,
    S_LIST_AT,
    S_LIVE,
    S_N,
    S_OWN_AT,
    S_REST_AT,
    S_SPIKED,
    S_SPIKED_AT,
    S_TIMES_AT,
    S_TRACES,
    S_TRACES_AT,
    S_WHOLE,
)
from neurotrain_hw.simulator.tables import (
    P_ACTIVE_AT,
    P_BESIDE_AT,
    P_MODULATED,
    P_SENDING,
    P_THIRD_AT,
)
from neurotrain_hw.simulator.views import inlined, kernel, reals, table_row, wide, words

L_PROPOSED, L_APPLIED, L_ROUNDED, L_SATURATED, L_TRACES, L_DRAWN = range(6)
L_COLUMNS = 6
"""Columns of the counters of a learning connection."""


@kernel
def see_spikes(rule_at, pre_at, post_at, t, k):
    """Note this step's spikes: times within the epoch, impulses of repeated spikes; take the third factors."""
    rule = table_row(rule_at)
    now = np.int32((t - 1) % rule[R_EPOCH] + 1)
    for s in range(2):
        side = table_row(rule_at + (R_SIDES + s * S_COLUMNS) * 8)
        population = table_row(post_at if s == 1 else pre_at)
        spiking, times = words(population[P_ACTIVE_AT], population[P_SENDING]), words(side[S_TIMES_AT], side[S_N])
        again = now > 1 and side[S_KEEPS] != 0  # third factors replace what an early impulse would change
        random = wide(side[S_DRAWN_EARLY_AT], k + 1)[k] if again and side[S_DRAWN_EARLY_AT] != 0 else 0
        for a in range(population[P_SENDING]):
            j = spiking[a]
            if again and times[j] > 0:
                impulses = wide(side[S_IMPULSE_AT], 2 * side[S_TRACES])
                for v in range(side[S_TRACES]):
                    trace = words(side[S_TRACES_AT] + v * side[S_N] * 4, side[S_N])
                    size = np.int32(impulses[2 * v] + (1 if random < impulses[2 * v + 1] else 0))
                    trace[j] = _lifted(trace[j], size)
            times[j] = now
    if rule[R_THIRD]:
        _take_third(rule, table_row(rule_at + (R_SIDES + S_COLUMNS) * 8), table_row(post_at), k)


@kernel
def _take_third(rule, side, post, k):
    """y1, y2 and y3 as the post neurons form them, as they are given, or 0.

    They form max(M, 0) and max(-M, 0), as y1 and y2, or as y2 and y3 where something else travels beside M.
    """
    n, modulated, zero = side[S_N], post[P_MODULATED] != 0, every(0)
    half = 1 if post[P_BESIDE_AT] != 0 else 0
    for v in range(3):
        from_at = post[P_BESIDE_AT] if v < half else (post[P_THIRD_AT] if v < half + 2 else 0)
        if not modulated:
            from_at = rule[R_GIVEN_AT] + v * rule[R_GIVEN_TRACE] + k * rule[R_GIVEN_STEP] if rule[R_GIVEN_AT] else 0
        for i in range(0, n, NEURONS):
            value = load_some(from_at + i * 4, n - i) if from_at != 0 else zero
            if modulated and v >= half:
                value = most(value if v == half else zero - value, zero)
            store_some(side[S_TRACES_AT] + (v * n + i) * 4, value, n - i)


@kernel
def gather(side_at, whole):
    """List the neurons with a trace that is not 0 or a spike in this epoch, those that spiked first; or all.

    A side whose neurons lie side by side in memory (S_WHOLE) lists all of them, in order (S_IN_ROW), once a quarter
    is due. S_SPIKED_AT holds where in the list those that spiked are.
    """
    side = table_row(side_at)
    n, full, zero = side[S_N], whole or side[S_FULL] != 0, every(0)
    live_at, rest_at, kinds = side[S_LIST_AT], side[S_REST_AT], side[S_TRACES]
    first_at, others_at = live_at, rest_at
    for i in range(0, n, NEURONS):
        times = load_some(side[S_TIMES_AT] + i * 4, n - i)
        found = times
        for v in range(kinds):
            found = found | load_some(side[S_TRACES_AT] + (v * n + i) * 4, n - i)
        spiked = mask_bits(times > zero)
        others = ((1 << min(n - i, NEURONS)) - 1 if full else mask_bits(differ(found, zero))) & ~spiked
        while spiked != 0:
            words(first_at, 1)[0] = i + lowest_bit(spiked)
            first_at, spiked = first_at + 4, spiked & (spiked - 1)
        while others != 0:
            words(others_at, 1)[0] = i + lowest_bit(others)
            others_at, others = others_at + 4, others & (others - 1)
    first, rest = (first_at - live_at) // 4, (others_at - rest_at) // 4
    side[S_SPIKED], side[S_LIVE] = first, first + rest
    side[S_IN_ROW] = side[S_WHOLE] != 0 and (full or (first + rest) * 4 > n)
    live, others, spiked = words(live_at, n), words(rest_at, rest), words(side[S_SPIKED_AT], first)
    for a in range(first):
        spiked[a] = live[a] if side[S_IN_ROW] else a
    if side[S_IN_ROW]:
        side[S_LIVE] = n
        for i in range(n):
            live[i] = i
    else:
        for a in range(rest):
            words(first_at + a * 4, 1)[0] = others[a]


@inlined
def padded(n):
    """The next multiple of the number of lanes."""
    return (n + NEURONS - 1) & -NEURONS


@inlined
def row_of(n):
    """Entries from one row of a side's table to the next, as in `rule_tables.part_length`."""
    return padded(n) + NEURONS


@kernel
def close_traces(rule_at, side_at, k):
    """The listed neurons' traces at every step of the epoch that ends, their spike times, and what is kept of both.

    S_HISTORY_AT: int32 (epoch + 2, traces, n): at the steps 0 to epoch, and at the neuron's own spike.
    Formulas: `arithmetic.decay_trace`, `.add_impulse`.
    """
    rule, side, zero, most_of = table_row(rule_at), table_row(side_at), every(0), every(127)
    n, kinds, epoch, row = side[S_LIVE], side[S_TRACES], rule[R_EPOCH], row_of(side[S_N]) * 4
    index, times_at, own_at = words(side[S_LIST_AT], n), side[S_TIMES_AT], side[S_OWN_AT]
    own = words(own_at, n)
    for a in range(n):
        time = words(times_at + index[a] * 4, 1)
        own[a], time[0] = time[0], 0
    store(own_at + n * 4, zero)
    decays, impulses = reals(side[S_DECAY_AT], kinds), wide(side[S_IMPULSE_AT], 2 * kinds)
    random, drawn = reals(side[S_DRAWN_DECAY_AT], k + 1)[k], wide(side[S_DRAWN_IMPULSE_AT], k + 1)[k]
    updates = 0
    for v in range(kinds):
        decay, at, trace_at = decays[v], side[S_HISTORY_AT] + v * row, side[S_TRACES_AT] + v * side[S_N] * 4
        if decay == 0.0 and impulses[2 * v] == 0 and impulses[2 * v + 1] == 0:
            continue  # it is 0, and so is its history
        size, before = every(impulses[2 * v] + (1 if drawn < impulses[2 * v + 1] else 0)), words(at, n)
        for a in range(n):
            before[a] = words(trace_at + index[a] * 4, 1)[0]
        store(at + n * 4, zero)
        for i in range(0, n * 4, NEURONS * 4):
            times, value = load(own_at + i), load(at + i)
            updates += count_bits(mask_bits(differ(times | value, zero)))
            for step in range(1, epoch + 1):
                value = decayed(value, decay, random)
                value = choose(differ(times, every(step)), value, least(most(value + size, zero), most_of))
                store(at + step * kinds * row + i, value)
        if side[S_KEEPS]:
            after = words(at + epoch * kinds * row, n)
            for a in range(n):
                words(trace_at + index[a] * 4, 1)[0] = after[a]
        if epoch > 1:
            at_spike = words(at + (epoch + 1) * kinds * row, n)
            for a in range(n):
                at_spike[a] = words(at + own[a] * kinds * row + a * 4, 1)[0]
    wide(rule[R_COUNTS_AT], L_COLUMNS)[L_TRACES] += updates


@inlined
def _lifted(value, size):
    """A trace after an impulse."""
    return min(max(np.int32(value + size), np.int32(0)), np.int32(127))
