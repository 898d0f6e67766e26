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
from neurotrain_hw.networks import ModelSpec, parse_model
from neurotrain_hw.trainers import TrainedRun, default_settings, load_run, loop, train
from neurotrain_hw.trainers.devices import device_of

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
        return train(model, rule, epochs=1, folder=tmp_path / "run", constants=settings, encoding=encoding)

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
