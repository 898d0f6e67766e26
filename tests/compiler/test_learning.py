"""How a chip rounds what a rule changes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from neurotrain_hw import load_chip, load_rule
from neurotrain_hw.compiler.learning import weight_rounding


@pytest.mark.parametrize(
    ("chip", "rounding", "found"),
    [("loihi2", "stochastic", "shared"), ("loihi1", "stochastic", "shared"), ("edge_sram", "stochastic", "independent"),
     ("odin", "stochastic", "shared"), ("loihi2", "nearest", "nearest"), ("edge_sram", "nearest", "nearest")],
)  # fmt: skip
def test_the_chip_says_whose_random_number_it_is_and_the_rule_whether_there_is_one(chip, rounding, found) -> None:
    assert weight_rounding(load_chip(chip), replace(load_rule("pair-stdp"), rounding=rounding)) == found
