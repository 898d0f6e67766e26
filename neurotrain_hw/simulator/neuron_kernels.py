"""Compiled LIF neurons: one update of a population, block by block, skipping blocks at rest.

A block of neurons rests where nothing arrived at its last update, which changed no state and sent nothing: until
something arrives, every further update would do the same, so it is skipped, and its counts go on. Formulas are in
`arithmetic.py`; the kernels are tested against them.
"""

from __future__ import annotations

import numpy as np

from neurotrain_hw.simulator.message_kernels import count_sent, forget_sent
from neurotrain_hw.simulator.other_kernels import other_block
from neurotrain_hw.simulator.tables import (
    BLOCK,
    INPUT,
    LIF_REFRACTORY,
    LIF_RESET,
    P_ACTIVE,
    P_ACTIVE_AT,
    P_ANY_TOUCH,
    P_COLUMNS,
    P_CURRENT_AT,
    P_DECAY,
    P_EACH,
    P_ERROR_AT,
    P_FEEDBACK,
    P_HALFWIDTH,
    P_IDLE,
    P_IMPULSE,
    P_KIND,
    P_MODULATED,
    P_N,
    P_PARAMETERS_AT,
    P_PERIOD,
    P_PHASE,
    P_PLAIN,
    P_PSI,
    P_REST_AT,
    P_RESTING,
    P_RESTING_ACTIVE,
    P_RESTLESS,
    P_SENDING,
    P_SIGNAL_AT,
    P_SIGNAL_SHIFT,
    P_STATE_AT,
    P_SUBTRACT,
    P_TARGET_AT,
    P_THIRD_AT,
    P_TOUCHED_AT,
    P_TRACE_SHIFT,
    P_U_MODE,
    P_V_MODE,
    P_VALUE_AT,
    P_WIDTH,
    P_Z_AT,
    TERNARY_LIF,
    U_SATURATE,
    U_WRAP,
    V_WRAP,
)
from neurotrain_hw.simulator.views import inlined, kernel, plain_bytes, wide, words

V_LIMIT = 2**23


@kernel
def update(population_at, scratch_at, t):
    """Update a population at step t: states, messages sent, counts. `scratch_at`: BLOCK bytes."""
    row = wide(population_at, P_COLUMNS)
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
        if row[P_PLAIN] == 1:
            busy, changed = _plain_block(row, first, last, scratch_at)
        elif row[P_PLAIN] == 2:
            busy, changed = _varied_block(row, first, last, scratch_at)
        elif row[P_KIND] <= TERNARY_LIF:
            busy, changed = _any_lif_block(row, first, last)
        else:
            busy, changed = other_block(row, first, last)
        touched[b] = 0
        rest[b] = -1 if changed or row[P_RESTLESS] else busy
        active += busy
    row[P_ANY_TOUCH] = 0
    count_sent(row)
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
    """LIF with Lava's overflows and one set of parameters, in a loop that vector units take.

    A state of 24 bits times a decay of 12 bits is exact in float64, and conversion to an integer cuts toward zero.
    """
    n, count = row[P_N], last - first
    us, vs = words(row[P_STATE_AT] + first * 4, count), words(row[P_STATE_AT] + (n + first) * 4, count)
    current, spikes = words(row[P_CURRENT_AT] + first * 4, count), plain_bytes(scratch_at, count)
    p = words(row[P_PARAMETERS_AT], 9)
    u_factor, v_factor = (4095 - p[0]) / 4096.0, (4096 - p[1]) / 4096.0
    bias, above, theta = p[2], p[3], p[5] if row[P_SUBTRACT] else np.int32(0)
    subtract, forgets = row[P_SUBTRACT] != 0, p[0] == 4095  # a current that keeps nothing need not be decayed
    busy = 0
    moved = np.int32(0)
    for i in range(count):
        u, v, a = us[i], vs[i], current[i]
        busy += (u | v | a | bias) != 0
        decayed = np.int32(0) if forgets else np.int32(np.float64(u) * u_factor)
        new_u = np.int32(decayed + np.int32(a << 6))
        if new_u > V_LIMIT:
            new_u = np.int32(new_u - 2 * V_LIMIT)
        elif new_u <= -V_LIMIT:
            new_u = np.int32(new_u + 2 * V_LIMIT)
        new_v = np.int32(np.int32(np.float64(v) * v_factor) + new_u + bias)
        new_v = min(max(new_v, np.int32(1 - V_LIMIT)), np.int32(V_LIMIT - 1))
        spike = new_v > above
        after = np.int32(new_v - theta) if subtract else np.int32(0)
        new_v = after if spike else new_v
        moved |= np.int32(new_u ^ u) | np.int32(new_v ^ v) | a | np.int32(spike)
        us[i], vs[i], spikes[i], current[i] = new_u, new_v, spike, 0
    _collect(row, first, count, scratch_at)
    return busy, moved != 0


@kernel
def _varied_block(row, first, last, scratch_at):
    """As `_plain_block`, with parameters of each neuron's own."""
    n, count = row[P_N], last - first
    us, vs = words(row[P_STATE_AT] + first * 4, count), words(row[P_STATE_AT] + (n + first) * 4, count)
    current, spikes = words(row[P_CURRENT_AT] + first * 4, count), plain_bytes(scratch_at, count)
    at = row[P_PARAMETERS_AT] + first * 4
    du, dv, biases = words(at, count), words(at + n * 4, count), words(at + 2 * n * 4, count)
    aboves, thetas = words(at + 3 * n * 4, count), words(at + 5 * n * 4, count)
    subtract = row[P_SUBTRACT] != 0
    busy = 0
    moved = np.int32(0)
    for i in range(count):
        u, v, a, bias = us[i], vs[i], current[i], biases[i]
        busy += (u | v | a | bias) != 0
        decayed = np.int32(np.float64(u) * (np.float64(np.int32(4095 - du[i])) * (1 / 4096)))
        new_u = np.int32(decayed + np.int32(a << 6))
        if new_u > V_LIMIT:
            new_u = np.int32(new_u - 2 * V_LIMIT)
        elif new_u <= -V_LIMIT:
            new_u = np.int32(new_u + 2 * V_LIMIT)
        decayed = np.int32(np.float64(v) * (np.float64(np.int32(4096 - dv[i])) * (1 / 4096)))
        new_v = np.int32(decayed + new_u + bias)
        new_v = min(max(new_v, np.int32(1 - V_LIMIT)), np.int32(V_LIMIT - 1))
        spike = new_v > aboves[i]
        after = np.int32(new_v - thetas[i]) if subtract else np.int32(0)
        new_v = after if spike else new_v
        moved |= np.int32(new_u ^ u) | np.int32(new_v ^ v) | a | np.int32(spike)
        us[i], vs[i], spikes[i], current[i] = new_u, new_v, spike, 0
    _collect(row, first, count, scratch_at)
    return busy, moved != 0


@kernel
def _collect(row, first, count, scratch_at):
    """List and count the neurons of a block that spike; `scratch_at`: a byte for each, 1 or 0.

    Eight that do not spike are passed over at once; where one does, all eight are written without a branch, which
    would often be guessed wrong.
    """
    n, sending = row[P_N], np.uint64(row[P_SENDING])
    active, spikes, eights = words(row[P_ACTIVE_AT], n), plain_bytes(scratch_at, count), wide(scratch_at, count // 8)
    for e in range(count // 8):
        if eights[e] != 0:
            for i in range(8 * e, 8 * e + 8):
                active[sending] = first + i
                sending += np.uint64(spikes[i])
    for i in range(count - count % 8, count):
        if spikes[i] != 0:
            active[sending] = first + i
            sending += np.uint64(1)
    row[P_SENDING] = np.int64(sending)


@inlined
def _toward_zero(x, bits):
    """`arithmetic.shift_toward_zero`."""
    return x >> bits if x >= 0 else -((-x) >> bits)


@inlined
def _current(u, a, du, mode):
    """`arithmetic.update_current`, with the chip's overflow."""
    u = np.int64(np.int32(_toward_zero(u * (4095 - du), 12) + np.int64(np.int32(np.int64(a) << 6))))
    if mode == U_SATURATE:
        return min(max(u, 1 - V_LIMIT), V_LIMIT - 1)
    if mode == U_WRAP:
        return ((u + V_LIMIT) & (2 * V_LIMIT - 1)) - V_LIMIT
    if u > V_LIMIT:
        return u - 2 * V_LIMIT
    return u + 2 * V_LIMIT if u <= -V_LIMIT else u


@inlined
def _voltage(v, u, bias, dv, mode):
    """`arithmetic.update_voltage`, with the chip's overflow."""
    v = np.int64(np.int32(_toward_zero(v * (4096 - dv), 12) + u + bias))
    if mode == V_WRAP:
        return ((v + V_LIMIT) & (2 * V_LIMIT - 1)) - V_LIMIT
    return min(max(v, 1 - V_LIMIT), V_LIMIT - 1)


@kernel
def _any_lif_block(row, first, last):
    """LIF of every kind, neuron by neuron: overflow modes, refractory, ternary, and with a modulator."""
    n, width, each, kind = row[P_N], row[P_WIDTH], row[P_EACH], row[P_KIND]
    state, p = words(row[P_STATE_AT], 3 * n), words(row[P_PARAMETERS_AT], 9 * width)
    current, active = words(row[P_CURRENT_AT], n), words(row[P_ACTIVE_AT], n)
    values, valued = words(row[P_VALUE_AT], n), row[P_VALUE_AT] != 0
    sending = row[P_SENDING]
    busy = moved = 0
    for i in range(first, last):
        at = i * each
        u, v, a, bias = np.int64(state[i]), np.int64(state[n + i]), current[i], np.int64(p[2 * width + at])
        waits = kind == LIF_REFRACTORY and state[2 * n + i] > 0
        busy += (u | v | a | bias) != 0 or waits
        new_u = _current(u, a, np.int64(p[at]), row[P_U_MODE])
        spike, new_v = 0, v
        if not waits:
            new_v = _voltage(v, new_u, bias, np.int64(p[width + at]), row[P_V_MODE])
            spike = 1 if new_v > p[3 * width + at] else 0
            if kind == TERNARY_LIF and new_v < p[4 * width + at]:
                spike -= 1
        if row[P_MODULATED]:
            _modulate(row, i, new_v, np.int64(p[5 * width + at]), spike)
        if spike != 0:
            new_v = new_v - p[5 * width + at] if row[P_SUBTRACT] else np.int64(0)
            active[sending] = i
            if valued:
                values[sending] = spike
            sending += 1
        if waits:
            state[2 * n + i] -= 1
        elif kind == LIF_REFRACTORY and spike != 0:
            state[2 * n + i] = p[8 * width + at]
        moved |= (new_u ^ u) | (new_v ^ v) | a | spike | waits
        state[i], state[n + i], current[i] = new_u, new_v, 0
    row[P_SENDING] = sending
    return busy, moved != 0


@kernel
def _modulate(row, i, v, theta, spike):
    """The third factor of neuron i, as `program.Modulator` defines it."""
    n = row[P_N]
    third, signal = words(row[P_THIRD_AT], n), words(row[P_SIGNAL_AT], n)
    psi = 0 if row[P_PSI] == 1 and abs(v - theta) > row[P_HALFWIDTH] else 1
    if row[P_FEEDBACK]:
        third[i] = psi * min(max(_toward_zero(np.int64(signal[i]), row[P_SIGNAL_SHIFT]), -127), 127)
        signal[i] = 0
        return
    z, error, target = words(row[P_Z_AT], n), words(row[P_ERROR_AT], n), words(row[P_TARGET_AT], n)
    filtered = _toward_zero(np.int64(z[i]) * (4096 - row[P_DECAY]), 12) + spike * row[P_IMPULSE]
    z[i] = min(filtered, V_LIMIT - 1)
    error[i] = min(max(np.int64(target[i]) - (np.int64(z[i]) >> row[P_TRACE_SHIFT]), -127), 127)
    third[i] = psi * error[i]
