"""A learning rule on a chip: how the chip rounds what the rule changes."""

from __future__ import annotations

from neurotrain_hw.chips import Chip
from neurotrain_hw.program import WeightRounding
from neurotrain_hw.rules import Rule


def weight_rounding(chip: Chip, rule: Rule) -> WeightRounding:
    """To the nearest where the rule asks for it, else with the random numbers of the chip's file; shared if unsaid."""
    if rule.rounding == "nearest":
        return "nearest"
    return "independent" if chip.text("learning.random_numbers") == "independent" else "shared"
