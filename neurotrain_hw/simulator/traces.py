"""Traces of the learning engine: spike times within an epoch, impulses, decay, and the third factors that arrive.

Compiled; exact against Lava's `LearningConnectionModelBitApproximate` (`magma/core/model/py/connection.py`). The two
sides of a rule, pre and post, are rows of the same columns (`rule_tables`). At the end of an epoch a side lists the
neurons that can take part; everything after works on these alone, in their order in the list.
"""

from __future__ import annotations

import numpy as np

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
    BLOCK,
    P_ACTIVE_AT,
    P_BESIDE_AT,
    P_COLUMNS,
    P_MODULATED,
    P_SENDING,
    P_THIRD_AT,
)
from neurotrain_hw.simulator.views import inlined, kernel, reals, wide, words

L_PROPOSED, L_APPLIED, L_ROUNDED, L_SATURATED, L_TRACES = range(5)
"""Columns of the counters of a learning connection."""


@kernel
def see_spikes(rule_at, pre_at, post_at, t, k):
    """Note this step's spikes: times within the epoch, impulses of repeated spikes; take the third factors."""
    rule = wide(rule_at, R_SIDES)
    now = np.int32((t - 1) % rule[R_EPOCH] + 1)
    for s in range(2):
        side = wide(rule_at + (R_SIDES + s * S_COLUMNS) * 8, S_COLUMNS)
        population = wide(post_at if s == 1 else pre_at, P_COLUMNS)
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
        _take_third(rule, wide(rule_at + (R_SIDES + S_COLUMNS) * 8, S_COLUMNS), wide(post_at, P_COLUMNS), k)


@kernel
def _take_third(rule, side, post, k):
    """y1, y2 and y3 as the post neurons form them (M as max(M, 0) and max(-M, 0), after what stands beside it), as they
    are given, or 0."""
    n, modulated, given = side[S_N], post[P_MODULATED] != 0, rule[R_GIVEN_AT] != 0
    first = 1 if post[P_BESIDE_AT] != 0 else 0
    for v in range(3):
        trace = words(side[S_TRACES_AT] + v * n * 4, n)
        if modulated and v < first:
            beside = words(post[P_BESIDE_AT], n)
            for i in range(n):
                trace[i] = beside[i]
        elif modulated and v < first + 2:
            third, sign = words(post[P_THIRD_AT], n), np.int32(1 if v == first else -1)
            for i in range(n):
                trace[i] = max(np.int32(third[i] * sign), np.int32(0))
        elif given and not modulated:
            values = words(rule[R_GIVEN_AT] + v * rule[R_GIVEN_TRACE] + k * rule[R_GIVEN_STEP], n)
            for i in range(n):
                trace[i] = values[i]
        else:
            for i in range(n):
                trace[i] = 0


@kernel
def gather(side_at, every):
    """List the neurons with a trace that is not 0 or a spike in this epoch, those that spiked first; or all.

    A side whose neurons lie side by side in memory (S_WHOLE) lists all of them, in order (S_IN_ROW), once a quarter
    is due. S_SPIKED_AT holds where in the list those that spiked are.
    """
    side = wide(side_at, S_COLUMNS)
    n, full = side[S_N], every or side[S_FULL] != 0
    live_at, rest_at, times_at = side[S_LIST_AT], side[S_REST_AT], side[S_TIMES_AT]
    live, rest, spiked = words(live_at, n), words(rest_at, n), words(side[S_SPIKED_AT], n)
    first = others = 0
    for start in range(0, n, BLOCK):
        count = min(BLOCK, n - start)
        times, some = words(times_at + start * 4, count), words(side[S_OWN_AT], count)
        found = np.int32(0)
        for i in range(count):
            some[i] = times[i]
            found = np.int32(found | times[i])
        for v in range(side[S_TRACES]):
            trace = words(side[S_TRACES_AT] + (v * n + start) * 4, count)
            for i in range(count):
                some[i] |= trace[i]
                found = np.int32(found | trace[i])
        if found == 0 and not full:
            continue
        for i in range(count):
            now = times[i] > 0
            words(live_at + first * 4, 1)[0] = words(rest_at + others * 4, 1)[0] = start + i
            first += now
            others += (some[i] != 0 or full) and not now
    total = first + others
    side[S_SPIKED], side[S_IN_ROW], side[S_LIVE] = first, side[S_WHOLE] != 0 and (full or total * 4 > n), total
    if side[S_IN_ROW]:
        for a in range(first):
            spiked[a] = live[a]
        for i in range(n):
            live[i] = i
        side[S_LIVE] = n
    else:
        for a in range(first):
            spiked[a] = a
        for a in range(others):
            live[first + a] = rest[a]


@inlined
def padded(n):
    """The next multiple of 32: loops over it need no second, slower loop for what vectors leave over."""
    return (n + 31) & -32


@inlined
def part_stride(n):
    """Entries between a part's values for one step and the next: a line may begin anywhere in it."""
    return padded(n) + 32


@kernel
def close_traces(rule_at, side_at, k):
    """The listed neurons' traces at every step of the epoch that ends, their spike times, and what is kept of both.

    S_HISTORY_AT: int32 (epoch + 2, traces, padded n): at the steps 0 to epoch, and at the neuron's own spike.
    Formulas: `arithmetic.decay_trace`, `.add_impulse`.
    """
    rule, side = wide(rule_at, R_SIDES), wide(side_at, S_COLUMNS)
    live, kinds, epoch, stride = side[S_LIVE], side[S_TRACES], rule[R_EPOCH], padded(side[S_N])
    n = padded(live)
    index, own, times_at = words(side[S_LIST_AT], live), words(side[S_OWN_AT], n), side[S_TIMES_AT]
    for a in range(live):
        time = words(times_at + index[a] * 4, 1)
        own[a], time[0] = time[0], 0
    for a in range(live, n):
        own[a] = 0
    decays, impulses = reals(side[S_DECAY_AT], kinds), wide(side[S_IMPULSE_AT], 2 * kinds)
    random, drawn = reals(side[S_DRAWN_DECAY_AT], k + 1)[k], wide(side[S_DRAWN_IMPULSE_AT], k + 1)[k]
    updates = np.int32(0)
    for v in range(kinds):
        decay, step_at, trace_at = decays[v], side[S_HISTORY_AT] + v * stride * 4, side[S_TRACES_AT] + v * side[S_N] * 4
        if decay == 0.0 and impulses[2 * v] == 0 and impulses[2 * v + 1] == 0:
            continue  # it is 0, and so is its history
        before, size = words(step_at, n), np.int32(impulses[2 * v] + (1 if drawn < impulses[2 * v + 1] else 0))
        for a in range(live):
            before[a] = words(trace_at + index[a] * 4, 1)[0]
        for a in range(live, n):
            before[a] = 0
        for a in range(n):
            updates = np.int32(updates + np.int32(before[a] != 0 or own[a] != 0))
        for step in range(1, epoch + 1):
            before, after = words(step_at, n), words(step_at + kinds * stride * 4, n)
            step_at += kinds * stride * 4
            for a in range(n):
                exact = decay * before[a]
                whole = np.int32(exact)
                whole = np.int32(whole - np.int32(whole > exact))
                value = np.int32(whole + np.int32(random < exact - whole))
                after[a] = _lifted(value, size) if own[a] == np.int32(step) else value
        if side[S_KEEPS]:
            after = words(step_at, live)
            for a in range(live):
                words(trace_at + index[a] * 4, 1)[0] = after[a]
        if epoch > 1:
            at_spike, first_at = words(step_at + kinds * stride * 4, live), side[S_HISTORY_AT]
            for a in range(live):
                at_spike[a] = words(first_at + ((own[a] * kinds + v) * stride + a) * 4, 1)[0]
    wide(rule[R_COUNTS_AT], 5)[L_TRACES] += updates


@inlined
def _lifted(value, size):
    """A trace after an impulse."""
    return min(max(np.int32(value + size), np.int32(0)), np.int32(127))
