"""The compiled step: connections deliver, neurons update, messages travel, plastic connections learn.

Work follows events. Every formula is a pure function in `arithmetic.py`, against which these kernels are tested.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numba import cfunc, njit

from neurotrain_hw.simulator.counter_random import draw_lifts
from neurotrain_hw.simulator.general_kernels import update_any_lif
from neurotrain_hw.simulator.message_kernels import record_spikes, record_state, take_input
from neurotrain_hw.simulator.neuron_kernels import update
from neurotrain_hw.simulator.other_kernels import other_block
from neurotrain_hw.simulator.plasticity import learn
from neurotrain_hw.simulator.rule_tables import R_COLUMNS, R_EPOCH
from neurotrain_hw.simulator.spread_kernels import spread_convolution, spread_rows, spread_sparse
from neurotrain_hw.simulator.synaptic_kernels import deliver, propagate
from neurotrain_hw.simulator.tables import (
    B_COLUMNS,
    C_COLUMNS,
    C_POST_AT,
    C_PRE_AT,
    C_RULE,
    E_COLUMNS,
    E_N,
    E_ROOM,
    E_USED,
    P_COLUMNS,
    X_CONNECTIONS,
    X_CONNECTIONS_AT,
    X_LAST,
    X_LEARN_AT,
    X_NEXT,
    X_OFFSET,
    X_PLASTIC_AT,
    X_POPULATIONS,
    X_POPULATIONS_AT,
    X_PROBES,
    X_PROBES_AT,
    X_RULES_AT,
    X_SCRATCH_AT,
    X_SPIKES,
    X_SPIKES_AT,
)
from neurotrain_hw.simulator.traces import see_spikes
from neurotrain_hw.simulator.views import call, table_row

_LOOP = (
    "dense_kernels", "kernels", "lanes", "message_kernels", "neuron_kernels", "rule_tables", "scaling_kernel",
    "synaptic_kernels", "tables", "views",
)  # fmt: skip
_ANY_LIF = ("general_kernels", "kernels", "modulator_kernels", "tables", "views")
_OTHERS = ("kernels", "other_kernels", "tables", "views")
_SPREAD = (
    "convolution_kernels", "dense_kernels", "kernels", "lanes", "modulator_kernels", "scaling_kernel",
    "sparse_kernels", "spread_kernels", "tables", "views",
)  # fmt: skip
_LEARNING = (
    "kernels", "lanes", "learning_lanes", "line_kernel", "plasticity", "rule_tables", "tables", "traces", "views",
)  # fmt: skip
_DRAWING = ("counter_random", "kernels", "lanes", "learning_lanes", "rule_tables", "tables", "traces", "views")


def _digest(modules: Sequence[str]) -> int:
    """A number that changes with any of the modules that compiled code is made of.

    Numba's own key does not see a change in a function that is called.
    """
    folder = Path(__file__).parent
    sources = [(folder / f"{name}.py").read_bytes() for name in modules]
    return int(hashlib.sha256(b"".join(sources)).hexdigest()[:15], 16)


def _compiled_loop(digest: int) -> Any:
    """The step loop, kept on disk under the digest."""

    @njit(cache=True, nogil=True, error_model="numpy", no_cfunc_wrapper=True)
    def advance(runs_at, count):
        """Run `count` runs to their ends, one after the other; `runs_at`: their addresses, int64 (count,).

        Stops early where a run's list of spikes may be full after its next step, and returns the number of that run.
        """
        if digest < 0:  # never; it makes the digest part of the cache's key
            return 0
        for r in range(count):
            run = table_row(table_row(runs_at)[r])
            for t in range(run[X_NEXT], run[X_LAST] + 1):
                for e in range(run[X_SPIKES]):
                    event = table_row(run[X_SPIKES_AT] + e * E_COLUMNS * 8)
                    if event[E_USED] + event[E_N] > event[E_ROOM]:
                        run[X_NEXT] = t
                        return r
                k = t - 1 - run[X_OFFSET]
                for c in range(run[X_CONNECTIONS]):
                    deliver(run[X_CONNECTIONS_AT] + c * C_COLUMNS * 8, t)
                for p in range(run[X_POPULATIONS]):
                    take_input(run[X_POPULATIONS_AT] + p * P_COLUMNS * 8, k)
                for p in range(run[X_POPULATIONS]):
                    update(run[X_POPULATIONS_AT] + p * P_COLUMNS * 8, run[X_SCRATCH_AT], t)
                for e in range(run[X_SPIKES]):
                    record_spikes(run[X_SPIKES_AT] + e * E_COLUMNS * 8, k)
                for b in range(run[X_PROBES]):
                    record_state(run[X_PROBES_AT] + b * B_COLUMNS * 8, k)
                for c in range(run[X_CONNECTIONS]):
                    propagate(run[X_CONNECTIONS_AT] + c * C_COLUMNS * 8, run[X_PLASTIC_AT], t)
                if run[X_LEARN_AT] != 0:
                    for c in range(run[X_CONNECTIONS]):
                        row = table_row(run[X_CONNECTIONS_AT] + c * C_COLUMNS * 8)
                        if row[C_RULE] >= 0:
                            rule_at = run[X_RULES_AT] + row[C_RULE] * R_COLUMNS * 8
                            call(run[X_LEARN_AT], rule_at, row[C_PRE_AT], row[C_POST_AT], t, run[X_OFFSET])
            run[X_NEXT] = run[X_LAST] + 1
        return count

    return advance


advance = _compiled_loop(_digest(_LOOP))
"""Runs steps. What not every program needs is a `Part`, which the loop calls where a row says so."""


class Part:
    """A function that the step loop calls, compiled where a program first needs it, and kept on disk."""

    def __init__(self, modules: Sequence[str], make: Callable[[int], Any]) -> None:
        self.modules, self._make = modules, make
        self._compiled: Any = None

    @property
    def ready(self) -> bool:
        """Whether this process has it already."""
        return self._compiled is not None

    @property
    def address(self) -> int:
        """Where its code lies."""
        if self._compiled is None:
            self._compiled = self._make(_digest(self.modules))
        return int(self._compiled.address)


_PART = {"cache": True, "error_model": "numpy"}
_WORDS = "int64(int64, int64, int64, int64, int64)"


def _any_lif(digest: int) -> Any:
    @cfunc(_WORDS, **_PART)
    def any_lif(population_at, first, last, t, closing):
        return update_any_lif(population_at, first, last, t, closing) if digest >= 0 else 0

    return any_lif


def _others(digest: int) -> Any:
    @cfunc(_WORDS, **_PART)
    def others(population_at, first, last, _, __):
        if digest < 0:
            return 0
        busy, changed = other_block(table_row(population_at), first, last)
        return 2 * np.int64(busy) + (1 if changed else 0)

    return others


def _rows(digest: int) -> Any:
    @cfunc(_WORDS, **_PART)
    def rows(connection_at, plastic_at, t, _, __):
        if digest >= 0:
            spread_rows(connection_at, plastic_at, t)
        return 0

    return rows


def _convolution(digest: int) -> Any:
    @cfunc(_WORDS, **_PART)
    def convolution(connection_at, _, t, __, ___):
        if digest >= 0:
            spread_convolution(connection_at, t)
        return 0

    return convolution


def _sparse(digest: int) -> Any:
    @cfunc(_WORDS, **_PART)
    def sparse(connection_at, _, t, __, ___):
        if digest >= 0:
            spread_sparse(connection_at, t)
        return 0

    return sparse


def _learning(digest: int) -> Any:
    @cfunc(_WORDS, **_PART)
    def learning(rule_at, pre_at, post_at, t, offset):
        """See this step's spikes on a connection that learns, and close its epoch where one ends."""
        if digest < 0:
            return 0
        see_spikes(rule_at, pre_at, post_at, t, t - 1 - offset)
        epoch = table_row(rule_at)[R_EPOCH]
        if t % epoch == 0:
            learn(rule_at, t, t - 1 - offset, t // epoch - 1 - offset // epoch)
        return 0

    return learning


def _drawing(digest: int) -> Any:
    @cfunc(_WORDS, **_PART)
    def drawing(rule_at, list_at, count, neuron, which):
        if digest >= 0:
            draw_lifts(rule_at, list_at, count, neuron, which)
        return 0

    return drawing


PARTS = {
    "any_lif": Part(_ANY_LIF, _any_lif),
    "others": Part(_OTHERS, _others),
    "rows": Part(_SPREAD, _rows),
    "convolution": Part(_SPREAD, _convolution),
    "sparse": Part(_SPREAD, _sparse),
    "learning": Part(_LEARNING, _learning),
    "drawing": Part(_DRAWING, _drawing),
}
"""Update of populations, what connections send, the learning step, and random numbers for each synapse."""
