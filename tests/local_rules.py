"""What tests of local rules share: a small network in float64, one batch learned, and its forward pass written out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from trainer_oracles import Spike

from neurotrain_hw.networks import SpikingNetwork, build, parse_model
from neurotrain_hw.trainers import default_settings
from neurotrain_hw.trainers.make import make_trainer
from neurotrain_hw.trainers.trainer import Batch, Trainer

BETA, THRESHOLD, SLOPE, KEY = 0.8, 0.9, 2.0, (8, 9)


def network(sizes: Sequence[int] = (5, 4, 3), *, beta: float = BETA) -> SpikingNetwork:
    """LIF layers behind 6 inputs, with weights that make most neurons spike."""
    layers = [{"name": f"l{k}", "neurons": n, "beta": beta, "threshold": THRESHOLD} for k, n in enumerate(sizes)]
    document = {"summary": "", "inputs": 6, "steps": 8, "surrogate": {"slope": SLOPE}, "layers": layers}
    net = build(parse_model(document, name="small", where=""), weight_bits=None, seed=3).double()
    rng = np.random.default_rng(6)
    with torch.no_grad():
        for module in net.synapses:
            module.weight.copy_(torch.from_numpy(rng.normal(0.4, 0.6, module.weight.shape)))
    return net


def learn(
    net: SpikingNetwork, rule: str, spikes: torch.Tensor, labels: torch.Tensor, **constants: object
) -> tuple[Trainer, list[np.ndarray]]:
    """The trainer, and the gradients that it leaves without a step of the optimiser."""
    trainer = make_trainer(rule, net, replace(default_settings(rule), **constants), seed=0)
    trainer.learn(Batch(spikes, labels, update=lambda: None, key=KEY))
    return trainer, [module.weight.grad.numpy() for module in net.synapses]


def fire(u: torch.Tensor) -> torch.Tensor:
    """Spikes where u > 0, with the network's pseudo-derivative for autograd."""
    fired: torch.Tensor = Spike.apply(u, lambda x: 1 / (1 + SLOPE * x.abs()) ** 2)
    return fired


def weights_of(net: SpikingNetwork) -> list[np.ndarray]:
    """Copies of the weights."""
    return [module.weight.detach().numpy().copy() for module in net.synapses]


def generator() -> torch.Generator:
    """What the batch of `learn` draws from."""
    return Batch(torch.empty(0), torch.empty(0), update=lambda: None, key=KEY).generator()


def psi(v: np.ndarray) -> np.ndarray:
    """The network's pseudo-derivative."""
    return 1 / (1 + SLOPE * np.abs(v - THRESHOLD)) ** 2


def softmax(values: np.ndarray) -> np.ndarray:
    """Shares that sum to 1."""
    return np.exp(values) / np.exp(values).sum()


class Layer:
    """One layer for one sample: membranes, spikes, and the trace x of its inputs."""

    def __init__(self, weight: np.ndarray) -> None:
        self.weight, self.v, self.s = weight, np.zeros(len(weight)), np.zeros(len(weight))
        self.x = np.zeros(weight.shape[1])

    def step(self, pre: np.ndarray, current: np.ndarray | float = 0.0) -> np.ndarray:
        """Spikes after one step, `current` added to what the weights give."""
        self.v = BETA * self.v * (1 - self.s) + self.weight @ pre + current
        self.s = (self.v > THRESHOLD).astype(float)
        self.x = BETA * self.x + pre
        return self.s
