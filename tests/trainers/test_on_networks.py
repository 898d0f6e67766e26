"""Trainers on networks of every kind of layer: the trainers' own neurons are those that the network runs."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch
from trainer_oracles import fitting

from neurotrain_hw.errors import UnsupportedError
from neurotrain_hw.networks import build, parse_model
from neurotrain_hw.trainers import default_settings, trainable_rules
from neurotrain_hw.trainers.cells import cells_of, unroll
from neurotrain_hw.trainers.declarations import declaration, kinds_of
from neurotrain_hw.trainers.make import make_trainer
from neurotrain_hw.trainers.psi import pseudo_derivative
from neurotrain_hw.trainers.trainer import Batch

LIF = {"beta": 0.75, "threshold": 0.75}
OUT = {"name": "out", "neurons": 3, "beta": 0.875}
HIDDEN = {
    "dense": {"neurons": 9},
    "bias": {"neurons": 9, "bias": True},
    "subtract": {"neurons": 9, "reset": "subtract"},
    "no reset": {"neurons": 9, "reset": "none"},
    "recurrent": {"neurons": 9, "recurrent": "all-to-all"},
    "hears itself": {"neurons": 9, "recurrent": "one-to-one"},
    "synaptic": {"neurons": 9, "neuron": "synaptic", "alpha": 0.5},
    "recurrent synaptic": {"neurons": 9, "neuron": "synaptic", "alpha": 0.5, "recurrent": "all-to-all"},
    "alpha": {"neurons": 9, "neuron": "alpha", "alpha": 0.875},
    "alpha without reset": {"neurons": 9, "neuron": "alpha", "alpha": 0.875, "reset": "none"},
    "lapicque": {"neurons": 9, "neuron": "lapicque", "threshold": 0.25},
    "adaptive": {"neurons": 9, "neuron": "adaptive", "adaptation": 0.5, "adaptation_decay": 0.75},
    "learned": {"neurons": 9, "learn_beta": True, "learn_threshold": True},
    "convolution": {"kind": "conv", "channels": 2, "kernel": 3, "pool": 2},
    "convolution that hears itself": {"kind": "conv", "channels": 2, "kernel": 3, "recurrent": "one-to-one"},
    "pooled": {"kind": "conv", "channels": 2, "kernel": 2, "input_pool": 2, "pooling": "max", "bias": True},
    "once": {"neurons": 9, "reset": "once"},
    "once synaptic": {"neurons": 9, "neuron": "synaptic", "alpha": 0.5, "reset": "once"},
    "no leak": {"neurons": 9, "beta": 1.0, "reset": "subtract"},
    "no leak once": {"neurons": 9, "beta": 1.0, "reset": "once", "threshold": 2.0},
    "standardised": {"neurons": 9, "weight_standardised": True, "gain": 4.0},
    "quantised": {"neurons": 9, "weight_bits": 4, "weight_scale": "channel", "power_of_two": True},
}


# whose neurons cannot be changed for what a rule needs of them
UNLIKE = {kind for kind, keys in HIDDEN.items() if keys.keys() & {"neuron", "reset", "recurrent", "learn_beta"}}


def network(kind: str, *, seed: int = 1, out: dict | None = None, neurons: dict | None = None):
    layers = [{"name": "hidden", **LIF, **HIDDEN[kind], **(neurons or {})}, {**OUT, **(out or {}), **(neurons or {})}]
    if "kind" in HIDDEN[kind]:
        layers[1]["input_pool"] = 2
    document = {"summary": "", "input_shape": [2, 8, 8], "steps": 12, "layers": layers}
    if "kind" not in HIDDEN[kind]:
        document["input_shape"] = [12]
    return build(parse_model(document, name="small", where=""), seed=seed)


def batch(net, *, samples: int = 3, seed: int = 0) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    spikes = torch.rand(12, samples, *net.spec.input_shape, generator=generator) < 0.4
    return Batch(spikes.to(torch.uint8), torch.arange(samples) % 3, update=lambda: None)


@pytest.mark.parametrize("kind", HIDDEN)
def test_spikes_are_those_of_the_network(kind: str) -> None:
    net = network(kind)
    spikes = batch(net).spikes
    cells = cells_of(net, [pseudo_derivative("surrogate", 1.0, net.spec.surrogate)] * 2)
    with torch.no_grad():
        found, _, _ = unroll(cells, [cell.rest(3) for cell in cells], spikes, "gate")
        wanted = net(spikes.float())
        states, online = [cell.rest(3) for cell in cells], []
        for now in spikes.float():
            for k, cell in enumerate(cells):
                states[k] = cell.step(states[k], now)
                now = states[k].fired
            online.append(now)
    for one, other in zip(found, wanted, strict=True):
        assert one.shape == other.shape and bool(other.any())
        assert torch.equal(one, other)
    assert torch.equal(torch.stack(online), wanted[-1])


@pytest.mark.parametrize("kind", HIDDEN)
def test_what_a_layer_is_can_be_told_before_it_is_built(kind: str) -> None:
    net = network(kind)
    cells = cells_of(net, [pseudo_derivative("surrogate", 1.0, net.spec.surrogate)] * 2)
    for cell, layer in zip(cells, net.spec.layers, strict=True):
        # learned decays are one per neuron, so that they may come to differ
        assert set(cell.kinds) - {"heterogeneous"} == set(kinds_of(layer))


@pytest.mark.parametrize("kind", ["learned", "lapicque", "standardised", "convolution", "recurrent synaptic", "once"])
def test_bptt_gives_the_gradients_of_snntorchs_neurons(kind: str) -> None:
    net = network(kind)
    shown = batch(net)
    psi = [pseudo_derivative("surrogate", 1.0, net.spec.surrogate)] * 2
    layers, _, _ = unroll(cells := cells_of(net, psi), [cell.rest(3) for cell in cells], shown.spikes, "gate")
    layers[-1].sum(0).square().sum().backward()
    ours = {name: parameter.grad.clone() for name, parameter in net.named_parameters() if parameter.grad is not None}
    net.zero_grad()
    net(shown.spikes.float())[-1].sum(0).square().sum().backward()
    theirs = {name: parameter.grad for name, parameter in net.named_parameters() if parameter.grad is not None}
    assert ours.keys() == theirs.keys() and len(ours) >= 2
    for name, found in ours.items():
        torch.testing.assert_close(found, theirs[name], rtol=1e-3, atol=1e-5, msg=name)


def test_8_gradients_pass_the_standardisation_of_weights() -> None:
    """NeuroTrain: they were by the weight that the network computes with, given to the other one."""
    net = network("standardised", out={"neuron": "integrator", "beta": 0.0})
    shown = batch(net)
    shown = replace(shown, spikes=shown.spikes[:1])
    make_trainer("ottt", net, replace(default_settings("ottt"), loss="membrane-ce", gain=1.0), seed=0).learn(shown)
    found = [weight.grad.clone() for weight in net.shadow()]
    net.zero_grad()
    make_trainer("bptt", net, replace(default_settings("bptt"), loss="membrane-ce", gain=1.0), seed=0).learn(shown)
    for one, weight in zip(found, net.shadow(), strict=True):
        assert float(weight.grad.abs().max()) > 1e-4
        torch.testing.assert_close(one, weight.grad, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("rule", trainable_rules())
def test_every_rule_trains_what_it_declares_and_refuses_the_rest(rule: str) -> None:
    declared = declaration(rule)
    trained = 0
    for kind in HIDDEN:
        net = network(kind, neurons={} if kind in UNLIKE else fitting(rule))
        shown = batch(net)
        try:
            trainer = make_trainer(rule, net, default_settings(rule), seed=0)
        except UnsupportedError as error:
            assert "layer 1 is" in str(error) or declared.needs
            continue
        before = [weight.detach().clone() for weight in net.parameters()]
        optimizer = torch.optim.SGD([*net.parameters(), *trainer.parameters.values()], lr=0.5)
        loss = trainer.learn(replace(shown, update=optimizer.step))
        assert loss == loss and loss >= 0
        assert any(not torch.equal(one, other) for one, other in zip(before, net.parameters(), strict=True)), kind
        assert all(bool(weight.isfinite().all()) for weight in net.parameters())
        trained += 1
    assert trained >= (4 if declared.layers != ("dense",) else 3)


# reward-stdp counts rewards one by one, which needs their values
@pytest.mark.parametrize(
    "rule", [rule for rule in trainable_rules() if declaration(rule).words is None and rule != "reward-stdp"]
)
def test_all_tensors_of_a_rule_are_where_the_network_is(rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """On torch's device `meta`, which has shapes and no values, in place of another device."""
    monkeypatch.setattr(torch.Tensor, "item", lambda tensor: 0.0)
    monkeypatch.setattr(torch.Tensor, "__float__", lambda tensor: 0.0)
    net = network("dense", neurons=fitting(rule)).to("meta")
    shown = batch(net)
    shown = replace(shown, spikes=shown.spikes.to("meta"), labels=shown.labels.to("meta"))
    trainer = make_trainer(rule, net, default_settings(rule), seed=0)
    trainer.learn(shown)
    found = list(tensors(vars(trainer)))
    learner = trainer.start(shown) if hasattr(trainer, "start") else None
    if learner is not None:
        learner.advance(shown.spikes)
        found += tensors(vars(learner))
    assert len(found) >= 2
    assert {tensor.device.type for tensor in found} == {"meta"}


def tensors(thing: object, depth: int = 6) -> Iterator[torch.Tensor]:
    """All tensors that a thing holds."""
    if isinstance(thing, torch.Tensor):
        yield thing
        if thing.grad is not None:
            yield thing.grad
    elif isinstance(thing, dict):
        for each in thing.values():
            yield from tensors(each, depth)
    elif isinstance(thing, list | tuple):
        for each in thing:
            yield from tensors(each, depth)
    elif isinstance(thing, torch.nn.Module):
        yield from tensors(list(thing.parameters()))
    elif depth and hasattr(thing, "__dict__") and type(thing).__module__.startswith("neurotrain_hw"):
        yield from tensors(vars(thing), depth - 1)
