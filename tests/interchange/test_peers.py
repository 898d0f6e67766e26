"""Faults of other readers and writers of NIR (reference/nir.md) that ours must not have."""

from __future__ import annotations

import nir
import numpy as np
import pytest
from nir_graphs import LIF4, in_line, ones, tree_of

from neurotrain_hw.errors import FormatError, UnsupportedError
from neurotrain_hw.interchange import Graph, read_nir
from neurotrain_hw.interchange.decode import decode
from neurotrain_hw.interchange.dialects import read_in
from neurotrain_hw.reference import run_graph


def in_dialect(graph: nir.NIRGraph, dialect: str, **arguments: object) -> Graph:
    network, meaning, notes = read_in(graph, dialect, where="x.nir", **{"dt_s": None, **arguments})  # type: ignore[arg-type]
    return Graph(network, meaning, notes, dialect)


def test_snntorch_reads_an_integrator_as_a_leaky_neuron_and_we_refuse_to():
    graph = in_line((4,), (4,), node=nir.IF(ones(4), ones(4)))
    with pytest.raises(UnsupportedError, match="IF, which snntorch does not write"):
        in_dialect(graph, "snntorch")


def test_snntorch_drops_its_reset_and_the_note_says_so(shared):
    """Read as NIR stands, 184 of the hidden layer's spikes are at other places; told the reset, none."""
    stem = shared / "data/nir/written_by_snntorch/snntorch_leaky_sub_delay_default__dev"
    recorded = np.load(stem.with_suffix(".npz"), allow_pickle=False)
    wrong = {}
    for reset in (None, "subtract_delayed"):
        graph = read_nir(stem.with_suffix(".nir"), reset=reset)
        wrong[reset] = int((run_graph(graph, recorded["input"]).sent["1"] != recorded["1_spk"]).sum())
        assert "whether the writer subtracted" in graph.notes[0]
    assert wrong == {None: wrong[None], "subtract_delayed": 0} and wrong[None] > 100


def test_an_integrator_that_snntorch_wrote_as_an_infinite_time_constant():
    """beta = 1 gives tau = inf; snnTorch's own import then never spikes."""
    tree = tree_of(in_line((4,), (4,), node=LIF4).to_dict())
    tree["nodes"]["node"]["tau"] = np.full(4, np.inf)
    with pytest.raises(FormatError, match=r"node.tau: has values that are not finite"):
        decode({"node": tree}, where="x.nir")


def test_sinabs_counts_steps_and_the_step_changes_no_spike():
    """tau = 20 is no 20 seconds."""
    rng = np.random.default_rng(0)
    node = nir.LIF(np.full(3, 20.0), ones(3), np.zeros(3), ones(3))
    graph = in_line((3,), (3,), w=nir.Linear(rng.normal(size=(3, 3))), node=node)
    x = rng.normal(0.2, 1, size=(50, 3))
    runs = [run_graph(in_dialect(graph, "sinabs", dt_s=dt_s), x).sent["node"] for dt_s in (None, 1e-3, 0.5)]
    assert runs[0].sum() > 10 and all(np.array_equal(runs[0], run) for run in runs)


def test_what_norse_and_sinabs_do_not_use_is_refused():
    """Norse ignores r of a LIF, Sinabs any r: a file with another was not written by them."""
    graph = in_line((4,), (4,), node=nir.LIF(ones(4), 2 * ones(4), np.zeros(4), ones(4)))
    for dialect in ("norse", "sinabs"):
        with pytest.raises(UnsupportedError, match="r is not 1"):
            in_dialect(graph, dialect, dt_s=1e-3)


def test_norse_writes_seconds_times_its_step_since_1_1():
    """tau_mem_inv = 400 and dt = 1e-4 are written as 2.5e-7, not 2.5e-3."""
    x = np.full((60, 4), 1.5)
    runs = []
    for tau in (2.5e-3, 2.5e-7):
        node = nir.LIF(np.full(4, tau), ones(4), np.zeros(4), ones(4))
        graph = in_dialect(in_line((4,), (4,), node=node), "norse", dt_s=1e-4)
        runs.append(run_graph(graph, x).sent["node"])
        assert np.allclose(graph.nodes["node"].tau, 2.5e-3)
    assert "seconds times the step" in graph.notes[0]
    assert runs[0].sum() > 4 and np.array_equal(*runs)


def test_spikingjellys_integrators_tell_their_step_and_others_are_asked_for():
    jelly = in_dialect(in_line((4,), (4,), node=nir.IF(np.full(4, 1e4), ones(4))), "spikingjelly")
    assert jelly.meaning.dt_s == 1e-4 and "follows from the neurons' r" in jelly.notes[0]
    assert np.array_equal(run_graph(jelly, np.full((2, 4), 0.75)).sent["node"], [[0] * 4, [1] * 4])


def test_the_input_of_a_recurrent_layer_goes_past_its_weights_only_in_spyx():
    """An edge input -> w_rec means the neurons in Spyx's files, and w_rec everywhere else."""
    lif = nir.LIF(np.array([0.002, 0.004]), np.array([0.5, 0.75]), np.zeros(2), ones(2))
    nodes = {"input": nir.Input(np.array([2])), "output": nir.Output(np.array([2])), "lif": lif,
             "w_rec": nir.Linear(np.eye(2))}  # fmt: skip
    edges = [("input", "w_rec"), ("w_rec", "lif"), ("lif", "w_rec"), ("lif", "output")]
    graph = nir.NIRGraph(nodes, edges, type_check=False)
    assert ("input", "lif") in in_dialect(graph, "spyx").edges
    assert ("input", "w_rec") in in_dialect(graph, "nir", dt_s=1e-3).edges
