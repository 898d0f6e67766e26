"""Memory by purpose against figures worked out by hand: 8-bit weights, 12-bit traces, 16-bit membranes and gradients.

Two networks: 64-64-10 (4,736 weights, 74 neurons) and 256-256-16 (69,632 weights, 272 neurons).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from neurotrain_hw.audit import NetworkShape, memory_by_steps, memory_needs
from neurotrain_hw.audit.memory import total_bits
from neurotrain_hw.chips import Chip, load_chip
from neurotrain_hw.rules import Rule, load_rule

TRACES = ("pre traces", "post traces")
DIGITS = NetworkShape.fully_connected((64, 64, 10))
RECKON_SIZE = NetworkShape.fully_connected((256, 256, 16))

MakeChip = Callable[..., Chip]


def _bytes(rule: Rule | None, network: NetworkShape, chip: Chip, *purposes: str, steps: int = 1) -> float:
    """Bytes of inference and of the given purposes of learning."""
    needs = memory_needs(rule, network, chip, steps=steps)
    bits = total_bits([n for n in needs if not n.learning or n.purpose in purposes])
    assert bits is not None
    return bits / 8


def test_inference(chip: MakeChip) -> None:
    assert _bytes(None, DIGITS, chip()) == 4736 + 74 * 2 == 4884
    assert _bytes(None, RECKON_SIZE, chip()) == 69632 + 272 * 2 == 70176


def test_three_factors_with_a_trace_per_pre_neuron(chip: MakeChip) -> None:
    """128 pre neurons of 12 bits are 192 bytes: 4 % of 4,884; 512 are 768: 1.1 % of 70,176."""
    rule = load_rule("delta")
    assert _bytes(rule, DIGITS, chip(), *TRACES) == 4884 + 192
    assert _bytes(rule, RECKON_SIZE, chip(), *TRACES) == 70176 + 768


def test_a_random_feedback_matrix(chip: MakeChip) -> None:
    rule = load_rule("eprop-random")
    assert _bytes(rule, DIGITS, chip(), *TRACES, "feedback matrix") == 5076 + 64 * 10
    assert _bytes(rule, RECKON_SIZE, chip(), *TRACES, "feedback matrix") == 70944 + 256 * 16


def test_pair_stdp_adds_a_post_trace(chip: MakeChip) -> None:
    rule = load_rule("pair-stdp")
    assert _bytes(rule, DIGITS, chip(), *TRACES) == 4884 + 192 + 74 * 1.5 == 5187
    assert _bytes(rule, RECKON_SIZE, chip(), *TRACES) == 70176 + 768 + 272 * 1.5 == 71352


def test_a_tag_per_synapse(chip: MakeChip) -> None:
    """12 bits per synapse: 7,104 and 104,448 bytes; with a pre and a post trace, 12.0 and 172 KiB."""
    pair, reward = load_rule("pair-stdp"), load_rule("reward-stdp")
    for network, base, whole in ((DIGITS, 5187, 12291), (RECKON_SIZE, 71352, 175800)):
        tags = _bytes(reward, network, chip(), "tags") - _bytes(None, network, chip())
        assert _bytes(pair, network, chip(), *TRACES) + tags == base + tags == whole


def test_bptt_over_a_hundred_steps(chip: MakeChip) -> None:
    """Gradients of 16 bits, 100 steps of spikes (138 and 528 senders) and membranes: about 30 and 264 KiB."""
    rule, history = load_rule("bptt"), ("gradient", "spike history", "membrane history")
    assert _bytes(rule, DIGITS, chip(), *history, steps=100) == 4884 + 9472 + 1725 + 14800 == 30881
    assert _bytes(rule, RECKON_SIZE, chip(), *history, steps=100) == 70176 + 139264 + 6600 + 54400 == 270440


def test_only_bptt_grows_with_the_steps(chip: MakeChip) -> None:
    counts = (1, 100, 1600)
    for name in ("eprop", "eprop-random", "delta", "pair-stdp"):
        rows = memory_by_steps(load_rule(name), DIGITS, chip(), counts)
        assert len({row.total_bits for row in rows}) == 1
    first, middle, last = memory_by_steps(load_rule("bptt"), DIGITS, chip(), counts)
    assert first.total_bits is not None and middle.total_bits is not None and last.total_bits is not None
    per_step = 138 + 74 * 16
    assert middle.total_bits - first.total_bits == 99 * per_step
    assert last.total_bits - middle.total_bits == 1500 * per_step


def test_when_bptt_outgrows_a_core_and_the_chip(chip: MakeChip) -> None:
    """A core has 524,288 bits; all but the history takes 8 * (4,884 + 9,472) = 114,848, and a step 1,322: 309 steps."""
    made = chip(structure__cores=2)
    rows = memory_by_steps(load_rule("bptt"), DIGITS, made, (309, 310, 706, 707))
    assert [row.fits_core for row in rows] == [True, False, False, False]
    assert [row.fits_chip for row in rows] == [True, True, True, False]


def test_an_unknown_width_gives_an_unknown_need(chip: MakeChip) -> None:
    rows = memory_by_steps(load_rule("pair-stdp"), DIGITS, chip(learning__trace_bits=None), (1,))
    assert rows[0].total_bits is None and rows[0].fits_core is None
    traces = [n for n in rows[0].needs if n.purpose.endswith("traces")]
    assert [(n.bits, n.formula) for n in traces] == [(None, "128 x unknown"), (None, "74 x unknown")]
    (unsized,) = memory_by_steps(load_rule("pair-stdp"), DIGITS, chip(memory__sram_core_bytes=None), (1,))
    assert unsized.total_bits and unsized.fits_core is None and unsized.fits_chip is None


def test_a_batch_multiplies_states_and_not_weights(chip: MakeChip) -> None:
    one = {n.purpose: n.bits for n in memory_needs(load_rule("eprop-random"), DIGITS, chip(), steps=5)}
    four = {n.purpose: n.bits for n in memory_needs(load_rule("eprop-random"), DIGITS, chip(), steps=5, batch=4)}
    same = {"weights", "feedback matrix"}
    assert {k for k in one if one[k] == four[k]} == same
    assert all(four[k] == 4 * (one[k] or 0) for k in set(one) - same)


def test_learning_widens_the_weights_where_the_engine_keeps_nine_bits() -> None:
    needs = memory_needs(load_rule("eprop-random"), DIGITS, load_chip("loihi2"), steps=1)
    assert {n.purpose: n.bits for n in needs}["wider weights"] == 4736


def test_feedback_connections_that_exist_are_counted_as_they_are(chip: MakeChip) -> None:
    from neurotrain_hw.audit import Wiring

    network = replace(DIGITS, wirings=(*DIGITS.wirings, Wiring("output", "hidden1", 640, 4, False, True)))
    made = chip(synapse__weight_bits_allowed=(4, 8))
    needs = {n.purpose: n.bits for n in memory_needs(load_rule("eprop-random"), network, made, steps=1)}
    assert needs["feedback matrix"] == 640 * 4 and needs["weights"] == 4736 * 8


@pytest.mark.parametrize("name", ["loihi1", "loihi2", "spinnaker2", "edge_sram", "reckon"])
def test_real_chips_have_all_widths(name: str) -> None:
    rows = memory_by_steps(load_rule("eprop"), DIGITS, load_chip(name), (1,))
    assert rows[0].total_bits and rows[0].chip_bits
