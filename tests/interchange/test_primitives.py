"""Every primitive of nir 1.0.8, written by nir itself, comes back with its fields, shape and place in the graph."""

from __future__ import annotations

from typing import Any

import nir
import numpy as np
import pytest
from nir_graphs import LIF4, NODES, all_primitives, in_line, ones, recurrent, tree_of

from neurotrain_hw.chips import load_chip
from neurotrain_hw.compiler import compile_graph
from neurotrain_hw.data.recordings import Recordings
from neurotrain_hw.errors import FormatError, NeurotrainError, UnsupportedError
from neurotrain_hw.inference import infer_recordings
from neurotrain_hw.interchange import Graph, read_nir
from neurotrain_hw.interchange.decode import decode
from neurotrain_hw.interchange.dialects import read_in
from neurotrain_hw.interchange.primitives import NEURONS
from neurotrain_hw.reference import run_graph


@pytest.fixture(scope="module")
def all_of_them(tmp_path_factory: pytest.TempPathFactory) -> Graph:
    """One file, written by nir, with an input and an output for each primitive."""
    path = tmp_path_factory.mktemp("nir") / "x.nir"
    nir.write(path, all_primitives())
    return read_nir(path, dialect="nir", dt_s=0.5)


@pytest.mark.parametrize("kind", NODES)
def test_each_primitive_comes_back(all_of_them, kind):
    node, taken, sent = NODES[kind]
    back = all_of_them.nodes[kind]
    assert type(back).__name__ == kind
    assert tuple(back.input_type["input"]) == taken and tuple(back.output_type["output"]) == sent
    for key, value in node.to_dict().items():
        if key not in ("type", "metadata", "input_type"):
            assert np.array_equal(getattr(back, key), value), key


def test_a_graph_of_all_primitives_runs_with_all_its_inputs_and_outputs(all_of_them):
    run = run_graph(all_of_them, {f"{kind}.in": np.ones((3, *taken)) for kind, (_, taken, _) in NODES.items()})
    for kind, (_, _, sent) in NODES.items():
        found = run.sent[f"{kind}.out"]
        assert found.shape == (3, *sent) and np.isfinite(found).all()


@pytest.mark.parametrize(
    ("node", "taken", "sent"),
    [
        (nir.Conv2d(None, ones(4, 3, 3, 5), 1, 0, 1, 1, ones(4)), (3, 8, 8), (4, 6, 4)),
        (nir.Conv2d(None, ones(4, 1, 3, 3), 1, "same", 1, 2, ones(4)), (2, 8, 8), (4, 8, 8)),
        (nir.Conv2d(None, ones(4, 2, 3, 3), (2, 1), "valid", 1, 1, ones(4)), (2, 8, 8), (4, 3, 6)),
    ],
)
def test_shapes_that_nir_gets_wrong(node, taken, sent):
    """A kernel that is not square, groups, a stride per axis: nir 1.0.8 infers other shapes or none."""
    graph, notes = decoded(in_line(taken, sent, conv=node))
    assert tuple(graph.nodes["conv"].output_type["output"]) == sent
    assert graph.nodes["conv"].input_shape == taken[1:] and "no input_shape" in notes[-1]


def decoded(graph: nir.NIRGraph, **fields: Any) -> tuple[nir.NIRGraph, tuple[str, ...]]:
    """A graph in which fields `node__field` were replaced, or removed for None, as a reader gets it, and the notes."""
    tree = tree_of(graph.to_dict())
    for key, value in fields.items():
        node, field = key.split("__")
        tree["nodes"][node].pop(field, None)
        if value is not None:
            tree["nodes"][node][field] = value if isinstance(value, str) else np.asarray(value)
    found = decode({"node": tree}, where="x.nir")
    return found.graph, found.notes


@pytest.mark.parametrize(
    ("fields", "note"),
    [
        ({"lif__v_reset": None}, "LIF 'lif': has no v_reset, 0 taken"),
        ({"lif__tau": 2.0}, "LIF 'lif': one tau read as that of all (4,)"),
        ({"lif__r": np.array([2.0])}, "LIF 'lif': one r read as that of all (4,)"),
        ({"input__shape": np.array([256, 4])}, "(256, 4) read as (4,)"),
        ({"output__shape": np.array([1, 7, 4])}, "(1, 7, 4) read as (4,)"),
        ({f"lif__{key}": ones(1, 4) for key in ("tau", "r", "v_leak", "v_threshold", "v_reset")}, "a batch axis"),
        ({f"lif__{key}": 1.0 for key in ("tau", "r", "v_leak", "v_threshold", "v_reset")}, "one tau read"),
    ],
)
def test_what_is_put_right_is_told(fields, note):
    graph, notes = decoded(in_line((4,), (4,), lif=LIF4), **fields)
    assert any(note in found for found in notes), notes
    assert graph.nodes["lif"].tau.shape == graph.nodes["lif"].v_reset.shape == (4,)
    assert tuple(graph.nodes["input"].input_type["input"]) == tuple(graph.nodes["output"].output_type["output"]) == (4,)


def test_a_flatten_that_counted_a_batch_axis():
    nodes = {"flat": nir.Flatten({"input": np.array([2, 3])}, 0), "w": nir.Linear(ones(1, 6))}
    graph, notes = decoded(in_line((2, 3), (1,), **nodes), flat__start_dim=1)
    assert graph.nodes["flat"].start_dim == 0 and "counted a batch axis" in notes[0]


def test_subgraphs_are_flattened_and_names_kept():
    nested = in_line((2,), (2,), first=recurrent("lif", "w"), second=recurrent("second.lif", "second.w"))
    graph, notes = decoded(nested)
    assert set(graph.nodes) == {"input", "first.lif", "first.w", "second.lif", "second.w", "output"}
    assert set(graph.edges) == {
        ("input", "first.lif"), ("first.lif", "first.w"), ("first.w", "first.lif"), ("first.lif", "second.lif"),
        ("second.lif", "second.w"), ("second.w", "second.lif"), ("second.lif", "output"),
    }  # fmt: skip
    assert len(notes) == 2 and "flattened" in notes[0]


def test_graphs_in_graphs_in_graphs():
    graph, _ = decoded(in_line((2,), (2,), a=in_line((2,), (2,), b=recurrent("lif", "w"))))
    assert set(graph.nodes) == {"input", "a.b.lif", "a.b.w", "output"}


def test_edges_to_a_name_that_was_flattened_away():
    nodes = {"rec.input": nir.Input(np.array([4])), "rec.lif": LIF4, "rec.output": nir.Output(np.array([4])),
             "input": nir.Input(np.array([4])), "output": nir.Output(np.array([4]))}  # fmt: skip
    edges = [("input", "rec"), ("rec.input", "rec.lif"), ("rec.lif", "rec.output"), ("rec", "output")]
    graph, notes = decoded(nir.NIRGraph(nodes, edges, type_check=False))
    assert set(graph.edges) == {("input", "rec.lif"), ("rec.lif", "output")}
    assert "'rec.input' was taken" in " ".join(notes) and "'rec.output' was taken" in " ".join(notes)


def test_a_subgraph_with_two_inputs_is_refused():
    two = recurrent("lif", "w")
    two.nodes["more"] = nir.Input(np.array([2]))
    two.edges.append(("more", "lif"))
    with pytest.raises(UnsupportedError, match="2 Input nodes"):
        decoded(in_line((2,), (2,), sub=two))


def test_two_ways_without_a_node_between_are_refused():
    """They would add up to twice the value, which one edge cannot say."""
    passing = nir.NIRGraph(
        {"i": nir.Input(np.array([4])), "o": nir.Output(np.array([4]))}, [("i", "o")], type_check=False
    )
    nodes = {"input": nir.Input(np.array([4])), "sub": passing, "lif": LIF4, "output": nir.Output(np.array([4]))}
    edges = [("input", "sub"), ("sub", "lif"), ("input", "lif"), ("lif", "output")]
    with pytest.raises(FormatError, match="two ways"):
        decoded(nir.NIRGraph(nodes, edges, type_check=False))


CONV = nir.Conv2d((8, 8), ones(4, 1, 3, 3), 1, 0, 1, 1, ones(4))


@pytest.mark.parametrize(
    ("node", "taken", "sent", "fields", "words"),
    [
        (CONV, (1, 8, 8), (4, 6, 6), {"stride": np.array([0, 1])}, "stride"),
        (CONV, (1, 8, 8), (4, 6, 6), {"groups": 3}, "does not divide"),
        (CONV, (1, 8, 8), (4, 6, 6), {"bias": ones(3)}, "bias"),
        (CONV, (1, 8, 8), (4, 6, 6), {"padding": "full"}, "'same' or 'valid'"),
        (CONV, (1, 8, 8), (4, 6, 6), {"weight": ones(4, 1, 3)}, "channels out"),
        (CONV, (1, 8, 8), (4, 6, 6), {"weight": ones(4, 1, 30, 3)}, "larger than the 8"),
        (CONV, (1, 8, 8), (4, 6, 6), {"input_shape": np.array([9, 8])}, r"input_shape is \(9, 8\)"),
        (CONV, (2, 8, 8), (4, 6, 6), {}, "takes 1 channels"),
        (NODES["SumPool2d"][0], (8, 6), (4, 3), {}, "channels, height, width"),
        (NODES["Flatten"][0], (2, 3, 4), (2, 12), {"start_dim": 5}, "axes 5..-1"),
        (NODES["Delay"][0], (4,), (4,), {"delay": ones(4) * -1}, "0 or more"),
        (LIF4, (4,), (4,), {"tau": ones(3)}, "different shapes"),
        (LIF4, (5,), (4,), {}, r"'input' sends shape \(5,\)"),
    ],
)
def test_what_cannot_be_is_refused_by_name(node, taken, sent, fields, words):
    named = {f"node__{key}": value for key, value in fields.items()}
    with pytest.raises(FormatError, match=words) as raised:
        decoded(in_line(taken, sent, node=node), **named)
    assert "node" in str(raised.value)


@pytest.mark.parametrize("kind", NODES)
def test_each_primitive_compiles_and_does_on_the_chip_what_it_does_in_floats(kind):
    """Alone where it is a neuron, else before neurons with a threshold that no sum meets."""
    node, taken, sent = NODES[kind]
    cells = nir.LIF(*(np.full(sent, value) for value in (1.0, 2.0, 0.0, 0.77)))
    line = {"odd": node} if kind in (*NEURONS, "Threshold") else {"odd": node, "cells": cells}
    network, meaning, _ = read_in(decoded(in_line(taken, sent, **line))[0], "nir", dt_s=0.5, where="x.nir")
    graph, steps = Graph(network, meaning), 20
    program = compile_graph(graph, load_chip("loihi2"), steps=steps, input_bits=2)
    x = np.random.default_rng(0).integers(0, 3, (1, steps, *taken))
    if kind == "Threshold":  # a chip's membrane keeps 1/4096 of what came before: no sum may meet the threshold
        x[x == 1] = 0
    found = infer_recordings(program, Recordings(x))
    name = [*line][-1]
    run = run_graph(graph, x[0].astype(float), record=[name], precision="float64")
    expected = run.sent[name].reshape(steps, -1)
    if kind in ("I", "LI", "CubaLI"):
        assert found.predicted[0] == expected[-1].argmax()
    else:
        assert np.array_equal(found.spikes[name].dense(), expected) and expected.any()


@pytest.mark.parametrize("dialect", ["snntorch", "norse", "sinabs", "rockpool", "spyx", "spikingjelly", "lava-dl"])
@pytest.mark.parametrize("kind", ["I", "LI", "IF", "LIF", "CubaLI", "CubaLIF"])
def test_a_dialect_reads_a_neuron_or_says_why_not(dialect, kind):
    node, taken, sent = NODES[kind]
    graph = in_line(taken, sent, node=node)
    try:
        network, meaning, _ = read_in(
            graph, dialect, dt_s=None if dialect in ("snntorch", "lava-dl") else 0.5, where="x"
        )
    except NeurotrainError as error:
        assert "node" in str(error) and error.remedy
    else:
        assert isinstance(Graph(network, meaning).meaning.node("node").integration, str)
