"""What local rules reach on digits in two epochs: far beyond chance, which is 10 %. Not tuned, not their best."""

from dataclasses import replace
from pathlib import Path

import pytest

from neurotrain_hw.trainers import default_settings, train

# about two thirds of what was measured with three seeds
LEAST = {
    "forward-forward": (0.45, {}),
    "difference-target-propagation": (0.5, {}),
    "diehl-cook": (0.4, {}),
    "reward-stdp": (0.2, {}),
    "triplet-stdp": (0.4, {}),
    "stdl": (0.5, {}),
}


@pytest.mark.slow
@pytest.mark.parametrize("rule", LEAST)
def test_local_rules_learn_digits(tmp_path: Path, rule: str) -> None:
    least, changed = LEAST[rule]
    constants = replace(default_settings(rule), **changed)
    found = train("digits-fc", rule, seed=3, epochs=2, steps=16, constants=constants, folder=tmp_path / "run")
    assert found.accuracy["quantised"]["validation"] > least
