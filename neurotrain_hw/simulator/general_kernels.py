"""Compiled LIF neurons of every kind and overflow, one by one: what `neuron_kernels` does not do in lanes."""

from __future__ import annotations

import numpy as np

from neurotrain_hw.simulator.modulator_kernels import close_step, modulate, perturb
from neurotrain_hw.simulator.tables import (
    BESIDE_NOISE,
    LIF_REFRACTORY,
    P_ACTIVE_AT,
    P_BESIDE,
    P_CURRENT_AT,
    P_EACH,
    P_KIND,
    P_MODULATED,
    P_N,
    P_PARAMETERS_AT,
    P_SENDING,
    P_STATE_AT,
    P_SUBTRACT,
    P_U_MODE,
    P_V_MODE,
    P_VALUE_AT,
    P_WIDTH,
    TERNARY_LIF,
    U_SATURATE,
    U_WRAP,
    V_WRAP,
)
from neurotrain_hw.simulator.views import inlined, kernel, table_row, words

V_LIMIT = 2**23


@kernel
def update_any_lif(population_at, first, last, t, closing):
    """Update neurons first..last at step t; returns twice how many were busy, and 1 more where anything changed.

    `closing`: instead, close the step of a population with a modulator.
    """
    row = table_row(population_at)
    if closing != 0:
        close_step(row)
        return 0
    busy, changed = _any_lif_block(row, first, last, t)
    return 2 * np.int64(busy) + (1 if changed else 0)


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
def _any_lif_block(row, first, last, t):
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
            if row[P_BESIDE] == BESIDE_NOISE:
                new_v = perturb(row, i, new_v, t)
            spike = 1 if new_v > p[3 * width + at] else 0
            if kind == TERNARY_LIF and new_v < p[4 * width + at]:
                spike -= 1
        if row[P_MODULATED]:
            modulate(row, i, new_v, np.int64(p[5 * width + at]), spike)
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
