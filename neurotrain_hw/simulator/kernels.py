"""The compiled step: connections deliver, neurons update, messages travel, plastic connections learn.

Work follows events. Every formula is a pure function in `arithmetic.py`, against which these kernels are tested.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from neurotrain_hw.simulator.layout import I32, I64
from neurotrain_hw.simulator.neuron_kernels import update
from neurotrain_hw.simulator.plasticity import learn
from neurotrain_hw.simulator.rule_tables import R_EPOCH
from neurotrain_hw.simulator.synaptic_kernels import deliver, propagate
from neurotrain_hw.simulator.tables import (
    C_COLUMNS,
    C_POST,
    C_PRE,
    C_RULE,
    INPUT,
    P_ACTIVE_AT,
    P_COLUMNS,
    P_INPUT,
    P_KIND,
    P_N,
    P_SENDING,
    P_SENT_AT,
    P_SPIKES_AT,
    P_VALUE_AT,
)
from neurotrain_hw.simulator.traces import see_spikes
from neurotrain_hw.simulator.views import kernel, wide, words

_SOURCES = (
    "convolution_kernels", "dense_kernels", "kernels", "neuron_kernels", "other_kernels", "plasticity", "rule_tables",
    "scaling_kernel", "sparse_kernels", "synaptic_kernels", "tables", "traces", "views",
)  # fmt: skip


class Feed(NamedTuple):
    """Input events of a run: `pointer` int64 (inputs, steps + 1), `at` int64 (inputs, 2) addresses of their neurons
    and values (0: all 1), both int32 and without values of 0.

    `third` int32 (rules, 3, steps or 0, widest post): recorded third factors for rules whose post population has no
    modulator.
    """

    pointer: I64
    at: I64
    third: I32


class Recorder(NamedTuple):
    """What a run records.

    `events` int64 (recorded populations, 5): population, addresses of its list of neurons and of values (0: none),
    entries in use, room. `per_step` int64 (steps, recorded populations): how many. `probes` int64 (probes, 3):
    address, neurons and first column of `table` int32 (steps, columns).
    """

    events: I64
    per_step: I64
    probes: I64
    table: I32


R_POPULATION, R_NEURON_AT, R_VALUE_AT, R_USED, R_ROOM = range(5)


def _digest_of_sources() -> int:
    """A number that changes with any module that the compiled code is made of."""
    folder = Path(__file__).parent
    sources = [(folder / f"{name}.py").read_bytes() for name in _SOURCES]
    return int(hashlib.sha256(b"".join(sources)).hexdigest()[:15], 16)


def _compiled(digest: int, learning: bool) -> Any:
    """The step loop, with or without plasticity, kept on disk under the digest.

    Numba's own key does not see a change in a function that is called; and what need not learn compiles faster.
    """

    @njit(cache=True, nogil=True, error_model="numpy", no_cfunc_wrapper=True)
    def advance(
        populations, connections, addresses, feed, recorder, tables, plastic, numbers, counts, first, last, offset
    ):
        """Run steps `first` to `last` (from 1); `offset` is the step before row 0 of feed, recorder and numbers.

        Stops early where the recorder is full and returns the next step to run.
        """
        if digest < 0:  # never; it makes the digest part of the cache's key
            return first
        pop_at, con_at, scratch_at, plastic_at = addresses
        n_populations, n_connections = populations.shape[0], connections.shape[0]
        recorded = recorder.events
        for t in range(first, last + 1):
            for e in range(recorded.shape[0]):
                if recorded[e, R_USED] + populations[recorded[e, R_POPULATION], P_N] > recorded[e, R_ROOM]:
                    return t
            k = t - 1 - offset
            for c in range(n_connections):
                deliver(con_at + c * C_COLUMNS * 8, pop_at + connections[c, C_POST] * P_COLUMNS * 8, t)
            for p in range(n_populations):
                if populations[p, P_KIND] == INPUT:
                    _take_input(pop_at + p * P_COLUMNS * 8, feed, k)
            for p in range(n_populations):
                if populations[p, P_KIND] != INPUT:
                    update(pop_at + p * P_COLUMNS * 8, scratch_at, t)
            for e in range(recorded.shape[0]):
                _record(pop_at + recorded[e, R_POPULATION] * P_COLUMNS * 8, recorder, e, k)
            for q in range(recorder.probes.shape[0]):
                source, start = words(recorder.probes[q, 0], recorder.probes[q, 1]), recorder.probes[q, 2]
                for i in range(source.size):
                    recorder.table[k, start + i] = source[i]
            for c in range(n_connections):
                pre_at = pop_at + connections[c, C_PRE] * P_COLUMNS * 8
                propagate(con_at + c * C_COLUMNS * 8, pre_at, plastic_at, t)
            if learning:
                for c in range(n_connections):
                    r = connections[c, C_RULE]
                    if r >= 0:
                        pre_at = pop_at + connections[c, C_PRE] * P_COLUMNS * 8
                        post_at = pop_at + connections[c, C_POST] * P_COLUMNS * 8
                        see_spikes(tables, r, plastic, pre_at, post_at, feed.third, t, k, numbers)
                        epoch = tables.rules[r, R_EPOCH]
                        if t % epoch == 0:
                            number = t // epoch - 1 - offset // epoch
                            learn(tables, r, plastic, t, k, number, numbers, counts[r])
        return last + 1

    return advance


@kernel
def _take_input(population_at, feed, k):
    """The messages of an input population in this step: a stretch of its stream, where it lies."""
    row = wide(population_at, P_COLUMNS)
    i, n = row[P_INPUT], row[P_N]
    sent, keep_sent = words(row[P_SENT_AT], n), row[P_SENT_AT] != 0
    if keep_sent:
        before = words(row[P_ACTIVE_AT], row[P_SENDING])
        for a in range(row[P_SENDING]):
            sent[before[a]] = 0
    first, last = feed.pointer[i, k], feed.pointer[i, k + 1]
    count = last - first
    row[P_SENDING], row[P_ACTIVE_AT] = count, feed.at[i, 0] + first * 4
    row[P_VALUE_AT] = feed.at[i, 1] + first * 4 if feed.at[i, 1] != 0 else 0
    active, values, totals = words(row[P_ACTIVE_AT], count), words(row[P_VALUE_AT], count), wide(row[P_SPIKES_AT], n)
    for a in range(count):
        totals[active[a]] += 1
    if keep_sent:
        for a in range(count):
            sent[active[a]] = values[a] if row[P_VALUE_AT] != 0 else np.int32(1)


@kernel
def _record(population_at, recorder, e, k):
    """Append what population number e of the recorded ones sends in this step to its lists."""
    row, target = wide(population_at, P_COLUMNS), recorder.events[e]
    count, used = row[P_SENDING], target[R_USED]
    active, neuron = words(row[P_ACTIVE_AT], count), words(target[R_NEURON_AT] + used * 4, count)
    for a in range(count):
        neuron[a] = active[a]
    if target[R_VALUE_AT] != 0:
        values, value = words(row[P_VALUE_AT], count), words(target[R_VALUE_AT] + used * 4, count)
        for a in range(count):
            value[a] = values[a] if row[P_VALUE_AT] != 0 else np.int32(1)
    recorder.per_step[k, e] = count
    target[R_USED] = used + count


advance_frozen = _compiled(_digest_of_sources(), learning=False)
"""Runs steps with the plastic weights as they stand."""

advance_learning = _compiled(_digest_of_sources(), learning=True)
"""Runs steps with plasticity."""
