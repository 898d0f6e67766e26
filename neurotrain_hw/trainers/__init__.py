"""Training rules, one file each, and what they share; torch is imported only when training starts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from neurotrain_hw.lazy import lazy_names
from neurotrain_hw.trainers.constants import BpttSettings, EpropSettings, RuleSettings
from neurotrain_hw.trainers.declarations import default_settings, trainable_rules
from neurotrain_hw.trainers.run_folder import TrainedRun, load_run
from neurotrain_hw.trainers.settings import RunSettings, UserModule

if TYPE_CHECKING:
    from neurotrain_hw.trainers.any_module import ModuleRun, fit_module
    from neurotrain_hw.trainers.evaluate import accuracy, spike_counts
    from neurotrain_hw.trainers.loop import Report, train
    from neurotrain_hw.trainers.memory import measure_learning_bytes
    from neurotrain_hw.trainers.memory_audit import MemoryAudit, audit_memory

__all__ = [
    "BpttSettings", "EpropSettings", "MemoryAudit", "ModuleRun", "Report", "RuleSettings", "RunSettings", "TrainedRun",
    "accuracy", "audit_memory", "default_settings", "fit_module", "load_run", "measure_learning_bytes", "spike_counts",
    "train", "trainable_rules", "UserModule",
]  # fmt: skip

__getattr__ = lazy_names(
    __name__,
    {
        "MemoryAudit": "memory_audit",
        "ModuleRun": "any_module",
        "Report": "loop",
        "accuracy": "evaluate",
        "audit_memory": "memory_audit",
        "fit_module": "any_module",
        "measure_learning_bytes": "memory",
        "spike_counts": "evaluate",
        "train": "loop",
    },
)
