"""The figures that the project publishes for digits: mean test accuracy over three seeds, 8-bit weights."""

from pathlib import Path

import pytest

from neurotrain_hw.trainers import train


@pytest.mark.slow
@pytest.mark.parametrize("rule", ["bptt", "eprop"])
def test_digits_over_three_seeds(tmp_path: Path, rule: str) -> None:
    runs = [train("digits-fc", rule, seed=seed, folder=tmp_path / str(seed)) for seed in (0, 1, 2)]
    assert [layer.weight_bits for layer in runs[0].model.layers] == [8, 8]
    assert sum(run.accuracy["quantised"]["test"] for run in runs) / 3 >= 0.95
    for run in runs:
        assert abs(run.accuracy["quantised"]["test"] - run.accuracy["float"]["test"]) <= 0.02
