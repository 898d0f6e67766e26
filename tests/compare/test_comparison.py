"""Whole comparisons: planted faults are found where they were planted, clean networks part nowhere."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import nir
import numpy as np
import pytest
from graphs import chain, lif

from neurotrain_hw.chips import load_chip
from neurotrain_hw.compare import RecordedSource, compare
from neurotrain_hw.compiler.lower import lower
from neurotrain_hw.data import Recordings
from neurotrain_hw.errors import UnknownNameError, ValueRangeError
from neurotrain_hw.interchange import Graph, Meaning, NodeMeaning, read_nir
from neurotrain_hw.program import Program
from neurotrain_hw.reference import run_graph

STEPS, CHIP = 20, load_chip("loihi2")


def shown(n: int, *, samples: int = 6, seed: int = 0) -> Recordings:
    rng = np.random.default_rng(seed)
    return Recordings(rng.integers(0, 2, (samples, STEPS, n)).astype(np.uint8), rng.integers(0, 3, samples))


def dyadic(sizes, **changes) -> Graph:
    """A chain that integers hold exactly: decay 3/4, threshold a power of two of the weights' scale."""
    graph = chain(sizes, beta=0.75, scale=2.0**-7, **changes)
    return replace(graph, meaning=replace(graph.meaning, precision="float64"))


def changed(program: Program, name: str, **parameters) -> Program:
    """One neuron of a population with other parameters: key=(neuron, value)."""

    def mend(p):
        if p.name != name:
            return p
        new = dict(p.parameters)
        for key, (neuron, value) in parameters.items():
            new[key] = p.parameter(key)
            new[key][neuron] = value
        return replace(p, parameters=new)

    return replace(program, populations=tuple(mend(p) for p in program.populations))


def test_a_clean_network_parts_nowhere_and_the_emulator_is_the_simulator():
    graph, x = dyadic([6, 5, 4]), shown(6)
    found = compare(graph, lower(graph, CHIP, steps=STEPS), CHIP, x)
    pair = found.pair("reference", "equations")
    assert pair.first is None and pair.layers["l1"].spikes_a > 20 and pair.samples == 6
    assert found.emulator_differs == 0 and found.loss == 0
    assert found.attribution.effects[0].differing_alone == 0  # its weights are integers already
    run = run_graph(graph, np.moveaxis(x.x, 1, 0), record=["l2"])
    assert found.accuracy("reference") == np.mean(run.sent["l2"].sum(0).argmax(1) == x.y)


def test_a_changed_weight_is_found_where_its_input_first_spikes():
    graph = dyadic([6, 5, 4])
    lowered = lower(graph, CHIP, steps=STEPS)
    matrix = lowered.program.connection("l1_weights").matrix().copy()
    matrix[3, 2] += 2
    x = shown(6).x.copy()
    x[:4, :, 2] = 0  # input 2 is silent in the first four recordings
    x[4, :7, 2], x[4, 7, 2] = 0, 1
    faulty = lowered.program.with_weights({"l1_weights": matrix})
    found = compare(graph, lowered, CHIP, Recordings(x), program=faulty, attribute=False)
    first = found.pair("compiled", "chip").first
    assert (first.sample, first.step, first.layer, first.neuron, first.variable) == (4, 8, "l1", 3, "u")
    values = {run: first.values[run]["u"] for run in ("compiled", "chip")}
    exp = lowered.program.connection("l1_weights").weight_exp
    assert values["chip"] - values["compiled"] == 2 * 2.0 ** (exp + 6)
    assert found.emulator_differs == 0 and found.attribution is None


def test_a_changed_weight_of_the_second_layer_is_found_there():
    graph = dyadic([6, 5, 4])
    lowered = lower(graph, CHIP, steps=STEPS)
    matrix = lowered.program.connection("l2_weights").matrix().copy()
    matrix[1, 0] -= 4
    x = shown(6)
    sent = run_graph(graph, np.moveaxis(x.x, 1, 0), record=["l1"]).sent["l1"]
    chip = compare(
        graph, lowered, CHIP, x, program=lowered.program.with_weights({"l2_weights": matrix}), attribute=False
    )  # fmt: skip
    first, sample = chip.pair("compiled", "chip").first, int(sent[:, :, 0].any(0).argmax())
    assert (first.sample, first.step) == (sample, int(sent[:, sample, 0].argmax()) + 1)
    assert (first.layer, first.neuron, first.variable) == ("l2", 1, "u")


def test_a_changed_decay_is_found_a_step_after_the_membrane_leaves_zero():
    graph = dyadic([3, 4])
    lowered = lower(graph, CHIP, steps=STEPS)
    x = np.zeros((2, STEPS, 3), np.uint8)
    x[1, 5] = 1
    faulty = changed(lowered.program, "l1", dv=(2, 1000))
    found = compare(graph, lowered, CHIP, Recordings(x), program=faulty, attribute=False)
    first = found.pair("compiled", "chip").first
    v = run_graph(graph, x[1]).v["l1"][:, 2]
    assert v[5] != 0
    assert (first.sample, first.step, first.layer, first.neuron, first.variable) == (1, 7, "l1", 2, "v")


def test_a_changed_threshold_is_found_at_the_first_membrane_between_both():
    graph = dyadic([6, 5])
    lowered, x = lower(graph, CHIP, steps=STEPS), shown(6)
    vth = int(lowered.program.population("l1").parameter("vth")[4])
    clean = compare(graph, lowered, CHIP, x, attribute=False)
    assert clean.pair("reference", "chip").first is None
    faulty = changed(lowered.program, "l1", vth=(4, vth // 2))
    first = compare(graph, lowered, CHIP, x, program=faulty, attribute=False).pair("compiled", "chip").first
    v = run_graph(graph, np.moveaxis(x.x, 1, 0)).v["l1"][:, :, 4]  # after the reset, so never above 1
    between = (v > 0.5).any(0)
    sample = int(between.argmax())
    assert (first.sample, first.step) == (sample, int((v[:, sample] > 0.5).argmax()) + 1)
    assert (first.layer, first.neuron, first.variable) == ("l1", 4, "spikes")
    assert first.values["chip"]["spikes"] == 1 and first.values["compiled"]["spikes"] == 0


def test_another_reset_is_found_at_the_first_spike():
    graph = dyadic([6, 5])
    lowered, x = lower(graph, CHIP, steps=STEPS), shown(6)
    other = replace(
        lowered.program,
        populations=tuple(
            p if p.kind == "input" else replace(p, arithmetic=replace(p.arithmetic, reset="subtract"))
            for p in lowered.program.populations
        ),
    )
    first = compare(graph, lowered, CHIP, x, program=other, attribute=False).pair("compiled", "chip").first
    sent = run_graph(graph, np.moveaxis(x.x, 1, 0)).sent["l1"].astype(bool)
    step = int(sent[:, 0].any(1).argmax())
    assert (first.sample, first.step, first.layer, first.variable) == (0, step + 1, "l1", "v")
    assert first.neuron == int(sent[step, 0].argmax()) and first.values["compiled"]["v"] == 0


def test_a_changed_weight_in_floats_is_found_with_both_membranes():
    """The recorded source is the network before one weight was changed by a lot."""
    graph, x = dyadic([6, 5, 4]), shown(6)
    sent = run_graph(graph, np.moveaxis(x.x, 1, 0), record=["l1", "l2"]).sent
    recorded = {name: np.moveaxis(spikes, 1, 0).astype(np.uint8) for name, spikes in sent.items()}
    nodes = dict(graph.nodes)
    weight = nodes["l2_weights"].weight.copy()
    weight[2, :] = 0.9
    nodes["l2_weights"] = nir.Linear(weight)
    meanings = dict(graph.meaning.nodes) | {"l2_weights": NodeMeaning()}
    other = Graph(nir.NIRGraph(nodes, list(graph.edges)), replace(graph.meaning, nodes=meanings))
    lowered = lower(other, CHIP, steps=STEPS)
    source = RecordedSource(recorded)
    pair = compare(other, lowered, CHIP, x, source=source, attribute=False).pair("source", "reference")
    assert (pair.first.layer, pair.first.neuron, pair.first.variable) == ("l2", 2, "spikes")
    assert pair.layers["l1"].differing == 0 and pair.layers["l1"].first_step is None
    here = pair.first.values["reference"]
    assert (here["raised"] > pair.first.threshold) == bool(here["spikes"]) and pair.first.threshold == 1
    compare(graph, lower(graph, CHIP, steps=STEPS), CHIP, x, source=source, attribute=False)
    for wrong, error in (({"l3": recorded["l2"]}, UnknownNameError), ({"l2": recorded["l1"]}, ValueRangeError),
                         ({"l2": recorded["l2"][:3]}, ValueRangeError), ({}, ValueRangeError)):  # fmt: skip
        with pytest.raises(error):
            compare(other, lowered, CHIP, x, source=RecordedSource(wrong), attribute=False)


RESETS = [
    ("zero", {}), ("zero_delayed", {}), ("zero_held", {}), ("subtract", {}), ("subtract_before", {}), ("once", {}),
    ("subtract_delayed", {}), ("subtract_pending", {}), ("subtract_multiple", {}),
    ("subtract", {"threshold": "reached"}), ("subtract", {"floor": "threshold"}),
    ("subtract_delayed", {"decided": "before"}), ("zero_delayed", {"decided": "before"}),
]  # fmt: skip


@pytest.mark.parametrize(("reset", "more"), RESETS, ids=lambda v: v if isinstance(v, str) else "-".join(v.values()))
def test_without_effects_the_emulator_is_the_reference_whatever_the_reset(reset, more):
    """Also for rules that the chip has not; on it the nearest runs, and `reset` is what that costs."""
    graph = dyadic([8, 7, 6], spread=100 if more.get("floor") else 40)
    meanings = {
        name: replace(m, reset=reset, **more) if isinstance(graph.nodes[name], nir.LIF) else m
        for name, m in graph.meaning.nodes.items()
    }
    graph = replace(graph, meaning=replace(graph.meaning, nodes=meanings))
    found = compare(graph, lower(graph, CHIP, steps=STEPS, nearest=True), CHIP, shown(8))
    pair = found.pair("reference", "equations")
    assert pair.first is None, pair.first
    assert pair.layers["l2"].spikes_a > (0 if reset == "once" else 20)
    effect = next(e for e in found.attribution.effects if e.name == "reset")
    assert found.emulator_differs == 0
    exactly = {"zero", "zero_delayed", "zero_held", "subtract", "subtract_before", "once"}
    if reset not in exactly or more.get("floor"):
        assert found.departures and effect.differing_alone > 0
    elif not more:
        assert effect.differing_alone == 0


def test_a_membrane_that_is_read_decides():
    nodes = {
        "input": nir.Input({"input": np.array([6])}), "w": nir.Linear(np.random.default_rng(0).normal(0, 1, (4, 6))),
        "hidden": lif(4), "r": nir.Linear(np.random.default_rng(1).normal(0, 1, (3, 4))),
        "read": nir.LI(tau=np.full(3, 0.01), r=np.full(3, 10.0), v_leak=np.zeros(3)),
        "output": nir.Output({"output": np.array([3])}),
    }  # fmt: skip
    names = list(nodes)
    meanings = {"hidden": NodeMeaning("zero", "euler"), "read": NodeMeaning("none", "euler")}
    graph = Graph(nir.NIRGraph(nodes, list(pairwise(names))), Meaning(1e-3, meanings))
    x = shown(6, samples=40)
    found = compare(graph, lower(graph, CHIP, steps=STEPS), CHIP, x)
    last = run_graph(graph, np.moveaxis(x.x, 1, 0)).v["read"][-1]
    assert found.accuracy("reference") == np.mean(last.argmax(1) == x.y)
    assert found.attribution.accuracy_none == found.accuracy("reference")
    assert found.attribution.accuracy_all == found.accuracy("chip") and found.emulator_differs == 0
    assert found.pair("reference", "chip").layers["read"].spikes_a == 0


def test_recordings_and_programs_that_do_not_fit_are_named():
    graph = dyadic([6, 5])
    lowered = lower(graph, CHIP, steps=STEPS)
    with pytest.raises(ValueRangeError, match="shape \\(7,\\)"):
        compare(graph, lowered, CHIP, shown(7))
    with pytest.raises(ValueRangeError, match="19 steps"):
        compare(graph, lowered, CHIP, Recordings(shown(6).x[:, :19]))
    with pytest.raises(ValueRangeError, match="numbers of 2 bits"):
        compare(graph, lowered, CHIP, Recordings(shown(6).x * 3))
    graded = lower(graph, CHIP, steps=STEPS, input_bits=2)
    found = compare(graph, graded, CHIP, Recordings(shown(6).x * 3), attribute=False)
    assert found.emulator_differs == 0 and found.pair("reference", "equations").first is None
    other = dyadic([6, 4])
    with pytest.raises(ValueRangeError, match="populations"):
        compare(graph, lowered, CHIP, shown(6), program=lower(other, CHIP, steps=STEPS).program)


@pytest.mark.slow
def test_lava_beside_the_simulator(lava_python):
    graph = dyadic([6, 5, 4])
    found = compare(graph, lower(graph, CHIP, steps=STEPS), CHIP, shown(6), lava_samples=3, attribute=False)
    pair = found.pair("chip", "lava")
    assert pair.exact and pair.samples == 3 and pair.first is None and pair.layers["l1"].spikes_a > 5
    assert pair.decisions == 0 and found.accuracy("lava") is not None


def test_oxfords_neurons_spike_at_their_threshold_in_the_emulator_too(shared):
    """lava-dl's trained network counts its membranes as the chip does, and so spikes where v >= threshold."""
    folder = shared / "data/nir/lava_oxford_loihi"
    graph = read_nir(folder / "oxford_lavadl.nir")
    with np.load(folder / "oxford_io.npz", allow_pickle=False) as recorded:
        x = Recordings(recorded["input_events_rounded"].T[None].astype(np.int32))
    found = compare(graph, lower(graph, CHIP, steps=x.steps), CHIP, x, attribute=False)
    assert found.emulator_differs == 0
    for run in ("equations", "chip"):
        last = found.pair("reference", run).layers["3"]
        assert (last.spikes_a, last.differing) == (10178, 0)
