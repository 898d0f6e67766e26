"""Fan-in and deliveries against walks over every synapse, one at a time, for every form of connection."""

from __future__ import annotations

import gc
import time
import weakref
from dataclasses import replace

import numpy as np
import pytest
from program_forms import LIF, random_weights, with_all_forms

from neurotrain_hw.program import Connection, CoreSlice, Modulator, Plasticity, Population, Program
from neurotrain_hw.program.deliveries import deliveries
from neurotrain_hw.program.fan_in import ConvolutionFanIn, fan_in
from neurotrain_hw.program.synapses import Convolution


def stored(program: Program, connection: Connection) -> np.ndarray:
    """How many synapses lead from each pre to each post neuron, int (n_post, n_pre), taps of a conv one by one."""
    pre, post = program.population(connection.pre), program.population(connection.post)
    out = np.zeros((post.n, pre.n), int)
    if connection.kind != "conv":
        full = connection.kind in ("dense", "delay_dense")
        return out + 1 if full else np.array(connection.matrix() != 0, int)
    geometry, (c_out, k_x, k_y, c_in) = connection.conv, connection.weights.shape
    assert geometry is not None
    per_group = c_out // geometry.groups
    for ox, oy, co in np.ndindex(*post.shape):
        for i, j, ci in np.ndindex(k_x, k_y, c_in):
            x = ox * geometry.stride[0] + i * geometry.dilation[0] - geometry.padding[0]
            y = oy * geometry.stride[1] + j * geometry.dilation[1] - geometry.padding[1]
            if 0 <= x < pre.shape[0] and 0 <= y < pre.shape[1]:
                source = np.ravel_multi_index((x, y, co // per_group * c_in + ci), pre.shape)
                out[np.ravel_multi_index((ox, oy, co), post.shape), source] += 1
    return out


def network(seed: int) -> Program:
    """Every form of connection; some neurons lie nowhere, some cores hold several parts."""
    rng = np.random.default_rng(seed)
    program = with_all_forms(Program("forms", (), ()), seed)
    wide = random_weights(rng, (9, 9), "mixed") * (rng.random((9, 9)) < 0.2)
    rule = Plasticity("2f", dw="x1*y0")
    matrices = (
        Connection("loop", "sparse", "loose", "loose", wide),
        Connection("late", "delay_sparse", "loose", "loose", wide.T.copy(), delays=np.ones((9, 9), np.int32)),
        Connection("learns", "sparse", "loose", "loose", wide, plasticity=rule),
        Connection("whole", "dense", "x", "loose", np.zeros((9, program.population("x").n), np.int8)),
    )
    program = replace(
        program, populations=(*program.populations, Population("loose", "lif", (9,), LIF)),
        connections=(*program.connections, *matrices[: 1 + seed % 4]),
    )  # fmt: skip
    parts = []
    for population in program.populations:
        ends = np.unique([0, population.n, *rng.integers(0, population.n + 1, 3)])
        for first, last in zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True):
            if population.kind != "input" and rng.random() < 0.9:
                parts.append(CoreSlice(population.name, first, last, int(rng.integers(2)), int(rng.integers(3))))
    return replace(program, placement=tuple(parts))


@pytest.mark.parametrize("seed", range(12))
def test_fan_in_against_a_walk_over_all_synapses(seed: int) -> None:
    program, rng = network(seed), np.random.default_rng(seed)
    for connection in program.connections:
        walked, found = stored(program, connection), fan_in(program, connection)
        n = walked.shape[0]
        for _ in range(6):
            ends = np.unique(rng.integers(0, n + 1, 4)).tolist()
            ranges = list(zip(ends[:-1:2], ends[1::2], strict=False)) or [(0, n)]
            inside = np.concatenate([np.arange(a, b) for a, b in ranges])
            per_axon = walked[inside].sum(axis=0)
            assert found.synapses(ranges) == per_axon.sum()
            assert found.axons(ranges) == np.count_nonzero(per_axon)
            sizes, times = found.by_axon(ranges)
            counted = np.repeat(sizes, times)
            assert sorted(counted.tolist()) == sorted(per_axon[per_axon > 0].tolist())
            if isinstance(found, ConvolutionFanIn):
                assert found.reached(ranges).tolist() == (per_axon > 0).tolist()
                channels = {int(k) % connection.weights.shape[0] for k in inside}
                assert found.kernel_entries(ranges) == len(channels) * connection.weights[0].size
        if connection.kind == "conv":
            assert connection.stored_synapses().sum() == connection.weights.size
        else:
            assert connection.stored_synapses().tolist() == walked.sum(axis=1).tolist()


def test_rows_of_more_synapses_than_a_chunk_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same counts where a chunk holds 7 synapses, so that rows and cores are cut everywhere."""
    monkeypatch.setattr("neurotrain_hw.program.synapses._CHUNK", 7)
    monkeypatch.setattr("neurotrain_hw.program.deliveries._CHUNK", 20)
    for seed in range(4):
        test_fan_in_against_a_walk_over_all_synapses(seed)
        test_deliveries_against_a_walk_over_all_synapses(seed)


@pytest.mark.parametrize("seed", range(12))
def test_deliveries_against_a_walk_over_all_synapses(seed: int) -> None:
    program = network(seed)
    core = {
        (part.population, k): (part.chip, part.core)
        for part in program.placement
        for k in range(part.first, part.last)
    }  # fmt: skip
    for population in program.populations:
        reached: list[set[tuple[int, int]]] = [set() for _ in range(population.n)]
        for connection in program.connections:
            if connection.pre == population.name:
                for post, pre in np.argwhere(stored(program, connection)).tolist():
                    if (connection.post, post) in core:
                        reached[pre].add(core[connection.post, post])
        found = deliveries(program, population.name)
        assert found.cores.tolist() == [len(cores) for cores in reached]
        home = [core.get((population.name, k)) in cores for k, cores in enumerate(reached)]
        assert found.home.tolist() == home


def test_what_a_modulators_error_reaches_is_reached_by_no_spike() -> None:
    error, feedback = Modulator("error", target="aim"), Modulator("feedback")
    ones = np.ones((1, 1), np.int8)
    program = Program(
        "loop",
        (Population("aim", "input", (1,)), Population("h", "lif", (1,), LIF, feedback),
         Population("out", "lif", (1,), LIF, error)),
        (Connection("up", "dense", "h", "out", ones),
         Connection("down", "dense", "out", "h", ones, num_message_bits=8, port="signal", pre_port="error")),
        placement=(CoreSlice("h", 0, 1, 0, 0), CoreSlice("out", 0, 1, 0, 1)),
    )  # fmt: skip
    assert deliveries(program, "h").cores.tolist() == [1]
    assert deliveries(program, "out").cores.tolist() == [0]


def test_one_tap_of_a_strided_convolution_by_hand() -> None:
    """A line of 5 inputs, kernel 2, stride 2, padding 1: outputs see (-, 0), (1, 2), (3, 4)."""
    line = ConvolutionFanIn(Convolution((2, 1), (1, 0)), (1, 2, 1, 1), (5, 1, 1), (3, 1, 1))
    assert [line.synapses([(k, k + 1)]) for k in range(3)] == [1, 2, 2]
    assert line.reached([(1, 3)]).tolist() == [False, True, True, True, True]
    assert line.kernel_entries([(0, 3)]) == 2


def test_what_is_kept_goes_with_its_program() -> None:
    program = network(0)
    assert deliveries(program, "x") is deliveries(program, "x")
    watched = weakref.ref(program)
    del program
    gc.collect()
    assert watched() is None


def test_deliveries_of_thousands_of_layers_take_linear_time() -> None:
    n = 3000
    program = Program(
        "deep", tuple(Population(f"p{k}", "lif", (1,), LIF) for k in range(n)),
        tuple(Connection(f"c{k}", "dense", f"p{k}", f"p{k + 1}", np.ones((1, 1), np.int8)) for k in range(n - 1)),
        placement=tuple(CoreSlice(f"p{k}", 0, 1, 0, k % 128) for k in range(n)),
    )  # fmt: skip
    start = time.perf_counter()
    assert sum(int(deliveries(program, p.name).cores.sum()) for p in program.populations) == n - 1
    assert time.perf_counter() - start < 5
