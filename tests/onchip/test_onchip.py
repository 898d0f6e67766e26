"""The learning program and its protocol: time, targets, splits, controls."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from neurotrain_hw.chips import load_chip
from neurotrain_hw.data import Samples, Splits, load_dataset
from neurotrain_hw.errors import CapacityError, UnsupportedError, ValueRangeError
from neurotrain_hw.onchip import OnChipNetwork, TrainedHidden, build_program, lessons, teach
from neurotrain_hw.onchip.network import target_levels
from neurotrain_hw.program import Timing
from neurotrain_hw.rules import load_rule
from neurotrain_hw.simulator import Session

RULES = load_rule("eprop-random"), load_rule("delta")
NETWORK = OnChipNetwork(64, 32, 10, output_vth=1024)
CHIP = load_chip("loihi2")


@pytest.fixture(scope="module")
def few() -> Splits:
    data = load_dataset("digits")
    return replace(data, train=data.train.first(150), validation=data.validation.first(60), test=data.test.first(60))


def test_targets_rise_as_the_trace_of_a_steady_neuron() -> None:
    levels = target_levels(NETWORK, RULES[1])
    wanted = [round(127 * (1 - (3891 / 4096) ** t) / (1 - (3891 / 4096) ** 20)) for t in range(1, 21)]
    assert levels.tolist() == wanted
    assert levels[-1] == 127


def test_targets_lag_two_steps_behind_the_samples_across_epochs() -> None:
    samples = Samples(np.ones((3, 4), np.float32), np.array([0, 2, 1]))
    levels = np.array([5, 7, 9, 11], np.int32)
    streams = list(lessons(Timing(4, {"hidden": 1, "out": 2}), levels, samples, epochs=2, seed=1))
    spikes = np.concatenate([s.spikes.dense() for s in streams])
    targets = np.concatenate([s.targets.dense() for s in streams])
    assert spikes.shape == (24, 4)
    assert targets.shape == (24, 3)
    assert not targets[:2].any()
    orders = [np.random.default_rng([1, 1, epoch]).permutation(3) for epoch in range(2)]
    labels = samples.y[np.concatenate(orders)]
    for k, label in enumerate(labels):
        window = targets[4 * k + 2 : 4 * k + 6]
        np.testing.assert_array_equal(window[:, label], levels[: len(window)])
        assert not np.delete(window, label, axis=1).any()


def test_weights_and_feedback_come_from_the_seed() -> None:
    one, same, other = (build_program(NETWORK, *RULES, CHIP, seed=s) for s in (0, 0, 1))
    for c in one.connections:
        np.testing.assert_array_equal(c.weights, same.connection(c.name).weights)
    assert (one.connection("in-hidden").weights != other.connection("in-hidden").weights).any()
    assert (one.connection("feedback").weights != other.connection("feedback").weights).any()
    assert not one.connection("hidden-out").weights.any()
    assert not (one.connection("in-hidden").weights % 2).any()


def test_the_control_learns_its_readout_and_nothing_else(few: Splits) -> None:
    program = build_program(NETWORK, *RULES, CHIP, seed=0, start="readout")
    assert program.connection("in-hidden").plasticity is None
    assert [c.name for c in program.connections] == ["in-hidden", "hidden-out"]
    lesson = teach(program, target_levels(NETWORK, RULES[1]), few, epochs=1, seed=0)
    assert list(lesson.weights) == ["hidden-out"]
    assert lesson.weights["hidden-out"].any()


def test_learning_beats_chance_and_is_repeatable(few: Splits) -> None:
    program = build_program(NETWORK, *RULES, CHIP, seed=0)
    levels = target_levels(NETWORK, RULES[1])
    one, two = (teach(program, levels, few, epochs=3, seed=0, threads=t) for t in (1, 2))
    assert one.validation == two.validation
    assert one.test == two.test
    for name, weights in one.weights.items():
        np.testing.assert_array_equal(weights, two.weights[name])
    assert one.counters == two.counters
    assert one.validation[0] < 0.3
    assert one.validation[one.best] > 0.5
    assert one.test > 0.4


def test_a_frozen_session_keeps_the_learned_bits(few: Splits) -> None:
    program = build_program(NETWORK, *RULES, CHIP, seed=0)
    session = Session(program, record=())
    stream = next(lessons(program.timing, target_levels(NETWORK, RULES[1]), few.train, epochs=1, seed=0))
    session.run(stream.inputs(), steps=500)
    learned = session.weights()
    assert any((w % 2).any() for w in learned.values()), "learning reaches odd weights"
    frozen = session.frozen()
    frozen.run({"in": stream.spikes}, steps=50)
    for name, weights in frozen.weights().items():
        np.testing.assert_array_equal(weights, learned[name])


def test_a_trained_layer_is_taken_over_as_it_is() -> None:
    rng = np.random.default_rng(0)
    weights = (rng.integers(-100, 100, (32, 64)) * 2).astype(np.int16)
    trained = TrainedHidden(weights, 3, np.full(32, 3000, np.int32), np.full(32, 400, np.int32))
    program = build_program(NETWORK, *RULES, CHIP, seed=0, start="trained", trained=trained)
    np.testing.assert_array_equal(program.connection("in-hidden").weights, weights)
    assert program.connection("in-hidden").weight_exp == 3
    assert program.population("hidden").parameters["vth"] == 3000


def test_wrong_uses_are_typed_errors() -> None:
    with pytest.raises(ValueRangeError, match="trained"):
        build_program(NETWORK, *RULES, CHIP, seed=0, start="trained")
    with pytest.raises(UnsupportedError, match="no number"):
        build_program(NETWORK, load_rule("pair-stdp"), RULES[1], CHIP, seed=0)
    with pytest.raises(CapacityError):
        build_program(OnChipNetwork(64, 140_000, 10), *RULES, load_chip("loihi1"), seed=0)


def test_with_one_hidden_layer_dfa_is_eprop_with_random_feedback() -> None:
    one, other = (build_program(NETWORK, load_rule(name), RULES[1], CHIP, seed=0) for name in ("dfa", "eprop-random"))
    assert [p.modulator for p in one.populations] == [p.modulator for p in other.populations]
    for c, d in zip(one.connections, other.connections, strict=True):
        np.testing.assert_array_equal(c.weights, d.weights)
        if c.plasticity is not None and d.plasticity is not None:
            named = replace(c.plasticity, rule=d.plasticity.rule)
            assert (named.dw, named.traces, named.rng_seed) == (
                d.plasticity.dw,
                d.plasticity.traces,
                d.plasticity.rng_seed,
            )


def test_feedback_that_learns_is_a_second_readout_from_another_start() -> None:
    program = build_program(NETWORK, load_rule("eprop-adaptive"), RULES[1], CHIP, seed=0)
    mirror, readout, feedback = (program.connection(name) for name in ("mirror", "hidden-out", "feedback"))
    assert (mirror.pre, mirror.post, mirror.port) == ("hidden", "out", "none")
    assert (mirror.plasticity.dw, readout.plasticity.dw) == (str(RULES[1].dw),) * 2
    assert mirror.plasticity.rng_seed != readout.plasticity.rng_seed
    assert mirror.weights.any() and not readout.weights.any() and feedback.transpose_of == "mirror"


def test_signs_of_errors_leave_the_outputs_alone() -> None:
    program = build_program(NETWORK, load_rule("sign-dfa"), RULES[1], CHIP, seed=0)
    sent = {p.name: p.modulator.error_sent for p in program.populations if p.modulator is not None}
    assert sent == {"hidden": "value", "out": "sign"}


def test_the_hidden_neurons_form_the_rules_own_pseudo_derivative() -> None:
    eprop, readout = RULES
    smooth = replace(eprop, modulation=replace(eprop.modulation, psi="triangle"))
    found = build_program(NETWORK, smooth, readout, load_chip("loihi2"), seed=0).population("hidden").modulator
    assert found is not None and found.psi == "triangle" and found.psi_halfwidth == NETWORK.hidden_vth << 6
    soft = replace(eprop, modulation=replace(eprop.modulation, psi="surrogate", formed="given"))
    with pytest.raises(UnsupportedError, match=r"rule 'eprop-random'.*pseudo-derivative 'surrogate'.*'box'"):
        build_program(NETWORK, soft, readout, load_chip("loihi2"), seed=0)
