"""Shipped models: each is built, takes one step, and can be put down and taken up again."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from neurotrain_hw.networks import build, load_model, model_names, parse_model, to_graph

SIZES = {
    "mnist-conv": ((1, 28, 28), (12, 12, 12), (32, 4, 4), (10,)),
    "nmnist-conv": ((2, 34, 34), (12, 15, 15), (32, 5, 5), (10,)),
    "mnist-recurrent": ((784,), (256,), (10,)),
    "shd-recurrent": ((700,), (256,), (20,)),
}


def test_shapes() -> None:
    for name, shapes in SIZES.items():
        assert load_model(name).shapes == shapes
    for name, head, weights in (("vgg9-v1", 512, 9_222_848), ("vgg9-v2", 2048, 9_238_208)):
        spec = load_model(name)
        kernels = [(3, 64), (64, 128), (128, 256), (256, 256), (256, 512), (512, 512), (512, 512), (512, 512)]
        assert spec.synapses == sum(9 * a * b for a, b in kernels) + 10 * head == weights


@pytest.mark.parametrize("name", model_names())
def test_every_model_takes_steps(name: str) -> None:
    network = build(load_model(name), seed=0)
    generator = torch.Generator().manual_seed(0)
    steps = 1 if name.startswith("vgg9") else 10
    x = (torch.rand(steps, 1, *network.spec.input_shape, generator=generator) < 0.3).float()
    with torch.no_grad():
        layers = network(x)
    assert [tuple(layer.shape[2:]) for layer in layers] == list(network.spec.shapes[1:])
    assert bool(layers[0].any())


@pytest.mark.parametrize("bits", [None, 4])
def test_what_is_learned_comes_back_from_arrays(bits: int | None) -> None:
    learned = {"learn_beta": True, "learn_threshold": True, "bias": True, "beta": 0.5}
    layers = [
        {"name": "maps", "kind": "conv", "channels": 2, "kernel": 3, "recurrent": "one-to-one"} | learned,
        {"name": "out", "neurons": 3, "recurrent": "all-to-all", "weight_scale": "channel"} | learned,
    ]
    spec = parse_model({"summary": "", "input_shape": [1, 5, 5], "steps": 1, "layers": layers}, name="x", where="x")
    one, other = (build(spec, weight_bits=bits, seed=seed) for seed in (1, 2))
    with torch.no_grad():
        for parameter in one.parameters():
            parameter.add_(0.01)
    x = (torch.rand(9, 4, 25, generator=torch.Generator().manual_seed(0)) < 0.6).float()
    other.load_arrays(one.arrays())
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))
    assert all(torch.equal(a, b) for a, b in zip(one(x), other(x), strict=True))
    plain = one.in_floats()
    for weight, module in zip(plain.weights(), one.synapses, strict=True):
        assert torch.equal(weight, module.weight)
    assert ("out/integers" in one.arrays()) == (bits is not None)


def test_graphs_of_all_that_can_be_one() -> None:
    for name in model_names():
        if not name.startswith("vgg9"):
            spec = load_model(name)
            graph = to_graph(build(spec, seed=0))
            found = [graph.nodes[layer.name].v_threshold.shape for layer in spec.layers]
            assert found == list(spec.shapes[1:])
            assert np.array_equal(graph.nodes["input"].input_type["input"], spec.input_shape)
