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
NETWORK = WinnerNetwork(64, 30, shares=(1.0, 0.7, 0.4))


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


def test_samples_of_equal_power_are_shown_alike_however_bright() -> None:
    data = load_dataset("digits")
    data = replace(data, train=data.train.first(150), validation=data.validation.first(30), test=data.test.first(30))
    dim = replace(data, **{part: _dimmed(getattr(data, part)) for part in ("train", "validation", "test")})
    network = replace(NETWORK, power=14.0, shares=(0.7,))
    one, other = (teach_winners(network, RULE, CHIP, shown, epochs=1, seed=0) for shown in (data, dim))
    np.testing.assert_array_equal(one.weights, other.weights)
    assert (one.validation, one.test) == (other.validation, other.test)
    assert (one.weights != build_winners(network, RULE, CHIP, seed=0).connection("in-winners").matrix()).any()


def test_labels_come_from_the_samples_that_are_to_give_them() -> None:
    data = load_dataset("digits")
    data = replace(data, train=data.train.first(60), validation=data.validation.first(30), test=data.test.first(30))
    y = np.where(np.arange(60) < 40, data.train.y, (data.train.y + 1) % 10)
    mislabelled = replace(data, train=Samples(data.train.x, y))
    network = replace(NETWORK, shares=(0.7,))
    few, same, all_of_them = (
        teach_winners(replace(network, labelled=count), RULE, CHIP, shown, epochs=1, seed=0).labels
        for count, shown in ((40, data), (40, mislabelled), (None, mislabelled))
    )
    np.testing.assert_array_equal(few, same)
    assert (few != all_of_them).any()


def test_progress_is_told_each_epoch() -> None:
    data = load_dataset("digits")
    data = replace(data, train=data.train.first(30), validation=data.validation.first(20), test=data.test.first(20))
    told: list[tuple[int, float]] = []
    lesson = teach_winners(
        replace(NETWORK, shares=(0.7,)), RULE, CHIP, data, epochs=2, seed=0, progress=lambda *now: told.append(now)
    )
    assert told == [(1, lesson.validation[1]), (2, lesson.validation[2])]


def _dimmed(samples: Samples) -> Samples:
    return Samples(samples.x / 2, samples.y)
