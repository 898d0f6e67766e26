"""Rules that do more than add up products: FPTT, truncated BPTT, adaptive feedback, ETLP with adaptive thresholds."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from trainer_oracles import assert_equal_gradients, autograd, batch, small_cells

from neurotrain_hw.errors import UnsupportedError
from neurotrain_hw.networks import build, load_model, parse_model
from neurotrain_hw.trainers import default_settings, etlp
from neurotrain_hw.trainers.cells import Cell
from neurotrain_hw.trainers.constants import EtlpSettings
from neurotrain_hw.trainers.make import make_optimizer, make_trainer
from neurotrain_hw.trainers.online import Regime
from neurotrain_hw.trainers.psi import pseudo_derivative
from neurotrain_hw.trainers.trainer import Batch, Setting


def network(sizes=(5, 3)):
    layers = [{"name": f"l{k}", "neurons": n, "beta": 0.8, "threshold": 1.0} for k, n in enumerate(sizes)]
    document = {"summary": "", "inputs": 6, "steps": 8, "surrogate": {"slope": 2.0}, "layers": layers}
    return build(parse_model(document, name="small", where=""), weight_bits=None, seed=3).double()


def cells_like(net) -> list[Cell]:
    psi = pseudo_derivative("surrogate", 1.0, net.spec.surrogate)
    return [Cell(m.weight.detach().clone(), 0.8, 1.0, psi) for m in net.synapses]


def learn(net, rule, spikes, labels, **constants):
    constants = {"loss": "membrane-ce", "gain": 1.0} | constants
    trainer = make_trainer(rule, net, replace(default_settings(rule), **constants), seed=0)
    loss = trainer.learn(Batch(spikes, labels, update=lambda: None))
    return [[module.weight.grad.clone()] for module in net.synapses], loss


def test_a_window_as_long_as_the_sample_is_backpropagation() -> None:
    net, (spikes, labels) = network(), batch((3,))
    shown = len(spikes) * len(labels)
    whole = autograd(cells_like(net), spikes, labels, reset_gradient="gate")
    found, loss = learn(net, "tbptt", spikes, labels, window=len(spikes), reset_gradient="gate")
    assert_equal_gradients([[g * shown for g in layer] for layer in found], whole)
    bptt, same_loss = learn(net, "bptt", spikes, labels, loss="membrane-ce", gain=1.0)
    assert_equal_gradients(found, bptt, least=1e-6)
    assert loss == pytest.approx(same_loss, rel=1e-12)


def test_windows_of_one_step_leave_out_all_earlier_steps() -> None:
    """Written out: at every step the gradient of that step's loss, the membranes before it constants."""
    net, (spikes, labels) = network(), batch((3,))
    cells = cells_like(net)
    v, fired = [torch.zeros(4, n).double() for n in (5, 3)], [torch.zeros(4, n).double() for n in (5, 3)]
    total = [torch.zeros_like(cell.weight) for cell in cells]
    target = torch.nn.functional.one_hot(labels, 3).double()
    for now in spikes.double():
        below = []
        for k, cell in enumerate(cells):
            below.append(now)
            v[k] = 0.8 * v[k] * (1 - fired[k]) + now @ cell.weight.T
            fired[k] = (v[k] > 1).double()
            now = fired[k]
        error = torch.softmax(v[1], 1) - target
        total[1] += error.T @ below[1]
        total[0] += ((error @ cells[1].weight) * cells[0].psi(v[0] - 1)).T @ below[0]
    found, _ = learn(net, "tbptt", spikes, labels, window=1)
    wanted = [[g / (len(spikes) * len(labels))] for g in total]
    assert_equal_gradients(found, wanted, least=1e-6)


def test_fptt_updates_at_every_step_as_published() -> None:
    """theta, lambda and the running mean over two samples, written out for plain gradient descent."""
    net, (spikes, labels) = network(), batch((3,), steps=6)
    constants = replace(
        default_settings("fptt"), loss="membrane-ce", gain=1.0, optimiser="sgd", learning_rate=0.2, alpha=0.3, beta=0.4
    )
    trainer = make_trainer("fptt", net, constants, seed=0)
    optimizer = make_optimizer(list(net.parameters()), constants)
    cells = cells_like(net)
    theta = [cell.weight.clone() for cell in cells]
    pull, mean = [torch.zeros_like(w) for w in theta], [w.clone() for w in theta]
    target = torch.nn.functional.one_hot(labels, 3).double()
    for _ in range(2):
        v, fired = [torch.zeros(4, n).double() for n in (5, 3)], [torch.zeros(4, n).double() for n in (5, 3)]
        for t, now in enumerate(spikes.double(), start=1):
            below = []
            for k, w in enumerate(theta):
                below.append(now)
                v[k] = 0.8 * v[k] * (1 - fired[k]) + now @ w.T
                fired[k] = (v[k] > 1).double()
                now = fired[k]
            error = (torch.softmax(v[1], 1) - target) / len(labels)
            grads = [((error @ theta[1]) * cells[0].psi(v[0] - 1)).T @ below[0], error.T @ below[1]]
            for k in range(2):
                grad = t / 6 * grads[k] - pull[k] + 0.3 * (theta[k] - mean[k])
                theta[k] = theta[k] - 0.2 * grad
                pull[k] = pull[k] - 0.3 * (theta[k] - mean[k])
                mean[k] = 0.6 * mean[k] + 0.4 * theta[k] - 0.4 / 0.3 * pull[k]
        trainer.learn(Batch(spikes, labels, optimizer.step))
    for module, wanted in zip(net.synapses, theta, strict=True):
        torch.testing.assert_close(module.weight.detach(), wanted, rtol=1e-9, atol=1e-12)
    for k in range(2):
        torch.testing.assert_close(trainer.kept[f"lambda{k}"], pull[k], rtol=1e-9, atol=1e-12)
        torch.testing.assert_close(trainer.kept[f"mean{k}"], mean[k], rtol=1e-9, atol=1e-12)


def test_adaptive_feedback_comes_to_agree_with_the_readout() -> None:
    """Equal updates and a common decay: the difference shrinks by the decay, exactly, with plain gradient descent."""
    net, (spikes, labels) = network(), batch((3,))
    constants = replace(default_settings("eprop-adaptive"), optimiser="sgd", learning_rate=0.1, feedback_decay=0.05)
    trainer = make_trainer("eprop-adaptive", net, constants, seed=0)
    feedback, readout = trainer.parameters["feedback"], net.synapses[-1].weight
    optimizer = make_optimizer([*net.parameters(), feedback], constants)
    apart = (readout.T - feedback).detach().clone()
    for _ in range(20):
        trainer.learn(Batch(spikes, labels, optimizer.step))
    torch.testing.assert_close((readout.T - feedback).detach(), 0.95**20 * apart, rtol=1e-9, atol=1e-12)


def test_etlp_with_adaptive_thresholds_is_its_published_equation() -> None:
    cells = small_cells((5, 3), recurrent=True, adaptive=True)
    spikes, labels = batch((3,))
    feedback = torch.from_numpy(np.random.default_rng(4).normal(size=(5, 3)))
    setting = Setting(cells, labels, Regime(loss="spike-mse"), torch.Generator())
    learner = etlp.learner(setting, EtlpSettings(), [feedback], probability=1.0)
    learner.advance(spikes)
    cell, out = (replace(c, psi=lambda u: 0.6 * (1 - u.abs() / 1.2).clamp(min=0)) for c in cells)
    total = [np.zeros((5, 6)), np.zeros((5, 5)), np.zeros((3, 5))]
    for n, label in enumerate(labels):
        target = np.eye(3)[int(label)]
        v, s, a, v_out, s_out = np.zeros(5), np.zeros(5), np.zeros(5), np.zeros(3), np.zeros(3)
        x, x_rec, x_out = np.zeros(6), np.zeros(5), np.zeros(5)
        eps, eps_rec = np.zeros((5, 6)), np.zeros((5, 5))
        for now in spikes[:, n].numpy().astype(float):
            x, x_rec = cell.beta * x + now, cell.beta * x_rec + s
            v = cell.beta * v * (1 - s) + cell.weight.numpy() @ now + cell.recurrent.numpy() @ s
            u = v - cell.threshold - cell.strength * a
            psi, s = 0.6 * np.maximum(0, 1 - np.abs(u) / 1.2), (u > 0).astype(float)
            a = cell.rho * a + s
            told = -feedback.numpy() @ target
            for e, trace, into in ((eps, x, total[0]), (eps_rec, x_rec, total[1])):
                for j in range(5):
                    for i in range(len(trace)):
                        into[j, i] += told[j] * psi[j] * (trace[i] - cell.strength * e[j, i])
                        e[j, i] = psi[j] * trace[i] + (cell.rho - psi[j] * cell.strength) * e[j, i]
            x_out = out.beta * x_out + s
            v_out = out.beta * v_out * (1 - s_out) + out.weight.numpy() @ s
            psi_out = 0.6 * np.maximum(0, 1 - np.abs(v_out - out.threshold) / 1.2)
            s_out = (v_out > out.threshold).astype(float)
            total[2] += np.outer((s_out - target) * psi_out, x_out)
    wanted = [[torch.from_numpy(total[0]), torch.from_numpy(total[1])], [torch.from_numpy(total[2])]]
    assert_equal_gradients(learner.gradients, wanted)


def test_filtered_eprop_with_random_feedback_filters_by_the_readouts_decay() -> None:
    net, (spikes, labels) = network(), batch((3,))
    trainer = make_trainer(
        "eprop-filtered", net, replace(default_settings("eprop-filtered"), loss="membrane-ce", gain=1.0), seed=5
    )
    b, wanted = trainer.feedback[0].numpy(), np.zeros((5, 6))
    trainer.learn(Batch(spikes, labels, update=lambda: None))
    (hidden, out), psi = cells_like(net), cells_like(net)[0].psi
    for n, label in enumerate(labels):
        v, s, v_out, s_out = np.zeros(5), np.zeros(5), np.zeros(3), np.zeros(3)
        x, filtered = np.zeros(6), np.zeros((5, 6))
        for now in spikes[:, n].numpy().astype(float):
            x = 0.8 * x + now
            v = 0.8 * v * (1 - s) + hidden.weight.numpy() @ now
            s = (v > 1).astype(float)
            v_out = 0.8 * v_out * (1 - s_out) + out.weight.numpy() @ s
            s_out = (v_out > 1).astype(float)
            filtered = 0.8 * filtered + np.outer(psi(torch.from_numpy(v - 1)).numpy(), x)
            error = np.exp(v_out) / np.exp(v_out).sum() - np.eye(3)[int(label)]
            wanted += (b @ error)[:, None] * filtered
    found = net.synapses[0].weight.grad.numpy()
    np.testing.assert_allclose(found, wanted / (len(spikes) * len(labels)), rtol=1e-9, atol=1e-13)


def test_the_control_teaches_the_readout_alone_and_as_eprop_does() -> None:
    net, (spikes, labels) = network(), batch((3,))
    wanted, _ = learn(net, "eprop", spikes, labels)
    found, _ = learn(net, "readout-only", spikes, labels)
    assert torch.equal(found[-1][0], wanted[-1][0]) and not found[0][0].any() and wanted[0][0].any()


def test_rtrl_says_when_a_network_is_too_large() -> None:
    net = build(load_model("digits-fc"), seed=0)
    with pytest.raises(UnsupportedError, match="words"):
        make_trainer("rtrl", net, default_settings("rtrl"), seed=0)
