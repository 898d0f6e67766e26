"""Brevitas's integers, scales and bits through a file, exactly."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import snntorch as snn
import torch
from brevitas import quant
from brevitas.nn import QuantConv1d, QuantConv2d, QuantIdentity, QuantLinear
from brevitas.quant.binary import SignedBinaryWeightPerTensorConst
from brevitas.quant.ternary import SignedTernaryWeightPerTensorConst
from torch import nn
from torch_nets import hidden_run, on_grid, spikes, through_file

from neurotrain_hw.errors import UnsupportedError
from neurotrain_hw.networks import to_graph
from neurotrain_hw.reference import run_graph

LAYERS = {
    "linear": (lambda **k: QuantLinear(6, 5, **k), (6,)),
    "line": (lambda **k: QuantConv1d(2, 5, 3, padding=1, **k), (2, 7)),
    "picture": (lambda **k: QuantConv2d(4, 6, (1, 3), groups=2, **k), (4, 5, 6)),
}
PER_TENSOR, PER_CHANNEL = quant.Int8WeightPerTensorFloat, quant.Int8WeightPerChannelFloat


def layer_of(name: str, **arguments: object) -> tuple[nn.Module, tuple[int, ...]]:
    make, shape = LAYERS[name]
    torch.manual_seed(4)
    return make(bias=False, **arguments).eval(), shape


@pytest.mark.parametrize("kind", [PER_TENSOR, PER_CHANNEL], ids=["tensor", "channel"])
@pytest.mark.parametrize("name", LAYERS)
def test_integers_scales_and_bits_come_back(name: str, kind: object) -> None:
    for bits in range(2, 9):
        for narrow in (True, False):
            layer, shape = layer_of(name, weight_quant=kind, weight_bit_width=bits, weight_narrow_range=narrow)
            found = layer.quant_weight()
            graph = to_graph(nn.Sequential(layer), shape)
            quantisation = graph.meaning.node("0").quantisation
            assert quantisation is not None and quantisation.bits == bits and quantisation.sign_mode == "mixed"
            assert np.array_equal(quantisation.integers(graph.nodes["0"].weight), found.int().numpy())
            channels = found.value.shape[0]
            scales = np.broadcast_to(found.scale.detach().numpy().reshape(-1), channels).astype(float)
            assert np.array_equal(quantisation.scales(channels), scales)
            assert quantisation.per_channel == (kind is PER_CHANNEL)
            assert np.array_equal(graph.nodes["0"].weight, found.value.detach().numpy())


@pytest.mark.parametrize("name", LAYERS)
def test_they_come_back_from_a_file(name: str, tmp_path: Path) -> None:
    """Groups are written as zeros, which are integers too."""
    layer, shape = layer_of(name, weight_quant=PER_CHANNEL, weight_bit_width=5)
    back = through_file(to_graph(nn.Sequential(layer, snn.Leaky(beta=0.5, init_hidden=True)), shape), tmp_path)
    integers = back.meaning.node("0").quantisation.integers(back.nodes["0"].weight)
    wanted = layer.quant_weight().int().numpy()
    if name == "picture":
        assert np.array_equal(integers[:3, :2, 1:2], wanted[:3]) and np.array_equal(integers[3:, 2:, 1:2], wanted[3:])
        assert np.count_nonzero(integers) == np.count_nonzero(wanted)
    else:
        assert np.array_equal(integers, wanted)


def test_binary_ternary_and_unsigned_weights() -> None:
    binary, shape = layer_of("linear", weight_quant=SignedBinaryWeightPerTensorConst)
    graph = to_graph(nn.Sequential(binary), shape)
    quantisation = graph.meaning.node("0").quantisation
    assert set(quantisation.integers(graph.nodes["0"].weight).reshape(-1)) == {-1, 1}
    assert quantisation.bits == 2 and any("need 2 bits in a signed number" in note for note in graph.notes)
    ternary, _ = layer_of("linear", weight_quant=SignedTernaryWeightPerTensorConst)
    quantisation = to_graph(nn.Sequential(ternary), shape).meaning.node("0").quantisation
    assert quantisation.bits == 2 and quantisation.limits == (-2, 1)


def test_a_quantised_network_spikes_the_same(tmp_path: Path) -> None:
    class PowersOfTwo(quant.Int8WeightPerTensorFixedPoint):
        bit_width = 4

    net = on_grid(nn.Sequential(
        QuantConv2d(2, 4, 3, bias=True, weight_quant=PowersOfTwo), snn.Leaky(beta=0.5, init_hidden=True), nn.Flatten(),
        QuantLinear(64, 5, bias=False, weight_quant=PowersOfTwo), snn.Synaptic(0.5, 0.5, init_hidden=True),
    ))  # fmt: skip
    graph = through_file(to_graph(net, (2, 6, 6)), tmp_path)
    x = spikes((2, 6, 6))
    own = hidden_run(net, x)
    assert own.sum() > 10 and np.array_equal(run_graph(graph, x.numpy()).sent["output"], own)


def test_batch_norm_keeps_the_integers_and_scales_them_by_channel() -> None:
    layer, shape = layer_of("picture", weight_quant=PER_TENSOR, weight_bit_width=4)
    norm = nn.BatchNorm2d(6).eval()
    with torch.no_grad():
        norm.weight.copy_(torch.tensor([1.0, 0.5, -2.0, 0.1, 3.0, 1.0]))
        norm.running_var.copy_(torch.linspace(0.5, 2.0, 6))
        norm.running_mean.copy_(torch.linspace(-1.0, 1.0, 6))
    graph = to_graph(nn.Sequential(layer, norm), shape)
    quantisation, found = graph.meaning.node("0").quantisation, layer.quant_weight()
    signs = np.sign(norm.weight.detach().numpy()).astype(int).reshape(-1, 1, 1, 1)
    assert np.array_equal(quantisation.integers(graph.nodes["0"].weight), found.int().numpy() * signs)
    gain = np.abs(norm.weight.detach().numpy()) / np.sqrt(norm.running_var.numpy() + norm.eps)
    assert np.allclose(quantisation.scales(6), found.scale.item() * gain, rtol=1e-6)
    with torch.no_grad():
        norm.weight[2] = 0.0
    graph = to_graph(nn.Sequential(layer, norm), shape)
    assert graph.meaning.node("0").quantisation is None and any("integers no longer" in note for note in graph.notes)


def test_a_quantised_bias_stays_a_float_with_a_note() -> None:
    layer = QuantLinear(
        6, 5, bias=True, weight_quant=PER_TENSOR, bias_quant=quant.Int8BiasPerTensorFloatInternalScaling
    )
    with torch.no_grad():
        layer.bias.copy_(torch.linspace(-1, 1, 5))
    graph = to_graph(nn.Sequential(layer.eval()), (6,))
    assert np.array_equal(graph.nodes["0"].bias, layer.quant_bias().value.detach().numpy())
    assert any("quantised bias is written as floats" in note for note in graph.notes)


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        (lambda: QuantLinear(6, 5, bias=False, input_quant=quant.Int8ActPerTensorFloat), "quantises its input"),
        (lambda: QuantLinear(6, 5, bias=False, output_quant=quant.Int8ActPerTensorFloat), "quantises its output"),
        (lambda: QuantLinear(6, 5, bias=False, weight_quant=quant.ShiftedUint8WeightPerTensorFloat), "zero point"),
        (lambda: QuantIdentity(act_quant=quant.Int8ActPerTensorFloat), "'QuantIdentity' is not known"),
    ],
)
def test_what_is_no_integer_weight_is_refused_by_name(layer: object, words: str) -> None:
    with pytest.raises(UnsupportedError, match=rf"module '0': .*{words}"):
        to_graph(nn.Sequential(layer().eval()), (6,))  # type: ignore[operator]
