"""What the benchmarks measure with, and on."""

from __future__ import annotations

import re

import cases
import memory
import pytest
import timing
from against_lava import Case, differing

from neurotrain_hw import simulate


def test_in_turns_calls_each_in_turn_and_keeps_the_last_result() -> None:
    calls: list[str] = []

    def action(name: str) -> int:
        calls.append(name)
        return len(calls)

    timed = timing.in_turns({"a": lambda: action("a"), "b": lambda: action("b")}, 3)
    assert calls == ["a", "b"] * 3
    assert [timed[name].result for name in "ab"] == [5, 6]
    assert all(len(timed[name].seconds) == 3 and min(timed[name].seconds) > 0 for name in "ab")


def test_rates_are_those_of_the_median_the_slowest_and_the_fastest_call() -> None:
    assert timing.Timed([2.0, 1.0, 4.0]).per_second(4000) == "2,000 (1,000 to 4,000)"
    assert timing.Timed([2.0, 1.0, 4.0]).per_second(10, 2) == "5.00 (2.50 to 10.00)"


def test_ratios_are_medians_over_turns_in_which_both_ran() -> None:
    """A machine that is slow in one turn is slow for both."""
    ours, theirs = timing.Timed(turns=[1.0, 9.0, 2.0]), timing.Timed(turns=[3.0, 27.0, 10.0])
    assert ours.times_faster(theirs) == 3.0
    timed = timing.in_turns({"a": lambda: None, "b": lambda: None}, 3, least_s=0.001)
    assert [len(timed[name].turns) for name in "ab"] == [3, 3]
    assert all(
        min(timed[name].seconds) <= turn <= max(timed[name].seconds) for name in "ab" for turn in timed[name].turns
    )


def test_lava_rate_leaves_out_what_short_and_long_runs_have_in_common() -> None:
    case = Case("", cases.pair_stdp(4, 3), {}, 10, lava_short=100, lava_long=600)
    timed = {"short": timing.Timed([3.0, 5.0, 2.0]), "long": timing.Timed([13.0, 7.0, 12.0])}
    assert case.lava_rate(timed) == 500 / 10
    with pytest.raises(SystemExit, match="more steps"):
        case.lava_rate({"short": timing.Timed([3.0]), "long": timing.Timed([2.9])})


def test_differing_counts_spikes_and_weights() -> None:
    program, noise = cases.pair_stdp(256, 20), {"in": cases.noise(256, steps=100, rate=0.1)}
    one, other = (simulate(program, noise, steps=100, record=["out.spikes"], learn=learn) for learn in (True, False))
    assert differing(one, one) == f"0 of {one.spikes['out'].count:,} spikes, 0 of 5,120 weights"
    changed = int((one.weights["in-out"] != other.weights["in-out"]).sum())
    assert changed > 0
    assert re.search(rf", {changed} of 5,120 weights$", differing(one, other))


def test_pilotnet_has_the_shapes_of_lava_dl() -> None:
    # as lava-dl prints them for tutorials/lava/lib/dl/netx/pilotnet_snn
    shapes = [
        (200, 66, 3),
        (99, 32, 24),
        (49, 15, 36),
        (24, 7, 48),
        (22, 4, 64),
        (20, 2, 64),
        (100,),
        (50,),
        (10,),
        (1,),
    ]
    program, inputs = cases.pilotnet()
    assert [p.shape for p in program.populations] == shapes
    assert inputs["in"].count == pytest.approx(0.05 * 64 * 200 * 66 * 3, rel=0.02)


def test_memory_is_given_per_synapse() -> None:
    found = memory.held(256)
    assert 1.0 <= found["program"] < 1.25  # what the arrays of a small network need besides its weights is in it
    assert found["program"] <= found["running"] <= found["peak"]
