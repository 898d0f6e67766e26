"""The compiled step: connections deliver, neurons update, messages travel, plastic connections learn.

Work follows events. Every formula is a pure function in `arithmetic.py`, against which these kernels are tested.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from numba import cfunc, njit

from neurotrain_hw.simulator.message_kernels import record_spikes, record_state, take_input
from neurotrain_hw.simulator.neuron_kernels import update
from neurotrain_hw.simulator.plasticity import learn
from neurotrain_hw.simulator.rule_tables import R_COLUMNS, R_EPOCH
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
    X_COLUMNS,
    X_CONNECTIONS,
    X_CONNECTIONS_AT,
    X_LEARN_AT,
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
from neurotrain_hw.simulator.views import call, wide

_FROZEN = (
    "convolution_kernels", "dense_kernels", "kernels", "lanes", "message_kernels", "modulator_kernels",
    "neuron_kernels", "other_kernels", "rule_tables", "scaling_kernel", "sparse_kernels", "synaptic_kernels", "tables",
    "views",
)  # fmt: skip
_LEARNING = (
    "kernels", "lanes", "learning_lanes", "line_kernel", "plasticity", "rule_tables", "tables", "traces", "views",
)  # fmt: skip


def _digest(modules: Sequence[str]) -> int:
    """A number that changes with any of the modules that compiled code is made of.

    Numba's own key does not see a change in a function that is called.
    """
    folder = Path(__file__).parent
    sources = [(folder / f"{name}.py").read_bytes() for name in modules]
    return int(hashlib.sha256(b"".join(sources)).hexdigest()[:15], 16)


def _compiled(digest: int) -> Any:
    """The step loop, kept on disk under the digest."""

    @njit(cache=True, nogil=True, error_model="numpy", no_cfunc_wrapper=True)
    def advance(run_at, first, last):
        """Run steps `first` to `last` (from 1) of the run at an address.

        Stops early where a list of spikes may be full after the next step, and returns the step to go on with.
        """
        if digest < 0:  # never; it makes the digest part of the cache's key
            return first
        run = wide(run_at, X_COLUMNS)
        for t in range(first, last + 1):
            for e in range(run[X_SPIKES]):
                event = wide(run[X_SPIKES_AT] + e * E_COLUMNS * 8, E_COLUMNS)
                if event[E_USED] + event[E_N] > event[E_ROOM]:
                    return t
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
                    row = wide(run[X_CONNECTIONS_AT] + c * C_COLUMNS * 8, C_COLUMNS)
                    if row[C_RULE] >= 0:
                        rule_at = run[X_RULES_AT] + row[C_RULE] * R_COLUMNS * 8
                        call(run[X_LEARN_AT], rule_at, row[C_PRE_AT], row[C_POST_AT], t, run[X_OFFSET])
        return last + 1

    return advance


advance = _compiled(_digest(_FROZEN))
"""Runs steps; with plasticity where the run says where the learning step is (`learn_address`)."""


@cache
def learn_address() -> int:
    """The address of the learning step of one connection, which is compiled apart: few programs learn."""
    return int(_compiled_learning(_digest(_LEARNING)).address)


def _compiled_learning(digest: int) -> Any:
    """The learning step, kept on disk under the digest."""

    @cfunc("void(int64, int64, int64, int64, int64)", cache=True, error_model="numpy")
    def learn_step(rule_at, pre_at, post_at, t, offset):
        """See this step's spikes on a connection that learns, and close its epoch where one ends."""
        if digest < 0:
            return
        see_spikes(rule_at, pre_at, post_at, t, t - 1 - offset)
        epoch = wide(rule_at, R_COLUMNS)[R_EPOCH]
        if t % epoch == 0:
            learn(rule_at, t, t - 1 - offset, t // epoch - 1 - offset // epoch)

    return learn_step
