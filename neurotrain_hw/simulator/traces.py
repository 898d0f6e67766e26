"""Traces of the learning engine: spike times within an epoch, impulses, decay, and the third factors that arrive.

Compiled; exact against Lava's `LearningConnectionModelBitApproximate` (`magma/core/model/py/connection.py`).
"""

from __future__ import annotations

import math

import numpy as np

from neurotrain_hw.simulator.rule_tables import R_EPOCH, R_POST_N, R_PRE_N, R_THIRD, R_TX, R_TY, R_X, R_Y
from neurotrain_hw.simulator.tables import P_ACTIVE_AT, P_COLUMNS, P_MODULATED, P_SENDING, P_THIRD_AT
from neurotrain_hw.simulator.views import inlined, kernel, wide, words

L_PROPOSED, L_APPLIED, L_ROUNDED, L_SATURATED, L_TRACES = range(5)
"""Columns of `Counts.learning`, the counters of a learning connection."""


@kernel
def see_spikes(tables, r, plastic, pre_at, post_at, recorded, t, k, numbers):
    """Note this step's spikes: times within the epoch, impulses of repeated spikes; take the third factors."""
    rule, impulse = tables.rules[r], tables.impulse
    n_pre, n_post, epoch = rule[R_PRE_N], rule[R_POST_N], rule[R_EPOCH]
    now = (t - 1) % epoch + 1
    xs, ys, txs, tys = plastic.x, plastic.y, plastic.tx, plastic.ty
    x, y, tx, ty = rule[R_X], rule[R_Y], rule[R_TX], rule[R_TY]
    pre, post = wide(pre_at, P_COLUMNS), wide(post_at, P_COLUMNS)
    spiking = words(pre[P_ACTIVE_AT], pre[P_SENDING])
    for a in range(pre[P_SENDING]):
        j = spiking[a]
        if txs[tx + j] > 0:
            for v in range(2):
                at = x + v * n_pre + j
                xs[at] = _impulse(xs[at], impulse[r, v, 0], impulse[r, v, 1], 0)
        txs[tx + j] = now
    early = numbers.y_impulse_early[r, k]
    spiking = words(post[P_ACTIVE_AT], post[P_SENDING])
    for a in range(post[P_SENDING]):
        i = spiking[a]
        if tys[ty + i] > 0:
            for v in range(3):
                at = y + v * n_post + i
                ys[at] = _impulse(ys[at], impulse[r, 2 + v, 0], impulse[r, 2 + v, 1], early)
        tys[ty + i] = now
    if rule[R_THIRD]:
        third, modulated = words(post[P_THIRD_AT], n_post), post[P_MODULATED] != 0
        given = k < recorded.shape[2]
        for i in range(n_post):
            for v in range(3):
                value = recorded[r, v, k, i] if given and not modulated else np.int32(0)
                if modulated and v < 2:
                    value = max(third[i] if v == 0 else -third[i], np.int32(0))
                ys[y + v * n_post + i] = value


@kernel
def history(traces, times, decay, impulse, epoch, random_decay, random_impulse, counts):
    """Traces at every step of the epoch, int32 (epoch + 1, traces, n): `arithmetic.decay_trace`, `.add_impulse`."""
    kinds, n = decay.size, times.size
    out = np.zeros((epoch + 1, kinds, n), np.int32)
    for v in range(kinds):
        used = decay[v] != 0.0 or impulse[v, 0] != 0 or impulse[v, 1] != 0
        for i in range(n):
            value = traces[v * n + i]
            out[0, v, i] = value
            if value == 0 and times[i] == 0:
                continue
            if used:
                counts[L_TRACES] += 1
            for step in range(1, epoch + 1):
                z = decay[v] * value
                whole = math.floor(z)
                value = np.int64(whole) + (1 if random_decay < z - whole else 0)
                if times[i] == step:
                    value = _impulse(value, impulse[v, 0], impulse[v, 1], random_impulse)
                out[step, v, i] = value
    return out


@inlined
def _impulse(value, whole, fraction, random):
    """`arithmetic.add_impulse`."""
    return min(max(value + whole + (1 if random < fraction else 0), 0), 127)
