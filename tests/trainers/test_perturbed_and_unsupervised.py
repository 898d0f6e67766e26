"""Rules that compare passes, disturb the network, or learn without a teacher, against their equations written out."""

import numpy as np
import pytest
import torch
from local_rules import BETA, SLOPE, THRESHOLD, fire, network
from local_rules import learn as learned
from trainer_oracles import batch, small_cells

from neurotrain_hw.errors import UnsupportedError, ValueRangeError
from neurotrain_hw.trainers.node_perturbation import Disturbed
from neurotrain_hw.trainers.online import Regime
from neurotrain_hw.trainers.trainer import Batch, Setting


def learn(net, rule, spikes, labels, **constants):
    return learned(net, rule, spikes, labels, **{"loss": "membrane-ce", "gain": 1.0} | constants)


def test_trace_propagation_is_the_autograd_of_its_losses() -> None:
    """Per layer and step the loss as published, its gradient by autograd, all earlier steps constants."""
    net, (spikes, labels) = network(), batch((3,))
    trainer, found = learn(net, "trace-propagation", spikes, labels, psi="surrogate", similarity=0.3)
    weights = [m.weight.detach().clone().requires_grad_() for m in net.synapses]
    s_matrix = trainer.parameters["projection"].detach().clone().requires_grad_()
    label = torch.nn.functional.one_hot(labels, 3).double()
    sizes, shown = (5, 4), len(spikes) * len(labels)
    v, s, v_t, s_t = ([torch.zeros(4, n).double() for n in (5, 4, 3)] for _ in range(4))
    eps = [torch.zeros(4, n).double() for n in sizes]
    eps_t = [torch.zeros(4, n).double() for n in (3, *sizes)]
    total, total_s = [torch.zeros_like(w) for w in weights], torch.zeros_like(s_matrix)
    for x in spikes.double():
        eps_t[0] = 0.98 * eps_t[0] + label
        here, there = x, label
        for k in range(2):
            v[k] = BETA * v[k] * (1 - s[k]) + here @ weights[k].T
            v_t[k] = BETA * v_t[k] * (1 - s_t[k]) + there @ (weights[k] if k else s_matrix).T
            s[k], s_t[k] = fire(v[k] - THRESHOLD), fire(v_t[k] - THRESHOLD)
            student, target = 0.98 * eps[k] + s[k], 0.98 * eps_t[k + 1] + s_t[k]
            z, d = 0.3 * student @ target.T, torch.zeros(4, 4).double()
            for b in range(4):
                for c in range(4):
                    d[b, c] = ((eps_t[k][b] - eps_t[k][c]) ** 2).sum().sqrt()
            y = torch.softmax(-d, dim=1)
            loss = -(y * torch.log_softmax(z, dim=1)).sum()  # N times the mean
            free = [weights[k], s_matrix] if k == 0 else [weights[k]]
            grads = torch.autograd.grad(loss, free)
            total[k] += grads[0]
            if k == 0:
                total_s += grads[1]
            v[k], v_t[k], s[k], s_t[k] = v[k].detach(), v_t[k].detach(), s[k].detach(), s_t[k].detach()
            eps[k], eps_t[k + 1] = student.detach(), target.detach()
            here, there = s[k], s_t[k]
        v[2] = (BETA * v[2] * (1 - s[2]) + here @ weights[2].T).detach()
        s[2] = (v[2] > THRESHOLD).double()
        total[2] += (torch.softmax(v[2], 1) - label).T @ eps[1]
    for one, wanted in zip(found, total, strict=True):
        assert float(wanted.abs().max()) > 1e-2
        np.testing.assert_allclose(one, wanted.numpy() / shown, rtol=1e-9, atol=1e-12)
    projection = trainer.parameters["projection"].grad.numpy()
    np.testing.assert_allclose(projection, total_s.numpy() / shown, rtol=1e-9, atol=1e-12)


def test_trace_propagation_needs_two_samples_and_a_hidden_layer() -> None:
    with pytest.raises(ValueRangeError, match="at least 2"):
        learn(network(), "trace-propagation", *batch((3,)), batch=1)
    with pytest.raises(UnsupportedError, match="no hidden layer"):
        learn(network((3,)), "trace-propagation", *batch((3,)))


def forward(weights, x):
    """Per step, per layer: spikes in, membrane, spikes, for one sample (T, inputs)."""
    v, s, steps = [np.zeros(len(w)) for w in weights], [np.zeros(len(w)) for w in weights], []
    for now in x:
        row = []
        for k, w in enumerate(weights):
            v[k] = BETA * v[k] * (1 - s[k]) + w @ now
            s[k] = (v[k] > THRESHOLD).astype(float)
            row.append((now, v[k], s[k]))
            now = s[k]
        steps.append(row)
    return steps


def softmax(values):
    return np.exp(values) / np.exp(values).sum()


def test_ell_is_its_equation() -> None:
    net, (spikes, labels) = network(), batch((3,))
    trainer, found = learn(net, "ell", spikes, labels)
    weights = [m.weight.detach().numpy() for m in net.synapses]
    readouts = [p.detach().numpy() for p in trainer.parameters.values()]
    total, own = [np.zeros_like(w) for w in weights], [np.zeros_like(g) for g in readouts]
    for n, label in enumerate(labels):
        traces = [np.zeros(w.shape[1]) for w in weights]
        for row in forward(weights, spikes[:, n].numpy().astype(float)):
            for k, (now, v, s) in enumerate(row):
                traces[k] = BETA * traces[k] + now
                if k == 2:
                    total[k] += np.outer(softmax(v) - np.eye(3)[int(label)], traces[k])
                    continue
                wrong = softmax(readouts[k] @ s) - np.eye(3)[int(label)]
                own[k] += np.outer(wrong, s)
                psi = 1 / (1 + SLOPE * np.abs(v - THRESHOLD)) ** 2
                total[k] += np.outer((wrong @ readouts[k]) * psi, traces[k])
    shown = len(spikes) * len(labels)
    for one, wanted in zip(found, total, strict=True):
        np.testing.assert_allclose(one, wanted / shown, rtol=1e-9, atol=1e-12)
    for parameter, wanted in zip(trainer.parameters.values(), own, strict=True):
        np.testing.assert_allclose(parameter.grad.numpy(), wanted / shown, rtol=1e-9, atol=1e-12)


CHANGES = {
    "pair-stdp": lambda x, y, y_old, pre, post, w, theta: x * post - 1.05 * y_old * pre,
    "hebb": lambda x, y, y_old, pre, post, w, theta: x * post + y * pre,
    "oja": lambda x, y, y_old, pre, post, w, theta: y * (x - y * w),
    "bcm": lambda x, y, y_old, pre, post, w, theta: x * y * (y - theta),
}


@pytest.mark.parametrize("rule", CHANGES)
def test_hidden_layers_without_a_teacher_change_as_published(rule: str) -> None:
    net, (spikes, labels) = network(), batch((3,))
    _, found = learn(net, rule, spikes, labels, amplitude=0.5, post_decay=0.6)
    _, control = learn(network(), "readout-only", spikes, labels)
    np.testing.assert_allclose(found[-1], control[-1], rtol=1e-12)
    weights = [m.weight.detach().numpy() for m in net.synapses]
    total = [np.zeros_like(w) for w in weights[:-1]]
    for n in range(len(labels)):
        x, y = [np.zeros(w.shape[1]) for w in weights], [np.zeros(len(w)) for w in weights]
        theta = [np.zeros(len(w)) for w in weights]
        for row in forward(weights, spikes[:, n].numpy().astype(float)):
            for k, (pre, _, post) in enumerate(row[:-1]):
                x[k], y_old = BETA * x[k] + pre, 0.6 * y[k]
                y[k] = y_old + post
                theta[k] = theta[k] + (y[k] ** 2 - theta[k]) / 100
                for j in range(len(post)):
                    for i in range(len(pre)):
                        total[k][j, i] += CHANGES[rule](
                            x[k][i], y[k][j], y_old[j], pre[i], post[j], weights[k][j, i], theta[k][j]
                        )
    for one, wanted in zip(found, total, strict=False):
        assert np.abs(wanted).max() > 1e-2
        np.testing.assert_allclose(one, -0.5 * wanted / (len(spikes) * len(labels)), rtol=1e-9, atol=1e-12)


def test_triplet_stdp_changes_as_published() -> None:
    """Pfister and Gerstner, all-to-all: slow traces as they were before the spike that reads them."""
    net, (spikes, labels) = network(), batch((3,))
    a = {"pair_plus": 0.3, "triplet_plus": 0.7, "pair_minus": 0.4, "triplet_minus": 0.9}
    decays = {"trace_decay": 0.8, "post_decay": 0.6, "slow_pre": 0.9, "slow_post": 0.95}
    _, found = learn(net, "triplet-stdp", spikes, labels, amplitude=0.5, **a, **decays)
    weights = [m.weight.detach().numpy() for m in net.synapses]
    for k, (found_k, weight) in enumerate(zip(found[:-1], weights, strict=False)):
        total = np.zeros_like(weight)
        for n in range(len(labels)):
            rows = [row[k] for row in forward(weights, spikes[:, n].numpy().astype(float))]
            for j in range(weight.shape[0]):
                for i in range(weight.shape[1]):
                    r1 = r2 = o1 = o2 = 0.0
                    for pre, _, post in rows:
                        r1, r2, o1, o2 = 0.8 * r1, 0.9 * r2, 0.6 * o1, 0.95 * o2
                        if pre[i]:
                            total[j, i] -= o1 * (a["pair_minus"] + a["triplet_minus"] * r2)
                            r1, r2 = r1 + 1, r2 + 1
                        if post[j]:
                            total[j, i] += r1 * (a["pair_plus"] + a["triplet_plus"] * o2)
                            o1, o2 = o1 + 1, o2 + 1
        assert np.abs(total).max() > 1e-2
        np.testing.assert_allclose(found_k, -0.5 * total / (len(spikes) * len(labels)), rtol=1e-9, atol=1e-12)


def mean_loss(weights, spikes, labels) -> float:
    total = 0.0
    for n, label in enumerate(labels):
        for row in forward(weights, spikes[:, n].numpy().astype(float)):
            total -= np.log(softmax(row[-1][1])[int(label)])
    return total / (len(spikes) * len(labels))


@pytest.mark.parametrize("rule", ["weight-perturbation", "evolution-strategies"])
def test_perturbed_weights_as_published(rule: str) -> None:
    net, (spikes, labels) = network(), batch((3,))
    before = [m.weight.detach().numpy().copy() for m in net.synapses]
    draws = {"draws": 3} if rule == "evolution-strategies" else {}
    _, found = learn(net, rule, spikes, labels, sigma=0.3, **draws)
    assert all(np.array_equal(m.weight.detach().numpy(), w) for m, w in zip(net.synapses, before, strict=True))
    generator = Batch(spikes, labels, update=lambda: None, key=(8, 9)).generator()
    wanted = [np.zeros_like(w) for w in before]
    for _ in range(3 if rule == "evolution-strategies" else 1):
        noise = [torch.randn(w.shape, generator=generator, dtype=torch.float64).numpy() for w in before]
        higher = mean_loss([w + 0.3 * e for w, e in zip(before, noise, strict=True)], spikes, labels)
        if rule == "evolution-strategies":
            lower = mean_loss([w - 0.3 * e for w, e in zip(before, noise, strict=True)], spikes, labels)
            slope = (higher - lower) / (2 * 3 * 0.3)
        else:
            slope = (higher - mean_loss(before, spikes, labels)) / 0.3
        for one, e in zip(wanted, noise, strict=True):
            one += slope * e
    for one, other in zip(found, wanted, strict=True):
        assert np.abs(other).max() > 1e-3
        np.testing.assert_allclose(one, other, rtol=1e-8, atol=1e-11)


def test_node_perturbation_is_on_average_the_gradient_of_the_disturbed_loss() -> None:
    """Held against finite differences of the mean loss under the same noise, over 40,000 draws of one sample."""
    (cell,) = small_cells((2,), seed=5)
    draws, steps, sigma = 40_000, 4, 0.5
    rng = np.random.default_rng(1)
    spikes = torch.from_numpy((rng.random((steps, 1, 6)) < 0.5).astype(np.uint8)).expand(-1, draws, -1)
    regime = Regime(loss="membrane-mse")
    setting = Setting([cell], torch.zeros(draws, dtype=torch.int64), regime, torch.Generator().manual_seed(3))
    learner = Disturbed(setting, sigma)
    learner.advance(spikes)
    found = learner.gradients[0][0].numpy() / draws

    def expected(weight: torch.Tensor) -> float:
        noise = torch.Generator().manual_seed(4)
        v, s, total = torch.zeros(draws, 2).double(), torch.zeros(draws, 2).double(), 0.0
        for now in spikes.double():
            xi = sigma * torch.randn(draws, 2, generator=noise, dtype=torch.float64)
            v = cell.beta * v * (1 - s) + now @ weight.T + xi
            s = (v > cell.threshold).double()
            total += float(((v - torch.tensor([1.0, 0.0])) ** 2).sum() / 2)
        return total / draws

    wanted = np.zeros((2, 6))
    for j in range(2):
        for i in range(6):
            step = torch.zeros(2, 6).double()
            step[j, i] = 0.05
            wanted[j, i] = (expected(cell.weight + step) - expected(cell.weight - step)) / 0.1
    assert np.abs(wanted).max() > 0.5
    assert np.abs(found - wanted).max() < 0.08 * np.abs(wanted).max()


def test_node_perturbation_is_its_equation() -> None:
    net, (spikes, labels) = network((4, 3)), batch((3,), steps=5)
    _, found = learn(net, "node-perturbation", spikes, labels, sigma=0.4)
    weights = [m.weight.detach().numpy() for m in net.synapses]
    generator = Batch(spikes, labels, update=lambda: None, key=(8, 9)).generator()
    xi = [[0.4 * torch.randn(4, n, generator=generator, dtype=torch.float64).numpy() for n in (4, 3)] for _ in range(5)]
    total = [np.zeros_like(w) for w in weights]
    for n, label in enumerate(labels):
        calm = forward(weights, spikes[:, n].numpy().astype(float))
        v, s, e = [np.zeros(4), np.zeros(3)], [np.zeros(4), np.zeros(3)], [np.zeros_like(w) for w in weights]
        for t, now in enumerate(spikes[:, n].numpy().astype(float)):
            for k, w in enumerate(weights):
                v[k] = BETA * v[k] * (1 - s[k]) + w @ now + xi[t][k][n]
                s[k] = (v[k] > THRESHOLD).astype(float)
                e[k] += np.outer(xi[t][k][n], now)
                now = s[k]
            worse = np.log(softmax(calm[t][-1][1])[int(label)]) - np.log(softmax(v[1])[int(label)])
            for one, noisy in zip(total, e, strict=True):
                one += worse / 0.4**2 * noisy
    for one, wanted in zip(found, total, strict=True):
        np.testing.assert_allclose(one, wanted / (5 * 4), rtol=1e-9, atol=1e-12)
