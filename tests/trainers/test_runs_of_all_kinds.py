"""Runs on maps, with other encodings, decodings, losses and layers; what is measured of them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from neurotrain_hw.data import Splits, load_digits_split
from neurotrain_hw.data.encodings import make_encoding
from neurotrain_hw.errors import UnsupportedError, ValueRangeError
from neurotrain_hw.networks import ModelSpec, build, parse_model
from neurotrain_hw.trainers import (
    TrainedRun,
    UserModule,
    audit_memory,
    default_settings,
    load_run,
    loop,
    losses,
    memory_split,
    shown,
    train,
)
from neurotrain_hw.trainers.cells import cells_of
from neurotrain_hw.trainers.counts import run as run_cells
from neurotrain_hw.trainers.decodings import scores
from neurotrain_hw.trainers.devices import device_of
from neurotrain_hw.trainers.made import module_network
from neurotrain_hw.trainers.optimisers import make_optimizer, updater

DIGITS = load_digits_split()
LIF = {"beta": 0.875}
CONV = [
    {"name": "maps", "kind": "conv", "channels": 3, "kernel": 3, "weight_bits": 8, **LIF},
    {"name": "out", "neurons": 10, "input_pool": 2, "bias": True, "weight_bits": 8, **LIF},
]
RECURRENT = [
    {"name": "hidden", "neurons": 12, "recurrent": "all-to-all", "learn_beta": True, **LIF},
    {"name": "out", "neurons": 10, "beta": 1.0, "neuron": "integrator"},
]
WIDE = [{"name": "out", "neurons": 20, **LIF}]


def few(shape: tuple[int, ...], encoding: str | None) -> Splits:
    parts = [replace(samples.first(n), shape=shape) for samples, n in zip(DIGITS_PARTS, (64, 20, 20), strict=True)]
    return Splits("digits", *parts, classes=10).encoded(make_encoding(encoding))


DIGITS_PARTS = (DIGITS.train, DIGITS.validation, DIGITS.test)


def spec(layers: list[dict[str, Any]], shape: list[int]) -> ModelSpec:
    document = {"summary": "", "input_shape": shape, "steps": 5, "dataset": "digits", "layers": layers}
    return parse_model(document, name="small", where="")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    def made(
        model: ModelSpec, rule: str, *, shape: tuple[int, ...] = (64,), encoding: str | None = None, **constants: Any
    ):
        monkeypatch.setattr(loop, "load_dataset", lambda name, encoding, **_: few(shape, encoding))
        settings = replace(default_settings(rule), **constants)
        return train(
            model, rule, dataset="digits", epochs=1, folder=tmp_path / "run", constants=settings, encoding=encoding
        )

    return made


def whole(found: TrainedRun) -> TrainedRun:
    """A run that can be read back, with every figure there."""
    document, again = found.document, load_run(found.folder)
    assert again.document == document
    spikes = torch.rand(4, 2, *found.model.input_shape, generator=torch.Generator().manual_seed(0)) < 0.5
    with torch.no_grad():
        sent = again.network()(spikes.float())
    assert all(bool(torch.isfinite(each).all()) for each in sent)
    assert set(document["accuracy"]["quantised"]) == {"train", "validation", "test"} == set(document["loss"]["float"])
    assert [layer["layer"] for layer in document["layers"]] == [layer.name for layer in found.model.layers]
    assert document["neurobench"]["classification_accuracy"] == found.accuracy["quantised"]["test"]
    assert document["timing"]["samples_per_second"] > 0
    memory = document["memory"]
    parts = ("weights", "rule", "optimiser", "input", "gradients", "activations_and_traces")
    assert memory["peak"] == sum(memory[part] for part in parts)
    assert memory["gradients"] > 0 and memory["activations_and_traces"] > 0
    return again


def test_maps_through_a_convolution(run: Any) -> None:
    found = whole(run(spec(CONV, [1, 8, 8]), "ottt", shape=(1, 8, 8), encoding="direct"))
    assert found.document["settings"]["encoding"] == "direct"
    # grey values make multiply-accumulates, spikes accumulates
    first, second = (layer["synaptic_operations"] for layer in found.document["layers"])
    assert first["effective_macs"] > 0
    assert second["dense"] == 5 * 27 * 10
    with np.load(found.weights_path) as stored:
        assert stored["maps/integers"].shape == (3, 1, 3, 3) and stored["out/bias"].shape == (10,)


def test_maps_are_flattened_for_a_dense_layer(run: Any) -> None:
    layers = [{"name": "out", "neurons": 10, **LIF}]
    found = whole(run(spec(layers, [64]), "readout-only", shape=(1, 8, 8), encoding="latency"))
    assert found.document["layers"][0]["synaptic_operations"]["effective_acs"] <= 64 * 10  # a spike per pixel at most


def test_recurrent_learned_decay_and_integrators(run: Any) -> None:
    found = whole(run(spec(RECURRENT, [64]), "bptt", loss="mean-membrane-ce"))
    with np.load(found.weights_path) as stored:
        beta = stored["hidden/beta"]
        assert stored["hidden/recurrent/shadow"].shape == (12, 12)
    assert np.ptp(beta) > 0 and np.array_equal(found.network().neurons[0].beta.detach().numpy(), beta)


def test_populations(run: Any) -> None:
    found = whole(run(spec(WIDE, [64]), "bptt", population=2, decoding="first-spike", loss="first-spike-ce"))
    assert found.document["settings"]["constants"]["population"] == 2


def test_what_does_not_fit_is_refused(run: Any) -> None:
    with pytest.raises(ValueRangeError, match="20 outputs"):
        run(spec(WIDE, [64]), "bptt")
    with pytest.raises(ValueRangeError, match="1x8x8"):
        run(spec(CONV, [1, 8, 8]), "bptt", shape=(64,))
    with pytest.raises(UnsupportedError, match="never spike"):
        run(spec(RECURRENT, [64]), "bptt", loss="count-ce")
    with pytest.raises(UnsupportedError, match="decoding=membrane"):
        run(spec(RECURRENT, [64]), "bptt", loss="membrane-ce", decoding="rate")


def test_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    assert device_of("cpu").type == "cpu"
    for wrong in ("gpu", "cuda:x", "cpu:1", ""):
        with pytest.raises(ValueRangeError, match="cuda:NUMBER"):
            device_of(wrong)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert device_of("cuda").type == "cuda" and device_of("cuda:1").index == 1
    with pytest.raises(UnsupportedError, match="sees 2 CUDA devices"):
        device_of("cuda:2")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UnsupportedError, match="--device cpu"):
        device_of("cuda")


def test_the_size_of_evaluation_batches_changes_no_spike(monkeypatch: pytest.MonkeyPatch) -> None:
    samples = few((64,), None).train
    whole_set = samples.spikes(np.arange(64), steps=5, seed=3)
    monkeypatch.setattr(shown, "SHOWN", 24)
    parts = list(shown.batches(samples, steps=5, seed=3))
    assert [len(labels) for _, labels in parts] == [24, 24, 16]
    assert np.array_equal(torch.cat([spikes for spikes, _ in parts], dim=1).numpy(), whole_set.swapaxes(0, 1))


@pytest.mark.parametrize("kind", ["adam", "adamw", "adamax", "sgd"])
def test_evaluation_and_optimisers_stay_on_their_device(kind: str) -> None:
    """On torch's device `meta`, which has shapes and no values, in place of a GPU, of which there is none here."""
    network = build(spec(CONV, [1, 8, 8]), weight_bits=None, seed=0).to("meta")
    cells = cells_of(network, [torch.zeros_like] * 2)
    batch = shown.time_first(np.ones((3, 5, 64), np.uint8), (1, 8, 8), torch.device("meta"))
    v, fired = run_cells(cells, batch)
    target = losses.one_hot(torch.zeros(3, dtype=torch.int64, device="meta"), 10)
    made = [batch, v, fired, scores("first-spike", v, fired), losses.over_steps("count-ce", v, fired, target, 1.0)]
    constants = replace(default_settings("bptt"), optimiser=kind, clip_norm=1.0, momentum=0.9 if kind == "sgd" else 0.0)
    parameters = list(network.parameters())
    optimizer = make_optimizer(parameters, constants)
    for parameter in parameters:
        parameter.grad = torch.ones_like(parameter)
    updater(optimizer, constants)()
    made += [each for kept in optimizer.state.values() for name, each in kept.items() if name != "step"]
    assert len(made) >= 5 + len(parameters)
    assert {each.device.type for each in made} == {"meta"}


def test_memory_on_a_device_is_that_of_torchs_counters(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    for name, gives in (
        ("synchronize", None), ("reset_peak_memory_stats", None), ("memory_allocated", 1000),
        ("max_memory_allocated", 1700),
    ):  # fmt: skip
        monkeypatch.setattr(torch.cuda, name, lambda device, name=name, gives=gives: (calls.append(name), gives)[1])

    class Learner:
        def learn(self, batch: object) -> None:
            calls.append("learn")

    assert memory_split._on_cuda(Learner(), None, torch.device("cpu")) == 700
    assert calls == [
        "synchronize", "reset_peak_memory_stats", "memory_allocated", "learn", "synchronize", "max_memory_allocated",
    ]  # fmt: skip


USERS = """
import snntorch as snn
from torch import nn


class Mine(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.hidden = nn.Linear(64, 12), snn.Leaky(beta=0.875, reset_mechanism="zero")
        self.second, self.last = nn.Linear(12, 10, bias=False), snn.Leaky(beta=0.75, reset_mechanism="zero")

    def forward(self, x, mem1=None, mem2=None):
        spikes, mem1 = self.hidden(self.first(x), mem1)
        spikes, mem2 = self.last(self.second(spikes), mem2)
        return spikes, mem1, mem2
"""


def test_a_users_module(run: Any, tmp_path: Path) -> None:
    """Its weights are those of the seed; a run that is cut short goes on with the same bits."""
    (tmp_path / "mine.py").write_text(USERS)
    module = UserModule(f"{tmp_path / 'mine.py'}:Mine", (64,), steps=5)
    found = whole(run(module, "ottt"))
    assert found.model.name == "Mine" and found.model.sizes == (64, 12, 10)
    assert found.document["settings"]["module"]["input_shape"] == [64]
    again = module_network(module, steps=5, seed=0), module_network(module, steps=5, seed=0)
    assert torch.equal(again[0].synapses[0].weight, again[1].synapses[0].weight)
    assert not torch.equal(again[0].synapses[0].weight, module_network(module, steps=5, seed=1).synapses[0].weight)
    with np.load(found.weights_path) as stored:
        assert not np.array_equal(stored["first/shadow"], again[0].synapses[0].weight.detach().numpy())
        assert not np.array_equal(stored["first/bias"], again[0].synapses[0].bias.detach().numpy())
    assert audit_memory(module, "ottt", steps=(10, 40)).agrees
    with pytest.raises(ValueRangeError, match="Brevitas"):
        train(module, "ottt", weight_bits=4, dataset="digits", folder=tmp_path / "other")
