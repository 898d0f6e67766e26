"""The rows about learning signals: who computes them, of which step they are, and what must be read backward."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import pytest

from neurotrain_hw.audit import NetworkShape, Outcome, Result, Row, Verdict, audit, memory_needs
from neurotrain_hw.chips import Chip, load_chip
from neurotrain_hw.rules import Rule, Trace, load_rule, parse_sum

DIGITS = NetworkShape.fully_connected((64, 128, 10))
MakeChip = Callable[..., Chip]


def judged(rule: Rule, chip: Chip | str) -> Verdict:
    return audit(rule, DIGITS, load_chip(chip) if isinstance(chip, str) else chip, steps=24)


def row(verdict: Verdict, requirement: str) -> Row:
    return next(r for r in verdict.rows if r.requirement == requirement)


def with_modulation(rule: Rule, **changes: object) -> Rule:
    return replace(rule, modulation=replace(rule.modulation, **changes))  # type: ignore[arg-type]


def with_trace(rule: Rule, left: float) -> Rule:
    """The rule with an x1 of which a share is left after a step."""
    return replace(rule, traces={"x1": Trace(1, -1 / math.log(left))})


# Who computes the signal


def test_pes_runs_on_loihi_1_because_a_processor_writes_its_errors() -> None:
    """nengo-loihi does it so; the same rule with errors that only the neuron's program can form does not run there."""
    pes = load_rule("pes")
    verdict = judged(pes, "loihi1")
    assert verdict.outcome == Outcome.NATIVE
    assert row(verdict, "third factor").limit == "a processor writes the post traces of each neuron"
    assert "error broadcast" not in [r.requirement for r in verdict.rows]  # no spike carries the error
    by_neuron = judged(with_modulation(pes, computed_by="neuron"), "loihi1")
    assert by_neuron.outcome == Outcome.OFF_CHIP
    assert 'computed_by = "processor"' in row(by_neuron, "third factor").remedy
    assert judged(pes, "loihi2").outcome == Outcome.NATIVE  # where the neurons' programs can


def test_no_processor_reads_the_membrane_for_psi() -> None:
    """Nor the state of the neurons: a goodness times their own activity."""
    for name in ("eprop-random", "soel"):
        verdict = judged(with_modulation(load_rule(name), computed_by="processor"), "loihi1")
        assert verdict.outcome == Outcome.OFF_CHIP and row(verdict, "pseudo-derivative").result == Result.FAIL
    goodness = row(judged(load_rule("forward-forward"), "loihi1"), "third factor")
    assert goodness.result == Result.FAIL and "processor" not in goodness.remedy


@pytest.mark.parametrize(("writes", "expected"), [(True, Result.PASS), (False, Result.FAIL), (None, Result.UNKNOWN)])
def test_a_processor_that_may_not_write_traces_helps_nobody(
    chip: MakeChip, writes: bool | None, expected: Result
) -> None:
    made = chip(learning__third_factor="global", learning__processor_writes_traces=writes)
    assert row(judged(load_rule("pes"), made), "third factor").result == expected


def test_a_reward_is_one_for_all_whoever_computes_it() -> None:
    for computer in ("host", "processor", "neuron"):
        rule = with_modulation(load_rule("reward-stdp"), computed_by=computer)
        assert judged(rule, "loihi1").outcome == Outcome.NATIVE


# What must be read backward


@pytest.mark.parametrize("name", ["eprop", "ottt", "es-d-rtrl", "eprop-adaptive"])
@pytest.mark.parametrize(("reads", "expected"), [(True, Result.PASS), (False, Result.FAIL), (None, Result.UNKNOWN)])
def test_weights_that_learn_can_only_be_read_backward_by_a_chip_that_does(
    chip: MakeChip, name: str, reads: bool | None, expected: Result
) -> None:
    verdict = judged(load_rule(name), chip(synapse__read_backward=reads))
    found = row(verdict, "weight transport")
    assert found.result == expected
    if expected == Result.FAIL:
        assert "a second copy would be needed" in found.reason and "eprop-random" in found.remedy
    copies = [n for n in memory_needs(load_rule(name), DIGITS, chip(synapse__read_backward=reads), steps=1)
              if n.purpose == "second copy of weights"]  # fmt: skip
    assert [n.bits for n in copies] == ([] if reads else [8 * 1280])


def test_fixed_weights_read_backward_cost_a_copy_and_nothing_else(chip: MakeChip) -> None:
    """DECOLLE's readout does not change, so its copy stays equal to it."""
    for reads, copies in ((True, []), (False, [8 * 1280])):
        made = chip(synapse__read_backward=reads)
        verdict = judged(load_rule("decolle"), made)
        assert verdict.outcome == Outcome.NATIVE and "weight transport" not in [r.requirement for r in verdict.rows]
        needs = memory_needs(load_rule("decolle"), DIGITS, made, steps=1)
        assert [n.bits for n in needs if n.purpose == "second copy of weights"] == copies


# Of which step a factor is


def test_a_signal_through_synapses_is_there_a_step_later(chip: MakeChip) -> None:
    rule = load_rule("eprop-random")
    assert row(judged(rule, chip()), "step of the signal").result == Result.PASS
    early = judged(replace(rule, sampling={**rule.sampling, "L": "same-step"}), chip())
    found = row(early, "step of the signal")
    assert found.result == Result.DEPARTS and "previous-step" in found.remedy
    assert early.outcome == Outcome.NATIVE and early.departing == (found,)
    assert "departs from the rule's definition in: step of the signal." in early.note


def test_a_signal_of_the_neuron_itself_is_of_its_own_step(chip: MakeChip) -> None:
    for name in ("delta", "soel", "forward-forward", "node-perturbation", "reward-stdp"):
        verdict = judged(load_rule(name), chip())
        assert verdict.departing == () and "step of the signal" not in [r.requirement for r in verdict.rows]


@pytest.mark.parametrize(
    ("factor", "word", "requirement"),
    [("v", "after-reset", "step of the membrane"), ("L", "same-step", "step of the signal")],
)
def test_reckon_reads_membrane_and_signal_when_its_circuit_does(factor: str, word: str, requirement: str) -> None:
    eprop = with_trace(load_rule("eprop"), 0.9)
    as_there = judged(replace(eprop, sampling={**eprop.sampling, factor: word}), "reckon")
    assert row(as_there, requirement).result == Result.PASS
    other = "previous-step" if factor == "L" else "before-reset"
    verdict = judged(replace(eprop, sampling={**eprop.sampling, factor: other}), "reckon")
    assert row(verdict, requirement).result == Result.DEPARTS and verdict.outcome == Outcome.NATIVE


def test_odins_flags_are_those_of_a_membrane_after_its_reset() -> None:
    network = NetworkShape.fully_connected((64, 10), weight_bits=3)
    verdict = audit(load_rule("sdsp"), network, load_chip("odin"), steps=24)
    assert verdict.outcome == Outcome.NATIVE and [r.requirement for r in verdict.departing] == ["step of the membrane"]


# What a fixed circuit prescribes


@pytest.mark.parametrize("name", ["eprop", "ottt"])
@pytest.mark.parametrize(
    ("left", "met"), [(0.5, False), (0.8749, False), (0.8751, True), (0.99, True)]
)  # fmt: skip
def test_a_trace_of_reckon_keeps_seven_eighths_of_itself_at_least(name: str, left: float, met: bool) -> None:
    """alpha has 0x7 or 0x8 as its highest digit of 0x8000. Nothing but the trace tells e-prop from OTTT here."""
    verdict = judged(with_trace(load_rule(name), left), "reckon")
    assert verdict.outcome == Outcome.NATIVE
    found = row(verdict, "decay of x1")
    assert found.result == (Result.PASS if met else Result.DEPARTS)
    assert met or "decay of x1" in verdict.note
    assert met or "0.875" in found.remedy


def test_ottt_as_published_forgets_too_fast_for_reckon() -> None:
    published = with_trace(load_rule("ottt"), 0.5)  # lambda = 1 - 1/tau, tau = 2
    departing = [r.requirement for r in judged(published, "reckon").rows if r.result == Result.DEPARTS]
    assert "decay of x1" in departing


def test_reckons_readout_forgets_as_fast_as_it_likes() -> None:
    assert row(judged(load_rule("delta"), "reckon"), "decay of x1").result == Result.PASS
    assert judged(with_trace(load_rule("delta"), 0.01), "reckon").outcome == Outcome.NATIVE


def test_a_table_of_five_levels_only_comes_near_to_a_smooth_psi() -> None:
    eprop = load_rule("eprop")
    smooth, box = (judged(with_modulation(eprop, psi=psi), "reckon") for psi in ("triangle", "box"))
    assert row(smooth, "pseudo-derivative").result == Result.DEPARTS
    assert "pseudo-derivative" not in [r.requirement for r in box.rows]


@pytest.mark.parametrize(
    "changes",
    [
        {"dw": "2^-5*u3*x1*y1 - 2^-5*u3*x1*y2"},  # gated
        {"dw": "2^-5*x0*y1 - 2^-5*x0*y2", "traces": {}},  # no trace
        {"dw": "2^-5*u0*x1*y1*y2"},  # not the halves of a signed factor
        {"dt": "u0*y1"},  # a tag
        {"t_epoch": 2},
    ],
)
def test_a_circuit_with_one_rule_takes_no_other(changes: dict[str, object]) -> None:
    rule = load_rule("eprop")
    sums = {k: parse_sum(v) if k in ("dw", "dt") else v for k, v in changes.items()}  # type: ignore[arg-type]
    sampling = {k: v for k, v in rule.sampling.items() if k != "x1" or "traces" not in changes}
    other = replace(rule, sampling=sampling, **sums)  # type: ignore[arg-type]
    verdict = judged(other, "reckon")
    assert verdict.outcome == Outcome.OFF_CHIP
    assert [r.requirement for r in verdict.failing] == ["form of the rule"]


# State that a synapse must hold


@pytest.mark.parametrize(("name", "tags"), [("ostl", 1), ("osttp", 1), ("eprop-filtered", 1), ("eprop-alif", 1)])
def test_an_eligibility_per_synapse_lies_in_the_tag_where_that_suffices(name: str, tags: int) -> None:
    """9 bits for each of 9,472 synapses on Loihi 2, and no further word; on a processor a word of 32 bits."""
    rule = load_rule(name)
    assert not rule.synapse_bits and judged(rule, "loihi2").outcome == Outcome.NATIVE
    for chip, width in (("loihi2", 9), ("spinnaker2", 32)):
        needs = {n.purpose: n.bits for n in memory_needs(rule, DIGITS, load_chip(chip), steps=1)}
        assert needs["tags"] == tags * width * 9472
    assert judged(rule, "spinnaker2").outcome == Outcome.PROCESSOR


def test_what_no_tag_holds_runs_on_a_processor_with_its_state_counted() -> None:
    """Two signed words of 16 bits a synapse: e-prop with both, readout filter and adaptive threshold."""
    rule = load_rule("eprop-alif-filtered")
    assert rule.runs_on == "processor"
    for chip in ("loihi1", "loihi2", "reckon", "edge_sram"):
        verdict = judged(rule, chip)
        assert verdict.outcome == Outcome.OFF_CHIP and row(verdict, "form of the rule").result == Result.FAIL
    assert judged(rule, "spinnaker2").outcome == Outcome.PROCESSOR
    needs = {n.purpose: n.bits for n in memory_needs(rule, DIGITS, load_chip("spinnaker2"), steps=1)}
    assert needs["threshold eligibility"] == needs["filtered eligibility"] == 16 * 9472
    assert needs["adaptation"] == 16 * 138 and needs["trace"] == 16 * 192
    core = NetworkShape.fully_connected((784, 4096, 10))  # 3,252,224 synapses: 13 MB of eligibility
    verdict = audit(rule, core, load_chip("spinnaker2"), steps=24)
    assert verdict.outcome == Outcome.DOES_NOT_FIT and "memory with learning" in [
        r.requirement for r in verdict.failing
    ]


def test_a_synapse_without_room_for_a_tag_sends_such_a_rule_off_the_chip(chip: MakeChip) -> None:
    for name in ("ostl", "osttp", "eprop-filtered", "eprop-alif"):
        verdict = judged(load_rule(name), chip(learning__synaptic_state=("weight:8s",)))
        assert verdict.outcome == Outcome.OFF_CHIP and row(verdict, "tags").result == Result.FAIL
