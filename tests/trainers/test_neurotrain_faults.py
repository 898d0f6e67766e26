"""Faults found in NeuroTrain (smilies-polito/neurotrain at d52b357), each with a test that ours has not got it.

The numbers are those of our study of its source. 8 is in test_on_networks.py, where the networks with standardised
weights are, 13 in test_metrics.py, 15 (packages imported before they are needed) in tests/test_lazy.py.

Without a counterpart here: 14 (a report that looks for other column names: reports are made from what run.json holds),
16 (an empty log: runs write no log, their course is in run.json), 22 (trials of a parameter search: it is no part of a
run), 24 (names and labels that disagree: there is one name per rule), 25 (paths and addresses in the code).
"""

import re
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from trainer_oracles import batch, fitting, small_cells

import neurotrain_hw.trainers
from neurotrain_hw.data import Splits, encode_rate, load_digits_split
from neurotrain_hw.errors import UnknownNameError, UnsupportedError, ValueRangeError
from neurotrain_hw.networks import build, parse_model
from neurotrain_hw.trainers import default_settings, etlp, loop, train, trainable_rules
from neurotrain_hw.trainers.changes import changed
from neurotrain_hw.trainers.constants import EtlpSettings, OnlineSettings
from neurotrain_hw.trainers.declarations import check_layers, declaration
from neurotrain_hw.trainers.devices import device_of
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
    assert 15 < sum(started.gate() for _ in range(300)) < 45
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


RECURRENT = [rule for rule in trainable_rules() if {"recurrent", "bias"} <= set(declaration(rule).layers)]


@pytest.mark.parametrize("rule", [rule for rule in RECURRENT if rule != "readout-only" and not fitting(rule)])
def test_10_every_rule_trains_recurrent_weights_and_biases_alike(rule: str) -> None:
    """NeuroTrain: recurrent synapses had a bias of their own, which two rules trained and the others left."""
    layers = [{"name": "h", "neurons": 7, "beta": 0.83, "recurrent": "all-to-all", "bias": True}]
    layers.append({"name": "out", "neurons": 3, "beta": 0.91, "bias": True})
    document = {"summary": "", "inputs": 6, "steps": 8, "layers": layers}
    net = build(parse_model(document, name="small", where=""), weight_bits=None, seed=1).double()
    assert len(net.shadow()) == len(list(net.parameters())) == 5
    spikes, labels = batch((3,))
    trainer = make_trainer(rule, net, default_settings(rule), seed=0)
    moved = [torch.zeros_like(parameter) for parameter in net.shadow()]

    def note() -> None:
        for total, parameter in zip(moved, net.shadow(), strict=True):
            total += parameter.grad.abs()

    trainer.learn(Batch(spikes, labels, update=note))
    assert all(total.max() > 0 for total in moved)


class Reads(torch.utils._python_dispatch.TorchDispatchMode):
    """Counts what is read from tensors into Python, which a GPU would have to be waited for."""

    count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count += func is torch.ops.aten._local_scalar_dense.default
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("rule", ["decolle", "ottt", "ostl", "es-d-rtrl", "eprop", "stsf"])
def test_11_steps_wait_for_no_number(rule: str) -> None:
    """NeuroTrain: DECOLLE read three to five numbers per layer and step that nobody looked at."""
    found = []
    for steps in (5, 40):
        net, (spikes, labels) = network(), batch((3,), steps=steps)
        trainer = make_trainer(rule, net, default_settings(rule), seed=0)
        with Reads() as reads:
            trainer.learn(Batch(spikes, labels, update=lambda: None))
        found.append(reads.count)
    assert found[0] == found[1]  # some per batch


def test_12_test_samples_choose_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """NeuroTrain: settings and epochs were chosen by test accuracy. Here that figure alone changes with the samples."""
    whole = load_digits_split()
    runs = []
    for name, shift in (("one", 0), ("other", 1)):
        test = whole.test.first(30)
        test = replace(test, y=(test.y + shift) % 10)
        few = Splits("digits", whole.train.first(96), whole.validation.first(40), test, 10)
        monkeypatch.setattr(loop, "load_dataset", lambda name, few=few, **_: few)
        runs.append(train("digits-fc", "eprop", epochs=2, steps=4, folder=tmp_path / name).document)
    accuracies = [run["accuracy"]["quantised"] for run in runs]
    assert accuracies[0]["test"] != accuracies[1]["test"]
    assert accuracies[0]["validation"] == accuracies[1]["validation"]
    assert [{key: value for key, value in epoch.items() if "seconds" not in key} for epoch in runs[0]["history"]] == [
        {key: value for key, value in epoch.items() if "seconds" not in key} for epoch in runs[1]["history"]
    ]
    assert (tmp_path / "one" / "weights.npz").read_bytes() == (tmp_path / "other" / "weights.npz").read_bytes()


def test_17_what_is_asked_for_goes_before_what_a_rule_file_says() -> None:
    """NeuroTrain: sections of a shipped file overruled the settings beside them."""
    for rule in trainable_rules():
        constants = default_settings(rule)
        other = "sgd" if constants.optimiser == "adam" else "adam"
        asked = changed(rule, {"optimiser": other, "learning_rate": "0.123"})
        assert (asked.optimiser, asked.learning_rate) == (other, 0.123)
        assert asked == replace(constants, optimiser=other, learning_rate=0.123)


def test_18_a_rule_that_is_said_to_train_a_network_does() -> None:
    """NeuroTrain: the readme named pairs that its own table refused. One declaration is what is checked and shown."""
    for rule in trainable_rules():
        for kind in declaration(rule).layers:
            check_layers(rule, [[kind]])


def test_19_rates_are_the_pixels() -> None:
    """NeuroTrain: Fashion-MNIST was normalised before the rate code, so that dark pixels never spiked and light ones
    always did."""
    pixels = np.array([[0.0, 0.1, 0.286, 0.64, 0.9, 1.0]])
    rates = encode_rate(pixels, steps=20_000, seed=1).mean(axis=1)
    np.testing.assert_allclose(rates, pixels, atol=0.01)
    with pytest.raises(ValueRangeError):
        encode_rate((pixels - 0.286) / 0.353, steps=4, seed=1)


def test_20_an_unknown_loss_is_refused() -> None:
    """NeuroTrain: another one was taken in silence."""
    for rule in trainable_rules():
        with pytest.raises(ValueRangeError, match="membrane-ce"):
            changed(rule, {"loss": "ce_rat"})
        with pytest.raises((ValueRangeError, UnsupportedError)):
            make_trainer(rule, network(neurons=fitting(rule)), replace(default_settings(rule), loss="ce_rat"), seed=0)


def test_21_numbers_and_devices_in_text() -> None:
    """NeuroTrain: `lr: 1e-3` was a text, and the device `auto` of its own examples unknown to torch."""
    assert changed("bptt", {"learning_rate": "1e-3"}).learning_rate == 0.001
    with pytest.raises(ValueRangeError, match="a number"):
        changed("bptt", {"learning_rate": "small"})
    for name in ("auto", "mps", "cuda:first"):
        with pytest.raises(ValueRangeError, match="cpu, cuda"):
            device_of(name)


def test_23_no_module_of_the_trainers_is_left_over() -> None:
    """NeuroTrain: whole files that nothing used, and copies of one function in nine."""
    folder = Path(neurotrain_hw.trainers.__file__).parent
    text = "\n".join(path.read_text(encoding="utf-8") for path in folder.parent.rglob("*.py"))
    for path in folder.glob("*.py"):
        name = path.stem
        used = re.search(rf"trainers\.{name}\b|trainers import [^\n]*\b{name}\b|[\"']{name}[\"']", text)
        assert name == "__init__" or used, path.name
