"""Verdicts: on the chips that come with the package, and on made-up ones where one figure decides."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from neurotrain_hw.audit import NetworkShape, Outcome, Result, Verdict, audit
from neurotrain_hw.chips import Chip, load_chip
from neurotrain_hw.errors import ValueRangeError
from neurotrain_hw.rules import load_rule

DIGITS = NetworkShape.fully_connected((64, 128, 10))

MakeChip = Callable[..., Chip]


def _row(verdict: Verdict, requirement: str) -> tuple[Result, str, str]:
    row = next(row for row in verdict.rows if row.requirement == requirement)
    return row.result, row.need, row.limit


@pytest.mark.parametrize(
    ("rule", "chip", "outcome"),
    [
        ("eprop-random", "loihi2", Outcome.NATIVE),
        ("delta", "loihi2", Outcome.NATIVE),
        ("pair-stdp", "loihi1", Outcome.NATIVE),
        ("triplet-stdp", "loihi1", Outcome.NATIVE),
        ("reward-stdp", "loihi1", Outcome.NATIVE),
        ("eprop-random", "loihi1", Outcome.OFF_CHIP),  # no third factor per neuron, no psi
        ("eprop", "loihi2", Outcome.OFF_CHIP),  # weight transport
        ("eprop-random", "reckon", Outcome.OFF_CHIP),
        ("bptt", "loihi2", Outcome.OFF_CHIP),
        ("bptt", "spinnaker2", Outcome.PROCESSOR),
        ("eprop", "spinnaker2", Outcome.PROCESSOR),
        ("pair-stdp", "speck", Outcome.OFF_CHIP),  # fixed weights
        ("pair-stdp", "odin", Outcome.DOES_NOT_FIT),  # 8-bit weights in 3 bits
        ("eprop-random", "xylo_audio2", Outcome.DOES_NOT_FIT),  # 64 inputs on 16
        ("eprop-random", "edge_sram", Outcome.NATIVE),
        ("pair-stdp", "edge_sram", Outcome.UNKNOWN),  # does it reach synapses by post neuron?
    ],
)
def test_verdicts_on_known_chips(rule: str, chip: str, outcome: Outcome) -> None:
    assert audit(load_rule(rule), DIGITS, load_chip(chip), steps=24).outcome == outcome


def test_the_failing_rows_say_why_and_what_to_do() -> None:
    verdict = audit(load_rule("eprop"), DIGITS, load_chip("loihi2"), steps=24)
    (row,) = verdict.failing
    assert row.requirement == "weight transport" and "eprop-random" in row.remedy and row.reason
    assert not verdict.runs_there and verdict.unknown == ()


def test_a_rule_that_nothing_runs_yet_is_reported_as_such() -> None:
    verdict = audit(load_rule("eprop-alif"), DIGITS, load_chip("loihi2"), steps=24)
    assert verdict.outcome == Outcome.NATIVE
    assert "nothing runs eprop-alif yet" in verdict.note


@pytest.mark.parametrize(
    ("key", "rule", "requirement"),
    [
        ("learning__supported", "pair-stdp", "learning on the chip"),
        ("learning__rule_family", "pair-stdp", "form of the rule"),
        ("learning__third_factor", "delta", "third factor"),
        ("learning__third_factor", "eprop-random", "pseudo-derivative"),
        ("neuron__graded_spike_bits", "eprop-random", "error broadcast"),
        ("learning__pre_traces", "pair-stdp", "pre traces"),
        ("learning__post_traces", "pair-stdp", "post traces"),
        ("learning__synaptic_state", "reward-stdp", "tags"),
        ("learning__trace_bits", "pair-stdp", "trace range"),
        ("learning__scale_mant_bits", "pair-stdp", "scale of a product"),
        ("learning__rounding", "pair-stdp", "rounding"),
        ("learning__epoch_max", "pair-stdp", "learning epoch"),
        ("synapse__weight_bits_allowed", "pair-stdp", "weight bits"),
        ("structure__neurons_per_core", "pair-stdp", "neurons"),
        ("structure__cores", "pair-stdp", "cores"),
        ("memory__sram_core_bytes", "pair-stdp", "memory with learning"),
        ("memory__sram_core_bytes", "pair-stdp", "memory without learning"),
    ],
)
def test_an_unknown_figure_is_never_a_pass(chip: MakeChip, key: str, rule: str, requirement: str) -> None:
    assert audit(load_rule(rule), DIGITS, chip(), steps=24).outcome == Outcome.NATIVE
    verdict = audit(load_rule(rule), DIGITS, chip(**{key: None}), steps=24)
    assert _row(verdict, requirement)[0] == Result.UNKNOWN
    assert not verdict.runs_there


@pytest.mark.parametrize(
    ("key", "value", "rule", "requirement"),
    [
        ("learning__supported", False, "pair-stdp", "learning on the chip"),
        ("learning__rule_family", "sdsp", "pair-stdp", "form of the rule"),
        ("learning__third_factor", "global", "eprop-random", "third factor"),
        ("learning__third_factor", "none", "reward-stdp", "third factor"),
        ("neuron__graded_spike_bits", 7, "eprop-random", "error broadcast"),
        ("learning__pre_traces", ("x2",), "pair-stdp", "pre traces"),
        ("learning__synaptic_state", ("weight:8s",), "reward-stdp", "tags"),
        ("learning__trace_bits", 4, "pair-stdp", "trace range"),
        ("learning__rounding", ("nearest",), "pair-stdp", "rounding"),
    ],
)
def test_what_the_engine_lacks_sends_the_rule_off_the_chip(
    chip: MakeChip, key: str, value: object, rule: str, requirement: str
) -> None:
    verdict = audit(load_rule(rule), DIGITS, chip(**{key: value}), steps=24)
    assert _row(verdict, requirement)[0] == Result.FAIL
    assert verdict.outcome == Outcome.OFF_CHIP


def test_memory_that_only_learning_overflows_does_not_fit(chip: MakeChip) -> None:
    """9,472 weights of 8 bits and 138 neurons of 16 take 77,984 bits; tags of 12 bits add 113,664."""
    small = chip(structure__cores=1, memory__sram_core_bytes=10_000)
    verdict = audit(load_rule("reward-stdp"), DIGITS, small, steps=24)
    assert _row(verdict, "memory without learning") == (Result.PASS, "77,984 b (9.5 KiB)", "80,000 b (9.8 KiB)")
    assert _row(verdict, "memory with learning")[0] == Result.FAIL
    assert verdict.outcome == Outcome.DOES_NOT_FIT


def test_a_network_that_does_not_fit_is_the_first_thing_said(chip: MakeChip) -> None:
    verdict = audit(load_rule("bptt"), DIGITS, chip(structure__cores=1, memory__sram_core_bytes=9_000), steps=24)
    assert verdict.outcome == Outcome.DOES_NOT_FIT


def test_bptt_on_a_processor_fits_until_its_history_does_not() -> None:
    """SpiNNaker 2: 148 cores of 98,304 bytes; per step 202 spikes and 138 membranes of 32 bits, 4,618 bits."""
    chip, rule = load_chip("spinnaker2"), load_rule("bptt")
    fixed = 9472 * 8 + 138 * 64 + 2 * 5 * 32 + 9472 * 16  # each layer has five parameters
    longest = (148 * 98304 * 8 - fixed) // 4618
    assert audit(rule, DIGITS, chip, steps=longest).outcome == Outcome.PROCESSOR
    assert audit(rule, DIGITS, chip, steps=longest + 1).outcome == Outcome.DOES_NOT_FIT


def test_more_than_one_sample_at_once_is_no_chips_way(chip: MakeChip) -> None:
    verdict = audit(load_rule("pair-stdp"), DIGITS, chip(), steps=24, batch=2)
    assert [row.requirement for row in verdict.failing] == ["batch"]


def test_a_length_or_batch_of_zero_is_refused(chip: MakeChip) -> None:
    with pytest.raises(ValueRangeError):
        audit(load_rule("pair-stdp"), DIGITS, chip(), steps=0)
