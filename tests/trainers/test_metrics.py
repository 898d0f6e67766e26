"""What a network does per sample, against NeuroBench's own package and counts made by hand.

RECORDED is what neurobench 2.3.0 (snntorch 1.0.0, torch 2.15.0) gave for networks of snn.Leaky(init_hidden=True,
reset_mechanism="zero"), nn.Linear and nn.Conv2d with the weights and data below, in batches of 7. Its package is no
dependency of ours.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch

from neurotrain_hw.networks import SpikingNetwork, build, parse_model
from neurotrain_hw.trainers import default_settings
from neurotrain_hw.trainers.cells import cells_of
from neurotrain_hw.trainers.counts import Counts, run
from neurotrain_hw.trainers.evaluate import evaluate
from neurotrain_hw.trainers.metrics import layer_figures, neurobench
from neurotrain_hw.trainers.psi import pseudo_derivative

T, N = 12, 20
RECORDED: dict[str, dict[str, Any]] = {
    "dense": {
        "footprint": 2048, "connection_sparsity": 0.2328, "classification_accuracy": 0.3,
        "activation_sparsity": 0.8121031746031746, "by_layer": [0.7966145833333333, 0.8616666666666667],
        "effective_macs": 0.0, "effective_acs": 1437.8, "dense": 5568.0, "membrane_updates": 251.8,
    },
    "analogue": {
        "footprint": 2048, "connection_sparsity": 0.2328, "classification_accuracy": 0.4,
        "activation_sparsity": 0.8996031746031746, "by_layer": [0.8958333333333334, 0.9116666666666666],
        "effective_macs": 1416.25, "effective_acs": 73.25, "dense": 5568.0, "membrane_updates": 250.35,
    },
    "conv": {
        "footprint": None, "connection_sparsity": 0.2449, "classification_accuracy": 0.1,
        "activation_sparsity": 0.7772012578616352, "by_layer": [0.7884548611111111, 0.6691666666666667],
        "effective_macs": 0.0, "effective_acs": 2616.25, "dense": 11592.0, "membrane_updates": 634.75,
    },
}  # fmt: skip
# of the network `dense` and the same data with time first, as NeuroTrain's loader gives it: T is taken for the samples
RECORDED_TIME_FIRST = {"membrane_updates": 419.75, "effective_acs": 2390.4166666666665}


def weights(shape: tuple[int, ...], seed: int, scale: float) -> torch.Tensor:
    rng = np.random.default_rng(seed)
    found = rng.normal(0.05, scale, shape)
    found[rng.random(shape) < 0.25] = 0
    return torch.from_numpy(found.astype(np.float32))


@dataclass
class Given:
    """Samples whose input is there already, (N, T, *shape)."""

    x: np.ndarray
    y: np.ndarray

    def __len__(self) -> int:
        return len(self.y)

    def spikes(self, indices: np.ndarray, *, steps: int, seed: Any) -> np.ndarray:
        assert steps == self.x.shape[1]
        return self.x[indices]


def data(shape: tuple[int, ...], *, analogue: bool) -> Given:
    rng = np.random.default_rng(7)
    x = rng.random((N, T, *shape))
    x = np.where(rng.random(x.shape) < 0.4, x, 0) if analogue else (x < 0.35)
    return Given(x.astype(np.float32), rng.integers(0, 5, N))


LIF = {"beta": 0.75}
LAYERS = {
    "dense": [{"name": "a", "neurons": 16, **LIF}, {"name": "b", "neurons": 5, **LIF}],
    "conv": [
        {"name": "a", "kind": "conv", "channels": 3, "kernel": 3, "stride": 2, "padding": 1, **LIF},
        {"name": "b", "neurons": 5, **LIF},
    ],
}


def case(name: str) -> tuple[SpikingNetwork, Given]:
    conv = name == "conv"
    shape = (2, 8, 8) if conv else (24,)
    document = {"summary": "", "input_shape": list(shape), "steps": T, "layers": LAYERS["conv" if conv else "dense"]}
    network = build(parse_model(document, name=name, where=""), seed=0)
    given = (
        [weights((3, 2, 3, 3), 3, 0.4), weights((5, 48), 4, 0.4)]
        if conv
        else [weights((16, 24), 1, 0.4), weights((5, 16), 2, 0.6)]
    )
    with torch.no_grad():
        for module, weight in zip(network.synapses, given, strict=True):
            module.weight.copy_(weight)
    return network, data(shape, analogue=name == "analogue")


def cells(network: SpikingNetwork):
    with torch.no_grad():
        return cells_of(network, [pseudo_derivative("box", 1.0, network.spec.surrogate)] * len(network.spec.layers))


def figures(network: SpikingNetwork, samples: Given, **changes: Any):
    counts = Counts()
    constants = replace(default_settings("bptt"), **changes)
    found = evaluate(network, samples, constants, steps=T, counts=counts)
    return (
        layer_figures(network, cells(network), counts),
        neurobench(network, cells(network), counts, accuracy=found.accuracy),
        found,
    )


@pytest.mark.parametrize("name", RECORDED)
def test_the_metrics_are_those_of_neurobench(name: str) -> None:
    wanted = RECORDED[name]
    layers, found, _ = figures(*case(name))
    for key in ("activation_sparsity", "membrane_updates"):
        assert found[key] == pytest.approx(wanted[key], rel=1e-12)
    assert found["classification_accuracy"] == pytest.approx(wanted["classification_accuracy"], rel=1e-6)
    assert round(found["connection_sparsity"], 4) == wanted["connection_sparsity"]  # the package rounds
    for key in ("effective_macs", "effective_acs", "dense"):
        assert found["synaptic_operations"][key] == pytest.approx(wanted[key], rel=1e-12)
    assert [layer["activation_sparsity"] for layer in layers] == pytest.approx(wanted["by_layer"], rel=1e-12)
    if wanted["footprint"]:
        assert found["footprint_in_torch_bytes"] == wanted["footprint"]


def test_neurotrain_fault_13a_samples_are_samples_and_not_steps() -> None:
    """NeuroTrain hands time-major batches to NeuroBench, which divides by T: more updates than there are membranes."""
    network, samples = case("dense")
    _, found, _ = figures(network, samples)
    there = T * sum(layer.neurons for layer in network.spec.layers)
    assert RECORDED_TIME_FIRST["membrane_updates"] > there >= found["membrane_updates"]
    assert RECORDED_TIME_FIRST["effective_acs"] > 1.5 * found["synaptic_operations"]["effective_acs"]
    samples.y[:] = labels_by_hand(network, samples.x)
    assert figures(network, samples)[1]["classification_accuracy"] == 1


def test_neurotrain_fault_13b_integrators_are_read_by_their_membranes() -> None:
    """NeuroTrain reads them through spikes that never come, so that every sample is of class 0."""
    out = {"name": "b", "neurons": 5, "beta": 1.0, "neuron": "integrator"}
    document = {"summary": "", "inputs": 24, "steps": T, "layers": [{"name": "a", "neurons": 16, **LIF}, out]}
    network = build(parse_model(document, name="read", where=""), seed=3)
    samples = data((24,), analogue=False)
    with torch.no_grad():
        spikes = torch.from_numpy(samples.x).transpose(0, 1)
        usual, weight = network(spikes)[0].mean(dim=(0, 1)), network.synapses[1].weight
        weight -= torch.outer(weight @ usual, usual) / usual.square().sum()  # what samples share says nothing
        sent = network(spikes)[-1]  # membranes (T, N, 5)
    samples.y[:] = sent.mean(dim=0).argmax(dim=1).numpy()
    assert len(set(samples.y)) > 2
    layers, found, _ = figures(network, samples, loss="mean-membrane-ce")
    assert found["classification_accuracy"] == 1
    assert layers[-1]["activation_sparsity"] is None and layers[-1]["spikes_per_sample"] == 0
    assert found["activation_sparsity"] == layers[0]["activation_sparsity"]


def labels_by_hand(network: SpikingNetwork, x: np.ndarray) -> np.ndarray:
    spikes = x.astype(float)
    for module in network.synapses:
        weight, v, out = module.weight.detach().numpy().astype(float), np.zeros((N, len(module.weight))), []
        for now in spikes.swapaxes(0, 1):
            v = 0.75 * v + now @ weight.T
            out.append(v > 1)
            v = np.where(v > 1, 0, v)
        spikes = np.stack(out, axis=1).astype(float)
    return spikes.sum(axis=1).argmax(axis=1)


@pytest.mark.parametrize("pooling", ["average", "max"])
def test_operations_of_pools_and_recurrent_synapses_by_hand(pooling: str) -> None:
    layer = {"kind": "conv", "channels": 2, "kernel": 3, "padding": 1, "pool": 2, "recurrent": "one-to-one", **LIF}
    document = {
        "summary": "", "input_shape": [1, 8, 8], "steps": T,
        "layers": [
            {"name": "a", **layer, "input_pool": 2, "pooling": pooling},
            {"name": "b", "neurons": 5, "recurrent": "all-to-all", **LIF},
        ],
    }  # fmt: skip
    network = build(parse_model(document, name="pools", where=""), seed=2)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(3).masked_fill_(parameter.abs() < 0.3, 0)
    x = data((1, 8, 8), analogue=False).x
    layers, _, _ = figures(network, Given(x, np.zeros(N, np.int64)))

    pool = torch.nn.functional.avg_pool2d if pooling == "average" else torch.nn.functional.max_pool2d
    with torch.no_grad():
        spikes = network(torch.from_numpy(x).transpose(0, 1))
        arriving = pool(torch.from_numpy(x).flatten(0, 1), 2)
        there = (network.synapses[0].weight != 0).float()
        effective = torch.nn.functional.conv2d(
            (arriving != 0).float(), there, padding=1
        ).sum()  # before the pool behind
        dense = torch.nn.functional.conv2d(torch.ones_like(arriving), torch.ones_like(there), padding=1).sum()
        itself = (spikes[0][:-1] * (network.loops[0].weight != 0).view(2, 2, 2)).sum()
    found = layers[0]["synaptic_operations"]
    assert itself > 0 and found["dense"] == pytest.approx(float(dense) / N + T * 8)
    if pooling == "max":  # spikes stay spikes
        assert found["effective_acs"] == pytest.approx(float(effective + itself) / N, rel=1e-6)
        assert found["effective_macs"] == 0
    else:
        assert found["effective_macs"] == pytest.approx(float(effective) / N, rel=1e-6)
        assert found["effective_acs"] == pytest.approx(float(itself) / N, rel=1e-6)
    second = layers[1]["synaptic_operations"]
    with torch.no_grad():
        forward = (spikes[0].flatten(2) @ (network.synapses[1].weight != 0).float().T).sum()
        back = (spikes[1][:-1] @ (network.loops[1].weight != 0).float().T).sum()
    assert second["effective_acs"] == pytest.approx(float(forward + back) / N, rel=1e-6)
    assert layers[1]["spikes_per_sample"] == pytest.approx(float(spikes[1].sum()) / N)


def test_the_footprint_has_weights_in_their_bits() -> None:
    layers = [{"name": "a", "neurons": 16, "weight_bits": 4, **LIF}, {"name": "b", "neurons": 5, "bias": True, **LIF}]
    document = {"summary": "", "inputs": 24, "steps": T, "layers": layers}
    network = build(parse_model(document, name="bits", where=""), seed=2)
    found = figures(network, data((24,), analogue=False))[1]
    # 4 bits a weight and 32 for the scale, decay and threshold; then floats, five biases, decay and threshold
    assert found["footprint_bytes"] == (24 * 16 * 4 + 3 * 32 + 16 * 5 * 32 + 5 * 32 + 2 * 32) / 8
    assert 0.05 < found["connection_sparsity"] < 0.5  # of the integers that the network computes with


def test_the_loss_of_an_evaluation() -> None:
    network, samples = case("dense")
    for loss, steps in (("count-ce", 1), ("membrane-ce", T)):
        found = figures(network, samples, loss=loss, gain=0.5)[2]
        with torch.no_grad():
            v, fired = run(cells(network), torch.from_numpy(samples.x).transpose(0, 1))
        y = torch.from_numpy(samples.y)
        logits = 0.5 * (fired.sum(0) if loss == "count-ce" else v)
        each = torch.nn.functional.cross_entropy(
            logits.reshape(-1, 5), y if steps == 1 else y.repeat(T), reduction="sum"
        )  # fmt: skip
        assert found.loss == pytest.approx(float(each) / N / steps, rel=1e-5)
