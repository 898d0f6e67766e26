"""What a training run is told (no torch)."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from neurotrain_hw.errors import ValueRangeError
from neurotrain_hw.networks.spec import ModelSpec
from neurotrain_hw.trainers.constants import RuleSettings


@dataclass(frozen=True)
class RunSettings:
    """All that a run depends on; equal settings on one machine give equal bits."""

    model: ModelSpec
    rule: str
    constants: RuleSettings
    dataset: str
    epochs: int
    seed: int
    validation: float
    evaluation_seed: int

    def __post_init__(self) -> None:
        if self.epochs < 1:
            raise ValueRangeError(f"got {self.epochs}", where="epochs", need="at least 1")
        if self.seed < 0:
            raise ValueRangeError(f"got {self.seed}", where="seed", need="at least 0")

    def as_dict(self) -> dict[str, Any]:
        """As run.json holds it."""
        return asdict(self)
