"""Compiled synapses: what is due arrives; spikes add to what is due at later steps.

Work follows events: a silent pre neuron costs nothing, and blocks of post neurons that nothing reaches are not
touched.
"""

from __future__ import annotations

import numpy as np

from neurotrain_hw.simulator.dense_kernels import add_rows
from neurotrain_hw.simulator.scaling_kernel import scaled
from neurotrain_hw.simulator.tables import (
    BLOCK,
    C_BUFFER_AT,
    C_DEPTH,
    C_EVENTS,
    C_EXP,
    C_FORMAT,
    C_LATE,
    C_MARKS_AT,
    C_N_POST,
    C_NEGATIVE,
    C_PART_AT,
    C_PORT,
    C_POST_AT,
    C_PRE_AT,
    C_SHIFT,
    C_USED_AT,
    CONV,
    IMAG,
    P_ACTIVE_AT,
    P_ANY_TOUCH,
    P_CURRENT_AT,
    P_IMAG_AT,
    P_SENDING,
    P_SIGNAL_AT,
    P_TOUCHED_AT,
    SIGNAL,
)
from neurotrain_hw.simulator.views import call, kernel, plain_bytes, table_row, words


@kernel
def deliver(connection_at, t):
    """Add what arrives at step t through a connection to its port, and mark the blocks that it reaches."""
    row = table_row(connection_at)
    post = table_row(row[C_POST_AT])
    slot = t % row[C_DEPTH]
    used = plain_bytes(row[C_USED_AT], row[C_DEPTH])
    if used[slot] == 0:
        return
    used[slot] = 0
    n, blocks = row[C_N_POST], (row[C_N_POST] + BLOCK - 1) // BLOCK
    arriving_at = row[C_BUFFER_AT] + slot * n * 4
    marks = plain_bytes(row[C_MARKS_AT] + slot * blocks, blocks)
    touched = plain_bytes(post[P_TOUCHED_AT], blocks)
    port = row[C_PORT]
    into_at = post[P_SIGNAL_AT if port == SIGNAL else (P_IMAG_AT if port == IMAG else P_CURRENT_AT)]
    post[P_ANY_TOUCH] = 1
    done = row[C_LATE] != 0  # it was scaled when it was sent
    conv, shift, exp, negative = row[C_FORMAT] == CONV, row[C_SHIFT], row[C_EXP], row[C_NEGATIVE] != 0
    b = 0
    while b < blocks:
        if marks[b] == 0:
            b += 1
            continue
        first = b
        while b < blocks and marks[b] != 0:
            marks[b] = 0
            touched[b] = 1
            b += 1
        # views that begin where the stretch does: in a loop from 0, Numba need not look out for indices below 0
        start, count = first * BLOCK, min(b * BLOCK, n) - first * BLOCK
        into, arriving = words(into_at + start * 4, count), words(arriving_at + start * 4, count)
        if done or not (conv or shift or exp or negative):
            for i in range(count):
                into[i] = np.int32(into[i] + arriving[i])
                arriving[i] = 0
        elif exp >= 0 and not (conv or negative):
            left = np.int32(shift + exp) if shift + exp < 32 else np.int32(0)
            keep = np.int32(-1) if shift + exp < 32 else np.int32(0)
            for i in range(count):
                into[i] = np.int32(into[i] + np.int32((arriving[i] & keep) << left))
                arriving[i] = 0
        else:
            for i in range(count):
                into[i] = np.int32(into[i] + scaled(arriving[i], shift, exp, negative, conv))
                arriving[i] = 0


@kernel
def propagate(connection_at, plastic_at, t):
    """Add this step's messages of a connection to what is due at the steps after, and count the events."""
    row = table_row(connection_at)
    if row[C_PART_AT] != 0:
        call(row[C_PART_AT], connection_at, plastic_at, t, 0, 0)
        return
    pre, n = table_row(row[C_PRE_AT]), row[C_N_POST]
    sending = pre[P_SENDING]
    if sending == 0:
        return
    add_rows(row, pre[P_ACTIVE_AT], row[C_BUFFER_AT], sending)
    row[C_EVENTS] += sending * n
    marks = plain_bytes(row[C_MARKS_AT], (n + BLOCK - 1) // BLOCK)
    for b in range(marks.size):
        marks[b] = 1
    plain_bytes(row[C_USED_AT], 1)[0] = 1
