"""What a rule needs, against counts made by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from neurotrain_hw.rules import Operations, load_rule, needs_of, parse_sum, rule_names


def test_pair_stdp_needs_two_traces_and_columns_and_nothing_else() -> None:
    needs = needs_of(load_rule("pair-stdp"))
    assert (needs.pre_traces, needs.post_traces, needs.third_factors, needs.tags) == (("x1",), ("y1",), (), ())
    assert needs.operations == {"x0": Operations(0, 1), "y0": Operations(0, 1)}
    assert needs.column_access and not needs.sweep
    assert not needs.third_factor and not needs.membrane_at_update
    assert (needs.bits_per_synapse(), needs.bits_per_pre(), needs.bits_per_post()) == (0, 7, 7)
    assert needs.random_numbers == 1 and needs.growth == "constant"


def test_random_eprop_needs_a_membrane_a_matrix_and_a_sweep() -> None:
    needs = needs_of(load_rule("eprop-random"))
    assert needs.membrane_at_update and needs.feedback_matrix and needs.sweep
    assert not needs.weight_transport and not needs.column_access
    assert needs.operations == {"u": Operations(2, 2)}
    assert (needs.bits_per_synapse(), needs.bits_per_pre(), needs.bits_per_post()) == (0, 7, 14 + 32)


def test_symmetric_eprop_needs_weight_transport_instead_of_a_matrix() -> None:
    needs = needs_of(load_rule("eprop"))
    assert needs.weight_transport and not needs.feedback_matrix


def test_reward_stdp_needs_one_tag_and_two_random_numbers() -> None:
    needs = needs_of(load_rule("reward-stdp"))
    assert needs.tags == ("tag_1",) and needs.bits_per_synapse() == 9
    assert needs.random_numbers == 2  # one to round the weight, one to round the tag
    assert needs.operations["u"] == Operations(2, 3)  # t*y2, t*y3; -t/8 is a shift


def test_bptt_keeps_every_step_and_a_gradient_per_weight() -> None:
    needs = needs_of(load_rule("bptt"))
    assert needs.growth == "linear" and needs.history == ("spikes", "membranes")
    assert needs.bits_per_synapse() == 16 and needs.form is None and needs.operations == {"u": Operations(2, 2)}


@pytest.mark.parametrize(
    ("dw", "expected"),
    [
        ("y0*x1 - x0*x1*y1", {"y0": Operations(0, 1), "x0": Operations(1, 1)}),
        ("3*2^-2*y0*x1 - x0*x1*y1", {"y0": Operations(1, 1), "x0": Operations(1, 1)}),
        ("y0*x1*(w-5) - 4*x0*x1*y1*sgn(w)", {"y0": Operations(1, 2), "x0": Operations(1, 1)}),
    ],
)
def test_operations_are_counted_per_event(dw: str, expected: dict[str, Operations]) -> None:
    rule = load_rule("pair-stdp")
    sampling = dict(rule.sampling) | ({"w": "before-update"} if "w" in dw else {})
    assert needs_of(replace(rule, dw=parse_sum(dw), sampling=sampling)).operations == expected


NEEDS = {
    "bcm": (0, 7, 14, "y0:3/2", "-", 1, "c"),
    "bptt": (16, 0, 0, "u:2/2", "11/11", 0, "sw"),
    "decolle": (0, 7, 46, "u:2/2", "10/22", 1, "sfl"),
    "delta": (0, 7, 38, "u:2/2", "1/2", 1, "s"),
    "dfa": (0, 7, 46, "u:2/2", "10/12", 1, "sf"),
    "drtp": (0, 7, 46, "u:2/2", "0/3", 1, "sfl"),
    "emstdp": (9, 7, 7, "u:2/3 y0:0/1", "-", 2, "cs"),
    "eprop": (0, 7, 46, "u:2/2", "10/12", 1, "sw"),
    "eprop-adaptive": (0, 7, 70, "u:2/2", "10/12", 1, "swf"),
    "eprop-alif": (9, 7, 69, "u:6/7", "10/12", 2, "sf"),
    "eprop-alif-filtered": (32, 16, 48, "u:6/4", "11/11", 0, "sf"),
    "eprop-filtered": (9, 7, 53, "u:3/4", "10/12", 2, "sf"),
    "eprop-random": (0, 7, 46, "u:2/2", "10/12", 1, "sf"),
    "es-d-rtrl": (9, 7, 53, "u:10/6", "10/11", 2, "sw"),
    "etlp": (0, 7, 46, "u:2/2", "0/3", 1, "sfl"),
    "forward-forward": (0, 7, 38, "u:2/2", "3/2", 1, "s"),
    "hebb": (0, 7, 7, "x0:0/1 y0:0/1", "-", 1, "c"),
    "node-perturbation": (9, 7, 21, "u:3/5", "0/1", 2, "s"),
    "oja": (0, 7, 7, "y0:1/2", "-", 1, "c"),
    "ostl": (9, 0, 46, "u:4/3 x0:0/4 y0:1/1", "10/12", 2, "csf"),
    "osttp": (9, 0, 46, "u:4/3 x0:0/4 y0:1/1", "0/3", 2, "csfl"),
    "ottt": (0, 7, 46, "u:2/2", "10/12", 1, "sw"),
    "pair-stdp": (0, 7, 7, "x0:0/1 y0:0/1", "-", 1, "c"),
    "pes": (0, 7, 46, "u:2/2", "10/10", 1, "sf"),
    "reward-stdp": (9, 7, 45, "u:2/3 x0:0/1 y0:0/1", "1/1", 2, "cs"),
    "reward-stdp-immediate": (0, 7, 45, "x0:2/2 y0:2/2", "1/1", 1, "c"),
    "s-tllr": (9, 7, 53, "u:5/5 x0:6/4", "10/11", 2, "sf"),
    "sdsp": (0, 0, 22, "x0:0/2", "0/1", 0, ""),
    "sign-dfa": (0, 7, 46, "u:2/2", "0/12", 1, "sf"),
    "soel": (0, 7, 38, "u:2/2", "2/4", 1, "s"),
    "triplet-stdp": (0, 14, 14, "x0:1/3 y0:1/3", "-", 1, "c"),
    "weight-dependent-stdp": (0, 7, 7, "x0:1/1 y0:1/2", "-", 1, "c"),
}
"""Counted by hand from each file: bits per synapse (tags of 9), pre and post neuron (7 per trace or
factor, 24 for a filtered spike train of its modulator, 32 for a sum that is fed back); operations
per synapse, event:multiplications/additions; per third factor with 10 outputs; random numbers per synapse and update;
c column access, s sweep, w weight transport, f feedback matrix, l label."""


@pytest.mark.parametrize("name", NEEDS)
def test_the_needs_of_every_rule(name: str) -> None:
    needs = needs_of(load_rule(name))
    operations = " ".join(f"{k}:{o.multiplications}/{o.additions}" for k, o in needs.operations.items())
    third = needs.signal_operations.of(10)
    flags = (
        needs.column_access, needs.sweep, needs.weight_transport, needs.feedback_matrix, needs.label,
    )  # fmt: skip
    assert NEEDS[name] == (
        needs.bits_per_synapse(),
        needs.bits_per_pre(),
        needs.bits_per_post(),
        operations,
        f"{third.multiplications}/{third.additions}" if needs.third_factor else "-",
        needs.random_numbers,
        "".join(letter for letter, needed in zip("cswfl", flags, strict=True) if needed),
    )


def test_no_rule_is_forgotten() -> None:
    assert list(NEEDS) == rule_names()


def test_only_what_a_learning_engine_cannot_say_asks_for_a_processor_or_a_host() -> None:
    elsewhere = {name: load_rule(name).runs_on for name in rule_names() if load_rule(name).runs_on != "engine"}
    assert elsewhere == {"bptt": "host", "eprop-alif-filtered": "processor"}


def test_noise_of_its_own_is_counted_apart_from_rounding() -> None:
    drawing = {
        n: needs_of(load_rule(n)).random_per_post for n in rule_names() if needs_of(load_rule(n)).random_per_post
    }
    assert drawing == {"node-perturbation": 1}


def test_an_injected_error_is_no_third_factor_of_the_synapse() -> None:
    needs = needs_of(load_rule("emstdp"))
    assert not needs.third_factor and needs.form == "2f" and needs.third_factors == ()


def test_the_cost_of_a_third_factor_grows_with_the_outputs_where_errors_are_fed_back() -> None:
    feedback, projection = (needs_of(load_rule(n)).signal_operations for n in ("eprop-random", "drtp"))
    assert feedback.of(100) == Operations(100, 102)  # a product and a sum for each, distance and comparison of the box
    assert projection.of(100) == projection.of(10) == Operations(0, 3)
