"""Quantised weights: integers and scales exactly, from Brevitas through the graph to the chip's program."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from torch_nets import through_file

from neurotrain_hw.chips import load_chip
from neurotrain_hw.compiler import lower
from neurotrain_hw.networks import SpikingNetwork, build, parse_model, to_graph

KINDS = [(bits, "tensor", False) for bits in (2, 3, 5, 6, 7, 12)]
KINDS += itertools.product([1, 4, 8], ["tensor", "channel"], [False, True])


def network(bits: int | None, scale: str, power_of_two: bool, *, second: int | None = 4) -> SpikingNetwork:
    common = {"beta": 0.9, "weight_scale": scale, "power_of_two": power_of_two}
    layers = [
        {"name": "maps", "kind": "conv", "channels": 4, "kernel": 3, "weight_bits": bits} | common,
        {"name": "out", "neurons": 10, "weight_bits": second} | common,
    ]
    layers = [{key: value for key, value in layer.items() if value is not None} for layer in layers]
    document = {"summary": "", "input_shape": [2, 7, 7], "steps": 12, "layers": layers}
    return build(parse_model(document, name="net", where="net"), seed=3)


@pytest.mark.parametrize(("bits", "scale", "power_of_two"), KINDS)
def test_scale_times_integers(bits: int, scale: str, power_of_two: bool) -> None:
    weights = network(bits, scale, power_of_two).layer_weights()["maps"]
    integers, shadow = weights.integers, weights.shadow.astype(float)
    scales = np.broadcast_to(np.asarray(weights.scale), 4).reshape(4, 1, 1, 1)
    assert weights.bits == bits and isinstance(weights.scale, tuple) == (scale == "channel")
    assert np.array_equal(scales.astype(np.float32) * integers.astype(np.float32), weights.effective)
    rows = np.abs(shadow).reshape(4, -1) if scale == "channel" else np.abs(shadow).reshape(1, -1)
    if bits == 1:
        assert np.array_equal(integers, np.where(shadow >= 0, 1, -1))
        wanted = rows.mean(1)
    else:
        top = 2 ** (bits - 1) - 1
        assert np.abs(integers).max() <= top
        assert np.array_equal(integers, np.clip(np.rint(shadow / scales), -top, top))
        wanted = rows.max(1) / (top + power_of_two)
    if power_of_two:
        assert np.array_equal(np.unique(scales), np.unique(2.0 ** np.ceil(np.log2(wanted))))
        assert np.abs(shadow / scales).max() <= 2 ** (bits - 1) + 0.5 or bits == 1
    else:
        np.testing.assert_allclose(np.unique(scales), np.unique(wanted), rtol=1e-6)


@pytest.mark.parametrize(("bits", "scale", "power_of_two"), [kind for kind in KINDS if kind[0] <= 8])
def test_the_program_holds_the_very_integers(bits: int, scale: str, power_of_two: bool, tmp_path: Path) -> None:
    made = network(bits, scale, power_of_two)
    graph = through_file(to_graph(made), tmp_path)
    lowered = lower(graph, load_chip("loihi2"), steps=12)
    for layer, integer in zip(made.spec.layers, lowered.layers, strict=True):
        held, (synapses,) = made.layer_weights()[layer.name], integer.synapses
        quantisation = graph.meaning.node(f"{layer.name}_weights").quantisation
        assert quantisation.scale == held.scale
        # -1 and 1 need two bits in a number with a sign
        assert quantisation.bits == max(held.bits, 2) == synapses.bits
        assert np.array_equal(synapses.q, held.integers)
        rows = np.broadcast_to(np.asarray(held.scale), synapses.scale.shape)
        assert np.array_equal(synapses.scale, rows)
        if power_of_two:
            assert np.array_equal(np.log2(synapses.scale) % 1, np.zeros(rows.shape))


def test_float_and_quantised_layers_side_by_side() -> None:
    weights = network(None, "tensor", False).layer_weights()
    assert (weights["maps"].bits, weights["out"].bits) == (None, 4)
    assert np.array_equal(weights["maps"].shadow, weights["maps"].effective)


@pytest.mark.parametrize("bits", [1, 4])
def test_gradients_go_straight_through(bits: int) -> None:
    made = network(bits, "channel", False)
    sum(w.sum() for w in made.weights()).backward()
    for parameter in made.shadow():
        assert parameter.grad is not None and bool((parameter.grad != 0).float().mean() > 0.9)


def test_standardised_weights_are_quantised_as_standardised() -> None:
    layer = {"name": "maps", "kind": "conv", "channels": 4, "kernel": 3, "beta": 0.9, "weight_bits": 8}
    document = {"summary": "", "input_shape": [2, 7, 7], "steps": 1, "layers": [layer | {"weight_standardised": True}]}
    made = build(parse_model(document, name="net", where="net"), seed=3)
    held = made.layer_weights()["maps"]
    flat = made.synapses[0].weight.detach().double().flatten(1)
    wanted = (flat - flat.mean(1, keepdim=True)) / (flat.std(1, keepdim=True, unbiased=False) * flat.shape[1] ** 0.5)
    assert held.scale == pytest.approx(float(wanted.abs().max()) / 127, rel=1e-5)
    assert np.abs(held.integers - (wanted / held.scale).numpy().reshape(held.integers.shape)).max() < 0.501
    assert torch.equal(made.weights()[0].detach(), torch.from_numpy(held.effective))
