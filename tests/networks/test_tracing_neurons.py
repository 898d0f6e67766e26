"""Every neuron of snnTorch that can be exported, with every reset, against snnTorch itself: no spike differs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nir
import numpy as np
import pytest
import snntorch as snn
import torch
from torch import nn
from torch_nets import assert_same, hidden_run, on_grid, spikes, through_file

from neurotrain_hw.errors import UnsupportedError
from neurotrain_hw.networks import to_graph
from neurotrain_hw.reference import run_graph

HALF = {"beta": 0.5, "threshold": 1.0, "init_hidden": True}
MAKERS = {
    "Leaky": lambda **k: snn.Leaky(**HALF, **k),
    "Synaptic": lambda **k: snn.Synaptic(alpha=0.5, **HALF, **k),
    "RLeaky": lambda **k: snn.RLeaky(linear_features=6, **HALF, **k),
    "RLeaky one to one": lambda **k: snn.RLeaky(V=torch.arange(-3, 3) / 4, all_to_all=False, **HALF, **k),
    "RSynaptic": lambda **k: snn.RSynaptic(alpha=0.25, linear_features=6, **HALF, **k),
    "RSynaptic one to one": lambda **k: snn.RSynaptic(alpha=0.25, V=-0.5, all_to_all=False, **HALF, **k),
}
RESETS = {
    ("zero", True): "zero_held", ("zero", False): "zero", ("none", True): "none", ("none", False): "none",
    ("subtract", True): "subtract_delayed", ("subtract", False): "subtract_pending",
}  # fmt: skip


@pytest.mark.parametrize("mechanism", ["zero", "subtract", "none"])
@pytest.mark.parametrize("delay", [True, False])
@pytest.mark.parametrize("kind", MAKERS)
def test_every_reset_of_every_neuron(kind: str, mechanism: str, delay: bool) -> None:
    if kind.startswith("RSynaptic"):
        delay = True  # another fails in snnTorch 1.0.0 with hidden states; see below
    neurons = MAKERS[kind](reset_mechanism=mechanism, reset_delay=delay)
    net = on_grid(nn.Sequential(nn.Linear(9, 6), neurons, nn.Linear(6, 4), snn.Leaky(beta=0.75, init_hidden=True)))
    graph = assert_same(net, (9,))
    wanted = RESETS[mechanism, delay]
    if kind == "Leaky" and wanted == "zero_held":
        wanted = "zero_delayed"
    assert graph.meaning.node("1").reset == wanted
    told = any("node '1' resets" in note for note in graph.notes)
    assert told == (wanted != "zero")


class Explicit(nn.Module):
    """RSynaptic without hidden states, as snnTorch's examples write it."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__()
        self.fc = nn.Linear(9, 6)
        self.neurons = snn.RSynaptic(alpha=0.5, beta=0.5, linear_features=6, **arguments)

    def forward(self, x, spk, syn, mem):
        spk, syn, mem = self.neurons(self.fc(x), spk, syn, mem)
        return spk, syn, mem


def explicit_run(module: nn.Module, x: torch.Tensor) -> np.ndarray:
    states = [torch.zeros(x.shape[1], 6)] * 3
    sent = []
    with torch.no_grad():
        for now in x:
            states = module(now, *states)
            sent.append(states[0])
    return torch.stack(sent).numpy()


@pytest.mark.parametrize("mechanism", ["zero", "subtract", "none"])
def test_rsynaptic_ignores_that_its_reset_is_not_delayed(mechanism: str) -> None:
    """snnTorch 1.0.0 resets local names, and fails where it has no spikes; what it computes is the delayed reset."""
    net = on_grid(Explicit(reset_mechanism=mechanism, reset_delay=False))
    example = {"x": torch.zeros(1, 9)} | {name: torch.zeros(1, 6) for name in ("spk", "syn", "mem")}
    graph = assert_same(net, None, run=explicit_run, example=example, x=spikes((9,)))
    assert graph.meaning.node("neurons").reset == RESETS[mechanism, True]
    assert any("reset_delay=False does nothing" in note for note in graph.notes)


def test_a_convolutional_recurrence(tmp_path: Path) -> None:
    for neurons in (
        snn.RLeaky(conv2d_channels=3, kernel_size=3, **HALF),
        snn.RSynaptic(alpha=0.5, conv2d_channels=3, kernel_size=(1, 3), reset_mechanism="zero", **HALF),
        snn.RLeaky(V=0.25, all_to_all=False, reset_mechanism="none", **HALF),
    ):
        net = on_grid(nn.Sequential(nn.Conv2d(2, 3, 3), neurons, nn.Flatten(), nn.Linear(48, 4), snn.Leaky(**HALF)))
        graph = assert_same(net, (2, 6, 6), tmp_path)
        assert ("1", "1_recurrent") in graph.edges and ("1_recurrent", "1") in graph.edges


@pytest.mark.parametrize("mechanism", ["zero", "subtract", "none"])
def test_lapicque_is_nirs_equation_with_its_own_r_and_c(mechanism: str) -> None:
    neurons = snn.Lapicque(R=2.0, C=4.0, time_step=2.0, threshold=0.5, reset_mechanism=mechanism, init_hidden=True)
    net = on_grid(nn.Sequential(nn.Linear(9, 6), neurons))
    graph = assert_same(net, (9,), dt_s=1e-3)
    lif = graph.nodes["1"]
    assert np.allclose(lif.tau, 2.0 * 4.0 / 2.0 * 1e-3, rtol=1e-12)  # R C, in steps of 1 ms for its time_step of 2
    assert np.allclose(lif.r, 2.0, rtol=1e-12)


def test_alpha_without_reset_is_a_delay_and_a_cubalif(tmp_path: Path) -> None:
    neurons = snn.Alpha(alpha=0.5, beta=0.25, reset_mechanism="none", init_hidden=True)
    graph = assert_same(on_grid(nn.Sequential(nn.Linear(9, 6), neurons)), (9,), tmp_path)
    assert isinstance(graph.nodes["1_delay"], nir.Delay) and isinstance(graph.nodes["1"], nir.CubaLIF)


@pytest.mark.parametrize("mechanism", ["zero", "subtract"])
def test_alpha_with_a_reset_is_refused_with_the_reason(mechanism: str) -> None:
    net = nn.Sequential(nn.Linear(9, 6), snn.Alpha(alpha=0.5, beta=0.25, reset_mechanism=mechanism, init_hidden=True))
    with pytest.raises(UnsupportedError, match=r"module '1': .*resets its two currents.*Use Synaptic"):
        to_graph(net, (9,))


@pytest.mark.parametrize("learn", [False, True])
def test_vectors_and_learnable_parameters(learn: bool, tmp_path: Path) -> None:
    beta, alpha = torch.tensor([0.25, 0.5, 0.75, 0.875, 0.0, 1.0]), torch.tensor([0.5, 0.25, 0.75, 0.0, 0.5, 0.5])
    threshold = torch.tensor([0.5, 1.0, 1.5, 2.0, 0.25, 0.75])
    net = on_grid(nn.Sequential(
        nn.Linear(9, 6),
        snn.Leaky(beta=beta, threshold=threshold, learn_beta=learn, learn_threshold=learn, init_hidden=True),
        nn.Linear(6, 6),
        snn.Synaptic(alpha, beta, threshold=threshold, learn_alpha=learn, learn_beta=learn, init_hidden=True),
    ))  # fmt: skip
    graph = assert_same(net, (9,), tmp_path)
    assert np.array_equal(graph.nodes["1"].v_threshold, threshold)
    assert np.array_equal((1 - 1e-4 / graph.nodes["1"].tau).astype(np.float32), beta)
    assert any("a decay of 1" in note for note in graph.notes)


def test_decays_come_back_to_the_last_bit() -> None:
    """beta, float32, from the file's tau: also for decays that are no binary fractions."""
    beta = torch.linspace(0.001, 0.9999, 4001)
    net = nn.Sequential(nn.Linear(2, 4001), snn.Leaky(beta=beta, init_hidden=True))
    for dt_s in (1e-4, 1e-3, 0.7):
        lif = to_graph(net, (2,), dt_s=dt_s).nodes["1"]
        assert np.array_equal((1 - dt_s / lif.tau).astype(np.float32), beta.numpy())
        assert np.array_equal((dt_s / lif.tau * lif.r).astype(np.float32), np.ones(4001))


def test_decays_outside_0_to_1_are_clamped_as_snntorch_does() -> None:
    beta = torch.tensor([-0.5, 0.5, 1.5])
    net = on_grid(nn.Sequential(nn.Linear(9, 3), snn.Leaky(beta=beta, init_hidden=True)))
    assert_same(net, (9,))


def test_a_decay_of_1_is_an_integrator(tmp_path: Path) -> None:
    net = on_grid(nn.Sequential(nn.Linear(9, 6), snn.Leaky(beta=1.0, init_hidden=True)))
    graph = assert_same(net, (9,), tmp_path)
    assert isinstance(graph.nodes["1"], nir.IF)


@pytest.mark.parametrize("factor", [2.0, torch.tensor([0.5, 1.0, 2.0, -1.0, 0.25, 4.0])])
def test_graded_spikes(factor: Any) -> None:
    for arguments in ({}, {"reset_delay": False}, {"reset_mechanism": "zero"}):
        neurons = snn.Leaky(**HALF, graded_spikes_factor=factor, learn_graded_spikes_factor=True, **arguments)
        net = on_grid(nn.Sequential(nn.Linear(9, 6), neurons, nn.Linear(6, 4), snn.Leaky(**HALF)))
        graph = assert_same(net, (9,))
        assert ("1", "1_graded") in graph.edges


def test_a_membrane_that_never_resets_is_read_as_a_leaky_integrator(tmp_path: Path) -> None:
    class Readout(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc, self.lif, self.out = nn.Linear(9, 6), snn.Leaky(**HALF), nn.Linear(6, 3)
            self.li = snn.Leaky(beta=0.75, reset_mechanism="none", init_hidden=True, output=True)

        def forward(self, x):
            _, mem = self.li(self.out(self.lif(self.fc(x))))
            return mem

    net = on_grid(Readout())
    graph = to_graph(net, (9,))
    assert isinstance(graph.nodes["li"], nir.LI)
    x = spikes((9,))
    for each in (graph, through_file(graph, tmp_path)):
        assert np.array_equal(run_graph(each, x.numpy()).sent["output"], hidden_run(net, x))
    net.li = snn.Leaky(beta=0.75, init_hidden=True, output=True)
    with pytest.raises(UnsupportedError, match=r"module 'li': its membrane potential is taken as a signal"):
        to_graph(net, (9,))


@pytest.mark.parametrize(
    ("neurons", "named"),
    [
        (lambda: snn.Leaky(**HALF, inhibition=True), "inhibition"),
        (lambda: snn.Leaky(**HALF, state_quant=lambda mem: mem), "state_quant"),
        (lambda: snn.Leaky(**HALF, spike_grad=lambda x: (x >= 0).float()), "spike_grad is no step"),
        (
            lambda: snn.Leaky(0.5, threshold=-1.0, init_hidden=True, reset_mechanism="zero", reset_delay=False),
            "below 0",
        ),
    ],
)
@pytest.mark.filterwarnings("ignore:Inhibition is an unstable feature")
def test_what_nir_cannot_say_is_refused_by_name(neurons: Any, named: str) -> None:
    net = nn.Sequential(nn.Linear(9, 6), neurons())
    with pytest.raises(UnsupportedError, match=rf"module '1'.*{named}"):
        to_graph(net, (9,))


def test_a_reset_changed_after_construction_is_refused() -> None:
    """snnTorch says the new one and runs the old one; a checkpoint with another reset does the same."""
    net = nn.Sequential(nn.Linear(9, 6), snn.Leaky(**HALF))
    net[1].reset_mechanism = "zero"
    with pytest.raises(UnsupportedError, match=r"module '1'.*changed to 'zero'.*goes on with 'subtract'.*anew"):
        to_graph(net, (9,))
    other = nn.Sequential(nn.Linear(9, 6), snn.Leaky(**HALF))
    other.load_state_dict(net.state_dict())
    with pytest.raises(UnsupportedError, match="changed to 'zero'"):
        to_graph(other, (9,))
