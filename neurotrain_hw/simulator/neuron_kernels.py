"""Compiled LIF neurons: one update of a population, block by block, skipping blocks at rest.

A block of neurons rests where nothing arrived at its last update, which changed no state and sent nothing: until
something arrives, every further update would do the same, so it is skipped, and its counts go on. Formulas are in
`arithmetic.py`; the kernels are tested against them.
"""

from __future__ import annotations

import numpy as np

from neurotrain_hw.simulator.lanes import (
    NEURONS,
    choose,
    count_bits,
    decay,
    differ,
    every,
    load,
    load_some,
    lowest_bit,
    mask_bits,
    store,
    store_some,
)
from neurotrain_hw.simulator.message_kernels import count_sent, forget_sent
from neurotrain_hw.simulator.tables import (
    BLOCK,
    INPUT,
    LIF_RESET,
    P_ACTIVE,
    P_ACTIVE_AT,
    P_ANY_TOUCH,
    P_CURRENT_AT,
    P_EACH,
    P_IDLE,
    P_KIND,
    P_MODULATED,
    P_N,
    P_PARAMETERS_AT,
    P_PART_AT,
    P_PERIOD,
    P_PHASE,
    P_PLAIN,
    P_REST_AT,
    P_RESTING,
    P_RESTING_ACTIVE,
    P_RESTLESS,
    P_SENDING,
    P_STATE_AT,
    P_SUBTRACT,
    P_TOUCHED_AT,
    P_WIDTH,
    P_Z_AT,
)
from neurotrain_hw.simulator.views import call, halves, kernel, plain_bytes, table_row, wide, words

V_LIMIT = 2**23


@kernel
def update(population_at, scratch_at, t):
    """Update a population at step t: states, messages sent, counts. `scratch_at`: BLOCK bytes."""
    row = table_row(population_at)
    if row[P_KIND] == INPUT:
        return
    n = row[P_N]
    blocks = (n + BLOCK - 1) // BLOCK
    forget_sent(row)
    if row[P_KIND] == LIF_RESET:
        _reset_on_time(row, blocks, t)
    row[P_SENDING] = 0
    if row[P_RESTING] == blocks and row[P_ANY_TOUCH] == 0:
        row[P_ACTIVE] += row[P_RESTING_ACTIVE]
        row[P_IDLE] += n - row[P_RESTING_ACTIVE]
        return
    touched, rest = plain_bytes(row[P_TOUCHED_AT], blocks), words(row[P_REST_AT], blocks)
    active = resting = resting_active = 0
    for b in range(blocks):
        if rest[b] >= 0 and touched[b] == 0:
            resting += 1
            resting_active += rest[b]
            continue
        first, last = b * BLOCK, min((b + 1) * BLOCK, n)
        if row[P_PLAIN]:
            busy, changed = _plain_block(row, first, last, scratch_at)
        else:
            found = call(row[P_PART_AT], population_at, first, last, t, 0)
            busy, changed = found >> 1, found & 1 != 0
        touched[b] = 0
        rest[b] = -1 if changed or row[P_RESTLESS] else busy
        active += busy
    row[P_ANY_TOUCH] = 0
    count_sent(row)
    if row[P_MODULATED]:
        call(row[P_PART_AT], population_at, 0, n, t, 1)
    # blocks that have just come to rest are counted among the resting ones from the next step on
    row[P_ACTIVE] += active + resting_active
    row[P_IDLE] += n - active - resting_active
    resting = resting_active = 0
    for b in range(blocks):
        if rest[b] >= 0:
            resting += 1
            resting_active += rest[b]
    row[P_RESTING], row[P_RESTING_ACTIVE] = resting, resting_active


@kernel
def _reset_on_time(row, blocks, t):
    """Set u and v, and z of a modulator, to 0 in the steps that are the reset's."""
    n, width, each = row[P_N], row[P_WIDTH], row[P_EACH]
    if row[P_PERIOD] > 0 and t % row[P_PERIOD] != row[P_PHASE]:
        return
    state, modulated = words(row[P_STATE_AT], 2 * n), row[P_MODULATED] != 0
    z = words(row[P_Z_AT], n)
    parameters, rest = words(row[P_PARAMETERS_AT], 9 * width), words(row[P_REST_AT], blocks)
    for i in range(n):
        if row[P_PERIOD] > 0 or t % parameters[6 * width + i * each] == parameters[7 * width + i * each]:
            state[i] = 0
            state[n + i] = 0
            if modulated:
                z[i] = 0
    for b in range(blocks):
        rest[b] = -1
    row[P_RESTING] = 0


@kernel
def _plain_block(row, first, last, scratch_at):
    """LIF with Lava's overflows, 16 neurons at a time; `scratch_at`: 16 bytes, a bit for each neuron that spikes."""
    n, step = row[P_N], 4 * row[P_EACH]
    u_at = row[P_STATE_AT] + first * 4
    v_at, current_at = u_at + n * 4, row[P_CURRENT_AT] + first * 4
    row_of = row[P_WIDTH] * 4  # bytes of a row of parameters; where all neurons are alike, 16 times the same
    at = row[P_PARAMETERS_AT] + first * step
    zero, largest = every(0), every(V_LIMIT - 1)
    smallest, turn = zero - largest, every(2 * V_LIMIT)
    spikes, found = halves(scratch_at, 8), wide(scratch_at, 2)
    found[0] = found[1] = 0
    busy = moved = 0
    count = last - first
    for i in range(0, count, NEURONS):
        left = count - i
        if left >= NEURONS:
            u, v, a = load(u_at + i * 4), load(v_at + i * 4), load(current_at + i * 4)
        else:
            u, v, a = (
                load_some(u_at + i * 4, left), load_some(v_at + i * 4, left), load_some(current_at + i * 4, left)
            )  # fmt: skip
        if left >= NEURONS or step == 0:
            p = at + i * step
            du, dv, bias = load(p), load(p + row_of), load(p + 2 * row_of)
            above, theta = load(p + 3 * row_of), load(p + 5 * row_of)
        else:
            p = at + i * step
            du, dv, bias = load_some(p, left), load_some(p + row_of, left), load_some(p + 2 * row_of, left)
            above, theta = load_some(p + 3 * row_of, left), load_some(p + 5 * row_of, left)
        new_u = decay(u, every(4095) - du) + (a << 6)
        over, under = new_u > every(V_LIMIT), every(1 - V_LIMIT) > new_u
        new_u = choose(over, new_u - turn, choose(under, new_u + turn, new_u))
        new_v = decay(v, every(4096) - dv) + new_u + bias
        new_v = choose(new_v > largest, largest, choose(smallest > new_v, smallest, new_v))
        spike = new_v > above
        after = new_v - theta if row[P_SUBTRACT] != 0 else zero
        new_v = choose(spike, after, new_v)
        inside = (1 << min(left, NEURONS)) - 1
        spiking = mask_bits(spike) & inside
        spikes[np.uint64(i) // np.uint64(NEURONS)] = spiking
        busy += count_bits(mask_bits(differ(u | v | a | bias, zero)) & inside)
        moved |= spiking | mask_bits(differ((new_u ^ u) | (new_v ^ v) | a, zero)) & inside
        if left >= NEURONS:
            store(u_at + i * 4, new_u)
            store(v_at + i * 4, new_v)
            store(current_at + i * 4, zero)
        else:
            store_some(u_at + i * 4, new_u, left)
            store_some(v_at + i * 4, new_v, left)
            store_some(current_at + i * 4, zero, left)
    sending = row[P_SENDING]
    active = words(row[P_ACTIVE_AT] + sending * 4, count)
    sent = np.uint64(0)
    for half in range(2):
        word, start = found[np.uint64(half)], first + 64 * half
        while word != 0:
            active[sent] = start + lowest_bit(word)
            sent += np.uint64(1)
            word &= word - 1
    row[P_SENDING] = sending + np.int64(sent)
    return busy, moved != 0
