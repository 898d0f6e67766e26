"""What a course is told, and the constants of the networks in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, get_args

from neurotrain_hw.chips import Chip, load_chip
from neurotrain_hw.data import Splits
from neurotrain_hw.errors import UnknownNameError, ValueRangeError
from neurotrain_hw.learn.tuned import CONTROLS, network_constants
from neurotrain_hw.memory import parse_size, with_budget
from neurotrain_hw.onchip import OnChipNetwork, Start
from neurotrain_hw.program import WeightRounding
from neurotrain_hw.rules import Rule, load_rule

READOUT_RULE = "delta"
EPOCHS, HIDDEN = {"digits": 15, "mnist": 8}, {"digits": 128, "mnist": 256}
"""Where nothing else is said."""

ROUNDINGS = get_args(WeightRounding)
_GROWS = ("seeds", "control", "twin")


@dataclass(frozen=True)
class LearnSettings:
    """A course: seeds 0, 1, .. of one rule on one chip and dataset; None takes what suits the dataset.

    `rule`: a name or a file. `budget`: bytes with a unit, in each core. `patience`: epochs without a better validation
    accuracy after which a lesson stops. `weight_bits`: the grid that weights keep to, None for every integer of 8 bits
    and sign, as Lava does it; `rounding` None: as the chip's file and the rule
    say. `anyway`: learn although the chip's own engine could not.
    """

    rule: str = "eprop-random"
    chip: str = "loihi2"
    budget: str | None = None
    dataset: str = "digits"
    hidden: int | None = None
    seeds: int = 3
    epochs: int | None = None
    patience: int | None = None
    weight_bits: int | None = None
    rounding: WeightRounding | None = None
    control: bool = True
    twin: bool = True
    anyway: bool = False

    def __post_init__(self) -> None:
        if self.dataset not in HIDDEN:
            raise UnknownNameError("dataset to learn on a chip", self.dataset, HIDDEN)
        for name in ("hidden", "seeds", "epochs", "patience"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueRangeError(f"got {value}", where=name, need="at least 1")
        if self.weight_bits is not None and self.weight_bits < 2:
            raise ValueRangeError(
                f"got {self.weight_bits}", where="weight_bits", need="at least 2: a signed weight of 1 bit has no 0"
            )
        if self.rounding not in (None, *ROUNDINGS):
            raise UnknownNameError("rounding", str(self.rounding), ROUNDINGS)

    def completed(self) -> LearnSettings:
        """The same with the numbers in place that the dataset gives."""
        return replace(self, hidden=self.hidden or HIDDEN[self.dataset], epochs=self.epochs or EPOCHS[self.dataset])

    def load_chip(self) -> Chip:
        """The chip, with the memory of the budget in each core; ValueRangeError where it has no such weights."""
        chip = load_chip(self.chip)
        allowed = chip.integers("synapse.weight_bits_allowed")
        if self.weight_bits is not None and allowed is not None and self.weight_bits not in allowed:
            raise ValueRangeError(
                f"weights of {self.weight_bits} bits", where=chip.id, need=f"one of {', '.join(map(str, allowed))}"
            )
        return chip if self.budget is None else with_budget(chip, parse_size(self.budget))

    def load_rules(self) -> tuple[Rule, Rule]:
        """The rule of the hidden layer and that of the readout."""
        return load_rule(self.rule), load_rule(READOUT_RULE)

    def document(self) -> dict[str, Any]:
        """As learn.json holds it: the numbers, and the rules as they were."""
        hidden, readout = self.load_rules()
        return vars(self.completed()) | {
            "rule": hidden.name, "rule_file": hidden.to_toml(), "readout": readout.name,
            "readout_file": readout.to_toml(),
        }  # fmt: skip


def network_for(settings: LearnSettings, rule: Rule, data: Splits, start: Start) -> OnChipNetwork:
    """The constants of a network that learns, or of the control.

    A rule may name constants of its neurons in [defaults] (`dv`, `hidden_vth`, `output_vth`, `weight_exp`,
    `hidden_spread`), as it was tuned with them.
    """
    names = {f.name for f in fields(OnChipNetwork)} - {"inputs", "hidden", "outputs", "steps"}
    learns: dict[str, Any] = network_constants(settings.rule, settings.dataset)
    learns |= {k: v for k, v in rule.defaults.items() if k in names}
    own = CONTROLS[settings.dataset] if start == "readout" else learns
    hidden = settings.hidden or HIDDEN[settings.dataset]
    return replace(OnChipNetwork(data.inputs, hidden, data.classes), **own)


def differing(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    """The settings in which an earlier course differs, other than in what it may grow by."""
    return sorted(k for k in {*found, *wanted} if k not in _GROWS and found.get(k) != wanted.get(k))


def lacking(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether an earlier course has fewer seeds than wanted, or no control or twin where one is wanted."""
    return any(wanted[key] > found.get(key, 0) for key in _GROWS)
