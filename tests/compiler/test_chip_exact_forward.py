"""The torch network in the chip's arithmetic, int64, beside its compiled program: every spike of every sample."""

from __future__ import annotations

import pytest
import torch

from neurotrain_hw.chips import load_chip
from neurotrain_hw.compiler import compile_graph
from neurotrain_hw.data import Samples, encode_rate, load_dataset, to_streams
from neurotrain_hw.inference import infer_streams
from neurotrain_hw.networks import SpikingNetwork, build, load_model, to_graph


def chip_forward(network: SpikingNetwork, spikes: torch.Tensor, exps: dict[str, int]) -> dict[str, torch.Tensor]:
    """Spikes (T, N, n) of each layer: Brevitas' integers, decays of 12 bits, truncation toward zero, a threshold in
    multiples of 64 that must be passed, reset to 0 in the step of the spike. `exps`: the shift of each layer's weights.
    """
    found, weights = {}, network.layer_weights()
    for layer in network.spec.layers:
        held = weights[layer.name]
        q = torch.tensor(held.integers, dtype=torch.int64)
        grid = 1 << (9 - held.bits)
        dv = round((1 - layer.beta) * 4096)
        theta = round(layer.threshold / (held.scale / (grid * 2.0 ** exps[layer.name]))) << 6
        v = torch.zeros(spikes.shape[1], q.shape[0], dtype=torch.int64)
        steps = []
        for now in spikes.to(torch.int64):
            arriving = now @ (q * grid).T
            exp = exps[layer.name]
            current = (arriving << exp if exp >= 0 else arriving >> -exp) << 6
            decayed = v * (4096 - dv)
            v = decayed.sign() * (decayed.abs() >> 12) + current
            fired = v > theta
            v = torch.where(fired, 0, v)
            steps.append(fired)
        spikes = found[layer.name] = torch.stack(steps)
    return found


@pytest.mark.parametrize(("model", "dataset", "samples"), [("digits-fc", "digits", 360), ("mnist-fc", "mnist", 60)])
def test_not_one_spike_differs(shared, monkeypatch, model, dataset, samples) -> None:
    monkeypatch.setenv("NEUROTRAIN_HW_DATA", str(shared / "data" / "mnist"))
    network = build(load_model(model), weight_bits=8, seed=3)
    shown: Samples = load_dataset(dataset).test.first(samples)
    steps = network.spec.steps
    coded = encode_rate(shown.x, steps=steps, seed=0)
    program = compile_graph(to_graph(network), load_chip("loihi2"), steps=steps)
    exps = {layer.name: program.connection(f"{layer.name}_weights").weight_exp for layer in network.spec.layers}
    expected = chip_forward(network, torch.as_tensor(coded).transpose(0, 1), exps)
    result = infer_streams(program, to_streams(coded), shown.y)
    for name, spikes in expected.items():
        found = torch.as_tensor(result.spikes[name].dense()).reshape(samples, steps, -1).transpose(0, 1)
        assert int((found != spikes).sum()) == 0 and 0.005 < spikes.double().mean() < 0.9, name
