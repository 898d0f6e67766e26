"""The integer simulator: runs a Program as the chip would, bit for bit.

Names are loaded on first use, so that reading counters or results does not load the compiled kernels.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from neurotrain_hw.simulator.counters import ConnectionCounts, Counters, PopulationCounts
    from neurotrain_hw.simulator.engine import simulate, simulate_batch
    from neurotrain_hw.simulator.golden import Difference, GoldenCase, load_case, verify_case
    from neurotrain_hw.simulator.run import Run
    from neurotrain_hw.simulator.session import Session

_HOMES = {
    "counters": ("ConnectionCounts", "Counters", "PopulationCounts"),
    "golden": ("Difference", "GoldenCase", "load_case", "verify_case"),
    "run": ("Run",),
    "session": ("Session",),
    "engine": ("simulate", "simulate_batch"),
}

__all__ = [
    "ConnectionCounts", "Counters", "Difference", "GoldenCase", "PopulationCounts", "Run", "Session",
    "load_case", "simulate", "simulate_batch", "verify_case",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
