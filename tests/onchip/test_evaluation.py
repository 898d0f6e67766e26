"""Many samples in one run against each sample alone, from a fresh state."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from neurotrain_hw.chips import load_chip
from neurotrain_hw.data import Samples, encode_rate
from neurotrain_hw.events import EventStream
from neurotrain_hw.onchip import OnChipNetwork, build_program
from neurotrain_hw.onchip.evaluation import accuracy, answers, starts_afresh
from neurotrain_hw.program import Program
from neurotrain_hw.rules import load_rule
from neurotrain_hw.simulator import Session

NETWORK = OnChipNetwork(12, 16, 4, steps=7, output_vth=300, hidden_vth=500)


@pytest.fixture(scope="module")
def program() -> Program:
    built = build_program(NETWORK, load_rule("eprop-random"), load_rule("delta"), load_chip("loihi2"), seed=0)
    rng = np.random.default_rng(1)
    readout = built.connection("hidden-out")
    drawn = (2 * rng.integers(-60, 90, readout.weights.shape)).astype(np.int16)
    return _with(built, "hidden-out", weights=drawn)


def test_samples_in_a_row_are_answered_as_each_alone(program: Program) -> None:
    x = np.random.default_rng(2).random((30, 12), np.float32)
    coded = encode_rate(x, steps=7, seed=3)
    session = Session(program, record=("out.spikes",), learn=False)
    found = answers(session, coded)
    for sample, counts in zip(coded, found, strict=True):
        run = session.fresh().run({"in": EventStream.from_dense(sample)}, steps=9)
        np.testing.assert_array_equal(run.spikes["out"].dense()[2:].sum(axis=0), counts)
    assert len(np.unique(found, axis=0)) > 10, "the samples tell apart"


def test_accuracy_counts_answers_that_are_the_label(program: Program) -> None:
    x = np.random.default_rng(2).random((40, 12), np.float32)
    session = Session(program, record=("out.spikes",), learn=False)
    y = answers(session, encode_rate(x, steps=7, seed=1_000_003)).argmax(axis=1)
    wrong = np.where(np.arange(40) < 10, (y + 1) % 4, y)
    assert accuracy(session, Samples(x, wrong), threads=2) == 0.75


def test_a_run_is_shared_only_where_every_layer_forgets_in_time(program: Program) -> None:
    assert starts_afresh(program)
    for changed in ({"reset_offset": 3}, {"reset_interval": 14}):
        hidden = program.population("hidden")
        other = replace(hidden, parameters={**hidden.parameters, **changed})
        populations = tuple(other if p.name == "hidden" else p for p in program.populations)
        assert not starts_afresh(replace(program, populations=populations))
    delays = np.ones((4, 16), np.int32)
    assert not starts_afresh(_with(program, "hidden-out", kind="delay_dense", delays=delays, plasticity=None))


def _with(program: Program, name: str, **changed: object) -> Program:
    connections = tuple(replace(c, **changed) if c.name == name else c for c in program.connections)
    return replace(program, connections=connections)
