"""Compiled convolutions, without unrolling them."""

from __future__ import annotations

import numpy as np

from neurotrain_hw.simulator.tables import (
    BLOCK,
    C_GEOMETRY_AT,
    C_GRADED,
    C_N_POST,
    C_WEIGHTS_AT,
    G_C,
    G_CO,
    G_GROUPS,
    G_KX,
    G_KY,
    G_REACH_X_AT,
    G_REACH_Y_AT,
    G_X,
    G_Y,
    P_ACTIVE_AT,
    P_VALUE_AT,
)
from neurotrain_hw.simulator.views import kernel, plain_bytes, table_row, words


@kernel
def convolve(row, pre, into_at, marks_at, sending):
    """Messages through a convolution (`synapses.Convolution`), without unrolling it.

    The kernel is kept as (k_x, k_y, C_in, C_out / groups), flipped already, so that every tap adds a row.
    """
    g = table_row(row[C_GEOMETRY_AT])
    n, graded = row[C_N_POST], row[C_GRADED] != 0
    marks = plain_bytes(marks_at, (n + BLOCK - 1) // BLOCK)
    active, valued = words(pre[P_ACTIVE_AT], sending), pre[P_VALUE_AT] != 0
    values = words(pre[P_VALUE_AT], sending)
    out_group, in_group = g[G_CO] // g[G_GROUPS], g[G_C] // g[G_GROUPS]
    reach_x, reach_y = words(g[G_REACH_X_AT], g[G_X] * g[G_KX]), words(g[G_REACH_Y_AT], g[G_Y] * g[G_KY])
    events = 0
    for a in range(sending):
        value = values[a] if valued and graded else np.int32(1)
        j = np.int64(active[a])
        c, place = j % g[G_C], j // g[G_C]
        y, x = place % g[G_Y], place // g[G_Y]
        channel = (c // in_group) * out_group if in_group < g[G_C] else 0
        for i in range(g[G_KX]):
            ox = reach_x[x * g[G_KX] + i]
            if ox < 0:
                continue
            for k in range(g[G_KY]):
                oy = reach_y[y * g[G_KY] + k]
                if oy < 0:
                    continue
                start = np.int64(ox) + np.int64(oy) + channel
                tap = words(row[C_WEIGHTS_AT] + (((i * g[G_KY] + k) * g[G_C] + c) * out_group) * 4, out_group)
                part = words(into_at + start * 4, out_group)
                for o in range(out_group):
                    part[o] = np.int32(part[o] + tap[o] * value)
                for b in range(start // BLOCK, (start + out_group - 1) // BLOCK + 1):
                    marks[b] = 1
                events += out_group
    return events
