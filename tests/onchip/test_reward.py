"""Learning from reward alone: what the host tells the chip, what changes, and that it learns."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from neurotrain_hw.chips import load_chip
from neurotrain_hw.data import Samples, Splits, load_dataset
from neurotrain_hw.errors import ValueRangeError
from neurotrain_hw.events import EventStream
from neurotrain_hw.onchip import RewardNetwork, build_rewarded, teach_by_reward, teach_twin_by_reward
from neurotrain_hw.rules import load_rule
from neurotrain_hw.simulator import Session

RULE = load_rule(Path(__file__).parents[2] / "benchmarks" / "reward-winner.toml")
CHIP = load_chip("loihi2")
NETWORK = RewardNetwork(64, 10, neurons=40)


@pytest.fixture(scope="module")
def few() -> Splits:
    data = load_dataset("digits")
    return replace(data, train=data.train.first(400), validation=data.validation.first(100), test=data.test.first(100))


def test_only_the_neuron_that_was_taken_learns_toward_the_input_or_away_from_it() -> None:
    session = Session(build_rewarded(NETWORK, RULE, CHIP, seed=0), record=("out.spikes",))
    shown = np.zeros((21, 64), np.int32)
    shown[:20, :20] = 1
    for reward in (100, -100):
        session.run({"in": EventStream.from_dense(shown)}, steps=21)
        before = session.weights()["in-out"]
        action, given = np.zeros((3, 40), np.int32), np.zeros((3, 1), np.int32)
        action[0, 7], given[1, 0] = 1, reward
        run = session.run({"action": EventStream.from_dense(action), "reward": EventStream.from_dense(given)}, steps=3)
        assert np.argwhere(run.spikes["out"].dense()).tolist() == [[1, 7]]
        change = session.weights()["in-out"] - before
        assert not np.delete(change, 7, axis=0).any()
        assert np.sign(change[7, :20]).tolist() == [np.sign(reward)] * 20
        if reward < 0:
            assert (change[7, 20:] > 0).all()


def test_without_reward_nothing_changes() -> None:
    session = Session(build_rewarded(NETWORK, RULE, CHIP, seed=0), record=())
    noise = (np.random.default_rng(0).random((100, 64)) < 0.5).astype(np.int32)
    before = session.weights()["in-out"]
    session.run({"in": EventStream.from_dense(noise)}, steps=100)
    np.testing.assert_array_equal(session.weights()["in-out"], before)


def test_it_learns_digits_on_the_chip_and_in_real_numbers(few: Splits) -> None:
    chip = teach_by_reward(NETWORK, RULE, CHIP, few, epochs=4, seed=0)
    twin = teach_twin_by_reward(NETWORK, RULE, CHIP, few, epochs=4, seed=0)
    for lesson in (chip, twin):
        assert lesson.validation[0] < 0.3
        assert lesson.validation[lesson.best] > 0.5
        assert lesson.test > 0.4
        assert lesson.hits[-1] > lesson.hits[0]
    assert chip.weights.shape == twin.weights.shape == (40, 64)


def test_the_test_set_has_no_part_in_it(few: Splits) -> None:
    blind = replace(few, test=Samples(np.zeros_like(few.test.x), np.zeros_like(few.test.y)))
    one, two = (teach_by_reward(NETWORK, RULE, CHIP, data, epochs=1, seed=1) for data in (few, blind))
    assert (one.validation, one.hits) == (two.validation, two.hits)
    np.testing.assert_array_equal(one.weights, two.weights)


def test_classes_must_share_the_neurons_evenly() -> None:
    with pytest.raises(ValueRangeError, match="45 neurons for 10 classes"):
        RewardNetwork(64, 10, neurons=45)
