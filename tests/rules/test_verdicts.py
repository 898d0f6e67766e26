"""What the audit makes of every rule of the library, on five chips and a network of 64-128-10."""

from __future__ import annotations

import pytest

from neurotrain_hw.audit import NetworkShape, Outcome, audit
from neurotrain_hw.chips import load_chip
from neurotrain_hw.rules import load_rule, rule_names

TWO_FACTORS = {"bcm", "emstdp", "hebb", "oja", "pair-stdp", "triplet-stdp", "weight-dependent-stdp"}
REWARD = {"reward-stdp", "reward-stdp-immediate"}
TRANSPORT = {"eprop", "eprop-adaptive", "es-d-rtrl", "ottt"}
NATIVE = {
    "loihi1": TWO_FACTORS | REWARD | {"pes"},  # whose errors a processor writes
    "loihi2": set(rule_names()) - TRANSPORT - {"bptt", "eprop-alif-filtered"},
    "reckon": {"delta", "eprop", "ottt"},  # a kernel with the transpose, and its readout; time constants may depart
    "odin": {"sdsp"},
    "spinnaker2": set(),
}


@pytest.mark.parametrize("chip", NATIVE)
def test_what_each_engine_takes(chip: str) -> None:
    """Loihi 1 has no third factor per neuron, Loihi 2 no weight transport, ReckOn and ODIN one rule each."""
    network = NetworkShape.fully_connected((64, 128, 10), weight_bits=3 if chip == "odin" else 8)
    elsewhere = Outcome.PROCESSOR if chip == "spinnaker2" else Outcome.OFF_CHIP
    for name in rule_names():
        expected = Outcome.NATIVE if name in NATIVE[chip] else elsewhere
        assert audit(load_rule(name), network, load_chip(chip), steps=24).outcome == expected, name


@pytest.mark.parametrize("name", rule_names())
def test_the_note_says_what_this_version_runs(name: str) -> None:
    rule = load_rule(name)
    note = audit(rule, NetworkShape.fully_connected((8, 4)), load_chip("loihi2"), steps=4).note
    assert (f"nothing runs {name} yet" in note) == (rule.engines == ())
    assert (rule.note in note) or rule.engines
