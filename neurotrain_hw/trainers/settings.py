"""What a training run is told: constants of each rule, and the settings of a run (no torch)."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from neurotrain_hw.errors import UnknownNameError, ValueRangeError
from neurotrain_hw.networks.spec import ModelSpec

Psi = Literal["surrogate", "triangle", "box"]


@dataclass(frozen=True)
class BpttSettings:
    """Surrogate-gradient BPTT: Adam's `learning_rate` and the `gain` from output spikes to logits."""

    learning_rate: float = 5e-3
    gain: float = 0.25
    epochs: int = 15
    batch: int = 32


@dataclass(frozen=True)
class EpropSettings:
    """Online e-prop: the constants of the three factors, and Adam's `learning_rate`.

    `trace_decay`: decay per step of the pre trace, None for the layer's own beta. `psi`: pseudo-derivative at
    v - threshold before the reset: the model's `surrogate`, or a `triangle` or `box` of half-width `psi_width`
    thresholds. `gain`: from output membranes, in thresholds, to logits.
    """

    trace_decay: float | None = None
    psi: Psi = "surrogate"
    psi_width: float = 1.0
    gain: float = 1.0
    learning_rate: float = 1e-2
    epochs: int = 15
    batch: int = 32


RuleSettings = BpttSettings | EpropSettings
_RULES: dict[str, type[RuleSettings]] = {"bptt": BpttSettings, "eprop": EpropSettings}


def trainable_rules() -> list[str]:
    """Names of the rules that `train` knows."""
    return sorted(_RULES)


def default_settings(rule: str) -> RuleSettings:
    """A rule's constants as they come; UnknownNameError for a rule that `train` does not know."""
    if rule not in _RULES:
        raise UnknownNameError("rule to train with", rule, _RULES)
    return _RULES[rule]()


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
