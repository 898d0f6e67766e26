"""Compiled loops over plain neurons: their steps, their pseudo-derivatives, and the way back in time.

Numbers that enter are of the arrays' own type, so that nothing is computed in another one: as torch does it.
"""

from __future__ import annotations

from numba import njit

compiled = njit(cache=True, nogil=True, error_model="numpy")
ZERO, SUBTRACT, NONE = range(3)
"""Resets."""
FAST, ATAN, TRIANGLE, BOX = range(4)
"""Pseudo-derivatives of u = v - threshold: scale / (1 + k*|u|)^2, scale / (1 + (k*u)^2), max(0, scale - k*|u|), and
scale where k*|u| <= 1."""


@compiled
def step(current, last_v, last_fired, beta, threshold, one, reset, v, fired):
    """Membranes and spikes (M,) a step after `last_v` and `last_fired`; `v` may be `current`."""
    zero = one - one
    if reset == ZERO:
        for j in range(v.shape[0]):
            v[j] = (beta * last_v[j]) * (one - last_fired[j]) + current[j]
    elif reset == SUBTRACT:
        for j in range(v.shape[0]):
            v[j] = (beta * last_v[j] - threshold * last_fired[j]) + current[j]
    else:
        for j in range(v.shape[0]):
            v[j] = beta * last_v[j] + current[j]
    for j in range(v.shape[0]):
        fired[j] = one if v[j] > threshold else zero


@compiled
def steps(current, last_v, last_fired, beta, threshold, one, reset, v, fired):
    """The same for so many steps, (T, M)."""
    for t in range(v.shape[0]):
        before_v, before_fired = (v[t - 1], fired[t - 1]) if t else (last_v, last_fired)
        step(current[t], before_v, before_fired, beta, threshold, one, reset, v[t], fired[t])


@compiled
def psi(kind, scale, k, one, threshold, v, out):
    """The pseudo-derivative at membranes (M,)."""
    zero = one - one
    if kind == FAST:
        for j in range(v.shape[0]):
            under = one + k * abs(v[j] - threshold)
            out[j] = scale / (under * under)
    elif kind == ATAN:
        for j in range(v.shape[0]):
            u = k * (v[j] - threshold)
            out[j] = scale / (one + u * u)
    elif kind == TRIANGLE:
        for j in range(v.shape[0]):
            out[j] = max(scale - k * abs(v[j] - threshold), zero)
    else:
        for j in range(v.shape[0]):
            out[j] = scale if k * abs(v[j] - threshold) <= one else zero


@compiled
def back(v, fired, by_fired, kind, scale, k, one, beta, threshold, gate, by_v, by_one, room, d):
    """From d (T, M) = dloss/dv of this step alone to that of all steps, in place.

    Adds psi * by_fired, where by_fired has steps, and J * d[t + 1] with
    J = beta * (1 - gate * s) - (by_v * v + by_one) * psi.
    `room` (M,) is written to.
    """
    steps = d.shape[0]
    for t in range(steps - 1, -1, -1):
        psi(kind, scale, k, one, threshold, v[t], room)
        if by_fired.shape[0]:
            for j in range(d.shape[1]):
                d[t, j] += room[j] * by_fired[t, j]
        if t + 1 < steps:
            for j in range(d.shape[1]):
                kept = beta * (one - gate * fired[t, j]) - (by_v * v[t, j] + by_one) * room[j]
                d[t, j] += kept * d[t + 1, j]
