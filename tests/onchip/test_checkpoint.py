"""Lessons that stop early, stop and go on, and the networks of other signals."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from learning_rules import DECOLLE, DRTP, GOODNESS

from neurotrain_hw.chips import load_chip
from neurotrain_hw.data import Samples, Splits, load_dataset
from neurotrain_hw.errors import FormatError, UnsupportedError
from neurotrain_hw.onchip import Lesson, OnChipNetwork, build_program, lessons, target_levels, teach, teach_twin
from neurotrain_hw.program import Program
from neurotrain_hw.rules import load_rule

NETWORK = OnChipNetwork(64, 32, 10, output_vth=1024)
DELTA = load_rule("delta")
LEVELS = target_levels(NETWORK, DELTA)


@pytest.fixture(scope="module")
def few() -> Splits:
    data = load_dataset("digits")
    return replace(data, train=data.train.first(60), validation=data.validation.first(40), test=data.test.first(40))


@pytest.fixture(scope="module")
def program() -> Program:
    return build_program(NETWORK, load_rule("eprop-random"), DELTA, load_chip("loihi2"), seed=0)


class Stop(Exception):
    pass


def test_a_lesson_goes_on_with_the_same_bits(few: Splits, program: Program, tmp_path: Path) -> None:
    whole = teach(program, LEVELS, few, epochs=4, seed=0)

    def stop(epoch: int, _: float) -> None:
        if epoch == 2:
            raise Stop

    with pytest.raises(Stop):
        teach(program, LEVELS, few, epochs=4, seed=0, checkpoint=tmp_path / "lesson", progress=stop)
    assert json.loads((tmp_path / "lesson" / "lesson.json").read_text())["validation"] == list(whole.validation[:3])
    _same(teach(program, LEVELS, few, epochs=4, seed=0, checkpoint=tmp_path / "lesson"), whole)
    _same(teach(program, LEVELS, few, epochs=4, seed=0, checkpoint=tmp_path / "lesson"), whole)  # nothing left to do
    assert len(list((tmp_path / "lesson").iterdir())) == 3


def _same(one: Lesson, two: Lesson) -> None:
    assert (one.validation, one.best, one.test) == (two.validation, two.best, two.test)
    assert one.counters == two.counters
    for name, weights in two.weights.items():
        np.testing.assert_array_equal(one.weights[name], weights)


def test_another_lesson_is_not_gone_on_with(few: Splits, program: Program, tmp_path: Path) -> None:
    teach(program, LEVELS, few, epochs=1, seed=0, checkpoint=tmp_path)
    with pytest.raises(FormatError, match="another lesson"):
        teach(program, LEVELS, few, epochs=2, seed=1, checkpoint=tmp_path)
    other = Samples(few.train.x[::-1].copy(), few.train.y[::-1].copy())
    with pytest.raises(FormatError, match="another lesson"):
        teach(program, LEVELS, replace(few, train=other), epochs=2, seed=0, checkpoint=tmp_path)
    with pytest.raises(FormatError, match="another program"):
        teach(replace(program, name="x"), LEVELS, few, epochs=2, seed=0, checkpoint=tmp_path)


@pytest.mark.parametrize("change", [{"run": "../x"}, {"validation": "high"}, {"validation": []}, {"schema": 99}])
def test_damaged_checkpoints_are_refused(few: Splits, program: Program, tmp_path: Path, change: dict) -> None:
    teach(program, LEVELS, few, epochs=1, seed=0, checkpoint=tmp_path)
    path = tmp_path / "lesson.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(FormatError):
        teach(program, LEVELS, few, epochs=2, seed=0, checkpoint=tmp_path)
    path.write_text("{")
    with pytest.raises(FormatError, match="no checkpoint"):
        teach(program, LEVELS, few, epochs=2, seed=0, checkpoint=tmp_path)


@pytest.mark.parametrize("learn", [teach, teach_twin])
def test_lessons_stop_where_validation_no_longer_rises(few: Splits, program: Program, learn) -> None:
    full, short = (learn(program, LEVELS, few, epochs=6, seed=0, patience=p) for p in (None, 1))
    best = np.argmax(full.validation)
    falls = next((k for k in range(1, 7) if full.validation[k] <= max(full.validation[:k])), 6)
    assert short.validation == full.validation[: falls + 1]
    assert full.best == best
    assert short.best == np.argmax(short.validation)


def test_streams_from_a_later_epoch_are_the_same(few: Splits, program: Program) -> None:
    every = list(lessons(program.sample_timing, LEVELS, few.train, epochs=3, seed=5))
    later = list(lessons(program.sample_timing, LEVELS, few.train, epochs=3, seed=5, first=1))
    for one, two in zip(every[1:], later, strict=True):
        np.testing.assert_array_equal(one.spikes.dense(), two.spikes.dense())
        np.testing.assert_array_equal(one.targets.dense(), two.targets.dense())


def test_test_samples_have_no_part_in_learning(few: Splits, program: Program) -> None:
    """With the labels and pixels of all test samples replaced, everything but the test accuracy is the same."""
    other = Samples(np.zeros_like(few.test.x), np.zeros_like(few.test.y))
    one, two = (teach(program, LEVELS, data, epochs=2, seed=0) for data in (few, replace(few, test=other)))
    assert (one.validation, one.best) == (two.validation, two.best)
    for name, weights in one.weights.items():
        np.testing.assert_array_equal(weights, two.weights[name])
    parts = [{sample.tobytes() for sample in part.x} for part in (few.train, few.validation, few.test)]
    assert not parts[0] & parts[1]
    assert not parts[0] & parts[2]
    assert not parts[1] & parts[2]


def test_target_projection_sends_labels_and_no_errors() -> None:
    program = build_program(NETWORK, DRTP, DELTA, load_chip("loihi2"), seed=0)
    feedback = program.connection("feedback")
    assert (feedback.pre, feedback.pre_port, feedback.port) == ("target", "spikes", "signal")
    sums = feedback.weights.sum(axis=1)
    assert abs(sums).max() <= 2 * NETWORK.outputs, "balanced over the classes, to within the grid"


def test_a_local_readout_feeds_its_error_back_through_its_own_weights() -> None:
    program = build_program(NETWORK, DECOLLE, DELTA, load_chip("loihi2"), seed=0)
    feedback, readout = program.connection("feedback"), program.connection("hidden-local")
    assert (feedback.pre, feedback.pre_port) == ("local", "error")
    np.testing.assert_array_equal(feedback.weights, readout.weights.T)
    assert readout.plasticity is None
    assert program.population("local").parameters["reset_offset"] == 3


def test_a_signal_that_no_network_forms_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="goodness"):
        build_program(NETWORK, GOODNESS, DELTA, load_chip("loihi2"), seed=0)
