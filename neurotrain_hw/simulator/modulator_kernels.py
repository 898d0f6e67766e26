"""Compiled learning signals: the third factor of a neuron, the noise that perturbs it, weights that are read backward.

Formulas are those of `program.Modulator`; the tests hold them against a literal transcription.
"""

from __future__ import annotations

import numpy as np

from neurotrain_hw.simulator.tables import (
    BESIDE_NOISE,
    BESIDE_NOTHING,
    BESIDE_PSI_ALONE,
    BESIDE_TRACE,
    C_ERROR,
    C_GRADED,
    C_N_POST,
    C_ROW,
    C_SIGNED,
    C_WEIGHTS_AT,
    ERROR,
    FEEDBACK,
    GOODNESS,
    P_ACTIVE_AT,
    P_BESIDE,
    P_BESIDE_AT,
    P_BESIDE_SHIFT,
    P_BOUNDS,
    P_BOUNDS_AT,
    P_DECAY,
    P_ERROR_AT,
    P_ERROR_STEP,
    P_FILTERS,
    P_GOODNESS_AT,
    P_GOODNESS_LEVEL,
    P_GOODNESS_SHIFT,
    P_HALFWIDTH,
    P_IMPULSE,
    P_MEMBRANE,
    P_N,
    P_NOISE_EXP,
    P_NOISE_SEED,
    P_PSI,
    P_SIGN_SENT,
    P_SIGNAL,
    P_SIGNAL_AT,
    P_SIGNAL_SHIFT,
    P_TARGET_AT,
    P_THIRD_AT,
    P_THIRDS,
    P_TRACE_SHIFT,
    P_VALUE_AT,
    P_Z_AT,
    PSI_BOX,
    PSI_NONE,
    PSI_TRIANGLE,
    REWARD,
)
from neurotrain_hw.simulator.views import inlined, kernel, wide, words

V_LIMIT = 2**23
_GOLDEN, _MIX_1, _MIX_2 = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


@inlined
def modulate(row, i, v, theta, spike):
    """The third factor of neuron i, what travels beside it, and the error that it sends."""
    n, beside = row[P_N], row[P_BESIDE]
    third = words(row[P_THIRD_AT], n)
    h = np.int64(0)
    if row[P_FILTERS]:
        z = words(row[P_Z_AT], n)
        z[i] = min(_toward_zero(np.int64(z[i]) * (4096 - row[P_DECAY]), 12) + spike * row[P_IMPULSE], V_LIMIT - 1)
        h = np.int64(z[i]) >> row[P_TRACE_SHIFT]
    learned = _signal(row, i, v, h)
    if learned == 0 and beside == BESIDE_NOTHING:  # nobody sees psi
        third[i] = 0
        return
    psi = _psi(row, v - theta)
    weight = np.int64(1) if beside == BESIDE_PSI_ALONE else psi
    m = _clip127(_toward_zero(weight * learned, row[P_SIGNAL_SHIFT]))
    third[i] = m
    row[P_THIRDS] += m != 0
    if beside != BESIDE_NOTHING and beside != BESIDE_NOISE:  # noise is there already
        words(row[P_BESIDE_AT], n)[i] = min(h if beside == BESIDE_TRACE else psi << row[P_BESIDE_SHIFT], np.int64(127))


@kernel
def perturb(row, i, v, t):
    """The membrane with this step's noise added, which is kept as what travels beside the third factor."""
    n = row[P_N]
    z = np.uint64(row[P_NOISE_SEED]) + np.uint64((t - 1) * n + i + 1) * _GOLDEN
    z = (z ^ (z >> np.uint64(30))) * _MIX_1
    z = (z ^ (z >> np.uint64(27))) * _MIX_2
    z ^= z >> np.uint64(31)
    noise = np.int64(z % np.uint64(127)) - 63
    words(row[P_BESIDE_AT], n)[i] = 64 + noise
    return min(max(v + (noise << row[P_NOISE_EXP]), 1 - V_LIMIT), V_LIMIT - 1)


@kernel
def close_step(row):
    """The population's goodness of this step becomes that of the step before."""
    if row[P_SIGNAL] == GOODNESS:
        sums = wide(row[P_GOODNESS_AT], 2)
        sums[0], sums[1] = min(sums[1], np.int64(2**31 - 1)), 0


@kernel
def add_columns(row, pre, into_at, plastic_at, sending):
    """Values through weights that another connection learns, int32 with a row for each of this one's post neurons."""
    n, stride, signs, from_error = row[C_N_POST], row[C_ROW], row[C_SIGNED] != 0, row[C_ERROR] != 0
    into, base = words(into_at, n), plastic_at + row[C_WEIGHTS_AT] * 4
    active, graded = words(pre[P_ACTIVE_AT], sending), row[C_GRADED] != 0
    valued = from_error or pre[P_VALUE_AT] != 0
    values = words(pre[P_ERROR_AT] if from_error else pre[P_VALUE_AT], sending)
    events = 0
    for a in range(sending):
        value = values[a] if valued else np.int32(1)
        if value == 0:
            continue
        if not graded:
            value = np.int32(1)
        k = np.int64(a) if from_error else np.int64(active[a])
        events += n
        for j in range(n):
            weight = words(base + (j * stride + k) * 4, 1)[0]
            if signs:
                weight = np.int32(np.int32(weight > 0) - np.int32(weight < 0))
            into[j] = np.int32(into[j] + weight * value)
    return events


@inlined
def _toward_zero(x, bits):
    """`arithmetic.shift_toward_zero`."""
    return x >> bits if x >= 0 else -((-x) >> bits)


@inlined
def _clip127(x):
    return min(max(x, np.int64(-127)), np.int64(127))


@inlined
def _psi(row, x):
    """The pseudo-derivative at a distance x from the threshold."""
    kind, halfwidth, bounds = row[P_PSI], row[P_HALFWIDTH], row[P_BOUNDS]
    if kind == PSI_NONE:
        return np.int64(1)
    if kind == PSI_BOX:
        return np.int64(abs(x) <= halfwidth)
    if kind == PSI_TRIANGLE:  # k * halfwidth >> 5 <= |x| where k * halfwidth < (|x| + 1) << 5
        return 31 - min((((abs(x) + 1) << 5) - 1) // halfwidth, np.int64(31))
    table, k = words(row[P_BOUNDS_AT], 2 * bounds + 1), np.int64(0)
    while k < bounds and table[k] <= x:
        k += 1
    return np.int64(table[bounds + k])


@inlined
def _signal(row, i, v, h):
    """The learning signal L of neuron i."""
    n, kind = row[P_N], row[P_SIGNAL]
    if kind == FEEDBACK:
        signal = words(row[P_SIGNAL_AT], n)
        fed = np.int64(signal[i])
        signal[i] = 0
        return fed
    target = words(row[P_TARGET_AT], n)
    if kind == REWARD:
        return _clip127(np.int64(target[0]))
    if kind == ERROR:
        error, step = words(row[P_ERROR_AT], n), row[P_ERROR_STEP]
        e = _clip127(np.int64(target[i]) - (v >> row[P_TRACE_SHIFT] if row[P_MEMBRANE] else h))
        e = e // step if e >= 0 else -(-e // step)
        error[i] = np.sign(e) if row[P_SIGN_SENT] else e
        return e
    sums, near = wide(row[P_GOODNESS_AT], 2), min(h, np.int64(127))
    sums[1] += near * near
    phase = np.int64(np.sign(target[0]))
    q = min(max(64 - phase * ((sums[0] >> row[P_GOODNESS_SHIFT]) - row[P_GOODNESS_LEVEL]), np.int64(0)), np.int64(127))
    return phase * ((q * near) >> 7)
