"""What needs_of counts for a learning signal against the counters of a run that forms it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from neurotrain_hw.chips import load_chip
from neurotrain_hw.errors import UnsupportedError
from neurotrain_hw.events import EventStream
from neurotrain_hw.onchip import learning_program
from neurotrain_hw.program import Connection, Modulator, Program
from neurotrain_hw.rules import Operations, load_rule, modulator_of, needs_of, rule_names
from neurotrain_hw.simulator import Counters, simulate

SIZES, STEPS = (6, 5, 3), 24
FORMED = [n for n in rule_names() if load_rule(n).modulation.formed == "modulator"]


def _run(name: str) -> tuple[Program, Counters, dict[str, np.ndarray]]:
    program, rng = learning_program(load_rule(name), SIZES, load_chip("loihi2"), seed=4), np.random.default_rng(2)
    rows = {p: rng.integers(0, 90, (STEPS, program.population(p).n)) for p in program.inputs}
    rows |= {p: rng.random((STEPS, SIZES[0])) < 0.4 for p in program.inputs if p == "in"}
    rows |= {p: np.eye(SIZES[-1])[rng.integers(0, SIZES[-1], STEPS)] for p in program.inputs if p == "label"}
    dense = {k: v.astype(np.int32) for k, v in rows.items()}
    run = simulate(program, {k: EventStream.from_dense(v) for k, v in dense.items()}, steps=STEPS)
    return program, run.counters, dense


def _feeding(program: Program, post: str) -> list[Connection]:
    return [c for c in program.connections if c.post == post and c.port == "signal"]


@pytest.mark.parametrize("name", FORMED)
def test_the_operations_of_a_third_factor_are_those_that_a_run_counts(name: str) -> None:
    program, counters, inputs = _run(name)
    cost = needs_of(load_rule(name)).signal_operations
    learns = [c.post for c in program.connections if c.plasticity is not None and c.plasticity.rule == name]
    assert learns
    for post in learns:
        counts, n = counters.populations[post], program.population(post).n
        assert counts.signal_updates == n * STEPS
        assert counts.signal_multiplications == cost.neuron.multiplications * n * STEPS
        assert counts.signal_additions == cost.neuron.additions * n * STEPS
        for c in _feeding(program, post):
            events = counters.connections[c.name]
            if c.pre == "label":  # one spike a step, an addition at each neuron
                assert events.synaptic_events == cost.brought.additions * n * int((inputs["label"] != 0).sum())
            else:  # an error of 0 is not sent
                assert 0 < events.graded_events <= cost.per_output.additions * n * SIZES[-1] * STEPS
                assert events.spike_events == 0 and cost.brought == Operations(0, 0)


@pytest.mark.parametrize("name", FORMED)
def test_what_a_rule_keeps_for_its_signal_is_what_its_modulator_keeps(name: str) -> None:
    program, _, _ = _run(name)
    learns = next(c.post for c in program.connections if c.plasticity is not None and c.plasticity.rule == name)
    modulator = program.population(learns).modulator
    assert modulator is not None and modulator.state_bits == needs_of(load_rule(name)).signal_bits


def test_every_signal_of_a_modulator_is_among_these_rules() -> None:
    made = [modulator_of(load_rule(name)) for name in FORMED]
    assert {m.signal for m in made if m} == {"error", "feedback", "reward", "goodness"}
    assert {m.beside for m in made if m} >= {"nothing", "psi_alone", "noise"}


def test_the_constants_of_a_modulator_are_those_of_the_file() -> None:
    delta = modulator_of(load_rule("delta"), target="t")
    assert delta == Modulator("error", target="t", trace_decay=205, trace_impulse=2048, trace_shift=6)
    goodness = modulator_of(load_rule("forward-forward"), target="t")
    assert goodness == Modulator("goodness", target="t", trace_decay=410, trace_impulse=1024, trace_shift=5,
                                 goodness_shift=8, goodness_level=16)  # fmt: skip
    filtered = modulator_of(load_rule("eprop-filtered"), theta=6400, target="t")
    assert filtered == Modulator("feedback", "box", 6400, 7, beside="psi_alone", beside_shift=4)
    noisy = modulator_of(load_rule("node-perturbation"), target="r", seed=9)
    assert noisy == Modulator("reward", target="r", beside="noise", noise_exp=4, noise_seed=9)


def test_a_constant_that_is_no_number_is_refused() -> None:
    rule = load_rule("soel")
    with pytest.raises(UnsupportedError, match=r"rule 'soel'.*'few' for 'error_step'.*a number"):
        modulator_of(replace(rule, defaults={**rule.defaults, "error_step": "few"}))


def test_a_rule_without_such_a_signal_has_no_modulator() -> None:
    for name in ("pair-stdp", "emstdp", "sdsp", "bptt"):
        assert modulator_of(load_rule(name)) is None
