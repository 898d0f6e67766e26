"""How a chip rounds what a rule changes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from neurotrain_hw import load_chip, load_rule
from neurotrain_hw.compiler.learning import weight_rounding
from neurotrain_hw.onchip import (
    OnChipNetwork,
    RewardNetwork,
    WinnerNetwork,
    build_program,
    build_rewarded,
    learning_program,
)
from neurotrain_hw.onchip.winners import build_winners


@pytest.mark.parametrize(
    ("chip", "rounding", "found"),
    [("loihi2", "stochastic", "shared"), ("loihi1", "stochastic", "shared"), ("edge_sram", "stochastic", "independent"),
     ("odin", "stochastic", "shared"), ("loihi2", "nearest", "nearest"), ("edge_sram", "nearest", "nearest")],
)  # fmt: skip
def test_the_chip_says_whose_random_number_it_is_and_the_rule_whether_there_is_one(chip, rounding, found) -> None:
    assert weight_rounding(load_chip(chip), replace(load_rule("pair-stdp"), rounding=rounding)) == found


@pytest.mark.parametrize(("chip", "rounding"), [("loihi2", "shared"), ("edge_sram", "independent")])
def test_every_network_that_learns_rounds_as_its_chip_does(chip, rounding) -> None:
    made, eprop, stdp = load_chip(chip), load_rule("eprop-random"), load_rule("pair-stdp")
    programs = (
        build_program(OnChipNetwork(6, 5, 4), eprop, load_rule("delta"), made, seed=0),
        learning_program(eprop, (6, 5, 4), made, seed=0),
        learning_program(load_rule("eprop-adaptive"), (6, 5, 4), made, seed=0),
        build_rewarded(RewardNetwork(6, 2, neurons=4), load_rule("reward-stdp-immediate"), made, seed=0),
        build_winners(WinnerNetwork(6, 4), stdp, made, seed=0),
    )
    for program in programs:
        found = [c.plasticity.rounding for c in program.connections if c.plasticity is not None]
        assert found and set(found) == {rounding}, program.name
