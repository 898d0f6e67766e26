"""Difference target propagation against its equations written out."""

import numpy as np
import pytest
import torch
from local_rules import Layer, generator, learn, network, psi, softmax, weights_of
from trainer_oracles import batch

from neurotrain_hw.errors import UnsupportedError


def sigmoid(values: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-values))


def test_difference_target_propagation_is_its_equations() -> None:
    net, (spikes, labels) = network(), batch((3,))
    weights, rule = weights_of(net), "difference-target-propagation"
    trainer, found = learn(net, rule, spikes, labels, rate_decay=0.75, target_step=0.3, noise=0.2)
    own = {name: parameter.detach().numpy() for name, parameter in trainer.parameters.items()}
    v_matrix, offset = [own["feedback0"], own["feedback1"]], [own["offset0"], own["offset1"]]
    assert [m.shape for m in v_matrix] == [(5, 4), (4, 3)]
    samples = len(labels)
    draws = generator()
    noise = []
    for _ in spikes:  # from the top, as targets go
        top = torch.randn(samples, 3, generator=draws, dtype=torch.float64).numpy()
        noise.append([torch.randn(samples, 4, generator=draws, dtype=torch.float64).numpy(), top])
    total = [np.zeros_like(w) for w in weights]
    total_v, total_c = [np.zeros_like(m) for m in v_matrix], [np.zeros_like(c) for c in offset]
    for n, label in enumerate(labels.numpy()):
        layers, h = [Layer(w) for w in weights], [np.zeros(len(w)) for w in weights]
        for t, pre in enumerate(spikes[:, n].numpy().astype(float)):
            for k, layer in enumerate(layers):
                pre = layer.step(pre)
                h[k] = 0.75 * h[k] + 0.25 * pre
            error = softmax(layers[2].v) - np.eye(3)[label]
            total[2] += np.outer(error, layers[2].x)
            target = h[2] - 0.3 * error
            for k in (1, 0):
                back = [sigmoid(v_matrix[k] @ rate + offset[k]) for rate in (target, h[k + 1])]
                target = h[k] + back[0] - back[1]
                total[k] += np.outer((h[k] - target) * psi(layers[k].v), layers[k].x)
                above = h[k + 1] + 0.2 * noise[t][k][n]
                guess = sigmoid(v_matrix[k] @ above + offset[k])
                wrong = (guess - h[k]) * guess * (1 - guess)
                total_v[k] += np.outer(wrong, above)
                total_c[k] += wrong
    shown = len(spikes) * samples
    for one, wanted in zip(found, total, strict=True):
        assert np.abs(wanted).max() > 1e-3
        np.testing.assert_allclose(one, wanted / shown, rtol=1e-9, atol=1e-13)
    for k in range(2):
        for name, wanted in ((f"feedback{k}", total_v[k]), (f"offset{k}", total_c[k])):
            np.testing.assert_allclose(
                trainer.parameters[name].grad.numpy(), wanted / shown, rtol=1e-9, atol=1e-13
            )  # fmt: skip


def test_it_is_about_hidden_layers() -> None:
    with pytest.raises(UnsupportedError, match="no hidden layer"):
        learn(network((3,)), "difference-target-propagation", *batch((3,)))
