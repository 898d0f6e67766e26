"""Audit: a rule, a network and a chip give a verdict, with one row per requirement."""

from neurotrain_hw.audit.audit import audit
from neurotrain_hw.audit.memory import MemoryNeed, StepMemory, memory_by_steps, memory_needs
from neurotrain_hw.audit.shape import Layer, NetworkShape, Wiring
from neurotrain_hw.audit.verdict import Aspect, Outcome, Result, Row, Verdict

__all__ = [
    "Aspect", "Layer", "MemoryNeed", "NetworkShape", "Outcome", "Result", "Row", "StepMemory", "Verdict", "Wiring",
    "audit", "memory_by_steps", "memory_needs",
]  # fmt: skip
