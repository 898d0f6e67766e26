"""NIR files: what is written comes back; a changed file loses its meaning; files of other tools need a dialect."""

from __future__ import annotations

import nir
import numpy as np
import pytest
from graphs import chain, lif
from hypothesis import given, settings
from hypothesis import strategies as st
from nir_graphs import all_primitives

from neurotrain_hw.errors import DataUnavailableError, UnknownNameError, UnsupportedError, ValueRangeError
from neurotrain_hw.interchange import Graph, Meaning, NodeMeaning, read_nir, write_nir


def same(a: Graph, b: Graph) -> bool:
    """Whether two graphs have equal nodes, fields, edges and meaning."""
    fields = all(
        np.array_equal(getattr(a.nodes[name], key), getattr(b.nodes[name], key))
        for name in a.nodes
        for key in ("weight", "bias", "tau", "r", "v_leak", "v_threshold", "v_reset")
        if hasattr(a.nodes[name], key)
    )
    return fields and a.nodes.keys() == b.nodes.keys() and set(a.edges) == set(b.edges) and a.meaning == b.meaning


@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), bits=st.integers(2, 8), scale=st.floats(2**-13, 1.0, width=32))
def test_the_integers_of_a_file_are_those_of_the_network(tmp_path_factory, seed, bits, scale):
    graph = chain([6, 5, 4], bits=bits, scale=scale, seed=seed, spread=1 << bits)
    path = tmp_path_factory.mktemp("nir") / "x.nir"
    write_nir(path, graph)
    back = read_nir(path)
    assert same(graph, back) and back.dialect == "neurotrain-hw" and back.notes == ()
    for name in ("l1_weights", "l2_weights"):
        rng_q = np.rint(graph.nodes[name].weight / np.float32(scale)).astype(int)
        assert np.array_equal(back.meaning.node(name).quantisation.integers(back.nodes[name].weight), rng_q)


def test_any_nir_reader_gets_the_same_weights(tmp_path):
    graph = chain([6, 5, 4], bias=True)
    write_nir(tmp_path / "x.nir", graph)
    plain = nir.read(tmp_path / "x.nir")
    assert np.array_equal(plain.nodes["l1_weights"].weight, graph.nodes["l1_weights"].weight)
    assert np.array_equal(plain.nodes["l2_weights"].bias, graph.nodes["l2_weights"].bias)
    assert np.array_equal(plain.nodes["l2"].tau, graph.nodes["l2"].tau)


def test_writing_leaves_the_graph_as_it_was_and_no_part_file(tmp_path):
    graph = chain([6, 5])
    write_nir(tmp_path / "x.nir", graph)
    assert graph.nir.metadata == {}
    assert [p.name for p in tmp_path.iterdir()] == ["x.nir"]


def test_a_changed_file_loses_its_meaning_and_says_so(tmp_path):
    write_nir(tmp_path / "x.nir", chain([6, 5], dt_s=1e-4))
    network = nir.read(tmp_path / "x.nir")
    network.nodes["l1_weights"].weight = network.nodes["l1_weights"].weight * 2
    nir.write(tmp_path / "y.nir", network)
    graph = read_nir(tmp_path / "y.nir")
    assert graph.dialect == "snntorch" and graph.meaning.node("l1_weights").quantisation is None
    assert "changed after it was written" in graph.notes[0] and "detected" in graph.notes[1]


def test_a_changed_file_whose_numbers_show_no_dialect_is_refused(tmp_path):
    write_nir(tmp_path / "x.nir", chain([6, 5], dt_s=1e-3))
    network = nir.read(tmp_path / "x.nir")
    network.nodes["l1"].v_threshold = network.nodes["l1"].v_threshold * 2
    nir.write(tmp_path / "y.nir", network)
    with pytest.raises(UnsupportedError, match="changed after it was written"):
        read_nir(tmp_path / "y.nir")


def test_a_dialect_that_is_asked_for_goes_before_the_metadata(tmp_path):
    write_nir(tmp_path / "x.nir", chain([6, 5], dt_s=1e-3, reset="subtract"))
    graph = read_nir(tmp_path / "x.nir", dialect="nir", dt_s=5e-4)
    assert graph.meaning.dt_s == 5e-4 and graph.meaning.node("l1").reset == "zero"
    assert "set aside" in graph.notes[0]


def test_all_primitives_come_back_from_our_own_file_with_their_meaning(tmp_path):
    network = all_primitives()
    for name in ("Conv1d", "Flatten"):  # whose shapes nir's own strict reading gets wrong
        for end in (name, f"{name}.in", f"{name}.out"):
            del network.nodes[end]
    network.edges = [edge for edge in network.edges if edge[0] in network.nodes and edge[1] in network.nodes]
    late = NodeMeaning("subtract_multiple", "exponential", drive="unit", decided="before", floor="threshold")
    meaning = Meaning(0.5, {"LIF": late, "Conv2d": NodeMeaning(delay_steps=2)}, "float64", "edges")
    write_nir(tmp_path / "x.nir", Graph(network, meaning))
    back = read_nir(tmp_path / "x.nir")
    assert back.dialect == "neurotrain-hw" and back.meaning == meaning and back.notes == ()
    assert back.nodes.keys() == network.nodes.keys()


def test_a_reset_that_the_file_says_itself_cannot_be_another(tmp_path):
    write_nir(tmp_path / "x.nir", chain([3, 2]))
    with pytest.raises(ValueRangeError, match="says itself"):
        read_nir(tmp_path / "x.nir", reset="subtract")


def test_names_that_hdf5_cannot_hold_are_refused(tmp_path):
    network = nir.NIRGraph(
        {"input": nir.Input(np.array([2])), "a/b": lif(2), "output": nir.Output(np.array([2]))},
        [("input", "a/b"), ("a/b", "output")],
    )
    with pytest.raises(ValueRangeError, match="a/b"):
        write_nir(tmp_path / "x.nir", Graph(network, Meaning(1e-3)))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"dialect": "snntorhc"}, UnknownNameError, "snntorch"),
        ({"dialect": "sinabs"}, UnsupportedError, "Sinabs"),
        ({"dialect": "nir"}, ValueRangeError, "dt_s"),
        ({"dialect": "snntorch", "dt_s": 1e-3}, ValueRangeError, "fixed step"),
        ({"dialect": "nir", "dt_s": 1.0}, Exception, "shorter than the step"),
        ({"dt_s": 5.0}, ValueRangeError, "the file says"),
        ({"dialect": "norse"}, ValueRangeError, "norse needs the length of a step"),
        ({"dialect": "nir", "dt_s": 1e-3, "reset": "subtrct"}, UnknownNameError, "Did you mean subtract"),
    ],
)
def test_dialects_and_steps_that_do_not_fit(tmp_path, arguments, error, words):
    write_nir(tmp_path / "x.nir", chain([3, 2]))
    with pytest.raises(error, match=words):
        read_nir(tmp_path / "x.nir", **arguments)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(DataUnavailableError, match=r"x\.nir"):
        read_nir(tmp_path / "x.nir")


def euler(graph: Graph, spikes: np.ndarray) -> dict[str, np.ndarray]:
    """The meaning taken literally in float64: spikes (T, n) of each LIF of a chain."""
    follows, dt = dict(graph.edges), graph.meaning.dt_s
    name = follows[next(n for n, node in graph.nodes.items() if isinstance(node, nir.Input))]
    out, x = {}, spikes.astype(float)
    while not isinstance(graph.nodes[name], nir.Output):
        weights, neurons = graph.nodes[name], graph.nodes[follows[name]]
        assert graph.meaning.node(follows[name]).integration == "euler"
        assert graph.meaning.node(follows[name]).reset == "zero"
        drive = x @ weights.weight.T.astype(float) + getattr(weights, "bias", 0)
        v, result = np.zeros(neurons.tau.shape), []
        for row in drive:
            v = v + dt / neurons.tau * (neurons.v_leak - v + neurons.r * row)
            z = v > neurons.v_threshold
            v = np.where(z, 0, v)
            result.append(z)
        out[follows[name]] = x = np.array(result)
        name = follows[follows[name]]
    return out


@pytest.mark.parametrize("case", ["leaky_zero_nodelay", "leaky_hetero"])
def test_files_written_by_snntorch_spike_as_snntorch_recorded(shared, case):
    """Recorded from snnTorch 1.0.0 itself; the dialect is detected."""
    stem = shared / "data/nir/written_by_snntorch" / f"snntorch_{case}__dev"
    graph = read_nir(stem.with_suffix(".nir"))
    assert graph.dialect == "snntorch"
    recorded = np.load(stem.with_suffix(".npz"), allow_pickle=False)
    spikes = euler(graph, recorded["input"])
    for name, found in spikes.items():
        expected = next(recorded[key] for key in recorded.files if key in (f"{name}_spk", f"layer{name}_spk"))
        assert expected.sum() > 0 and np.array_equal(found, expected.reshape(found.shape) != 0)


def test_the_file_of_norse_spikes_as_norse_recorded(shared):
    """Norse's neuron is the literal reading with 0.0001 s; its four spikes stand in the data's README."""
    graph = read_nir(shared / "data/nir/lif_norse/lif_norse.nir", dialect="nir", dt_s=1e-4)
    table = np.genfromtxt(shared / "data/nir/lif_norse/expected/lif_norse.csv", delimiter=",")
    table = table[~np.isnan(table).any(axis=1)]
    (spikes,) = euler(graph, table[:, :1]).values()
    assert np.flatnonzero(spikes).tolist() == [460, 510, 710, 760]


def test_a_folder_stands_for_its_network(tmp_path):
    write_nir(tmp_path / "model.nir", graph := chain([3, 2]))
    assert read_nir(tmp_path).nodes.keys() == graph.nodes.keys()
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataUnavailableError, match="no such file"):
        read_nir(tmp_path / "empty")
