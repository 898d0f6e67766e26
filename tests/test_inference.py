"""Recordings through programs: numbering, samples that lie apart, outputs whose membrane is read."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import nir
import numpy as np
import pytest
from graphs import DT, graph_of, grid, halves

from neurotrain_hw.chips import load_chip
from neurotrain_hw.compiler import compile_graph, lower_mixed
from neurotrain_hw.data.recordings import Recordings
from neurotrain_hw.errors import CapacityError, ValueRangeError
from neurotrain_hw.inference import infer_recordings
from neurotrain_hw.interchange import Graph, NodeMeaning
from neurotrain_hw.program import Program
from neurotrain_hw.reference import run_graph

LOIHI2 = load_chip("loihi2")


def recurrent() -> Graph:
    rng = np.random.default_rng(0)
    nodes = {
        "in": nir.Input({"input": np.array([6])}), "w": nir.Linear(grid(rng, 8, 6)), "a": halves(8),
        "rec": nir.Linear(grid(rng, 8, 8)), "w2": nir.Linear(grid(rng, 3, 8)), "b": halves(3),
        "out": nir.Output({"output": np.array([3])}),
    }  # fmt: skip
    names = [name for name in nodes if name != "rec"]
    return graph_of(nodes, [*pairwise(names), ("a", "rec"), ("rec", "a")])


def recordings(*shape: int, samples: int = 5, steps: int = 15, seed: int = 1) -> Recordings:
    x = (np.random.default_rng(seed).random((samples, steps, *shape)) < 0.4).astype(np.uint8)
    return Recordings(x, np.zeros(samples, np.int64))


def program_of(graph: Graph, steps: int = 15) -> Program:
    return compile_graph(graph, LOIHI2, steps=steps)


def test_samples_of_a_recurrent_network_are_the_same_in_any_company() -> None:
    program, shown = program_of(recurrent()), recordings(6)
    assert program.timing.apart
    together = infer_recordings(program, shown)
    for k in range(len(shown)):
        alone = infer_recordings(program, Recordings(shown.x[k : k + 1], shown.y[k : k + 1]))
        assert alone.spikes["b"] == together.spikes["b"].window(15 * k, 15 * (k + 1))
    assert together.spikes["a"].count and together.spikes["b"].count


def test_a_recurrent_network_in_lava_starts_every_sample_afresh(lava_python) -> None:
    program, shown = program_of(recurrent()), recordings(6, samples=2)
    found = infer_recordings(program, shown, engine="lava")
    expected = infer_recordings(program, shown)
    assert all(found.spikes[name] == expected.spikes[name] for name in ("a", "b"))
    assert np.array_equal(found.predicted, expected.predicted)


@pytest.mark.parametrize("kind", ["LI", "I"])
def test_the_highest_membrane_of_an_output_that_never_spikes_wins(kind) -> None:
    rng = np.random.default_rng(2)
    node = (
        nir.LI(tau=np.full(4, 4 * DT), r=np.full(4, 4.0), v_leak=np.zeros(4))
        if kind == "LI"
        else nir.I(np.full(4, 1 / DT))
    )
    nodes = {"in": nir.Input({"input": np.array([6])}), "w": nir.Linear(grid(rng, 8, 6)), "a": halves(8),
             "w2": nir.Linear(grid(rng, 4, 8)), "b": node, "out": nir.Output({"output": np.array([4])})}  # fmt: skip
    graph = graph_of(nodes, list(pairwise(nodes)), b=NodeMeaning("none", "euler"))
    shown = recordings(6, samples=12)
    found = infer_recordings(program_of(graph), shown)
    expected = run_graph(graph, shown.x.transpose(1, 0, 2).astype(float), precision="float64").v["b"][-1]
    assert np.array_equal(found.predicted, expected.argmax(1)) and np.unique(found.predicted).size > 1


def test_images_come_and_go_in_the_source_s_numbering() -> None:
    """One pixel, one channel: the spike comes out where the graph has it."""
    kernel = np.zeros((2, 1, 1, 1))
    kernel[1] = 2.0
    conv = nir.Conv2d((3, 4), kernel, 1, 0, 1, 1, np.zeros(2))
    nodes = {"in": nir.Input({"input": np.array([1, 3, 4])}), "c": conv, "a": halves((2, 3, 4)),
             "out": nir.Output({"output": np.array([2, 3, 4])})}  # fmt: skip
    program = program_of(graph_of(nodes, list(pairwise(nodes))), steps=3)
    x = np.zeros((1, 3, 1, 3, 4), np.uint8)
    x[0, 1, 0, 2, 1] = 1
    found = infer_recordings(program, Recordings(x))
    assert np.argwhere(found.spikes["a"].dense().reshape(3, 2, 3, 4)).tolist() == [[1, 1, 2, 1]]
    assert found.labels.size == 0 and np.isnan(found.accuracy) and found.as_dict()["accuracy"] is None


def test_recordings_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueRangeError, match="recordings of 14 steps"):
        infer_recordings(program_of(recurrent()), recordings(6, steps=14))
    with pytest.raises(ValueRangeError, match=r"shape \(7,\)"):
        infer_recordings(program_of(recurrent()), recordings(7))


def test_fewer_bits_where_they_cost_least_until_the_weights_fit(tmp_path: Path) -> None:
    shown = recordings(6)
    lowered = lower_mixed(recurrent(), LOIHI2, steps=15, calibration=shown.x, budget_bytes=100)
    bits = {s.source.name: s.bits for layer in lowered.layers for s in layer.synapses}
    sizes = {"w": 48, "rec": 64, "w2": 24}
    assert sum(bits[name] * size for name, size in sizes.items()) <= 800 and min(bits.values()) < 8
    assert sum("bits (spikes that differ" in note for note in lowered.program.notes) == 3
    with pytest.raises(CapacityError, match="limit 20 bytes"):
        lower_mixed(recurrent(), LOIHI2, steps=15, budget_bytes=20)
