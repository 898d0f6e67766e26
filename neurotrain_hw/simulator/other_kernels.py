"""Compiled neurons other than LIF: adaptive threshold, sigma and delta coders, resonators.

Formulas: Lava 0.10.0, `proc/atrlif`, `proc/sdn`, `proc/rf`, `proc/rf_iz`, `proc/resfire`; as functions in
`arithmetic.py`, against which these kernels are tested.
"""

from __future__ import annotations

import numpy as np

from neurotrain_hw.simulator.tables import (
    ATRLIF,
    DELTA,
    P_ACTIVE_AT,
    P_CURRENT_AT,
    P_EACH,
    P_IMAG_AT,
    P_KIND,
    P_N,
    P_PARAMETERS_AT,
    P_SENDING,
    P_STATE_AT,
    P_VALUE_AT,
    P_WIDTH,
    RF,
    RF_IZ,
    SIGMA,
    SIGMA_DELTA,
)
from neurotrain_hw.simulator.views import inlined, kernel, words

V_LIMIT = 2**23


@kernel
def other_block(row, first, last):
    """Update neurons first..last of a population; returns how many were busy, and whether anything changed."""
    n, kind, sending = row[P_N], row[P_KIND], row[P_SENDING]
    current, imag, with_imag = words(row[P_CURRENT_AT], n), words(row[P_IMAG_AT], n), row[P_IMAG_AT] != 0
    active, values, valued = words(row[P_ACTIVE_AT], n), words(row[P_VALUE_AT], n), row[P_VALUE_AT] != 0
    busy = moved = 0
    for i in range(first, last):
        a, b = current[i], imag[i] if with_imag else np.int32(0)
        if kind == ATRLIF:
            value, works, changed = _atrlif(row, i, a)
        elif kind == SIGMA:
            state = words(row[P_STATE_AT], n)
            works, changed = state[i] != 0, a != 0
            state[i] = value = np.int32(state[i] + a)
        elif kind in (DELTA, SIGMA_DELTA):
            value, works, changed = _delta(row, i, a)
        elif kind in (RF, RF_IZ):
            value, works, changed = _resonate(row, i, a, b)
        else:
            value, works, changed = _resonate_graded(row, i, a, b)
        busy += works or a != 0 or b != 0
        moved |= changed or a != 0 or b != 0 or value != 0
        current[i] = 0
        if with_imag:
            imag[i] = 0
        if value != 0:
            active[sending] = i
            if valued:
                values[sending] = value
            sending += 1
    row[P_SENDING] = sending
    return busy, moved != 0


@inlined
def _toward_zero(x, bits):
    """`arithmetic.shift_toward_zero`."""
    return x >> bits if x >= 0 else -((-x) >> bits)


@kernel
def _atrlif(row, i, a):
    """LIF with an adaptive threshold and a refractory state; v is not reset."""
    n, width, at = row[P_N], row[P_WIDTH], i * row[P_EACH]
    state, p = words(row[P_STATE_AT], 4 * n), words(row[P_PARAMETERS_AT], 7 * width)
    u, v, theta, r = np.int64(state[i]), np.int64(state[n + i]), np.int64(state[2 * n + i]), np.int64(state[3 * n + i])
    bias, theta_0 = np.int64(p[2 * width + at]), np.int64(p[5 * width + at])
    works = (u | v | r | bias | (theta - theta_0)) != 0
    new_u = np.int64(np.int32(_toward_zero(u * (4095 - p[at]), 12) + np.int64(np.int32(np.int64(a) << 6))))
    if new_u > V_LIMIT:
        new_u -= 2 * V_LIMIT
    elif new_u <= -V_LIMIT:
        new_u += 2 * V_LIMIT
    new_v = np.int64(np.int32(_toward_zero(v * (4096 - p[width + at]), 12) + new_u + bias))
    new_v = min(max(new_v, 1 - V_LIMIT), V_LIMIT - 1)
    gap = np.int64(np.int32(theta - theta_0))
    new_theta = np.int64(np.int32(_toward_zero(gap * (4096 - p[3 * width + at]), 12) + theta_0))
    new_r = _toward_zero(r * (4096 - p[4 * width + at]), 12)
    spike = np.int64(np.int32(new_v - new_r)) >= new_theta
    if spike:
        new_r = np.int64(np.int32(new_r + 2 * new_theta))
        new_theta = np.int64(np.int32(new_theta + p[6 * width + at]))
    changed = ((new_u ^ u) | (new_v ^ v) | (new_theta ^ theta) | (new_r ^ r)) != 0
    state[i], state[n + i], state[2 * n + i], state[3 * n + i] = new_u, new_v, new_theta, new_r
    return np.int32(spike), works, changed


@kernel
def _delta(row, i, a):
    """Sends what changed since the last step, with what was kept back, where it reaches the threshold."""
    n, width, at = row[P_N], row[P_WIDTH], i * row[P_EACH]
    sums = 1 if row[P_KIND] == SIGMA_DELTA else 0
    state, p = words(row[P_STATE_AT], (3 + sums) * n), words(row[P_PARAMETERS_AT], 6 * width)
    act, residue, error = state[sums * n + i], state[(sums + 1) * n + i], state[(sums + 2) * n + i]
    bias, cumulative = p[width + at], p[4 * width + at] != 0
    works = (act | residue | error | bias) != 0
    if sums:
        works = works or state[i] != 0
        state[i] = np.int32(state[i] + a)
        new = np.int32(state[i] + bias)
        if p[5 * width + at] != 0:
            new = max(new, np.int32(0))
    else:
        left = np.int64(p[2 * width + at]) + p[3 * width + at]
        new = np.int32(np.int64(a) << left) if left < 32 else np.int32(0)
    change = np.int32(np.int32(new - act) + residue)
    new_error = np.int32(error + change) if cumulative else error
    # as NumPy has it, the absolute value of -2^31 is itself
    height = np.int32(abs(np.int64(new_error if cumulative else change)))
    out = change if height >= p[at] else np.int32(0)
    if cumulative and np.int32(abs(np.int64(out))) > 0:
        new_error = np.int32(0)
    kept = np.int32(change - out)
    changed = ((new ^ act) | (kept ^ residue) | (new_error ^ error)) != 0
    state[sums * n + i], state[(sums + 1) * n + i], state[(sums + 2) * n + i] = new, kept, new_error
    return np.int32(out >> p[3 * width + at]), works, changed


@kernel
def _resonate(row, i, a, b):
    """A rotation by (cos, sin) in fixed point, saturating in 24 bits."""
    n, width, at = row[P_N], row[P_WIDTH], i * row[P_EACH]
    state, p = words(row[P_STATE_AT], 2 * n), words(row[P_PARAMETERS_AT], 5 * width)
    real, imag = np.int64(state[i]), np.int64(state[n + i])
    sin, cos, bits = np.int64(p[at]), np.int64(p[width + at]), np.int64(p[2 * width + at])
    left, threshold = np.int64(p[3 * width + at]), np.int64(p[4 * width + at])
    new_real = _toward_zero(cos * real, bits) - _toward_zero(sin * imag, bits) + np.int32(np.int64(a) << left)
    new_imag = _toward_zero(sin * real, bits) + _toward_zero(cos * imag, bits) + np.int32(np.int64(b) << left)
    new_real = min(max(new_real, 1 - V_LIMIT), V_LIMIT - 1)
    new_imag = min(max(new_imag, 1 - V_LIMIT), V_LIMIT - 1)
    if row[P_KIND] == RF:
        spike = new_real >= threshold and new_imag >= 0 and imag < 0
    else:
        spike = new_imag >= threshold
        if spike:
            new_real, new_imag = np.int64(0), np.int64(np.int32(threshold - 1))
    changed = ((new_real ^ real) | (new_imag ^ imag)) != 0
    state[i], state[n + i] = new_real, new_imag
    return np.int32(spike), (real | imag) != 0, changed


@kernel
def _resonate_graded(row, i, a, b):
    """Lava's RFZero: floor divisions by 2^15, int32 products that wrap; sends u where v passes 0 upwards."""
    n, width, at = row[P_N], row[P_WIDTH], i * row[P_EACH]
    state, p = words(row[P_STATE_AT], 2 * n), words(row[P_PARAMETERS_AT], 3 * width)
    u, v, sin, cos = state[i], state[n + i], p[width + at], p[2 * width + at]
    new_u = np.int32((np.int32(u * cos) >> 15) - (np.int32(v * sin) >> 15) + a)
    new_v = np.int32((np.int32(v * cos) >> 15) + (np.int32(u * sin) >> 15) + b)
    value = new_u if new_u > p[at] and new_v >= 0 and v < 0 else np.int32(0)
    changed = ((new_u ^ u) | (new_v ^ v)) != 0
    state[i], state[n + i] = new_u, new_v
    return value, (u | v) != 0, changed
