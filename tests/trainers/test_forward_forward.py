"""Forward-Forward against its equations written out, and what it learns."""

import numpy as np
import torch
from local_rules import Layer, generator, learn, network, psi, softmax, weights_of
from trainer_oracles import batch


def test_forward_forward_is_its_equations() -> None:
    net, (spikes, labels) = network(), batch((3,))
    weights = weights_of(net)
    trainer, found = learn(net, "forward-forward", spikes, labels, count_decay=0.7, theta=0.8)
    s_matrix = trainer.parameters["labels"].detach().numpy()
    away = torch.randint(1, 3, labels.shape, generator=generator()).numpy()
    total, total_s = [np.zeros_like(w) for w in weights], np.zeros_like(s_matrix)
    for n, label in enumerate(labels.numpy()):
        plain = [Layer(w) for w in weights]
        passes = [
            (right, [Layer(w) for w in weights[:2]], [np.zeros(5), np.zeros(4)], np.eye(3)[shown], np.zeros(3))
            for right, shown in ((True, label), (False, (label + away[n]) % 3))
        ]
        for now in spikes[:, n].numpy().astype(float):
            pre = now
            for layer in plain:
                pre = layer.step(pre)
            total[2] += np.outer(softmax(plain[2].v) - np.eye(3)[label], plain[2].x)
            for right, layers, counts, y, y_trace in passes:
                y_trace[:] = 0.8 * y_trace + y
                pre = now
                for k, layer in enumerate(layers):
                    pre = layer.step(pre, s_matrix @ y if k == 0 else 0.0)
                    counts[k] = 0.7 * counts[k] + pre
                    p = 1 / (1 + np.exp(-(np.mean(counts[k] ** 2) - 0.8)))
                    # minus log p goes down with G by 1 - p, minus log(1 - p) up by p
                    told = (-(1 - p) if right else p) * 2 * counts[k] / len(counts[k]) * psi(layer.v)
                    total[k] += np.outer(told, layer.x)
                    if k == 0:
                        total_s += np.outer(told, y_trace)
    shown = len(spikes) * len(labels)
    for one, wanted in zip(found, total, strict=True):
        assert np.abs(wanted).max() > 1e-2
        np.testing.assert_allclose(one, wanted / shown, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(trainer.parameters["labels"].grad.numpy(), total_s / shown, rtol=1e-9, atol=1e-12)


def test_the_signal_is_the_derivative_of_the_loss_of_a_step() -> None:
    """Autograd of log(1 + exp(+-(theta - G))) by this step's spikes, for a count that holds earlier ones."""
    before = torch.tensor([0.5, 1.2, 0.0, 2.0], dtype=torch.float64)
    spikes = torch.tensor([1.0, 0.0, 0.0, 1.0], dtype=torch.float64, requires_grad=True)
    count = 0.7 * before + spikes
    goodness = count.square().mean()
    for right in (True, False):
        loss = torch.nn.functional.softplus((0.8 - goodness) if right else (goodness - 0.8))
        (wanted,) = torch.autograd.grad(loss, spikes, retain_graph=True)
        p = torch.sigmoid(goodness - 0.8)
        found = ((p - 1) if right else p) * 2 * count / 4
        torch.testing.assert_close(found.detach(), wanted)


def test_goodness_of_every_label_is_that_of_the_pass_with_it() -> None:
    net, (spikes, labels) = network(), batch((3,))
    trainer, _ = learn(net, "forward-forward", spikes, labels, count_decay=0.7)
    weights, s_matrix = weights_of(net), trainer.parameters["labels"].detach().numpy()
    found = trainer.goodness(spikes).numpy()
    for n in range(len(labels)):
        for label in range(3):
            layers, counts, total = [Layer(w) for w in weights[:2]], [0.0, 0.0], 0.0
            for now in spikes[:, n].numpy().astype(float):
                pre = now
                for k, layer in enumerate(layers):
                    pre = layer.step(pre, s_matrix[:, label] if k == 0 else 0.0)
                    counts[k] = 0.7 * counts[k] + pre
                    total += np.mean(counts[k] ** 2)
            np.testing.assert_allclose(found[n, label], total, rtol=1e-9)
