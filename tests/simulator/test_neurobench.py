"""Our counters against NeuroBench's metrics, on one network in snnTorch and on the chip, spike for spike the same.

Where the two count the same thing they must be equal; where they do not, the relation between them is asserted.
docs/reference/counters.md tells the same in words.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest

from neurotrain_hw import Connection, EventStream, Population, Program, Run, simulate
from neurotrain_hw.program import ConnectionKind
from neurotrain_hw.program.synapses import Convolution, PackedWeights

torch = pytest.importorskip("torch")
snn = pytest.importorskip("snntorch")
static = pytest.importorskip("neurobench.metrics.static", reason="neurobench is not installed (make setup)")
workload = pytest.importorskip("neurobench.metrics.workload")
models = pytest.importorskip("neurobench.models")

SIZES, NAMES, VTH, STEPS = (40, 30, 10), ("in", "hidden", "out"), 300, 60
DEPTH = len(SIZES) - 1


@dataclass(frozen=True)
class Both:
    """One sample through both: NeuroBench's model after its run, its predictions, and the run on the chip."""

    model: object
    predicted: object
    data: tuple[object, object]
    run: Run
    program: Program

    def metric(self, metric: object) -> object:
        """What a workload metric of NeuroBench says about the sample."""
        return metric(self.model, self.predicted, self.data)

    def window(self, name: str) -> slice:
        """The steps in which a population works on the sample: as many later as it has connections before it."""
        depth = NAMES.index(name)
        return slice(depth, depth + STEPS)

    def raster(self, name: str) -> np.ndarray:
        """What a population sends, int32 (STEPS, n)."""
        return self.run.spikes[name].dense()[self.window(name)]


class ChipLeaky(snn.Leaky):
    """snnTorch's Leaky with the chip's decay: tz(v * (4096 - dv), 12), in whole numbers."""

    def _base_state_function(self, input_: object) -> object:
        return torch.trunc(self.mem.double() * self.beta.double()).float() + input_


@cache
def both(kind: ConnectionKind, *, dv: int, graded: bool = False, seed: int = 0) -> Both:
    """A network with random weights, of which a third is 0 on the chip, on random input."""
    rng = np.random.default_rng(seed)
    program = network(rng, kind, dv, graded)
    data = (rng.random((STEPS, SIZES[0])) < 0.15).astype(np.int32)
    if graded:
        data *= rng.integers(1, 4, data.shape) ** (rng.random((STEPS, 1)) < 0.5)  # in half of the steps, values 1 to 3
    steps = STEPS + DEPTH
    record = [f"{name}.spikes" for name in NAMES] + ["hidden.u", "hidden.v", "out.u", "out.v"]
    run = simulate(program, {"in": EventStream.from_dense(data)}, steps=steps, record=record)
    model = models.SNNTorchModel(in_torch(program, dv))
    model.register_hooks()
    batch = torch.from_numpy(data[None]).float()
    with torch.no_grad():
        predicted = model(batch)
    found = Both(model, predicted, (batch, torch.zeros(1)), run, program)
    assert np.array_equal(found.raster("out"), predicted[0].numpy())
    assert found.raster("hidden").sum() > 100
    assert found.raster("out").sum() > 20
    return found


def network(rng: np.random.Generator, kind: ConnectionKind, dv: int, graded: bool) -> Program:
    neuron = {"du": 4095, "dv": dv, "vth": VTH, "bias_mant": 0, "bias_exp": 0}
    populations = [Population("in", "input", (SIZES[0],))]
    connections = []
    for name, pre, n_pre, n_post in zip(NAMES[1:], NAMES, SIZES, SIZES[1:], strict=False):
        weights = rng.integers(-90, 128, (n_post, n_pre)) * (rng.random((n_post, n_pre)) < 0.7)
        populations.append(Population(name, "lif", (n_post,), neuron))
        bits = 8 if graded and pre == "in" else 0
        connections.append(
            Connection(f"{pre}-{name}", kind, pre, name, weights.astype(np.int16), sign_mode="mixed",
                       num_message_bits=bits)
        )  # fmt: skip
    return Program("both", tuple(populations), tuple(connections), ("out",))


def in_torch(program: Program, dv: int) -> object:
    """The same integers in torch: Linear and Leaky by turns, reset to zero in the step of the spike.

    They are below 2^24, so that float32 holds them.
    """
    layers = []
    for connection in program.connections:
        n_post, n_pre = connection.matrix().shape
        linear = torch.nn.Linear(n_pre, n_post, bias=False)
        linear.weight.data = torch.from_numpy(connection.matrix() << 6).float()
        leaky = snn.Leaky if dv == 0 else ChipLeaky
        neuron = leaky(
            beta=(4096 - dv) / 4096, threshold=float(VTH << 6), reset_mechanism="zero", reset_delay=False,
            init_hidden=True, output=connection.post == "out",
        )  # fmt: skip
        layers += [linear, neuron]
    return torch.nn.Sequential(*layers)


CASES = pytest.mark.parametrize("dv", [0, 410], ids=["snn.Leaky, beta 1", "with the chip's decay"])


@CASES
def test_effective_accumulates_are_the_events_of_sparse_connections(dv: int) -> None:
    """NeuroBench counts pairs of a spike and a weight that is not 0: what a sparse connection stores."""
    found = both("sparse", dv=dv)
    counted = found.metric(workload.SynapticOperations())
    assert counted["Effective_ACs"] == found.run.counters.synaptic_events
    assert counted["Effective_MACs"] == 0


@CASES
def test_a_dense_connection_also_counts_synapses_whose_weight_is_zero(dv: int) -> None:
    found = both("dense", dv=dv)
    counted = found.metric(workload.SynapticOperations())
    at_zero = sum(
        int(found.raster(c.pre).sum(axis=0) @ (c.matrix() == 0).sum(axis=0)) for c in found.program.connections
    )  # fmt: skip
    assert at_zero > 1000
    assert counted["Effective_ACs"] == found.run.counters.synaptic_events - at_zero


def test_dense_operations_are_all_synapses_in_all_steps() -> None:
    """NeuroBench's Dense times the activity of the inputs, layer by layer, is what a dense connection counts."""
    found = both("dense", dv=410)
    dense = 0
    for c in found.program.connections:
        n_post, n_pre = c.weights.shape
        dense += n_post * n_pre * STEPS
        events = found.run.counters.connections[c.name].spike_events
        assert events * n_pre * STEPS == n_post * n_pre * STEPS * found.raster(c.pre).sum()
    assert found.metric(workload.SynapticOperations())["Dense"] == dense


def test_graded_events_are_accumulates_or_multiplications_by_the_values_of_a_step() -> None:
    """NeuroBench calls a step spiking where all values of a layer are -1, 0 or 1; we go by the connection."""
    found = both("sparse", dv=410, graded=True)
    counted = found.metric(workload.SynapticOperations())
    first, second = (found.run.counters.connections[c.name] for c in found.program.connections)
    assert first.spike_events == second.graded_events == 0
    reached = found.raster("in").astype(bool) @ np.count_nonzero(found.program.connections[0].matrix(), axis=0)
    valued = found.raster("in").max(axis=1) > 1
    assert 10 < valued.sum() < STEPS - 10
    assert counted["Effective_MACs"] == reached[valued].sum()
    assert counted["Effective_ACs"] == second.spike_events + reached[~valued].sum()
    assert counted["Effective_MACs"] + counted["Effective_ACs"] == first.graded_events + second.spike_events


def test_events_of_a_convolution_are_the_taps_that_spikes_reach() -> None:
    """Both count what lies inside the picture only, and the kernel has no zero weights."""
    rng = np.random.default_rng(0)
    shape, geometry = (9, 8, 2), Convolution(stride=(2, 1), padding=(1, 0), dilation=(1, 2), groups=2)
    kernel = rng.integers(1, 128, (4, 3, 2, 1)) * rng.choice([-1, 1], (4, 3, 2, 1))
    neuron = {"du": 4095, "dv": 0, "vth": VTH, "bias_mant": 0, "bias_exp": 0}
    program = Program(
        "conv",
        (
            Population("in", "input", shape),
            Population("out", "lif", geometry.output_shape(shape, kernel.shape), neuron),
        ),
        (Connection("w", "conv", "in", "out", kernel.astype(np.int16), conv=geometry),),
    )
    data = (rng.random((STEPS, *shape)) < 0.1).astype(np.int32)
    stream = EventStream.from_dense(data.reshape(STEPS, -1))
    run = simulate(program, {"in": stream}, steps=STEPS + 1, record=["out.spikes"])

    layer = torch.nn.Conv2d(
        2, 4, (3, 2), stride=(2, 1), padding=(1, 0), dilation=(1, 2), groups=2, bias=False
    )  # fmt: skip
    flipped = kernel[:, ::-1, ::-1].transpose(0, 3, 1, 2) << 6
    layer.weight.data = torch.from_numpy(flipped.copy()).float()
    neurons = snn.Leaky(
        beta=1.0, threshold=float(VTH << 6), reset_mechanism="zero", reset_delay=False, init_hidden=True, output=True
    )
    model = models.SNNTorchModel(torch.nn.Sequential(layer, neurons))
    model.register_hooks()
    batch = torch.from_numpy(data.transpose(0, 3, 1, 2)[None].copy()).float()
    with torch.no_grad():
        predicted = model(batch)
    spikes = predicted[0].numpy().transpose(0, 2, 3, 1).reshape(STEPS, -1)
    assert spikes.sum() > 20
    assert np.array_equal(run.spikes["out"].dense()[1:], spikes)

    counted = workload.SynapticOperations()(model, predicted, (batch, torch.zeros(1)))
    assert counted["Effective_ACs"] == run.counters.connections["w"].spike_events
    x, y, _ = program.population("out").shape
    reached = geometry.reach(0, 9, 3, x).sum() * geometry.reach(1, 8, 2, y).sum()
    assert counted["Dense"] == STEPS * reached * 2 * (4 // 2)


@CASES
def test_activation_sparsity_is_one_minus_spikes_per_update(dv: int) -> None:
    found = both("dense", dv=dv)
    spikes = sum(found.run.counters.populations[name].spikes for name in NAMES[1:])
    updates = STEPS * sum(SIZES[1:])
    assert found.metric(workload.ActivationSparsity()) == (updates - spikes) / updates


@CASES
def test_membrane_updates_are_membranes_that_changed(dv: int) -> None:
    """NeuroBench counts every neuron in the first step, and then those whose membrane differs from the step before.

    We count the neurons that have something to do: input, or a state that is not 0 when the step begins.
    """
    found = both("sparse", dv=dv)
    changed = active_in_all = beyond = at_rest = 0
    for c in found.program.connections:
        window, n_post = found.window(c.post), c.weights.shape[0]
        v, u = found.run.states[f"{c.post}.v"], found.run.states[f"{c.post}.u"]
        v_before, u_before, sent = (np.vstack([0 * x[:1], x[:-1]]) for x in (v, u, found.run.spikes[c.pre].dense()))
        moved = v != v_before
        active = (sent @ c.matrix().T != 0) | (u_before != 0) | (v_before != 0)
        assert not np.any(moved & ~active)
        changed += n_post + np.count_nonzero(moved[window][1:])
        active_in_all += np.count_nonzero(active)
        beyond += np.count_nonzero(active) - np.count_nonzero(active[window])  # before or after the sample's steps
        at_rest += np.count_nonzero((active & ~moved)[window]) - np.count_nonzero(~moved[window][0])
    updates = sum(found.run.counters.populations[name].updates_active for name in NAMES[1:])
    assert found.metric(workload.MembraneUpdates()) == changed
    assert updates == active_in_all == changed + at_rest + beyond


def test_footprint_of_the_weights_is_that_of_our_memory_at_eight_bits() -> None:
    """torch holds a weight in 4 bytes, we hold it in one; NeuroBench adds the neurons' state as torch holds it."""
    found = both("dense", dv=410)
    net = found.model.__net__()
    state = sum(b.numel() * b.element_size() for b in net.buffers())
    ours = 0
    for c in found.program.packed().connections:
        assert isinstance(c.weights, PackedWeights)
        ours += c.weights.data.nbytes
    assert ours == sum(c.stored_synapses().sum() for c in found.program.connections)
    assert static.Footprint()(found.model) - state == 4 * ours
    assert static.ParameterCount()(found.model) == ours


def test_connection_sparsity_is_the_part_of_synapses_that_a_sparse_connection_leaves_out() -> None:
    found = both("sparse", dv=410)
    stored = sum(int(c.stored_synapses().sum()) for c in found.program.connections)
    every = sum(c.weights.size for c in found.program.connections)
    assert static.ConnectionSparsity()(found.model) == round((every - stored) / every, 4)
