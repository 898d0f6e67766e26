"""Faults found in NeuroTrain (smilies-polito/neurotrain at d52b357), each with a test that ours has not got it.

The numbers are those of our study of its source. Faults of its loaders, campaign and packaging are not here.
"""

from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from trainer_oracles import batch, fitting, small_cells

from neurotrain_hw.errors import UnknownNameError, UnsupportedError, ValueRangeError
from neurotrain_hw.networks import build, parse_model
from neurotrain_hw.trainers import default_settings, etlp, trainable_rules
from neurotrain_hw.trainers.changes import changed
from neurotrain_hw.trainers.constants import EtlpSettings, OnlineSettings
from neurotrain_hw.trainers.declarations import check_layers
from neurotrain_hw.trainers.eligibility import PreTrace, SynapseTrace
from neurotrain_hw.trainers.make import make_optimizer, make_trainer
from neurotrain_hw.trainers.online import Regime
from neurotrain_hw.trainers.trainer import Batch, Setting


def network(*, betas=(0.83, 0.91), threshold=1.0, hidden=1, seed=1, neurons=None):
    layers = [{"name": f"h{k}", "neurons": 7, "beta": betas[0], "threshold": threshold} for k in range(hidden)]
    layers.append({"name": "out", "neurons": 3, "beta": betas[1], "threshold": threshold})
    layers = [layer | (neurons or {}) for layer in layers]
    document = {"summary": "", "inputs": 6, "steps": 8, "layers": layers}
    return build(parse_model(document, name="small", where=""), weight_bits=None, seed=seed).double()


def gradients(net, rule, spikes, labels, **constants):
    trainer = make_trainer(rule, net, replace(default_settings(rule), **constants), seed=0)
    trainer.learn(Batch(spikes, labels, update=lambda: None))
    return [module.weight.grad.clone() for module in net.synapses]


def test_1_ottt_takes_the_decay_of_its_neurons() -> None:
    """NeuroTrain: always 0.5."""
    net, (spikes, labels) = network(), batch((3,))
    learner = make_trainer("ottt", net, default_settings("ottt"), seed=0).start(Batch(spikes, labels, lambda: None))
    traces = [group for layer in learner.eligibilities for group in layer]
    assert all(isinstance(trace, PreTrace) for trace in traces)
    assert [trace.decay for trace in traces] == [0.83, 0.91]


def test_2_es_d_rtrl_uses_the_trace_of_its_inputs() -> None:
    """NeuroTrain: the gradient had the spikes of this step alone, so an input long ago could teach nothing."""
    net, (_, labels) = network(), batch((3,))
    spikes = torch.zeros(6, len(labels), 6, dtype=torch.uint8)
    spikes[0, :, 2] = 1
    found = gradients(net, "es-d-rtrl", spikes, labels, burn_in=3)
    assert found[0][:, 2].abs().min() > 0 and found[0][:, [0, 1, 3, 4, 5]].abs().max() == 0


def test_3_ostl_has_the_derivative_of_the_reset_that_its_neurons_do() -> None:
    """NeuroTrain: neurons reset by subtraction, the derivative was that of a reset to zero."""
    for reset, wanted in (("zero", 0.0), ("subtract", 0.8)):
        cell = small_cells((5,), reset=reset)[0]
        before = replace(cell.rest(1), fired=torch.ones(1, 5, dtype=torch.float64))
        assert torch.equal(
            cell.through_time(before, torch.zeros(1, 5), "gate"), torch.full((1, 5), wanted, dtype=torch.float64)
        )
        assert isinstance(SynapseTrace(cell, cell.ways[0], 1, "gate").cell, type(cell))


def test_4_psi_is_read_before_the_reset() -> None:
    """NeuroTrain: on the membrane after it (input 1.5: spike, then 0.6)."""
    cell = replace(small_cells((1,))[0], weight=torch.tensor([[1.5]], dtype=torch.float64))
    after = cell.step(cell.rest(1), torch.ones(1, 1, dtype=torch.float64))
    assert (float(after.v), float(after.fired)) == (1.5, 1.0)


@pytest.mark.parametrize("psi", ["triangle", "box", "tanh", "fast"])
def test_5_psi_is_as_wide_as_the_networks_threshold(psi: str) -> None:
    """NeuroTrain: e-prop's psi had a threshold of 0.03 whatever the neurons' own. Here, scaling a network by 4 does
    not change which synapses learn."""
    spikes, labels = batch((3,))
    small, large = network(), network(threshold=4.0)
    with torch.no_grad():
        for one, other in zip(small.synapses, large.synapses, strict=True):
            other.weight.copy_(4 * one.weight)
    found = gradients(small, "eprop", spikes, labels, psi=psi, psi_width=1.0)[0]
    wanted = gradients(large, "eprop", spikes, labels, psi=psi, psi_width=1.0, gain=0.25)[0]
    torch.testing.assert_close(wanted, found, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("rule", ["bptt", "eprop", "rtrl", "fptt"])
def test_6_as_many_steps_as_samples_swap_nothing(rule: str) -> None:
    """NeuroTrain: time and batch changed places where T equals N."""
    spikes, labels = batch((3,), steps=4)
    assert spikes.shape[0] == len(labels) == 4
    net = network()
    found = gradients(net, rule, spikes, labels)
    order = torch.tensor([2, 0, 3, 1])
    shuffled = gradients(net, rule, spikes[:, order], labels[order])
    in_time = gradients(net, rule, spikes[order], labels)
    for one, other, wrong in zip(found, shuffled, in_time, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-12)
        assert not torch.allclose(one, wrong)


def test_7_etlp_learns_at_events_and_recurrent_traces_hold_the_spikes_before() -> None:
    """NeuroTrain: at every step by default, and z(t) instead of z(t-1)."""
    assert default_settings("etlp").target_rate_hz is None  # 30 labels per sample, whatever its steps
    net = build(replace(network().spec, steps=300), seed=0)
    shown = torch.zeros(300, 2, net.spec.inputs, dtype=torch.uint8)
    started = make_trainer("etlp", net, default_settings("etlp"), seed=0).start(Batch(shown, torch.tensor([0, 1]), int))
    assert 15 < sum(started._gate() for _ in range(300)) < 45
    cells = small_cells((5, 3), recurrent=True)
    spikes, labels = batch((3,))
    setting = Setting(cells, labels, Regime(), torch.Generator().manual_seed(0))
    learner = etlp.learner(setting, EtlpSettings(), [torch.ones(5, 3, dtype=torch.float64)], probability=1.0)
    trace = torch.zeros(4, 5, dtype=torch.float64)
    for now in spikes:
        trace = cells[0].beta * trace + learner.states[0].fired
        learner.advance([now])
        assert torch.equal(learner.eligibilities[0][1].x, trace)
    assert trace.any()


@pytest.mark.parametrize("rule", [rule for rule in trainable_rules() if rule != "readout-only"])
@pytest.mark.parametrize("optimiser", ["adam", "sgd"])
def test_9_every_rule_moves_every_layer_with_every_optimiser(rule: str, optimiser: str) -> None:
    """NeuroTrain: two rules trained nothing where no optimiser was asked for."""
    net, (spikes, labels) = network(neurons=fitting(rule)), batch((3,))
    constants = replace(default_settings(rule), optimiser=optimiser)
    trainer = make_trainer(rule, net, constants, seed=0)
    optimizer = make_optimizer([*net.parameters(), *trainer.parameters.values()], constants)
    before = [module.weight.detach().clone() for module in net.synapses]
    for key in range(4):
        loss = trainer.learn(Batch(spikes, labels, optimizer.step, key=(key,)))
        assert np.isfinite(loss)
    for module, old in zip(net.synapses, before, strict=True):
        assert not torch.equal(module.weight, old)


def test_20_unknown_constants_and_unsupported_pairs_are_refused() -> None:
    """NeuroTrain: typing errors were swallowed, and a rule ran on layers that it left untrained."""
    with pytest.raises(UnknownNameError, match="learning_rate"):
        changed("eprop", {"learning_rat": "0.1"})
    with pytest.raises(ValueRangeError, match="symmetric"):
        changed("eprop", {"feedback": "symetric"})
    assert changed("eprop", {"learning_rate": "1e-3", "readout_filter": "true"}).learning_rate == 1e-3
    for rule, name, text in (("fptt", "rate_strength", "1"), ("ottt", "feedback_scale", "2"), ("oja", "psi", "box")):
        with pytest.raises(ValueRangeError, match=f"{name}.*no use"):
            make_trainer(rule, network(), changed(rule, {name: text}), seed=0)
    deep = network(hidden=2)
    for rule in ("eprop-filtered", "eprop-adaptive"):
        with pytest.raises(UnsupportedError, match="2 hidden layers"):
            make_trainer(rule, deep, default_settings(rule), seed=0)
    with pytest.raises(ValueRangeError, match="end of a sample"):
        make_trainer("eprop", deep, replace(default_settings("eprop"), loss="count-ce"), seed=0)


def test_20_layers_that_a_rule_would_leave_untrained_are_refused() -> None:
    """NeuroTrain: STSF ran on recurrent networks and left their recurrent weights as they were."""
    recurrent = [cell.kinds for cell in small_cells((5, 3), recurrent=True)]
    adaptive = [cell.kinds for cell in small_cells((5, 3), adaptive=True)]
    check_layers("eprop", [*recurrent, *adaptive])
    check_layers("ostl", recurrent)
    for rule, kinds, word in (("stsf", recurrent, "recurrent"), ("ostl", adaptive, "adaptive")):
        with pytest.raises(UnsupportedError, match=f"layer 1 is {word}.*eprop"):
            check_layers(rule, kinds)


@pytest.mark.parametrize("rule", trainable_rules())
def test_20_every_constant_of_a_rule_can_be_told_apart(rule: str) -> None:
    """What a rule declares is what `--set` takes."""
    settings = default_settings(rule)
    assert {f.name for f in fields(settings)} >= {"learning_rate", "epochs", "batch", "loss"}
    assert changed(rule, {"batch": "7"}).batch == 7
    if isinstance(settings, OnlineSettings):
        assert changed(rule, {"feedback_scale": "none"}).feedback_scale is None
