"""What a training run is told (no torch)."""

from __future__ import annotations

from dataclasses import MISSING, asdict, dataclass, fields
from typing import Any

from neurotrain_hw.errors import ValueRangeError
from neurotrain_hw.networks.spec import ModelSpec
from neurotrain_hw.trainers.constants import RuleSettings


@dataclass(frozen=True)
class UserModule:
    """A torch module of the user's: `FILE.py:NAME` or `PACKAGE.MODULE:NAME`, and the shape of one step of a sample."""

    reference: str
    input_shape: tuple[int, ...]
    steps: int = 32


@dataclass(frozen=True)
class RunSettings:
    """All that a run depends on; equal settings on one machine and device give equal bits.

    `validation`: share of the training samples that is held out. `encoding`: None for the dataset's own.
    `module`: whose network it is, where that comes from no description.
    """

    model: ModelSpec
    rule: str
    constants: RuleSettings
    dataset: str
    epochs: int
    seed: int
    validation: float
    evaluation_seed: int
    encoding: str | None = None
    module: UserModule | None = None

    def __post_init__(self) -> None:
        if self.epochs < 1:
            raise ValueRangeError(f"got {self.epochs}", where="epochs", need="at least 1")
        converting = getattr(self.constants, "conversion_epochs", 0)
        if converting >= self.epochs:
            raise ValueRangeError(
                f"{converting} epochs convert, and none of {self.epochs} is left to train in spikes",
                where=f"{self.rule}: conversion_epochs", need=f"at most {self.epochs - 1}",
                remedy="Set it, train for more epochs, or take ann-conversion.",
            )  # fmt: skip
        if self.seed < 0:
            raise ValueRangeError(f"got {self.seed}", where="seed", need="at least 0")

    def as_dict(self) -> dict[str, Any]:
        """As run.json holds it."""
        return asdict(self)

    def defaults(self) -> dict[str, Any]:
        """What keys mean that an older run.json does not have, in the same form."""
        layers = [_defaults(layer) for layer in self.model.layers]
        model = _defaults(self.model) | {
            "layers": layers,
            "surrogate": _defaults(self.model.surrogate),
            "input_shape": self.model.input_shape,  # older models have `inputs` alone
        }
        return _defaults(self) | {"model": model, "constants": _defaults(self.constants)}


def _defaults(one: Any) -> dict[str, Any]:
    return {each.name: each.default for each in fields(one) if each.default is not MISSING}
