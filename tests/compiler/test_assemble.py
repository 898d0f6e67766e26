"""Programs of whole networks on the simulator, against the integers of their layers run in plain NumPy."""

from __future__ import annotations

from itertools import pairwise

import nir
import numpy as np
import pytest
from graphs import CUBA, DT, graph_of, grid, halves
from ideal_oracle import matrix

from neurotrain_hw import EventStream
from neurotrain_hw.chips import load_chip
from neurotrain_hw.compiler.ideal import IdealSynapses
from neurotrain_hw.compiler.lower import Lowered, lower
from neurotrain_hw.interchange import Graph, NodeMeaning, read_nir
from neurotrain_hw.program.numbering import to_chip, to_source
from neurotrain_hw.simulator import simulate

CHIP = load_chip("loihi2")


def integer_run(lowered: Lowered, inputs: dict[str, np.ndarray], steps: int) -> dict[str, np.ndarray]:
    """Spikes (T, n) of every layer in its window: Lava's equations in int64, weights in the source's numbering.

    A layer begins its window with a state of zero; what it sends before reaches nobody.
    """
    network, total = lowered.network, steps + max(lowered.network.depth.values()) + 1
    shapes = {p.name: p.shape for p in (*network.inputs, *network.layers)}
    sent = {name: np.zeros((total + 1, int(np.prod(shape))), np.int64) for name, shape in shapes.items()}
    for name, values in inputs.items():
        sent[name][1 : steps + 1] = values
    parts = []
    for layer in lowered.layers:
        weights = []
        for s in layer.synapses:
            plain = IdealSynapses(
                s.source.name, s.source.pre, s.source.post, s.q * s.grid * 1.0, np.ones(len(s.q)), s.source.conv
            )
            weights.append((s, matrix(plain, shapes[s.source.pre], shapes[s.source.post]).astype(np.int64)))
        n = layer.source.n
        parts.append((layer, weights, [np.zeros(n, np.int64), np.zeros(n, np.int64), np.zeros(n, bool)]))
    for t in range(1, total + 1):
        for layer, weights, state in parts:
            name = layer.source.name
            if t <= network.depth[name]:
                continue
            u, v, held = state
            a = np.zeros_like(u)
            for s, w in weights:
                if t - 1 - s.source.delay >= 1:
                    acc = w @ sent[s.source.pre][t - 1 - s.source.delay]
                    a += acc << s.weight_exp if s.weight_exp >= 0 else acc >> -s.weight_exp
            u = tz(u * (4095 - layer.du), 12) + (a << 6)
            assert np.abs(u).max() < 1 << 23, "wraps: not this test's matter"
            moved = tz(v * (4096 - layer.dv), 12) + u + (layer.bias_mant.astype(np.int64) << layer.bias_exp)
            v = np.where(held, v, np.clip(moved, -(1 << 23) + 1, (1 << 23) - 1))
            theta = layer.vth.astype(np.int64) << 6
            fires = (v > theta) & ~held
            v = np.where(fires, v - theta if layer.source.reset == "subtract" else 0, v)
            state[:] = [u, v, {"zero_held": fires, "once": held | fires}.get(layer.source.reset, np.zeros_like(held))]
            sent[name][t] = fires
    return {name: sent[name][d + 1 : d + 1 + steps] for name, d in network.depth.items() if name not in inputs}


def tz(x: np.ndarray, k: int) -> np.ndarray:
    """Shift toward zero."""
    return np.sign(x) * (np.abs(x) >> k)


def expect_program(graph: Graph, *, steps: int = 30, rate: float = 0.3, lava: bool = False, **options) -> Lowered:
    """The program sends what its integers say, on the simulator and, where asked, in Lava."""
    lowered = lower(graph, CHIP, steps=steps, **options)
    program, rng = lowered.program, np.random.default_rng(0)
    given = {p.name: (rng.random((steps, p.n)) < rate).astype(int) for p in lowered.network.inputs}
    expected = integer_run(lowered, given, steps)
    streams = {name: to_chip(program, name, EventStream.from_dense(x)) for name, x in given.items()}
    record = [f"{name}.spikes" for name in expected]
    for engine in ("chip", "lava") if lava else ("chip",):
        run = simulate(program, streams, steps=steps + max(program.timing.depth.values()), record=record, engine=engine)
        for name, spikes in expected.items():
            d = program.timing.depth[name]
            found = to_source(program, name, run.spikes[name].window(d, d + steps)).dense()
            assert np.array_equal(found, spikes), (engine, name)
    for name in program.outputs:
        assert expected[name].any() or not lowered.network.layer(name).spikes
    return lowered


def convolutional(reset: str = "zero") -> Graph:
    """Two convolutions of other than square kernels, pooling, and a dense layer behind."""
    rng = np.random.default_rng(3)
    pool = nir.SumPool2d(np.array([2, 2]), np.array([2, 2]), np.array([0, 0]))
    pool.input_type, pool.output_type = {"input": np.array([4, 6, 8])}, {"output": np.array([4, 3, 4])}
    nodes = {
        "in": nir.Input({"input": np.array([2, 6, 9])}),
        "c1": nir.Conv2d((6, 9), grid(rng, 4, 1, 3, 2), (1, 1), (1, 0), (1, 1), 2, grid(rng, 4, spread=2)),
        "a": halves((4, 6, 8)), "pool": pool,
        "c2": nir.Conv2d((3, 4), grid(rng, 3, 4, 2, 3), (1, 1), 0, 1, 1, np.zeros(3)), "b": halves((3, 2, 2)),
        "flat": nir.Flatten({"input": np.array([3, 2, 2])}, 0, -1), "w": nir.Linear(grid(rng, 5, 12)), "c": halves(5),
        "out": nir.Output({"output": np.array([5])}),
    }  # fmt: skip
    nodes["c1"].output_type = {"output": np.array([4, 6, 8])}
    nodes["c2"].output_type = {"output": np.array([3, 2, 2])}
    names = list(nodes)
    graph = nir.NIRGraph(nodes, list(pairwise(names)), type_check=False)
    plain = graph_of({"in": nodes["in"], "out": nir.Output({"output": np.array([2, 6, 9])})}, [("in", "out")])
    meanings = {name: NodeMeaning(reset, "euler") for name in ("a", "b", "c")}  # type: ignore[arg-type]
    return Graph(graph, type(plain.meaning)(DT, meanings, "float64"))


def recurrent(reset: str = "zero", kind: str = "CubaLIF", *, bias: bool = True) -> Graph:
    """A recurrent layer with a way past it."""
    rng = np.random.default_rng(4)
    values = {"v_threshold": np.ones(8), "v_reset": np.zeros(8)}
    cuba = nir.CubaLIF(**{k: np.full(8, v) for k, v in CUBA.items()}, **values)
    drive = grid(rng, 8, spread=3) if bias else np.zeros(8)
    nodes = {
        "in": nir.Input({"input": np.array([6])}), "w1": nir.Affine(grid(rng, 8, 6), drive),
        "a": cuba if kind == "CubaLIF" else halves(8), "rec": nir.Affine(grid(rng, 8, 8), drive),
        "w2": nir.Linear(grid(rng, 4, 8)), "past": nir.Linear(grid(rng, 4, 6)), "b": halves(4),
        "out": nir.Output({"output": np.array([4])}),
    }  # fmt: skip
    edges = [("in", "w1"), ("w1", "a"), ("a", "rec"), ("rec", "a"), ("a", "w2"), ("w2", "b"), ("in", "past"),
             ("past", "b"), ("b", "out")]  # fmt: skip
    return graph_of(nodes, edges, a=NodeMeaning(reset, "euler"), b=NodeMeaning(reset, "euler"))  # type: ignore[arg-type]


@pytest.mark.parametrize("reset", ["zero", "subtract"])
def test_a_convolutional_network(reset) -> None:
    lowered = expect_program(convolutional(reset))
    kinds = {c.name: c.kind for c in lowered.program.connections}
    assert kinds == {"c1": "conv", "c2": "conv", "w": "dense"}
    assert lowered.program.population("a").shape == (8, 6, 4) and not lowered.program.timing.apart


@pytest.mark.parametrize("kind", ["CubaLIF", "LIF"])
@pytest.mark.parametrize("reset", ["zero", "subtract", "zero_held", "once"])
def test_a_recurrent_network(reset, kind) -> None:
    lowered = expect_program(recurrent(reset, kind))
    assert lowered.program.timing.apart
    assert lowered.program.connection("past").kind == "delay_dense"


def test_in_lava(lava_python) -> None:
    expect_program(convolutional(), steps=12, lava=True)
    expect_program(recurrent(), steps=12, lava=True)


def test_the_sum_of_coarse_and_fine_weights_is_the_bias() -> None:
    graph = recurrent()
    lowered = lower(graph, CHIP, steps=10)
    layer = next(part for part in lowered.layers if part.source.name == "a")
    total = sum((s.q[:, 0] * s.scale for s in layer.synapses if s.source.pre == "bias"), np.zeros(8))
    wanted = graph.nodes["w1"].bias + graph.nodes["rec"].bias
    assert np.abs(total - wanted).max() <= layer.unit[0] * 64 and np.abs(wanted).max() > 0.05


def test_samples_of_a_feed_forward_network_may_follow_one_another() -> None:
    """Two samples in one run give the spikes that each gives alone, biases of currents included."""
    rng = np.random.default_rng(5)
    values = {"v_threshold": np.ones(8), "v_reset": np.zeros(8)}
    nodes = {
        "in": nir.Input({"input": np.array([6])}), "w1": nir.Linear(grid(rng, 8, 6)), "a": halves(8),
        "w2": nir.Affine(grid(rng, 8, 8), grid(rng, 8, spread=8)),
        "b": nir.CubaLIF(**{k: np.full(8, v) for k, v in CUBA.items()}, **values),
        "out": nir.Output({"output": np.array([8])}),
    }  # fmt: skip
    names = list(nodes)
    program = lower(graph_of(nodes, list(pairwise(names))), CHIP, steps=20).program
    assert not program.timing.apart
    x = [(rng.random((20, 6)) < 0.3).astype(int) for _ in range(2)]
    alone = [simulate(program, {"in": EventStream.from_dense(s)}, steps=22).spikes["b"].window(2, 22) for s in x]
    both = simulate(program, {"in": EventStream.from_dense(np.vstack(x))}, steps=42).spikes["b"].window(2, 42)
    assert both == EventStream.concatenate(alone) and both.count


@pytest.mark.parametrize(
    ("file", "options"),
    [("braille_zero/braille_noDelay_bias_zero.nir", {"dialect": "snntorch"}),
     ("braille_subtract/braille_noDelay_noBias_subtract.nir", {"dialect": "snntorch", "reset": "subtract_before"})],
)  # fmt: skip
def test_trained_recurrent_networks(shared, file, options) -> None:
    expect_program(read_nir(shared / "data" / "nir" / file, **options), steps=60, rate=0.15)
