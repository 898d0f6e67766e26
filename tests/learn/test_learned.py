"""A learned network is loaded bit for bit: odd values, both signs, the lowest weight; nothing of learning is left."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from neurotrain_hw.chips import load_chip
from neurotrain_hw.data import Splits
from neurotrain_hw.errors import UnsupportedError
from neurotrain_hw.learn import learned_program
from neurotrain_hw.memory import with_budget
from neurotrain_hw.onchip import OnChipNetwork, build_program, lessons, target_levels
from neurotrain_hw.program import Program
from neurotrain_hw.rules import load_rule
from neurotrain_hw.simulator import Session

CHIP = load_chip("loihi2")


def learning(weight_exp: int = 2) -> Program:
    network = OnChipNetwork(12, 8, 3, steps=6, weight_exp=weight_exp, hidden_vth=800, output_vth=500)
    return build_program(network, load_rule("eprop-random"), load_rule("delta"), CHIP, seed=0)


def learned_weights(program: Program) -> dict[str, np.ndarray]:
    """Weights that a lesson left, of every kind."""
    rng = np.random.default_rng(3)
    found = {}
    for name in ("in-hidden", "hidden-out"):
        shape = program.connection(name).matrix().shape
        weights = np.clip(rng.normal(0, 120, shape), -256, 255).astype(np.int32)
        weights[0, :4] = (-256, -255, 255, 0)
        found[name] = weights
    return found


def test_the_parts_of_a_connection_add_up_to_its_weights() -> None:
    program = learning()
    weights = learned_weights(program)
    loaded = learned_program(program, weights, CHIP, name="learned")
    for name, wanted in weights.items():
        parts = [c.matrix() for c in loaded.connections if c.name.startswith(name)]
        assert len(parts) == 3
        np.testing.assert_array_equal(sum(parts), wanted)
        assert sum(np.count_nonzero(part) for part in parts) == np.count_nonzero(wanted)  # one synapse for each


def test_it_spikes_as_the_network_that_learned(few: Splits) -> None:
    network = OnChipNetwork(64, 16, 10, output_vth=256)
    rules = load_rule("eprop-random"), load_rule("delta")
    program = build_program(network, *rules, CHIP, seed=0)
    stream = next(lessons(program.sample_timing, target_levels(network, rules[1]), few.train, epochs=1, seed=0))
    session = Session(program, record=())
    session.run(stream.inputs(), steps=stream.steps)
    weights = session.weights()
    assert all(np.any(w % 2) for w in weights.values())
    frozen = session.frozen(record=["hidden.spikes", "out.spikes"]).run({"in": stream.spikes}, steps=stream.steps)
    loaded = Session(learned_program(program, weights, CHIP, name="x"), record=["hidden.spikes", "out.spikes"])
    run = loaded.run({"in": stream.spikes}, steps=stream.steps)
    for name in ("hidden", "out"):
        assert frozen.spikes[name].count > 20
        assert run.spikes[name] == frozen.spikes[name]


def test_weights_on_the_grid_stay_one_connection() -> None:
    program = learning()
    weights = {name: (w >> 1) << 1 for name, w in learned_weights(program).items()}
    loaded = learned_program(program, weights, CHIP, name="learned")
    assert [c.name for c in loaded.connections] == ["in-hidden", "hidden-out"]
    for c in loaded.connections:
        np.testing.assert_array_equal(c.matrix(), weights[c.name])


def test_nothing_of_learning_is_left() -> None:
    loaded = learned_program(learning(), learned_weights(learning()), CHIP, name="learned")
    assert loaded.inputs == ("in",)
    assert [p.name for p in loaded.populations] == ["in", "hidden", "out"]
    assert all(p.modulator is None for p in loaded.populations)
    assert all(c.plasticity is None for c in loaded.connections)
    purposes = {row.purpose for row in loaded.memory}
    assert "weights" in purposes
    assert not {"wider weights", "pre traces", "feedback matrix", "third factors", "modulator state"} & purposes


def test_a_negative_exponent_is_refused_and_a_small_chip_said() -> None:
    with pytest.raises(UnsupportedError, match="cannot be loaded bit for bit"):
        learned_program(learning(-1), learned_weights(learning(-1)), CHIP, name="learned")
    small = with_budget(load_chip("edge_sram"), 100)
    loaded = learned_program(replace(learning(), chip=""), learned_weights(learning()), small, name="learned")
    assert not loaded.placement
    assert "not placed" in loaded.notes[-1]
