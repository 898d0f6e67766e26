"""e-prop's gradients against autograd, in float64, where theory says that they are equal."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional
from trainer_oracles import Spike

from neurotrain_hw.networks import ModelSpec, SpikingNetwork, build, parse_model
from neurotrain_hw.trainers.constants import EpropSettings
from neurotrain_hw.trainers.make import make_trainer
from neurotrain_hw.trainers.psi import pseudo_derivative
from neurotrain_hw.trainers.trainer import Batch

DOCUMENT = {
    "summary": "", "inputs": 12, "steps": 20, "surrogate": {"slope": 3.0},
    "layers": [
        {"name": "hidden", "neurons": 9, "beta": 0.75},
        {"name": "out", "neurons": 4, "beta": 0.6875, "threshold": 1.5},
    ],
}  # fmt: skip


def network_and_batch(steps: int, *, layers: int = 2) -> tuple[SpikingNetwork, torch.Tensor, torch.Tensor]:
    spec: ModelSpec = parse_model(DOCUMENT, name="small", where="")
    network = build(replace(spec, layers=spec.layers[-layers:]), weight_bits=None, seed=1).double()
    rng = np.random.default_rng(2)
    spikes = torch.from_numpy((rng.random((steps, 6, 12)) < 0.4).astype(np.uint8))
    return network, spikes, torch.from_numpy(rng.integers(0, 4, 6))


def autograd(network: SpikingNetwork, spikes, labels, settings: EpropSettings, *, cut: bool) -> list[torch.Tensor]:
    """Autograd over the unrolled equation; `cut`: no error of a later step reaches an earlier hidden spike.

    The resets are subtracted as constants. With `cut`, the output membrane integrates for its own weights as ever, but
    the hidden spikes of earlier steps count as constants in it.
    """
    psi = [
        pseudo_derivative(settings.psi, settings.psi_width * layer.threshold, network.spec.surrogate)
        for layer in network.spec.layers
    ]
    weights = [module.weight.detach().clone().requires_grad_() for module in network.synapses]
    specs = network.spec.layers
    v = [torch.zeros(len(labels), layer.neurons, dtype=torch.float64) for layer in specs]
    fired = [torch.zeros_like(state) for state in v]
    past: list[torch.Tensor] = []  # hidden spikes of earlier steps
    loss = torch.zeros((), dtype=torch.float64)
    for now in spikes.double():
        for k, layer in enumerate(specs):
            last = k == len(specs) - 1
            if last and cut and k > 0:
                # beta^age of every earlier hidden spike, as constants, so that only the weights have a gradient
                current = sum(
                    (layer.beta ** (len(past) - age)) * functional.linear(s.detach(), weights[k])
                    for age, s in enumerate(past)
                ) + functional.linear(now, weights[k])
                past.append(now)
                plain = layer.beta * v[k].detach() * (1 - fired[k]) + functional.linear(now, weights[k]).detach()
                v[k] = current + (plain - current).detach()
            else:
                lost = (layer.beta * v[k] * fired[k]).detach()
                v[k] = layer.beta * v[k] - lost + functional.linear(now, weights[k])
            now = Spike.apply(v[k] - layer.threshold, psi[k])
            fired[k] = now.detach()
        loss = loss + functional.cross_entropy(settings.gain * v[-1], labels, reduction="sum")
    loss.backward()
    return [w.grad / (len(spikes) * len(labels)) for w in weights]


def eprop_gradients(network: SpikingNetwork, spikes, labels, settings: EpropSettings) -> list[torch.Tensor]:
    make_trainer("eprop", network, settings, seed=0).learn(Batch(spikes, labels, update=lambda: None))
    return [module.weight.grad for module in network.synapses]


@pytest.mark.parametrize("psi", ["surrogate", "triangle", "box"])
def test_one_step_equals_autograd(psi: str) -> None:
    network, spikes, labels = network_and_batch(1)
    settings = EpropSettings(loss="membrane-ce", psi=psi, gain=1.7)
    expected = autograd(network, spikes, labels, settings, cut=False)
    for found, wanted in zip(eprop_gradients(network, spikes, labels, settings), expected, strict=True):
        assert float(wanted.abs().max()) > 1e-4
        torch.testing.assert_close(found, wanted, rtol=1e-12, atol=1e-15)


def test_single_layer_equals_backpropagation_through_time() -> None:
    network, spikes, labels = network_and_batch(20, layers=1)
    settings = EpropSettings(loss="membrane-ce", gain=0.8)
    (expected,) = autograd(network, spikes, labels, settings, cut=False)
    (found,) = eprop_gradients(network, spikes, labels, settings)
    assert network(spikes.double())[-1].any()
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-14)


def test_output_layer_equals_backpropagation_through_time() -> None:
    network, spikes, labels = network_and_batch(20)
    settings = EpropSettings(loss="membrane-ce", gain=1.0)
    expected = autograd(network, spikes, labels, settings, cut=False)[-1]
    torch.testing.assert_close(eprop_gradients(network, spikes, labels, settings)[-1], expected, rtol=1e-10, atol=1e-14)


def test_hidden_layer_equals_autograd_without_errors_of_later_steps() -> None:
    network, spikes, labels = network_and_batch(20)
    settings = EpropSettings(loss="membrane-ce", gain=1.0)
    cut = autograd(network, spikes, labels, settings, cut=True)
    whole = autograd(network, spikes, labels, settings, cut=False)
    found = eprop_gradients(network, spikes, labels, settings)
    for one, wanted in zip(found, cut, strict=True):
        torch.testing.assert_close(one, wanted, rtol=1e-10, atol=1e-14)
    # the part that is cut is there, and e-prop's direction agrees with the whole gradient's
    assert not torch.allclose(whole[0], cut[0], rtol=1e-3)
    assert float(functional.cosine_similarity(whole[0].flatten(), found[0].flatten(), dim=0)) > 0.5


def test_quantised_weights_straight_through() -> None:
    """The gradient is that of the quantised weights, given to the shadow weights."""
    spec = parse_model(DOCUMENT, name="small", where="").with_weight_bits(4)
    quantised = build(spec, seed=1)
    plain = build(spec, weight_bits=None, seed=1)
    with torch.no_grad():
        for module, weight in zip(plain.synapses, quantised.weights(), strict=True):
            module.weight.copy_(weight)
    _, spikes, labels = network_and_batch(20)
    for found, wanted in zip(
        eprop_gradients(quantised, spikes, labels, EpropSettings()),
        eprop_gradients(plain, spikes, labels, EpropSettings()),
        strict=True,
    ):
        assert torch.equal(found, wanted)


def test_psi_formulas() -> None:
    u = torch.linspace(-2, 2, 41, dtype=torch.float64, requires_grad=True)
    network, _, _ = network_and_batch(1)
    for kind in ("fast_sigmoid", "atan"):
        surrogate = replace(network.spec.surrogate, kind=kind)
        spec = replace(network.spec, surrogate=surrogate)
        fire = build(spec, weight_bits=None, seed=0).neurons[0].spike_grad
        (wanted,) = torch.autograd.grad(fire(u).sum(), u)
        torch.testing.assert_close(pseudo_derivative("surrogate", 1.0, surrogate)(u.detach()), wanted)
    at = torch.tensor([-0.6, -0.25, 0.0, 0.5])
    for kind, wanted in (
        ("triangle", [0.0, 0.5, 1.0, 0.0]),
        ("box", [0.0, 1.0, 1.0, 1.0]),
        ("fast", [1 / 2.2**2, 1 / 1.5**2, 1.0, 0.25]),
        ("tanh", [1 / np.cosh(1.2) ** 2, 1 / np.cosh(0.5) ** 2, 1.0, 1 / np.cosh(1.0) ** 2]),
    ):
        found = pseudo_derivative(kind, 0.5, network.spec.surrogate)(at)
        np.testing.assert_allclose(found.numpy(), wanted, rtol=1e-6)
