"""Reward-modulated STDP against its equations written out: the published rule alone, and all that is added to it."""

import numpy as np
import pytest
import torch
from local_rules import BETA, Layer, generator, learn, network, weights_of
from trainer_oracles import batch

PUBLISHED = {"winner": False, "hit_rate": None, "noise": 0.0, "competing": False, "amplitude": 1.0, "depression": 1.05}
ADDED = {"winner": True, "hit_rate": 0.25, "noise": 0.6, "competing": True, "amplitude": 0.1, "depression": 0.4}


def transcribed(
    weights: list[np.ndarray], spikes: torch.Tensor, labels: torch.Tensor, c: dict
) -> tuple[list[np.ndarray], list[int], np.ndarray]:
    """Weight changes of the batch, the answers, and the mean rewards after it."""
    noise = c["noise"] * torch.randn(len(labels), 3, generator=generator(), dtype=torch.float64).numpy()
    total, answers, told = [np.zeros_like(w) for w in weights], [], []
    means = np.full(3, 2 / 3 - 1)
    for n, label in enumerate(labels.tolist()):
        layers, y = [Layer(w) for w in weights], [np.zeros(len(w)) for w in weights]
        tags, x, count = [np.zeros_like(w) for w in weights], [np.zeros(w.shape[1]) for w in weights], np.zeros(3)
        for now in spikes[:, n].numpy().astype(float):
            pre = now
            for k, layer in enumerate(layers):
                post = layer.step(pre, noise[n] if k == 2 else 0.0)
                x[k] = BETA * x[k] + pre
                for j in range(len(post)):
                    for i in range(len(pre)):
                        pair = x[k][i] * post[j] - c["depression"] * 0.6 * y[k][j] * pre[i]
                        tags[k][j, i] = 0.9 * tags[k][j, i] + pair
                y[k] = 0.6 * y[k] + post
                pre = post
            count += pre
        answer = int(np.argmax(count))
        answers.append(answer)
        told.append(1.0 if answer == label else -1.0)
        r = told[-1] - (means[answer] if c["hit_rate"] else 0.0)
        for k, tag in enumerate(tags):
            if c["competing"]:
                tag = tag - tag.mean(axis=1, keepdims=True)
            if k == 2 and c["winner"]:
                tag = tag * np.eye(3)[answer][:, None]
            total[k] += (c["amplitude"] if k < 2 else 1.0) * r * tag
    for answer, r in zip(answers, told, strict=True):
        means[answer] += (c["hit_rate"] or 0.0) * (r - means[answer])
    return total, answers, means


@pytest.mark.parametrize("constants", [PUBLISHED, ADDED], ids=["published", "added"])
def test_reward_stdp_is_its_equations(constants: dict) -> None:
    net, (spikes, labels) = network(), batch((3,), seed=5)
    weights = weights_of(net)
    trainer, found = learn(net, "reward-stdp", spikes, labels, post_decay=0.6, tag_decay=0.9, **constants)
    wanted, answers, means = transcribed(weights, spikes, labels, constants)
    assert 0 < sum(a == label for a, label in zip(answers, labels.tolist(), strict=True)) < len(labels)
    for one, change in zip(found, wanted, strict=True):
        assert np.abs(change).max() > 1e-2
        np.testing.assert_allclose(one, -change / len(labels), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(trainer.kept["reward"].numpy(), means, rtol=1e-12)


def test_competing_synapses_keep_their_length() -> None:
    net, (spikes, labels) = network(), batch((3,))
    lengths = [np.linalg.norm(w, axis=1).mean() for w in weights_of(net)]
    learn(net, "reward-stdp", spikes, labels)
    for weight, length in zip(weights_of(net), lengths, strict=True):
        np.testing.assert_allclose(np.linalg.norm(weight, axis=1), length, rtol=1e-12)
