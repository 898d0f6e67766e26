"""Conversion from networks of ReLUs: their gradients, the balance of weights, and the rates that come out."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from neurotrain_hw.errors import UnsupportedError, ValueRangeError
from neurotrain_hw.networks import build, load_model, parse_model
from neurotrain_hw.trainers import default_settings, train
from neurotrain_hw.trainers.make import make_trainer
from neurotrain_hw.trainers.trainer import Batch

T, THRESHOLDS = 20, (0.5, 2.0, 1.0)


def network(*, bits=None, bias=True):
    keys = {"beta": 1.0, "reset": "subtract", "bias": bias}
    layers = [
        {"name": f"l{k}", "neurons": n, "threshold": threshold, **keys}
        for k, (n, threshold) in enumerate(zip((7, 6, 3), THRESHOLDS, strict=True))
    ]
    document = {"summary": "", "inputs": 5, "steps": T, "layers": layers}
    net = build(parse_model(document, name="small", where=""), weight_bits=bits, seed=3).double()
    generator = torch.Generator().manual_seed(4)
    with torch.no_grad():
        for module in net.synapses:
            if bias:
                module.bias.uniform_(-0.2, 0.3, generator=generator)
    return net


def batch(update=lambda: None, *, seed=0, samples=8):
    generator = torch.Generator().manual_seed(seed)
    spikes = (torch.rand(T, samples, 5, generator=generator) < 0.5).to(torch.uint8)
    return Batch(spikes, torch.arange(samples) % 3, update)


def relus(net, rates):
    """Activations of all layers, written out."""
    found = []
    for module in net.synapses:
        rates = rates @ module.weight.detach().numpy().T + module.bias.detach().numpy()
        found.append(rates)
        rates = np.maximum(rates, 0)
    return found


def test_learning_is_autograd_over_the_relus() -> None:
    net, shown = network(), batch()
    make_trainer("ann-conversion", net, replace(default_settings("ann-conversion"), ann_gain=2.0), seed=0).learn(shown)
    found = [parameter.grad.clone() for parameter in net.shadow()]
    free = [parameter.detach().clone().requires_grad_() for parameter in net.shadow()]
    x = shown.spikes.double().mean(dim=0)
    for k in range(3):
        x = x @ free[2 * k].T + free[2 * k + 1]
        x = torch.relu(x) if k < 2 else x
    chosen = torch.log_softmax(2 * x, dim=1)[torch.arange(8), shown.labels]
    for one, wanted in zip(found, torch.autograd.grad(-chosen.mean(), free), strict=True):
        assert float(wanted.abs().max()) > 1e-3
        torch.testing.assert_close(one, wanted, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("balance", ["max", "percentile", "half-max"])
def test_weights_are_balanced_by_the_activations(balance: str) -> None:
    net, shown = network(), batch()
    before = [(module.weight.detach().numpy().copy(), module.bias.detach().numpy().copy()) for module in net.synapses]
    constants = replace(default_settings("ann-conversion"), balance=balance, percentile=90.0, samples=8)
    make_trainer("ann-conversion", net, constants, seed=0).after_epoch(iter([shown.spikes, batch(seed=1).spikes]))
    plain = network()
    lambdas = [1.0]
    for active in relus(plain, shown.spikes.double().mean(dim=0).numpy()):
        ranked = np.sort(np.maximum(active, 0).ravel())
        chosen = ranked[math.ceil(0.9 * len(ranked)) - 1] if balance == "percentile" else ranked[-1]
        lambdas.append(chosen / 2 if balance == "half-max" else chosen)
    assert min(lambdas) > 0.05
    for k, module in enumerate(net.synapses):
        weight = THRESHOLDS[k] * lambdas[k] / lambdas[k + 1] * before[k][0]
        bias = THRESHOLDS[k] / lambdas[k + 1] * before[k][1]
        np.testing.assert_allclose(module.weight.detach().numpy(), weight, rtol=1e-6)
        np.testing.assert_allclose(module.bias.detach().numpy(), bias, rtol=1e-6)


def test_epochs_after_a_conversion_go_on_with_the_relus_own_weights() -> None:
    """Converting between epochs changes nothing of what is learned."""
    ends = []
    for converts in (True, False):
        net = network()
        trainer = make_trainer("ann-conversion", net, default_settings("ann-conversion"), seed=0)
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
        for seed in range(6):
            trainer.learn(batch(optimizer.step, seed=seed))
            if converts and seed < 5:
                trainer.after_epoch(iter([batch(seed=9).spikes]))
        ends.append([parameter.detach().clone() for parameter in net.shadow()])
    for one, other in zip(*ends, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-7)


def test_rates_of_the_spiking_network_are_the_activations() -> None:
    """In units of each layer's lambda, to within the spikes that are on their way after 1,000 steps."""
    net, steps = network(), 1000
    levels = np.random.default_rng(2).random((8, 5))
    count = np.rint(levels * steps)[:, None, :] * np.arange(steps + 1)[None, :, None] // steps
    spikes = torch.from_numpy(np.diff(count, axis=1).astype(np.uint8).transpose(1, 0, 2).copy())
    wanted = relus(net, spikes.double().mean(dim=0).numpy())
    constants = replace(default_settings("ann-conversion"), balance="max")
    make_trainer("ann-conversion", net, constants, seed=0).after_epoch(iter([spikes]))
    with torch.no_grad():
        layers = net(spikes.double())
    for fired, active in zip(layers, wanted, strict=True):
        active = np.maximum(active, 0)
        assert active.max() > 0.1
        np.testing.assert_allclose(fired.mean(dim=0).numpy(), active / active.max(), atol=0.02)


def test_rates_of_a_convolution_are_its_activations() -> None:
    """With an average pool behind, one in front, and a last layer that is read by its membrane."""
    keys = {"beta": 1.0, "reset": "subtract"}
    conv = {"name": "conv", "kind": "conv", "channels": 3, "kernel": 3, "pool": 2, "threshold": 0.5, **keys}
    out = {"name": "out", "neurons": 3, "neuron": "integrator", "beta": 1.0, "reset": "none"}
    hidden = {"name": "hidden", "neurons": 6, "threshold": 2.0, "input_pool": 2, **keys}
    document = {"summary": "", "input_shape": [2, 10, 10], "steps": T, "layers": [conv, hidden, out]}
    net, steps = build(parse_model(document, name="conv", where=""), seed=1).double(), 1000
    own = [module.weight.detach().clone() for module in net.synapses]
    levels = np.random.default_rng(2).random((4, 200))
    count = np.rint(levels * steps)[:, None, :] * np.arange(steps + 1)[None, :, None] // steps
    spikes = torch.from_numpy(np.diff(count, axis=1).astype(np.uint8).transpose(1, 0, 2).copy())
    maps = spikes.double().mean(dim=0).view(4, 2, 10, 10)
    first = torch.relu(torch.nn.functional.avg_pool2d(torch.nn.functional.conv2d(maps, own[0]), 2))
    second = torch.relu(torch.nn.functional.avg_pool2d(first, 2).flatten(1) @ own[1].T)
    last = second @ own[2].T
    constants = replace(default_settings("ann-conversion"), balance="max", samples=4)
    make_trainer("ann-conversion", net, constants, seed=0).after_epoch(iter([spikes]))
    with torch.no_grad():
        layers = net(spikes.double())
    for fired, active in zip(layers[:2], (first, second), strict=True):
        assert float(active.max()) > 0.1
        np.testing.assert_allclose(fired.mean(dim=0).numpy(), active.numpy() / float(active.max()), atol=0.02)
    np.testing.assert_allclose(layers[2][-1].numpy() / steps, last.numpy() / float(last.max()), atol=0.03)


def test_quantised_weights_keep_their_integers() -> None:
    """The scale of a tensor goes along with its weights, so that the ReLUs' integers are those of the chip."""
    net = network(bits=4).float()
    before = {name: found.integers for name, found in net.layer_weights().items()}
    trainer = make_trainer("ann-conversion", net, default_settings("ann-conversion"), seed=0)
    trainer.after_epoch(iter([batch().spikes]))
    for name, found in net.layer_weights().items():
        np.testing.assert_array_equal(found.integers, before[name])
    assert float(trainer.kept["weight_factors"].max()) != 1


def test_hybrid_conversion_goes_on_with_bptt() -> None:
    constants = replace(default_settings("hybrid-conversion"), conversion_epochs=1)
    net, converted = network(), network()
    trainer = make_trainer("hybrid-conversion", net, constants, seed=0)
    alone = make_trainer("ann-conversion", converted, default_settings("ann-conversion"), seed=0)
    for one, of in ((trainer, net), (alone, converted)):
        one.learn(batch(torch.optim.SGD(of.parameters(), lr=0.1).step))
        one.after_epoch(iter([batch(seed=1).spikes]))
    trainer.learn(batch(seed=2))
    trainer.after_epoch(iter([batch(seed=3).spikes]))
    make_trainer("bptt", converted, default_settings("bptt"), seed=0).learn(batch(seed=2))
    for one, other in zip(net.shadow(), converted.shadow(), strict=True):
        assert torch.equal(one, other) and torch.equal(one.grad, other.grad)
    assert any(float(one.grad.abs().max()) > 0 for one in net.shadow())


@pytest.mark.parametrize(
    ("model", "keys", "words"),
    [
        ("digits-fc", {}, "leaks, or is reset to zero"),
        ("digits-if", {"reset": "zero"}, "leaks, or is reset to zero"),
        ("digits-if", {"beta": 0.9}, "leaks, or is reset to zero"),
        ("digits-if", {"weight_standardised": True}, "whatever they are multiplied with"),
    ],
)
@pytest.mark.parametrize("rule", ["ann-conversion", "hybrid-conversion"])
def test_what_cannot_be_converted_is_refused_with_the_reason(rule: str, model: str, keys: dict, words: str) -> None:
    spec = load_model(model)
    spec = replace(spec, layers=(replace(spec.layers[0], **keys), spec.layers[1]))
    with pytest.raises(UnsupportedError, match=f"layer 'hidden'.*{words}"):
        make_trainer(rule, build(spec, weight_bits=None, seed=0), default_settings(rule), seed=0)


def test_a_hybrid_without_an_epoch_in_spikes_is_refused(tmp_path) -> None:
    with pytest.raises(ValueRangeError, match="none of 4 is left"):
        train("digits-if", "hybrid-conversion", epochs=4, folder=tmp_path / "run")
