"""What a rule needs, against counts made by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from neurotrain_hw.rules import Operations, load_rule, needs_of, parse_sum


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
    assert (needs.bits_per_synapse(), needs.bits_per_pre(), needs.bits_per_post()) == (0, 7, 14)


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
