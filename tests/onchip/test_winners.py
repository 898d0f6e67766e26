"""Neurons that inhibit one another: what they learn without labels, and how they get labels afterwards."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from neurotrain_hw.chips import load_chip
from neurotrain_hw.data import Samples, load_dataset
from neurotrain_hw.onchip import WinnerNetwork, build_winners, teach_winners
from neurotrain_hw.rules import load_rule

RULE = load_rule(Path(__file__).parents[2] / "benchmarks" / "winner-stdp.toml")
CHIP = load_chip("loihi2")
NETWORK = WinnerNetwork(64, 30)


def test_they_learn_digits_and_the_test_set_has_no_part_in_it() -> None:
    data = load_dataset("digits")
    data = replace(data, train=data.train.first(400), test=data.test.first(100))
    lesson = teach_winners(NETWORK, RULE, CHIP, data, epochs=2, seed=0)
    assert lesson.validation[lesson.best] > 0.5
    assert lesson.test > 0.4
    assert lesson.weights.shape == (30, 64)
    other = Samples(np.zeros_like(data.test.x), np.zeros_like(data.test.y))
    blind = teach_winners(NETWORK, RULE, CHIP, replace(data, test=other), epochs=2, seed=0)
    assert (blind.validation, blind.share) == (lesson.validation, lesson.share)
    np.testing.assert_array_equal(blind.weights, lesson.weights)
    np.testing.assert_array_equal(blind.labels, lesson.labels)


def test_every_neuron_inhibits_all_others_and_not_itself() -> None:
    lateral = build_winners(NETWORK, RULE, CHIP, seed=0).connection("lateral").matrix()
    assert not np.diag(lateral).any()
    assert (lateral[~np.eye(30, dtype=bool)] == -80).all()


def test_what_classifies_neither_learns_nor_adapts() -> None:
    weights, theta = np.full((30, 64), 12, np.int32), np.arange(100, 130, dtype=np.int32)
    program = build_winners(NETWORK, RULE, CHIP, seed=0, weights=weights, theta=theta)
    assert all(c.plasticity is None for c in program.connections)
    assert program.population("winners").parameters["theta_step"] == 0
    np.testing.assert_array_equal(program.population("winners").parameter("theta_0"), theta)
