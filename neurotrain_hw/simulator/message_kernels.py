"""Compiled messages: what inputs send in a step, how many were sent, and what is recorded of them."""

from __future__ import annotations

import numpy as np

from neurotrain_hw.simulator.tables import (
    B_INTO_AT,
    B_N,
    B_SOURCE_AT,
    B_STRIDE,
    E_NEURON_AT,
    E_POINTER_AT,
    E_POPULATION_AT,
    E_USED,
    E_VALUE_AT,
    INPUT,
    P_ACTIVE_AT,
    P_EVENTS_AT,
    P_KIND,
    P_N,
    P_POINTER_AT,
    P_SENDING,
    P_SENT_AT,
    P_SPIKES,
    P_SPIKES_AT,
    P_VALUE_AT,
    P_VALUES_AT,
)
from neurotrain_hw.simulator.views import kernel, table_row, wide, words


@kernel
def take_input(population_at, k):
    """The messages of an input population in the run's step k, from 0: a stretch of its stream, where it lies."""
    row = table_row(population_at)
    if row[P_KIND] != INPUT:
        return
    forget_sent(row)
    pointer = wide(row[P_POINTER_AT] + k * 8, 2)
    first, count = pointer[0], pointer[1] - pointer[0]
    row[P_SENDING], row[P_ACTIVE_AT] = count, row[P_EVENTS_AT] + first * 4
    row[P_VALUE_AT] = row[P_VALUES_AT] + first * 4 if row[P_VALUES_AT] != 0 else 0
    count_sent(row)


@kernel
def forget_sent(row):
    """Clear the dense picture of what was sent, where a population keeps one."""
    if row[P_SENT_AT] != 0:
        sent, active = words(row[P_SENT_AT], row[P_N]), words(row[P_ACTIVE_AT], row[P_SENDING])
        for a in range(active.size):
            sent[active[a]] = 0


@kernel
def count_sent(row):
    """Count what a population sends, by neuron where deliveries need it, and draw its picture where one is kept."""
    row[P_SPIKES] += row[P_SENDING]
    active, n = words(row[P_ACTIVE_AT], row[P_SENDING]), row[P_N]
    if row[P_SPIKES_AT] != 0:
        totals = wide(row[P_SPIKES_AT], n)
        for a in range(active.size):
            totals[active[a]] += 1
    if row[P_SENT_AT] != 0:
        sent, values = words(row[P_SENT_AT], n), words(row[P_VALUE_AT], active.size)
        for a in range(active.size):
            sent[active[a]] = values[a] if row[P_VALUE_AT] != 0 else np.int32(1)


@kernel
def record_spikes(event_at, k):
    """Append what a recorded population sends in the run's step k to its lists."""
    event = table_row(event_at)
    row = table_row(event[E_POPULATION_AT])
    count, used = row[P_SENDING], event[E_USED]
    active, neuron = words(row[P_ACTIVE_AT], count), words(event[E_NEURON_AT] + used * 4, count)
    for a in range(active.size):
        neuron[a] = active[a]
    if event[E_VALUE_AT] != 0:
        values, value = words(row[P_VALUE_AT], count), words(event[E_VALUE_AT] + used * 4, count)
        for a in range(values.size):
            value[a] = values[a]
    event[E_USED] = used + count
    wide(event[E_POINTER_AT] + (k + 1) * 8, 1)[0] = used + count


@kernel
def record_state(probe_at, k):
    """Copy a recorded variable of every neuron into its row of the run's step k."""
    probe = table_row(probe_at)
    source, into = words(probe[B_SOURCE_AT], probe[B_N]), words(probe[B_INTO_AT] + k * probe[B_STRIDE], probe[B_N])
    for i in range(source.size):
        into[i] = source[i]
