"""Memory audit: the bytes that a rule needs to learn, measured at several lengths of a sample, and how they grow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from neurotrain_hw.errors import ValueRangeError
from neurotrain_hw.networks import ModelSpec, load_model
from neurotrain_hw.trainers.constants import HybridSettings, RuleSettings
from neurotrain_hw.trainers.declarations import check, declaration, default_settings
from neurotrain_hw.trainers.made import module_spec
from neurotrain_hw.trainers.memory import measure_learning_bytes
from neurotrain_hw.trainers.settings import UserModule

STEPS = (100, 200, 400, 800, 1600)
MOST_GROWTH = 1.02
"""From the shortest to the longest sample, memory may grow by so much and is called constant."""


@dataclass(frozen=True)
class MemoryAudit:
    """Bytes at every number of steps, and the line bytes = intercept + slope * steps of least squares through them.

    `slope` in bytes per step; `r_squared` None where the bytes do not differ. `growth`: the bytes of the longest sample
    over those of the shortest. `declared`: what the rule is declared to keep: `local` in time or bounded by a `window`,
    which is constant, or the whole `sample`, which grows. `agrees`: whether measurement and declaration say the same.
    """

    rule: str
    model: str
    samples: int
    steps: tuple[int, ...]
    bytes: tuple[int, ...]
    slope: float
    intercept: float
    r_squared: float | None
    growth: float
    verdict: Literal["constant", "grows"]
    declared: Literal["sample", "window", "local"]
    agrees: bool

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def audit_memory(
    model: str | Path | ModelSpec | UserModule,
    rule: str,
    *,
    steps: Sequence[int] = STEPS,
    samples: int = 1,
    constants: RuleSettings | None = None,
    progress: Callable[[int], None] | None = None,
) -> MemoryAudit:
    """Measure what learning from a batch of `samples` needs (`measure_learning_bytes`) at two or more `steps`.

    A rule bounded by a window is judged from samples longer than the window. `progress` is told each number of steps
    before it is measured. Raises UnknownNameError, UnsupportedError, ValueRangeError.
    """
    if isinstance(model, UserModule):
        spec = module_spec(model, seed=0)
    else:
        spec = model if isinstance(model, ModelSpec) else load_model(model)
    declared = declaration(rule)
    if samples < 1:
        raise ValueRangeError(f"got {samples}", where="samples", need="at least 1")
    if constants is None:
        constants = replace(default_settings(rule), batch=max(samples, declared.samples))
        if isinstance(constants, HybridSettings):
            constants = replace(constants, conversion_epochs=0)  # the part of the rule that goes through time
    check(rule, spec, constants)
    lengths = tuple(sorted(set(steps)))
    least = getattr(constants, "window", 1) if declared.memory == "window" else 1
    if len(lengths) < 2 or lengths[0] < least:
        raise ValueRangeError(
            f"got {', '.join(map(str, steps)) or 'none'}", where="steps",
            need=f"two or more lengths of at least {least}",
        )  # fmt: skip
    found = []
    for length in lengths:
        if progress:
            progress(length)
        found.append(measure_learning_bytes(rule, spec, length, samples=samples, constants=constants))
    slope, intercept, r_squared = line(lengths, found)
    growth = found[-1] / found[0]
    verdict: Literal["constant", "grows"] = "constant" if growth < MOST_GROWTH else "grows"
    return MemoryAudit(
        rule, spec.name, samples, lengths, tuple(found), slope, intercept, r_squared, growth, verdict, declared.memory,
        agrees=(verdict == "grows") == (declared.memory == "sample"),
    )  # fmt: skip


def line(x: Sequence[float], y: Sequence[float]) -> tuple[float, float, float | None]:
    """Slope, intercept and R^2 of the least-squares line; R^2 None where `y` does not vary."""
    xs, ys = np.asarray(x, np.float64), np.asarray(y, np.float64)
    away = xs - xs.mean()
    slope = float((away * (ys - ys.mean())).sum() / (away**2).sum())
    intercept = float(ys.mean() - slope * xs.mean())
    spread = float(((ys - ys.mean()) ** 2).sum())
    left = float(((ys - intercept - slope * xs) ** 2).sum())
    return slope, intercept, 1 - left / spread if spread else None
