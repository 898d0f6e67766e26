"""Pairs of runs made by hand: the first place where they part, counts, rates."""

from __future__ import annotations

import numpy as np
import pytest

from neurotrain_hw.compare.activity import Activity
from neurotrain_hw.compare.pairs import Pair

STEPS, BATCH, SIZES = 9, 4, {"a": 3, "b": 2}


def activity(run: str) -> Activity:
    """Alternating spikes; u and v count up."""

    def part(kind, n):
        return np.arange(STEPS * BATCH * n).reshape(STEPS, BATCH, n).astype(kind)

    return Activity(
        run, {name: part(np.uint8, n) % 2 for name, n in SIZES.items()},
        {name: part(np.int32, n) for name, n in SIZES.items()}, {name: part(np.int32, n) for name, n in SIZES.items()},
    )  # fmt: skip


def tallied(*faults, exact=True, labels=None):
    """The pair of a run and of one with faults: (part, layer, step, sample, neuron, value)."""
    one, other = activity("chip"), activity("lava")
    for part, *at, value in faults:
        getattr(other, part)[at[0]][tuple(at[1:])] = value
    pair = Pair("chip", "lava", exact)
    pair.add(one, other, list(SIZES), classes=labels)
    return pair


def test_equal_runs_part_nowhere():
    pair = tallied()
    assert pair.first is None and pair.apart == 0 and pair.samples == BATCH
    assert [(t.differing, t.compared, t.first_step) for t in pair.layers.values()] == [(0, 108, None), (0, 72, None)]


@pytest.mark.parametrize(("part", "variable"), [("u", "u"), ("v", "v"), ("sent", "spikes")])
def test_one_value_is_named(part, variable):
    pair = tallied((part, "b", 4, 2, 1, 77))
    found = pair.first
    assert (found.sample, found.step, found.layer, found.neuron, found.variable) == (2, 5, "b", 1, variable)
    kept = "spikes" if part == "sent" else part
    assert found.values["lava"][kept] == 77 and found.values["chip"][kept] == getattr(activity(""), part)["b"][4, 2, 1]
    assert "recording 2, step 5, layer 'b', neuron 1" in str(found)
    assert pair.apart == 1 and pair.layers["b"].breaks_first == 1 and pair.layers["a"].first_step is None


def test_the_first_recording_counts_then_the_step_then_the_layer_then_u_before_spikes_before_v():
    pair = tallied(
        ("sent", "b", 0, 3, 0, 9), ("sent", "b", 5, 1, 0, 9), ("v", "a", 5, 1, 2, 1), ("u", "a", 5, 1, 1, 1),
        ("sent", "a", 6, 1, 0, 9),
    )  # fmt: skip
    found = pair.first
    assert (found.sample, found.step, found.layer, found.neuron, found.variable) == (1, 6, "a", 1, "u")
    assert pair.apart == 2 and {n: t.breaks_first for n, t in pair.layers.items()} == {"a": 1, "b": 1}
    assert {n: t.first_step for n, t in pair.layers.items()} == {"a": 6, "b": 1}
    assert {n: t.differing for n, t in pair.layers.items()} == {"a": 1, "b": 2}


def test_states_are_not_compared_between_floats_and_integers():
    assert tallied(("v", "a", 1, 1, 1, 5), exact=False).first is None


def test_pieces_add_up():
    one, other = activity("chip"), activity("lava")
    other.sent["a"][3, 2, 0] += 1
    pair = Pair("chip", "lava", True)
    assert not pair.add(one, one, list(SIZES), classes=(np.zeros(4), np.zeros(4)))
    assert pair.add(one, other, list(SIZES), classes=(np.zeros(4), np.array([0, 1, 0, 2])))
    assert (pair.first.sample, pair.samples, pair.apart, pair.decisions) == (BATCH + 2, 2 * BATCH, 1, 2)
    rows = pair.as_dict()["layers"]
    assert rows[0]["differing_share"] == 1 / one.sent["a"].sum() / 2 and rows[0]["rate_a"] == one.sent["a"].mean()
