"""Local rules against their published equations, written out here in NumPy, synapse by synapse, in float64.

The forward pass is written out, too; only the fixed random matrices are the trainer's own.
"""

from dataclasses import replace

import numpy as np
import pytest
import torch

from neurotrain_hw.networks import SpikingNetwork, build, parse_model
from neurotrain_hw.trainers import default_settings, trainable_rules
from neurotrain_hw.trainers.constants import OnlineSettings
from neurotrain_hw.trainers.declarations import declaration
from neurotrain_hw.trainers.make import make_trainer
from neurotrain_hw.trainers.trainer import Batch

SIZES, BETA, THRESHOLD, SLOPE = (6, 5, 4, 3), (0.8, 0.7, 0.9), (1.0, 1.25, 0.75), 2.0
STEPS, SAMPLES = 12, 3


def network_and_batch(*, deep: bool = True) -> tuple[SpikingNetwork, Batch]:
    layers = [
        {"name": f"l{k}", "neurons": n, "beta": beta, "threshold": threshold}
        for k, (n, beta, threshold) in enumerate(zip(SIZES[1:], BETA, THRESHOLD, strict=True))
    ]
    layers = layers if deep else layers[1:]
    document = {"summary": "", "inputs": 6, "steps": STEPS, "dt_s": 4e-3, "surrogate": {"slope": SLOPE}}
    network = build(parse_model(document | {"layers": layers}, name="small", where=""), weight_bits=None, seed=1)
    rng = np.random.default_rng(3)
    network.double()
    with torch.no_grad():
        for module in network.synapses:
            module.weight.copy_(torch.from_numpy(rng.normal(0.3, 0.8, module.weight.shape)))
    spikes = torch.from_numpy((rng.random((STEPS, SAMPLES, 6)) < 0.4).astype(np.uint8))
    return network, Batch(spikes, torch.from_numpy(rng.integers(0, 3, SAMPLES)), update=lambda: None, key=(4, 5))


def psi_of(kind: str, u: np.ndarray, threshold: float) -> np.ndarray:
    return 1 / (1 + np.abs(u) / (0.01 * threshold)) ** 2 if kind == "fast" else 1 / (1 + SLOPE * np.abs(u)) ** 2


class Synapses:
    """One layer's memory for one sample, as the equations name it: x_i, eps_ji, ..., by name."""

    def __init__(self, n_post: int, n_pre: int) -> None:
        self.x, self.eps, self.e = np.zeros(n_pre), np.zeros((n_post, n_pre)), np.zeros((n_post, n_pre))
        self.q, self.f = np.zeros(n_post), np.zeros(n_post)


def eligibility(rule: str, k: int, syn: Synapses, s_in, v_old, s_old, psi_old, psi, slope, s_new, c) -> np.ndarray:
    """e_ji of this step, psi included, straight from the equations."""
    n_post, n_pre = syn.e.shape
    e = np.zeros((n_post, n_pre))
    decay = {"s-tllr": getattr(c, "lambda_pre", 0), "es-d-rtrl": getattr(c, "alpha", 0)}.get(rule, BETA[k])
    syn.x = decay * syn.x + s_in
    # dv'/dv with reset to zero, and dv'/ds
    j_v, j_s = BETA[k] * (1 - s_old), -BETA[k] * v_old
    if rule == "s-tllr":
        syn.q = c.lambda_post * syn.q + slope
    if rule == "es-d-rtrl":
        syn.f = c.alpha * (j_v if c.reset_gradient == "gate" else BETA[k]) * syn.f + (1 - c.alpha)
    for j in range(n_post):
        for i in range(n_pre):
            if rule in ("osttp", "ostl"):
                # OSTTP keeps J by the membrane and by the spike apart: eps = j_s * eps + x + J_y * e[t-1]
                syn.eps[j, i] = j_v[j] * syn.eps[j, i] + s_in[i] + j_s[j] * psi_old[j] * syn.e[j, i]
                syn.e[j, i] = syn.eps[j, i]
                e[j, i] = slope[j] * syn.eps[j, i]
            elif rule == "es-d-rtrl":
                e[j, i] = slope[j] * syn.f[j] * syn.x[i]
            elif rule == "s-tllr":
                e[j, i] = c.alpha_pre * slope[j] * syn.x[i] + c.alpha_post * syn.q[j] * s_in[i]
            elif rule == "stsf":
                e[j, i] = (1 if k == len(BETA) - 1 else s_new[j]) * s_in[i]
            else:
                e[j, i] = slope[j] * syn.x[i]
    return e


def signals(rule: str, trainer, weights, slopes, fired, error, target) -> list[np.ndarray]:
    """L of every layer."""
    hidden = len(weights) - 1
    if rule in ("ottt", "ostl", "es-d-rtrl", "s-tllr", "eprop"):
        told = [error]
        for k in range(hidden, 0, -1):
            told.insert(0, np.array([
                sum(weights[k][m, j] * slopes[k][m] * told[0][m] for m in range(len(weights[k])))
                for j in range(weights[k].shape[1])
            ]))  # fmt: skip
        return told
    if rule == "decolle":
        told = []
        for g, s in zip(trainer.readouts, fired, strict=False):
            g = g.numpy()
            y = [sum(g[c, j] * s[j] for j in range(len(s))) for c in range(len(g))]
            told.append(np.array([sum(g[c, j] * (y[c] - target[c]) for c in range(len(g))) for j in range(len(s))]))
        return [*told, error]
    feedback = [matrix.numpy() for matrix in trainer.feedback]
    sent = {
        "dfa": error, "stsf": error, "eprop-random": error, "sign-dfa": np.sign(error),
        "drtp": -target, "etlp": -target, "osttp": target,
    }[rule]  # fmt: skip
    return [*(np.array([sum(b[j, c] * sent[c] for c in range(3)) for j in range(len(b))]) for b in feedback), error]


def transcribed(
    rule: str, trainer, weights: list[np.ndarray], recurrent: list[np.ndarray | None], batch: Batch, c
) -> list[list[np.ndarray]]:  # fmt: skip
    """The gradient per layer of its input weights and, where there are any, of its recurrent ones."""
    total = [[np.zeros_like(m) for m in (w, r) if m is not None] for w, r in zip(weights, recurrent, strict=True)]
    gates = [True] * STEPS
    if rule == "etlp":
        generator = batch.generator()
        gates = [float(torch.rand((), generator=generator)) < c.target_rate_hz * 4e-3 for _ in range(STEPS)]
        assert 0 < sum(gates) < STEPS
    for n in range(SAMPLES):
        target = np.eye(3)[int(batch.labels[n])]
        v, fired = [np.zeros(n) for n in SIZES[1:]], [np.zeros(n) for n in SIZES[1:]]
        psi = [psi_of(c.psi, v[k] - THRESHOLD[k], THRESHOLD[k]) for k in range(3)]
        synapses = [[Synapses(*m.shape) for m in group] for group in total]
        for t in range(STEPS):
            s_in, eligible, slopes = batch.spikes[t, n].numpy().astype(float), [], []
            for k, w in enumerate(weights):
                v_old, s_old, psi_old = v[k], fired[k], psi[k]
                v[k] = BETA[k] * v_old * (1 - s_old) + w @ s_in
                if recurrent[k] is not None:
                    v[k] += recurrent[k] @ s_old
                fired[k] = (v[k] > THRESHOLD[k]).astype(float)
                psi[k] = psi_of(c.psi, v[k] - THRESHOLD[k], THRESHOLD[k])
                slopes.append(psi[k] if k < 2 or c.loss == "spike-mse" else np.ones(3))
                eligible.append([
                    eligibility(rule, k, syn, pre, v_old, s_old, psi_old, psi[k], slopes[k], fired[k], c)
                    for syn, pre in zip(synapses[k], (s_in, s_old), strict=False)
                ])  # fmt: skip
                s_in = fired[k]
            if c.loss == "spike-mse":
                error = fired[-1] - target
            elif c.loss == "membrane-mse":
                error = c.gain * (c.gain * v[-1] - target)
            elif c.loss == "membrane-bce":
                error = c.gain * (1 / (1 + np.exp(-c.gain * (v[-1] - THRESHOLD[-1]))) - target)
            else:
                share = np.exp(c.gain * v[-1]) / np.exp(c.gain * v[-1]).sum()
                error = c.gain * (share - target)
            if gates[t] and t >= c.burn_in:
                for k, signal in enumerate(signals(rule, trainer, weights, slopes, fired, error, target)):
                    for one, e in zip(total[k], eligible[k], strict=True):
                        one += signal[:, None] * e
    return total


# without activity regularisation, which the transcription does not have, and with labels at some steps alone
PUBLISHED = {
    "drtp": {"rate_strength": 0.0}, "stsf": {"rate_strength": 0.0}, "decolle": {"psi": "surrogate"},
    "etlp": {"rate_strength": 0.0, "target_rate_hz": 100.0}, "ostl": {"reset_gradient": "full"},
    "osttp": {"rate_strength": 0.0, "reset_gradient": "full"},
}  # fmt: skip
CASES = [
    ("ottt", {}), ("ottt", {"loss": "spike-mse"}), ("eprop", {"gain": 1.4}), ("eprop-random", {}), ("dfa", {}),
    ("sign-dfa", {"loss": "membrane-mse"}), ("drtp", {}),
    ("etlp", {}), ("osttp", {}), ("ostl", {}),
    ("es-d-rtrl", {}),
    ("es-d-rtrl", {"reset_gradient": "gate"}), ("s-tllr", {}),
    ("s-tllr", {"burn_in": 5, "loss": "membrane-mse", "gain": 0.8}),
    ("decolle", {}), ("decolle", {"burn_in": 3}), ("drtp", {"gain": 3.0}),
    ("ottt", {"loss": "membrane-ce", "gain": 1.0}), ("stsf", {}),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "changed"), CASES)
def test_rule_is_its_published_equation(rule: str, changed: dict) -> None:
    network, batch = network_and_batch()
    constants = replace(default_settings(rule), **PUBLISHED.get(rule, {}), **changed)
    trainer = make_trainer(rule, network, constants, seed=7)
    weights = [module.weight.detach().numpy().copy() for module in network.synapses]
    trainer.learn(batch)
    wanted = transcribed(rule, trainer, weights, [None] * 3, batch, constants)
    for module, (one,) in zip(network.synapses, wanted, strict=True):
        assert np.abs(one).max() > 1e-4
        np.testing.assert_allclose(module.weight.grad.numpy(), one / (STEPS * SAMPLES), rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize("rule", [r for r in sorted({r for r, _ in CASES}) if "recurrent" in declaration(r).layers])
def test_rule_is_its_published_equation_in_recurrent_layers(rule: str) -> None:
    network, batch = network_and_batch()
    constants = replace(default_settings(rule), **PUBLISHED.get(rule, {}))
    trainer = make_trainer(rule, network, constants, seed=7)
    rng = np.random.default_rng(9)
    back = [rng.normal(0, 0.6, (n, n)) for n in SIZES[1:3]] + [None]
    cells = [
        replace(cell, recurrent=None if r is None else torch.from_numpy(r))
        for cell, r in zip(trainer.cells(), back, strict=True)
    ]
    trainer.cells = lambda: cells
    learner = trainer.start(batch)
    learner.advance(batch.spikes)
    weights = [cell.weight.detach().numpy() for cell in cells]
    wanted = transcribed(rule, trainer, weights, back, batch, constants)
    for found, layer in zip(learner.gradients, wanted, strict=True):
        for one, other in zip(found, layer, strict=True):
            assert np.abs(other).max() > 1e-4
            np.testing.assert_allclose(one.detach().numpy(), other, rtol=1e-9, atol=1e-12)


ONLINE = [
    rule for rule in trainable_rules()
    if isinstance(default_settings(rule), OnlineSettings) and "burn_in" not in declaration(rule).unused
]  # fmt: skip


@pytest.mark.parametrize("rule", ONLINE)
def test_how_time_is_cut_changes_nothing(rule: str) -> None:
    network, batch = network_and_batch(deep=declaration(rule).deep)
    constants = replace(default_settings(rule), burn_in=2)
    trainer = make_trainer(rule, network, constants, seed=7)
    whole, pieces = trainer.start(batch), trainer.start(batch)
    whole.advance(batch.spikes)
    for start, stop in ((0, 1), (1, 5), (5, 5), (5, STEPS)):
        pieces.advance(batch.spikes[start:stop])
    for one, other in zip(whole.gradients, pieces.gradients, strict=True):
        assert all(torch.equal(x, y) for x, y in zip(one, other, strict=True))
    assert torch.equal(whole.loss, pieces.loss)


@pytest.mark.parametrize("rule", ONLINE)
def test_updates_at_every_step_sum_up_to_that_of_the_sample(rule: str) -> None:
    """With a learning rate of nothing, gradients given step by step are the parts of the sample's."""
    network, batch = network_and_batch(deep=declaration(rule).deep)
    parts: list[list[torch.Tensor]] = []
    constants = replace(default_settings(rule), update="step")
    if rule == "eprop-adaptive":
        constants = replace(constants, feedback_decay=0.0)  # which is no gradient
    keep = replace(batch, update=lambda: parts.append([m.weight.grad.clone() for m in network.synapses]))
    make_trainer(rule, network, constants, seed=7).learn(keep)
    assert len(parts) == STEPS
    make_trainer(rule, network, replace(constants, update="sample"), seed=7).learn(batch)
    for module, *each in zip(network.synapses, *parts, strict=True):
        torch.testing.assert_close(sum(each), module.weight.grad, rtol=1e-9, atol=1e-13)
