"""Unsupervised STDP with winners against its equations written out; labels change nothing but the assignment."""

from dataclasses import replace

import numpy as np
import torch
from local_rules import BETA, THRESHOLD, network
from trainer_oracles import batch

from neurotrain_hw.trainers import default_settings
from neurotrain_hw.trainers.make import make_trainer
from neurotrain_hw.trainers.trainer import Batch

RATE, OFFSET, INHIBITION, NORM, STEP, DECAY, ANSWERS, VOTE = 0.3, 0.4, 0.7, 3.0, 0.05, 0.1, 0.25, 2.0
CONSTANTS = replace(
    default_settings("diehl-cook"), learning_rate=RATE, offset=OFFSET, inhibition=INHIBITION, norm=NORM,
    theta_step=STEP, theta_decay=DECAY, answer_rate=ANSWERS, vote=VOTE, trace_decay=0.6,
)  # fmt: skip


def batches(seed: int = 0):
    return [batch((3,), seed=seed + k) for k in range(3)]


def trained(net, shown):
    trainer = make_trainer("diehl-cook", net, CONSTANTS, seed=0)

    def update() -> None:
        for parameter in net.shadow():
            parameter.data -= RATE * parameter.grad

    for spikes, labels in shown:
        trainer.learn(Batch(spikes, labels, update=update))
    return trainer


def scaled(w: np.ndarray) -> np.ndarray:
    return w * NORM * THRESHOLD / w.sum(axis=1, keepdims=True)


def test_winners_learn_as_written() -> None:
    """In the neurons' own terms, with thresholds that rise; the trainer has them folded into the weights."""
    net = network((8, 3))
    w, theta, answers = scaled(np.abs(net.synapses[0].weight.detach().numpy())), np.zeros(8), np.zeros((8, 3))
    shown = batches()
    trainer = trained(net, shown)
    for spikes, labels in shown:
        change, won, counts = np.zeros_like(w), np.zeros(8), np.zeros((4, 8))
        raised = THRESHOLD + theta
        for n in range(4):
            v, s, x = np.zeros(8), np.zeros(8), np.zeros(6)
            alone, sent = np.zeros(8), np.zeros(8)
            for pre in spikes[:, n].numpy().astype(float):
                # inhibition scales with a neuron's threshold
                v = BETA * v * (1 - s) + w @ pre - INHIBITION * raised * (s.sum() - s)
                winner = int(np.argmax(v / raised))
                s = np.zeros(8)
                s[winner] = v[winner] > raised[winner]
                x = np.where(pre > 0, 1.0, 0.6 * x)
                change += np.outer(s, x - OFFSET)
                won += s
                alone = BETA * alone * (1 - sent) + w @ pre
                sent = (alone > raised).astype(float)
                counts[n] += sent
        w = scaled(np.maximum(w + RATE * change / 4, 0))
        theta = (1 - DECAY) * theta + STEP * won
        for c in np.unique(labels):
            answers[:, c] += ANSWERS * (counts[labels.numpy() == c].mean(axis=0) - answers[:, c])
    assert (theta > 0).any() and (w == 0).any() and answers.any()
    folded = w * (THRESHOLD / (THRESHOLD + theta))[:, None]
    np.testing.assert_allclose(net.synapses[0].weight.detach().numpy(), folded, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(trainer.kept["theta"].numpy(), theta, rtol=1e-9)
    np.testing.assert_allclose(trainer.kept["answers"].numpy(), answers, rtol=1e-9)
    relative = answers / np.maximum(answers.mean(axis=0), 1e-12)
    assigned = np.where(theta > 0, relative.argmax(axis=1), -1)
    np.testing.assert_array_equal(trainer.assigned.numpy(), assigned)
    winners = (theta > 0).sum()
    for c in range(3):
        for j in range(8):
            mine = (assigned[j] == c) / max((assigned == c).sum(), 1) - (theta[j] > 0) / winners
            assert abs(float(net.synapses[1].weight.detach()[c, j]) - VOTE * THRESHOLD * mine) < 1e-12


def test_hidden_weights_do_not_know_the_labels() -> None:
    first, second = network((8, 3)), network((8, 3))
    trained(first, batches())
    trained(second, [(spikes, (labels + 1) % 3) for spikes, labels in batches()])
    assert torch.equal(first.synapses[0].weight, second.synapses[0].weight)
    assert not torch.equal(first.synapses[1].weight, second.synapses[1].weight)
