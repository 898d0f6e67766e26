"""Chips made up for tests, with a few figures and all others unknown."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from neurotrain_hw.chips import Chip, Figure

PLAIN = {
    "structure.cores": 4,
    "structure.neurons_per_core": 300,
    "memory.sram_core_bytes": 65536,
    "memory.unified": True,
    "memory.neuron_state_bytes": 2,
    "synapse.weight_bits_allowed": (8,),
    "neuron.v_bits": 16,
    "neuron.graded_spike_bits": 16,
    "learning.supported": True,
    "learning.rule_family": "sum-of-products",
    "learning.third_factor": "per-neuron",
    "learning.pre_traces": ("x1", "x2"),
    "learning.post_traces": ("y1", "y2", "y3"),
    "learning.trace_bits": 12,
    "learning.synaptic_state": ("weight:8s", "tag_1:12s"),
    "learning.scale_mant_bits": 4,
    "learning.rounding": ("stochastic",),
    "learning.epoch_max": 63,
}


@pytest.fixture
def chip() -> Callable[..., Chip]:
    """`chip(memory__sram_core_bytes=None)`: a chip of four cores, with figures changed or (None) unknown."""

    def make(**changes: object) -> Chip:
        figures = PLAIN | {key.replace("__", "."): value for key, value in changes.items()}
        return Chip("made_up", "Made up", Path("made_up.toml"),
                    {key: Figure(key, value, "chosen here", "X") for key, value in figures.items()})  # type: ignore[arg-type]  # fmt: skip

    return make
