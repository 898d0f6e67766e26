"""Compiled connections of every kind but plain dense ones: what they send into the steps after."""

from __future__ import annotations

from neurotrain_hw.simulator.convolution_kernels import convolve
from neurotrain_hw.simulator.dense_kernels import add_graded_rows, add_plastic_rows
from neurotrain_hw.simulator.modulator_kernels import add_columns
from neurotrain_hw.simulator.sparse_kernels import scale_late, scatter, scatter_wide
from neurotrain_hw.simulator.tables import (
    BLOCK,
    C_BUFFER_AT,
    C_DEPTH,
    C_ERROR,
    C_EVENTS,
    C_FORMAT,
    C_GRADED,
    C_LATE,
    C_MARKS_AT,
    C_N_POST,
    C_N_PRE,
    C_PORT,
    C_PRE_AT,
    C_SCRATCH_AT,
    C_SCRATCH_MARKS_AT,
    C_USED_AT,
    P_ACTIVE_AT,
    P_SENDING,
    TRANSPOSED,
    UNREAD,
    WIDE,
)
from neurotrain_hw.simulator.views import inlined, kernel, plain_bytes, table_row


@kernel
def spread_rows(connection_at, plastic_at, t):
    """Values and errors through rows of weights, spikes through rows that learn, and rows read backward."""
    row = table_row(connection_at)
    pre, n = table_row(row[C_PRE_AT]), row[C_N_POST]
    sending = _sending(row, pre)
    if sending == 0:
        return
    if row[C_FORMAT] == TRANSPOSED:
        events = add_columns(row, pre, row[C_BUFFER_AT], plastic_at, sending)
    elif row[C_GRADED] or row[C_ERROR]:
        events = add_graded_rows(row, pre, row[C_BUFFER_AT], plastic_at, sending)
    else:
        events = sending * n
        add_plastic_rows(row, pre[P_ACTIVE_AT], row[C_BUFFER_AT], plastic_at, sending)
    row[C_EVENTS] += events
    if events > 0:
        marks = plain_bytes(row[C_MARKS_AT], (n + BLOCK - 1) // BLOCK)
        for b in range(marks.size):
            marks[b] = 1
        plain_bytes(row[C_USED_AT], 1)[0] = 1


@kernel
def spread_convolution(connection_at, t):
    """Messages through a convolution."""
    row = table_row(connection_at)
    pre = table_row(row[C_PRE_AT])
    sending = _sending(row, pre)
    if sending > 0:
        events = convolve(row, pre, row[C_BUFFER_AT], row[C_MARKS_AT], sending)
        row[C_EVENTS] += events
        if events > 0:
            plain_bytes(row[C_USED_AT], 1)[0] = 1


@kernel
def spread_sparse(connection_at, t):
    """Messages through single synapses, with delays and without."""
    row = table_row(connection_at)
    pre, n, depth = table_row(row[C_PRE_AT]), row[C_N_POST], row[C_DEPTH]
    sending = _sending(row, pre)
    if sending == 0:
        return
    if row[C_LATE] == WIDE:
        row[C_EVENTS] += scatter_wide(row, pre, sending, t)
        return
    if row[C_LATE]:
        events = scatter(row, pre, row[C_SCRATCH_AT], row[C_SCRATCH_MARKS_AT], sending, t)
    else:
        events = scatter(row, pre, row[C_BUFFER_AT], row[C_MARKS_AT], sending, t)
    row[C_EVENTS] += events
    if events == 0:
        return
    if row[C_LATE]:
        scale_late(row, n, depth, (n + BLOCK - 1) // BLOCK, t)
    elif depth == 1:
        plain_bytes(row[C_USED_AT], 1)[0] = 1


@inlined
def _sending(row, pre):
    """How many neurons send through a connection: all of them their error, and none where nobody reads it."""
    if row[C_PORT] == UNREAD:
        return 0
    return row[C_N_PRE] if row[C_ERROR] else pre[P_SENDING]
