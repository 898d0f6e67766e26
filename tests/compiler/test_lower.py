"""Lowering: the integers of the program, and what they do, against formulas that know nothing of the compiler."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import nir
import numpy as np
import pytest
from chip_oracle import chip_spikes
from graphs import SCALE, chain, lif
from hypothesis import given, settings
from hypothesis import strategies as st

from neurotrain_hw import EventStream, files, simulate
from neurotrain_hw.chips import Chip, load_chip
from neurotrain_hw.compiler import compile_graph
from neurotrain_hw.errors import UnsupportedError, ValueRangeError
from neurotrain_hw.interchange import Graph, Meaning, NodeMeaning, Quantisation
from neurotrain_hw.program import Arithmetic, Program
from neurotrain_hw.program.synapses import PackedWeights

LOIHI2 = load_chip("loihi2")


def snntorch_spikes(
    graph: Graph, program: Program, spikes: np.ndarray
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """snnTorch's Leaky (reset zero, no delay) in float64 with the chip's rounded decay and threshold.

    v' = beta v + W s + b, spike where v' > threshold, then v = 0; W, b as in the graph, each layer fed with the
    chip's spikes of the layer before. Returns the spikes and |v' - threshold| at each step.
    """
    chip, found, margins = chip_spikes(program, spikes), {}, {}
    for connection in program.connections:
        p, node = program.population(connection.post), graph.nodes[connection.name]
        beta = 1 - p.parameter("dv") / 4096
        threshold = p.parameter("vth") * 64 * program.scales[p.name]
        drive = chip[connection.pre] @ node.weight.T.astype(np.float64) + getattr(node, "bias", 0)
        v, out, margin = np.zeros(p.n), [], []
        for row in drive:
            v = beta * v + row
            out.append(v > threshold)
            margin.append(np.abs(v - threshold))
            v = np.where(v > threshold, 0, v)
        found[p.name], margins[p.name] = np.array(out, int), np.array(margin)
    return found, margins


@pytest.mark.parametrize(("seed", "beta"), [(0, 0.9), (1, 0.95), (2, 0.5), (3, 0.0)])
def test_the_chip_spikes_as_snntorch_does(seed, beta):
    """Every spike equal, up to a membrane that lies on the threshold within what truncation can shift it."""
    graph = chain([20, 30, 6], beta=beta, seed=seed)
    program = compile_graph(graph, LOIHI2, steps=40)
    spikes = (np.random.default_rng(seed).random((40, 20)) < 0.3).astype(int)
    found = chip_spikes(program, spikes)
    expected, margins = snntorch_spikes(graph, program, spikes)
    for name in ("l1", "l2"):
        assert 0.02 < expected[name].mean() < 0.9
        truncation = program.scales[name] * 40  # less than one integer step of v lost per time step
        rows, columns = np.nonzero(found[name] != expected[name])
        for column in np.unique(columns):
            assert margins[name][rows[columns == column][0], column] <= truncation
        assert rows.size <= 2


def test_biases_act_at_every_step_of_the_window_and_only_there():
    graph = chain([20, 30, 6], bias=True, seed=4)
    program = compile_graph(graph, LOIHI2, steps=40)
    spikes = (np.random.default_rng(4).random((40, 20)) < 0.3).astype(int)
    found, (expected, _) = chip_spikes(program, spikes), snntorch_spikes(graph, program, spikes)
    for name in ("l1", "l2"):
        assert np.mean(found[name] != expected[name]) < 0.005  # the bias is rounded, too


@settings(max_examples=40, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 12), min_size=2, max_size=4),
    bits=st.integers(2, 8),
    scale=st.floats(2**-10, 2**-3, width=32),
    beta=st.floats(0.0, 0.999),
    steps=st.integers(1, 500),
    seed=st.integers(0, 2**32 - 1),
)
def test_the_program_holds_the_networks_integers(sizes, bits, scale, beta, steps, seed):
    graph = chain(sizes, bits=bits, scale=scale, beta=beta, seed=seed, spread=1 << bits)
    originals = [np.rint(graph.nodes[f"l{k}_weights"].weight / np.float32(scale)) for k in range(1, len(sizes))]
    if not all(q.any() for q in originals):
        return
    program = compile_graph(graph, LOIHI2, steps=steps)
    for k, (q, (n_pre, n_post)) in enumerate(zip(originals, pairwise(sizes), strict=True), start=1):
        connection, population = program.connection(f"l{k}_weights"), program.population(f"l{k}")
        assert connection.weights.shape == (n_post, n_pre)
        assert np.array_equal(connection.matrix(), q * 2 ** (9 - bits))  # 8 bits: even numbers
        assert connection.num_weight_bits == bits and connection.sign_mode == "mixed"
        assert np.array_equal(as_lava_holds(connection.matrix(), bits), connection.matrix())
        unit = scale / 2 ** (9 - bits) / 2**connection.weight_exp / 64
        assert program.scales[f"l{k}"] == pytest.approx(unit, rel=1e-12)
        assert abs(population.parameters["vth"] * 64 * unit - 1) <= 32 * unit
        assert population.parameters["dv"] == min(round((1 - beta) * 4096), 4095)
        assert population.parameters["du"] == 4095
        assert population.parameters["reset_interval"] == steps
        assert population.parameters["reset_offset"] == k + 1 == program.timing.depth[f"l{k}"] + 1
        assert bits - 9 <= connection.weight_exp <= 7  # never floors
        assert 1 <= population.parameters["vth"] < 2**17


def as_lava_holds(weights: np.ndarray, bits: int) -> np.ndarray:
    """Lava's clipping and truncation of mixed weights (weightutils.py)."""
    return (np.clip(weights, -256, 255) >> (9 - bits)) << (9 - bits)


def test_gain_is_folded_into_the_threshold():
    """r dt / tau = 1/2 doubles the threshold in units of the weighted sum, and the scale tells of it."""
    graph = chain([5, 4])
    half = chain([5, 4])
    half.nodes["l1"].r[:] /= 2
    whole_program, half_program = (compile_graph(g, LOIHI2, steps=5, weight_exp=2) for g in (graph, half))
    vth = whole_program.population("l1").parameters["vth"]
    assert abs(half_program.population("l1").parameters["vth"] - 2 * vth) <= 1
    assert half_program.scales["l1"] == whole_program.scales["l1"] / 2


def test_each_neuron_may_have_its_own_decay_and_threshold():
    graph = chain([5, 4])
    tau = np.array([2e-3, 4e-3, 8e-3, 1e-2])
    graph.nodes["l1"].tau, graph.nodes["l1"].r = tau, tau / 1e-3
    graph.nodes["l1"].v_threshold = np.array([0.5, 1.0, 1.0, 2.0])
    program = compile_graph(graph, LOIHI2, steps=5)
    parameters = program.population("l1").parameters
    assert parameters["dv"].tolist() == [2048, 1024, 512, 410]
    assert np.allclose(parameters["vth"] * 64 * program.scales["l1"], [0.5, 1.0, 1.0, 2.0], rtol=1e-3)
    assert sum("Lava's own LIF" in note for note in program.notes) == 2


def test_notes_tell_rounding_in_numbers():
    program = compile_graph(chain([5, 4], beta=0.9), LOIHI2, steps=5)
    assert any("0.9 becomes 0.899902 (dv 410)" in note for note in program.notes)


def test_the_notes_of_the_file_come_first():
    graph = replace(chain([5, 4]), notes=("read in a dialect",))
    assert compile_graph(graph, LOIHI2, steps=5).notes[0] == "read in a dialect"


def test_a_note_where_the_current_may_wrap():
    program = compile_graph(strong(), LOIHI2, steps=5)
    assert program.connection("w").weight_exp == -1
    assert any("wraps around" in note and "16256000" in note for note in program.notes)


def strong() -> Graph:
    """Of 2000 weights of 127 times 2, halved without loss, a current is 2000 * 254 / 2 * 64 > 2^23."""
    return Graph(
        nir.NIRGraph(
            {
                "input": nir.Input(np.array([2000])),
                "w": nir.Linear(np.full((1, 2000), 127.0)),
                "n": lif(1, threshold=1e3),
                "output": nir.Output(np.array([1])),
            },
            [("input", "w"), ("w", "n"), ("n", "output")],
        ),
        Meaning(1e-3, {"w": NodeMeaning(quantisation=Quantisation(8, 1.0)), "n": NodeMeaning("zero", "euler")}),
    )


def chip_that_says(tmp_path: Path, changes: dict[str, str]) -> Chip:
    """Loihi 2 with other texts for some keys; an empty one is left out, with what the file says of its source."""
    text = (files.shipped("targets") / "loihi2.toml").read_text(encoding="utf-8")
    for key, value in changes.items():
        text, count = re.subn(rf"^{key} = .*\n", f'{key} = "{value}"\n' if value else "", text, flags=re.M)
        assert count == 1
    (tmp_path / "other.toml").write_text(text, encoding="utf-8")
    return load_chip(tmp_path / "other.toml")


def test_the_chips_file_says_where_neurons_spike_and_how_they_overflow(tmp_path: Path) -> None:
    for name in ("loihi1", "loihi2"):
        program = compile_graph(chain([5, 4, 3]), load_chip(name), steps=5)
        assert [p.arithmetic for p in program.populations] == [Arithmetic("above", "zero", "wrap_once", "saturate")] * 3
    other = chip_that_says(tmp_path, {"threshold": "reached", "u_overflow": "saturate", "v_overflow": "wrap"})
    program = compile_graph(chain([5, 4, 3]), other, steps=5)
    assert program.population("input").arithmetic == Arithmetic()
    for name in ("l1", "l2"):
        assert program.population(name).arithmetic == Arithmetic("reached", "zero", "saturate", "wrap")


def test_a_chip_whose_file_says_nothing_of_it_computes_as_lava_does(tmp_path: Path) -> None:
    silent = chip_that_says(tmp_path, {"threshold": "", "u_overflow": "", "v_overflow": ""})
    assert compile_graph(chain([5, 4]), silent, steps=5).population("l1").arithmetic == Arithmetic()


def test_the_notes_say_saturates_where_the_chip_does(tmp_path: Path) -> None:
    notes = compile_graph(strong(), chip_that_says(tmp_path, {"u_overflow": "saturate"}), steps=5).notes
    assert any("the current saturates" in note and "16256000" in note for note in notes)


def test_a_membrane_on_its_threshold_spikes_on_a_chip_that_spikes_there(tmp_path: Path) -> None:
    """One synapse; the input's only spike takes the membrane to theta exactly, as long as vth is the weight."""
    reached = chip_that_says(tmp_path, {"threshold": "reached"})
    for chip, spikes in ((LOIHI2, 0), (reached, 1)):
        program = compile_graph(chain([1, 1]), chip, steps=4)
        weight = abs(int(program.connection("l1_weights").matrix()[0, 0]))
        parameters = {
            **program.population("l1").parameters,
            "vth": weight << program.connection("l1_weights").weight_exp,
        }
        program = replace(
            program, populations=(program.populations[0], replace(program.population("l1"), parameters=parameters)),
            connections=(replace(program.connections[0], weights=np.array([[weight]])),),
        )  # fmt: skip
        run = simulate(
            program, {"input": EventStream.from_dense(np.eye(4, 1, dtype=int))}, steps=4, record=["l1.spikes"]
        )
        assert run.spikes["l1"].count == spikes


def test_weights_are_packed_as_the_chip_stores_them() -> None:
    """One byte for an 8-bit synapse, half of one where 4 bits or fewer are stored."""
    for bits, share in ((8, 1), (4, 2), (3, 2), (2, 4)):
        weights = compile_graph(chain([30, 16], bits=bits), LOIHI2, steps=5).connection("l1_weights").weights
        assert isinstance(weights, PackedWeights) and weights.data.shape == (30, 16 // share)


def test_post_training_scaling_is_symmetric_and_told():
    graph = chain([30, 20], bits=None)
    program = compile_graph(graph, LOIHI2, steps=5)
    weight = graph.nodes["l1_weights"].weight.astype(np.float64)
    step = np.abs(weight).max() / 127
    assert np.array_equal(program.connection("l1_weights").matrix(), 2 * np.rint(weight / step))
    assert any("quantised after training" in note for note in program.notes)


@pytest.mark.parametrize("reset", ["subtract_multiple", "subtract_pending", "subtract_delayed", "none"])
def test_other_resets_are_refused_with_a_remedy(reset):
    with pytest.raises(UnsupportedError, match=r"'l1'.*reset_mechanism='zero'"):
        compile_graph(chain([5, 4], reset=reset), LOIHI2, steps=5)


def with_nodes(changes: dict[str, object], edges: list[tuple[str, str]] | None = None) -> Graph:
    """The chain 5-4 with other nodes or edges."""
    graph = chain([5, 4])
    nodes = dict(graph.nodes) | changes
    return Graph(nir.NIRGraph(nodes, edges or list(graph.edges)), graph.meaning)


EDGES = [("input", "l1_weights"), ("l1_weights", "l1"), ("l1", "output")]
LOOP = nir.Linear(np.ones((4, 4)))


@pytest.mark.parametrize(
    ("graph", "words"),
    [
        (with_nodes({"l1": lif(4, v_reset=0.1)}), "'l1'.*v_reset"),
        (with_nodes({"s": nir.Scale(np.ones(4))}, [*EDGES[:2], ("l1", "s"), ("s", "output")]), "'output'.*'s'"),
        (with_nodes({"w": LOOP}, [*EDGES[:2], ("l1", "w"), ("w", "output")]), "'output'.*neurons"),
    ],
)
def test_what_cannot_be_lowered_is_refused_by_name(graph, words):
    with pytest.raises(UnsupportedError, match=words):
        compile_graph(graph, LOIHI2, steps=5)


def test_gains_of_neurons_go_into_their_thresholds():
    graph = chain([5, 4])
    before = compile_graph(graph, LOIHI2, steps=5)
    graph.nodes["l1"].r[0] *= 2
    program = compile_graph(graph, LOIHI2, steps=5)
    vth, unit = program.population("l1").parameter("vth"), before.scale("l1")[0]
    assert program.scale("l1") == pytest.approx([2 * unit, unit, unit, unit])
    assert vth[0] == pytest.approx(vth[1] / 2, abs=0.5) and np.all(vth[1:] == vth[1])


def test_a_layer_of_zeros_is_refused():
    graph = with_nodes({"l1_weights": nir.Linear(np.zeros((4, 5)))})
    with pytest.raises(ValueRangeError, match=r"l1_weights.*zero"):
        compile_graph(graph, LOIHI2, steps=5)


def test_a_layer_that_rounding_makes_zero_is_refused():
    graph = Graph(chain([5, 4]).nir, Meaning(1e-3, {"l1": NodeMeaning("zero", "euler")}))
    graph.nodes["l1_weights"].weight[:] = SCALE * 1e-5
    meaning = Meaning(
        1e-3, dict(graph.meaning.nodes) | {"l1_weights": NodeMeaning(quantisation=Quantisation(8, SCALE))}
    )
    with pytest.raises(ValueRangeError, match=r"l1_weights.*round to zero"):
        compile_graph(Graph(graph.nir, meaning), LOIHI2, steps=5)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [({"weight_exp": 8}, "-7..7"), ({"weight_exp": -8}, "mantissa|-7..7"), ({"steps": 0}, "steps")],
)
def test_arguments_out_of_range(arguments, words):
    with pytest.raises(ValueRangeError, match=words):
        compile_graph(chain([5, 4]), LOIHI2, **({"steps": 5} | arguments))


def test_a_negative_exponent_is_told():
    program = compile_graph(chain([5, 4]), LOIHI2, steps=5, weight_exp=-2)
    assert any("floors every weighted sum to a multiple of 2^2" in note for note in program.notes)


def test_chips_with_other_neurons_are_refused():
    for name in ("spinnaker2", "odin", "edge_sram", "xylo_audio2"):
        with pytest.raises(UnsupportedError, match=name):
            compile_graph(chain([5, 4]), load_chip(name), steps=5)


def test_bits_that_a_chip_does_not_have_take_the_next_more():
    """Loihi 1 has no 7-bit weights: they are held as 8 bits, with the same values."""
    program = compile_graph(chain([5, 4], bits=7), load_chip("loihi1"), steps=5)
    assert program.connection("l1_weights").num_weight_bits == 8
    with pytest.raises(UnsupportedError, match="12 bits"):
        compile_graph(chain([5, 4], bits=12, scale=2**-12), LOIHI2, steps=5)
