"""Graphs read into the chip's equations and time, against the float reference simulator of NIR."""

from __future__ import annotations

from itertools import pairwise

import nir
import numpy as np
import pytest
from graphs import CUBA, DT, graph_of, grid, halves
from hypothesis import given, settings
from hypothesis import strategies as st
from ideal_oracle import chip_time_run

from neurotrain_hw.chips import load_chip
from neurotrain_hw.compiler.read_graph import read_graph
from neurotrain_hw.errors import UnsupportedError
from neurotrain_hw.interchange import Graph, Meaning, NodeMeaning, Quantisation, read_nir
from neurotrain_hw.reference import run_graph

CHIP = load_chip("loihi2")


def expect_same(graph: Graph, *, seed: int = 0, steps: int = 25, rate: float = 0.3, lively: bool = True) -> None:
    """Every spike and every membrane potential of every layer, bit for bit."""
    rng = np.random.default_rng(seed)
    network = read_graph(graph, CHIP)
    given = {p.name: (rng.random((steps, *p.shape)) < rate).astype(float) for p in network.inputs}
    expected = run_graph(graph, given, precision="float64")
    found = chip_time_run(network, {name: values.reshape(steps, -1) for name, values in given.items()})
    active = 0
    for layer in network.layers:
        if layer.name not in graph.nodes:  # the source of biases
            assert found[layer.name][0].all()
            continue
        spikes, membranes = found[layer.name]
        wanted = expected.sent[layer.name].reshape(steps, -1)
        if layer.spikes:
            active += wanted.sum()
            assert np.array_equal(spikes, wanted), layer.name
        if not layer.departures and layer.name in expected.v:
            np.testing.assert_allclose(membranes, expected.v[layer.name].reshape(steps, -1), atol=1e-12)
    assert active or not lively or not any(layer.spikes for layer in network.layers)


def test_branches_of_different_depth_meet_in_the_same_step() -> None:
    rng = np.random.default_rng(1)
    nodes = {
        "in": nir.Input({"input": np.array([6])}), "w1": nir.Linear(grid(rng, 8, 6)), "a": halves(8),
        "w2": nir.Linear(grid(rng, 8, 8)), "b": halves(8), "skip": nir.Linear(grid(rng, 5, 8)),
        "far": nir.Affine(grid(rng, 5, 6), grid(rng, 5, spread=4)), "w3": nir.Linear(grid(rng, 5, 8)), "c": halves(5),
        "out": nir.Output({"output": np.array([5])}),
    }  # fmt: skip
    edges = [*pairwise(["in", "w1", "a", "w2", "b", "w3", "c", "out"]), ("a", "skip"), ("skip", "c"), ("in", "far"),
             ("far", "c")]  # fmt: skip
    graph = graph_of(nodes, edges)
    network = read_graph(graph, CHIP)
    assert network.depth == {"in": 0, "a": 1, "b": 2, "c": 3}
    assert {s.name: s.delay for s in network.synapses} == {"w1": 0, "w2": 0, "w3": 0, "skip": 1, "far": 2}
    expect_same(graph)


@pytest.mark.parametrize("loops", ["neurons", "edges"])
def test_a_layer_that_hears_itself_hears_the_step_before(loops) -> None:
    rng = np.random.default_rng(2)
    nodes = {
        "in": nir.Input({"input": np.array([6])}), "w1": nir.Affine(grid(rng, 8, 6), grid(rng, 8, spread=4)),
        "a": halves(8), "rec": nir.Linear(grid(rng, 8, 8)), "w2": nir.Linear(grid(rng, 4, 8)), "b": halves(4),
        "out": nir.Output({"output": np.array([4])}),
    }  # fmt: skip
    edges = [("in", "w1"), ("w1", "a"), ("a", "rec"), ("rec", "a"), ("a", "w2"), ("w2", "b"), ("b", "out")]
    expect_same(graph_of(nodes, edges, loops=loops))


def test_a_bias_in_a_loop_acts_from_the_first_step_on_or_is_refused() -> None:
    rng = np.random.default_rng(3)
    nodes = {
        "in": nir.Input({"input": np.array([6])}), "w1": nir.Linear(grid(rng, 8, 6)), "a": halves(8),
        "rec": nir.Affine(grid(rng, 8, 8), grid(rng, 8, spread=8)), "out": nir.Output({"output": np.array([8])}),
    }  # fmt: skip
    edges = [("in", "w1"), ("w1", "a"), ("a", "rec"), ("rec", "a"), ("a", "out")]
    expect_same(graph_of(nodes, edges))
    with pytest.raises(UnsupportedError, match="arrives 1 steps late"):
        read_graph(graph_of(nodes, edges, loops="edges"), CHIP)


def test_a_bias_that_would_wake_a_loop_too_early_comes_through_the_current() -> None:
    rng = np.random.default_rng(4)
    nodes = {
        "in": nir.Input({"input": np.array([4])}), "w1": nir.Linear(grid(rng, 6, 4)), "a": halves(6),
        "w2": nir.Affine(grid(rng, 5, 6), np.full(5, 0.75)), "b": halves(5), "rec": nir.Linear(grid(rng, 5, 5)),
        "out": nir.Output({"output": np.array([5])}),
    }  # fmt: skip
    edges = [("in", "w1"), ("w1", "a"), ("a", "w2"), ("w2", "b"), ("b", "rec"), ("rec", "b"), ("b", "out")]
    graph = graph_of(nodes, edges)
    network = read_graph(graph, CHIP)
    assert not network.layer("b").bias.any() and network.depth["bias"] == 0
    (carried, rest) = (s for s in network.onto("b") if s.pre == "bias")
    assert np.all(carried.weight == 0.75) and not rest.weight.any() and carried.delay == 1
    expect_same(graph)


def test_a_loop_over_two_layers_needs_a_delay() -> None:
    rng = np.random.default_rng(5)
    nodes = {
        "in": nir.Input({"input": np.array([4])}), "w1": nir.Linear(grid(rng, 6, 4)), "a": halves(6),
        "w2": nir.Linear(grid(rng, 5, 6)), "b": halves(5), "back": nir.Linear(grid(rng, 6, 5)),
        "out": nir.Output({"output": np.array([5])}),
    }  # fmt: skip
    edges = [("in", "w1"), ("w1", "a"), ("a", "w2"), ("w2", "b"), ("b", "out")]
    with pytest.raises(UnsupportedError, match=r"the loop b -> a -> b has 2 connections") as error:
        read_graph(graph_of(nodes, [*edges, ("b", "back"), ("back", "a")]), CHIP)
    assert "Put a Delay into the loop" in error.value.remedy
    late = nodes | {"wait": nir.Delay(np.full(6, 2 * DT))}
    graph = graph_of(late, [*edges, ("b", "back"), ("back", "wait"), ("wait", "a")])
    network = read_graph(graph, CHIP)
    assert {s.name: (s.latency, s.delay) for s in network.synapses} == {"w1": (0, 0), "w2": (0, 0), "back": (2, 0)}
    expect_same(graph)


@pytest.mark.parametrize(("wait", "delay"), [(1, 1), (7, 7)])
def test_a_delay_is_kept(wait, delay) -> None:
    rng = np.random.default_rng(6)
    nodes = {
        "in": nir.Input({"input": np.array([4])}), "w": nir.Linear(grid(rng, 6, 4)),
        "wait": nir.Delay(np.full(6, wait * DT)), "a": halves(6), "out": nir.Output({"output": np.array([6])}),
    }  # fmt: skip
    graph = graph_of(nodes, [("in", "w"), ("w", "wait"), ("wait", "a"), ("a", "out")])
    assert [s.delay for s in read_graph(graph, CHIP).synapses] == [delay]
    expect_same(graph)


def test_delays_that_differ_are_refused_by_name() -> None:
    nodes = {
        "in": nir.Input({"input": np.array([2])}), "wait": nir.Delay(np.array([1, 3]) * DT),
        "w": nir.Linear(np.ones((2, 2))), "a": halves(2), "out": nir.Output({"output": np.array([2])}),
    }  # fmt: skip
    with pytest.raises(UnsupportedError, match=r"node 'wait': delays between 1 and 3 steps"):
        read_graph(graph_of(nodes, [("in", "wait"), ("wait", "w"), ("w", "a"), ("a", "out")]), CHIP)


@pytest.mark.parametrize("reset", ["zero", "subtract", "zero_held", "zero_delayed", "subtract_before", "once"])
@pytest.mark.parametrize("kind", ["LIF", "CubaLIF", "IF"])
def test_every_reset_that_the_chip_has_is_exact(kind, reset) -> None:
    rng = np.random.default_rng(7)
    values = {"v_threshold": np.ones(8), "v_reset": np.zeros(8)}
    neurons = {
        "LIF": lambda: halves(8), "IF": lambda: nir.IF(r=np.full(8, 1 / DT), **values),
        "CubaLIF": lambda: nir.CubaLIF(**{k: np.full(8, v) for k, v in CUBA.items()}, **values),
    }[kind]()  # fmt: skip
    nodes = {
        "in": nir.Input({"input": np.array([6])}), "w": nir.Affine(grid(rng, 8, 6), grid(rng, 8, spread=2)),
        "a": neurons, "w2": nir.Linear(grid(rng, 4, 8)), "b": halves(4), "out": nir.Output({"output": np.array([4])}),
    }  # fmt: skip
    edges = [("in", "w"), ("w", "a"), ("a", "w2"), ("w2", "b"), ("b", "out")]
    graph = graph_of(nodes, edges, a=NodeMeaning(reset, "euler"))
    network = read_graph(graph, CHIP)
    rng = np.random.default_rng(0)
    x = (rng.random((40, 6)) < 0.3).astype(float)
    expected, found = run_graph(graph, x, precision="float64"), chip_time_run(network, {"in": x})
    for name in ("a", "b"):  # the membrane after a delayed reset is another, its spikes are the same
        assert np.array_equal(found[name][0], expected.sent[name]) and found[name][0].any(), name


@pytest.mark.parametrize(
    ("reset", "words"),
    [("subtract_pending", "not twice around a spike"), ("subtract_delayed", "not after the next update"),
     ("subtract_multiple", "spikes once in a step at most"), ("none", "where the source never resets it")],
)  # fmt: skip
def test_a_reset_that_no_chip_has_is_refused_or_the_nearest_is_taken_and_said(reset, words) -> None:
    nodes = {
        "in": nir.Input({"input": np.array([2])}), "w": nir.Linear(np.ones((2, 2))), "a": halves(2),
        "out": nir.Output({"output": np.array([2])}),
    }  # fmt: skip
    graph = graph_of(nodes, [("in", "w"), ("w", "a"), ("a", "out")], a=NodeMeaning(reset, "euler"))
    with pytest.raises(UnsupportedError, match=words) as error:
        read_graph(graph, CHIP)
    assert "node 'a'" in str(error.value) and "--nearest" in error.value.remedy
    assert words in read_graph(graph, CHIP, nearest=True).layer("a").departures[0]


def test_loihi_1_cannot_subtract() -> None:
    nodes = {
        "in": nir.Input({"input": np.array([2])}), "w": nir.Linear(np.ones((2, 2))), "a": halves(2),
        "out": nir.Output({"output": np.array([2])}),
    }  # fmt: skip
    graph = graph_of(nodes, [("in", "w"), ("w", "a"), ("a", "out")], a=NodeMeaning("subtract", "euler"))
    assert read_graph(graph, CHIP).layer("a").reset == "subtract"
    with pytest.raises(UnsupportedError, match=r"Intel Loihi \(1\) cannot subtract"):
        read_graph(graph, load_chip("loihi1"))
    assert read_graph(graph, load_chip("loihi1"), nearest=True).layer("a").reset == "zero"


@pytest.mark.parametrize("kind", ["LI", "CubaLI", "I"])
def test_neurons_that_never_spike_are_read_at_the_end_and_refused_before(kind) -> None:
    rng = np.random.default_rng(8)
    node = {
        "LI": lambda: nir.LI(tau=np.full(4, 2 * DT), r=np.full(4, 2.0), v_leak=np.full(4, 0.25)),
        "CubaLI": lambda: nir.CubaLI(**{k: np.full(4, v) for k, v in CUBA.items()}),
        "I": lambda: nir.I(r=np.full(4, 1 / DT)),
    }[kind]()
    nodes = {"in": nir.Input({"input": np.array([6])}), "w": nir.Linear(grid(rng, 4, 6)), "a": node,
             "w2": nir.Linear(grid(rng, 4, 4)), "b": halves(4),
             "out": nir.Output({"output": np.array([4])})}  # fmt: skip
    short = {name: node for name, node in nodes.items() if name not in ("w2", "b")}
    expect_same(graph_of(short, [("in", "w"), ("w", "a"), ("a", "out")], a=NodeMeaning("none", "euler")))
    edges = [("in", "w"), ("w", "a"), ("a", "w2"), ("w2", "b"), ("b", "out")]
    with pytest.raises(UnsupportedError, match=f"node 'a': is of kind {kind} and stands before other neurons"):
        read_graph(graph_of(nodes, edges, a=NodeMeaning("none", "euler")), CHIP)


@settings(max_examples=40, deadline=None)
@given(
    c_in=st.integers(1, 3), size=st.tuples(st.integers(4, 9), st.integers(4, 9)), per_group=st.integers(1, 2),
    grouped=st.booleans(), kernel=st.tuples(st.integers(1, 3), st.integers(1, 3)), stride=st.integers(1, 2),
    padding=st.sampled_from([0, 1, 2, "same", "valid"]), dilation=st.integers(1, 2),
    pool=st.sampled_from([None, "SumPool2d", "AvgPool2d"]), pooled=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    pool_padding=st.integers(0, 1), before=st.booleans(), scaled=st.booleans(), seed=st.integers(0, 999),
)  # fmt: skip
def test_convolutions_and_pooling_in_any_order(
    c_in, size, per_group, grouped, kernel, stride, padding, dilation, pool, pooled, pool_padding, before, scaled, seed
) -> None:
    """Conv2d with pooling before or behind it, then Flatten and Linear: what is multiplied out is the same network."""
    rng = np.random.default_rng(seed)
    groups = c_in if grouped else 1
    stride = 1 if padding == "same" else stride
    c_out = per_group * groups
    taken = (c_in, *size)

    def windows(shape: tuple[int, ...]) -> tuple[int, ...]:
        return shape[0], *((shape[1 + k] + 2 * pool_padding - pooled[0]) // pooled[1] + 1 for k in range(2))

    def pooling(shape):
        found = getattr(nir, pool)(np.array([pooled[0]] * 2), np.array([pooled[1]] * 2), np.array([pool_padding] * 2))
        found.input_type, found.output_type = {"input": np.array(shape)}, {"output": np.array(windows(shape))}
        return found

    if pool and (pool_padding * 2 > pooled[0] or (before and min(windows(taken)[1:]) < 1)):
        return
    entering = windows(taken) if pool and before else taken
    conv = nir.Conv2d(None, grid(rng, c_out, c_in // groups, *kernel), stride, padding, dilation, groups,
                      grid(rng, c_out, spread=4))  # fmt: skip
    pad = {"same": None, "valid": 0}.get(padding, padding)
    spans = [dilation * (k - 1) + 1 for k in kernel]
    sizes = entering[1:] if pad is None else tuple(
        (n + 2 * pad - span) // stride + 1 for n, span in zip(entering[1:], spans, strict=True))  # fmt: skip
    spare = [n + 2 * (pad or 0) - span for n, span in zip(entering[1:], spans, strict=True)]
    if min(sizes) < 1 or (pad is not None and min(spare) < 0):
        return
    made = (c_out, *sizes)
    conv.input_type, conv.output_type = {"input": np.array(entering)}, {"output": np.array(made)}
    chain: list[tuple[str, nir.NIRNode]] = [("in", nir.Input({"input": np.array(taken)}))]
    if pool and before:
        chain.append(("pool", pooling(taken)))
    chain.append(("conv", conv))
    if pool and not before:
        if min(windows(made)[1:]) < 1:
            return
        chain.append(("pool", pooling(made)))
        made = windows(made)
    if scaled:
        chain.append(("scale", nir.Scale(np.broadcast_to(grid(rng, made[0], 1, 1, spread=0) + 0.5, made).copy())))
    chain.append(("a", halves(made)))
    flat = int(np.prod(made))
    chain += [("flat", nir.Flatten({"input": np.array(made)}, 0, -1)), ("w", nir.Linear(grid(rng, 3, flat, spread=4))),
              ("b", halves(3)), ("out", nir.Output({"output": np.array([3])}))]  # fmt: skip
    names = [name for name, _ in chain]
    nodes = dict(chain)
    graph = nir.NIRGraph(nodes, list(pairwise(names)), type_check=False)
    meanings = {name: NodeMeaning("zero", "euler") for name in ("a", "b")}
    expect_same(Graph(graph, Meaning(DT, meanings, "float64")), seed=seed, steps=6, rate=0.5, lively=False)


def test_training_s_integers_stay_where_pooling_and_scaling_stand_beside_them() -> None:
    rng = np.random.default_rng(9)
    q = rng.integers(-7, 8, (3, 2, 3, 3))
    conv = nir.Conv2d((4, 4), q / 16, 1, 1, 1, 1, np.zeros(3))
    pool = nir.AvgPool2d(np.array([2, 2]), np.array([2, 2]), np.array([0, 0]))
    pool.input_type, pool.output_type = {"input": np.array([2, 8, 8])}, {"output": np.array([2, 4, 4])}
    nodes = {
        "in": nir.Input({"input": np.array([2, 8, 8])}), "pool": pool, "conv": conv, "a": halves((3, 4, 4)),
        "flat": nir.Flatten({"input": np.array([3, 4, 4])}, 0, -1), "scale": nir.Scale(np.full(48, 0.5)),
        "w": nir.Linear(rng.integers(-7, 8, (3, 48)) / 8), "b": halves(3), "out": nir.Output({"output": np.array([3])}),
    }  # fmt: skip
    names = list(nodes)
    integers = {
        name: NodeMeaning(quantisation=Quantisation(4, scale)) for name, scale in (("conv", 1 / 16), ("w", 1 / 8))
    }
    graph = graph_of(nodes, list(pairwise(names)), **integers)
    by_name = {s.name: s for s in read_graph(graph, CHIP).synapses}
    assert np.array_equal(by_name["conv"].quantisation.integers(by_name["conv"].weight)[:, :, ::2, ::2], q)
    assert np.all(by_name["conv"].row_scale == 0.25) and by_name["conv"].conv.stride == (2, 2)
    assert by_name["w"].quantisation is not None and np.all(by_name["w"].row_scale == 0.5)
    expect_same(graph, rate=0.6)


@pytest.mark.parametrize(
    ("file", "options"),
    [("braille_zero/braille_noDelay_bias_zero.nir", {"dialect": "snntorch"}),
     ("braille_subtract/braille_noDelay_noBias_subtract.nir", {"dialect": "snntorch", "reset": "subtract_before"}),
     ("lava_oxford_loihi/oxford_nirdocs.nir", {"dialect": "nir", "dt_s": 1e-4})],
)  # fmt: skip
def test_trained_networks(shared, file, options) -> None:
    graph = read_nir(shared / "data" / "nir" / file, **options)
    network = read_graph(graph, CHIP)
    x = (np.random.default_rng(0).random((60, network.inputs[0].n)) < 0.1).astype(float)
    expected, found = run_graph(graph, x, precision="float64"), chip_time_run(network, {network.inputs[0].name: x})
    for name in network.depth.keys() & expected.sent.keys() - {network.inputs[0].name}:
        assert np.array_equal(found[name][0], expected.sent[name]) and found[name][0].any()
