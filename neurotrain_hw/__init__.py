"""neurotrain-hw: spiking networks from training to neuromorphic hardware, exactly.

The names used most, re-exported one by one. Each is loaded on first use, so that importing the package loads neither
torch nor Numba. Everything else is in the subpackages; `neurotrain_hw.audit` and `neurotrain_hw.lava` are subpackages.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from neurotrain_hw.chips import chip_names, load_chip
    from neurotrain_hw.compiler import compile_graph
    from neurotrain_hw.errors import NeurotrainError
    from neurotrain_hw.events import EventStream
    from neurotrain_hw.interchange import read_nir, write_nir
    from neurotrain_hw.memory import place
    from neurotrain_hw.networks import load_model, model_names, to_graph
    from neurotrain_hw.program import Connection, Modulator, Plasticity, Population, Program
    from neurotrain_hw.program.file import load_program, save_program
    from neurotrain_hw.rules import load_rule, rule_names
    from neurotrain_hw.simulator import Run, simulate, simulate_batch

    __version__: str

_HOMES = {
    "chips": ("chip_names", "load_chip"),
    "compiler": ("compile_graph",),
    "errors": ("NeurotrainError",),
    "events": ("EventStream",),
    "interchange": ("read_nir", "write_nir"),
    "memory": ("place",),
    "networks": ("load_model", "model_names", "to_graph"),
    "program": ("Connection", "Modulator", "Plasticity", "Population", "Program"),
    "program.file": ("load_program", "save_program"),
    "rules": ("load_rule", "rule_names"),
    "simulator": ("Run", "simulate", "simulate_batch"),
}

__all__ = [
    "Connection", "EventStream", "Modulator", "NeurotrainError", "Plasticity", "Population", "Program", "Run",
    "__version__", "chip_names", "compile_graph", "load_chip", "load_model", "load_program", "load_rule", "model_names",
    "place", "read_nir", "rule_names", "save_program", "simulate", "simulate_batch", "to_graph", "write_nir",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{module}"), name)
    if name == "__version__":
        from importlib.metadata import version

        return version("neurotrain-hw")
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
