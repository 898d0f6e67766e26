"""Conversion: a network of ReLUs is trained in the place of the spiking one, and its weights are balanced for spikes.

The ReLUs see the mean input of a sample's steps. A neuron that keeps all that it gets (beta 1) and whose threshold is
subtracted spikes at a rate of what arrives per step, as long as that lies between 0 and a threshold. So that it does,

    W_l' = threshold_l * lambda_{l-1} / lambda_l * W_l,    b_l' = threshold_l / lambda_l * b_l,    lambda_0 = 1

lambda_l: the largest activation of layer l over training samples (`max`; Diehl et al., IJCNN 2015), a percentile of
them (`percentile`; Rueckauer et al., Frontiers in Neuroscience 11:682, 2017), or half the largest (`half-max`, as in
SpikingJelly's tutorial). The balanced weights stand in the network after every epoch; what they were multiplied with
is kept, and the next epoch begins with the ReLUs' own.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import torch
from torch.nn import functional

from neurotrain_hw.networks.network import LayerParts, SpikingNetwork
from neurotrain_hw.trainers.constants import ConversionSettings
from neurotrain_hw.trainers.trainer import Batch, Trainer


def trainer(network: SpikingNetwork, constants: ConversionSettings, seed: int) -> Trainer:
    """Conversion on a network."""
    return Conversion(network, constants)


class Conversion(Trainer):
    """`kept`: factors of every layer's weights and biases, 1 while they are the ReLUs' own."""

    def __init__(self, network: SpikingNetwork, constants: ConversionSettings) -> None:
        super().__init__(network, constants)
        self._constants = constants
        layers = len(network.spec.layers)
        device = network.synapses[0].weight.device
        self.kept = {name: torch.ones(layers, device=device) for name in ("weight_factors", "bias_factors")}

    def learn(self, batch: Batch) -> float:
        self._multiply(1 / self.kept["weight_factors"], 1 / self.kept["bias_factors"])
        self.network.zero_grad()
        found = activations(self.network.parts(), self._rates(batch.spikes))[-1]
        loss = functional.cross_entropy(self._constants.ann_gain * found, batch.labels)
        loss.backward()
        batch.update()
        return float(loss.detach())

    def after_epoch(self, shown: Iterable[torch.Tensor]) -> None:
        with torch.no_grad():
            largest = self._largest(shown)
            before = [1.0, *largest[:-1]]
            thresholds = [layer.threshold for layer in self.network.spec.layers]
            rows = list(zip(thresholds, before, largest, strict=True))
            self._multiply(
                torch.tensor([threshold * below / own for threshold, below, own in rows]).to(
                    self.kept["weight_factors"]
                ),
                torch.tensor([threshold / own for threshold, _, own in rows]).to(self.kept["bias_factors"]),
            )

    def _rates(self, spikes: torch.Tensor) -> torch.Tensor:
        """Mean input (N, *inputs) over the steps."""
        return self.shaped(spikes).sum(dim=0).to(self.network.synapses[0].weight.dtype) / len(spikes)

    def _largest(self, shown: Iterable[torch.Tensor]) -> list[float]:
        """lambda of every layer; 1 where nothing is active."""
        parts, found, samples = self.network.parts(), [], 0
        for spikes in shown:
            found.append([functional.relu(each) for each in activations(parts, self._rates(spikes))])
            samples += spikes.shape[1]
            if samples >= self._constants.samples:
                break
        return [self._scale(torch.cat(each).flatten()) or 1.0 for each in zip(*found, strict=True)]

    def _scale(self, active: torch.Tensor) -> float:
        constants = self._constants
        if constants.balance == "percentile":
            rank = max(1, math.ceil(constants.percentile / 100 * active.numel()))
            return float(active.kthvalue(rank).values)
        return float(active.max()) / (2 if constants.balance == "half-max" else 1)

    def _multiply(self, weights: torch.Tensor, biases: torch.Tensor) -> None:
        """Multiply weights and biases in place, layer by layer, and the factors that they have."""
        with torch.no_grad():
            for layer, module, weight, bias in zip(
                self.network.spec.layers, self.network.synapses, weights, biases, strict=True
            ):
                module.weight.mul_(weight)
                if layer.bias:
                    module.bias.mul_(bias)
            self.kept["weight_factors"].mul_(weights)
            self.kept["bias_factors"].mul_(biases)


def activations(parts: Sequence[LayerParts], x: torch.Tensor) -> list[torch.Tensor]:
    """What the layers of ReLUs compute for `x` (N, *inputs), before their ReLUs."""
    found = []
    for part in parts:
        found.append(part.operator.current(x, part.weight, part.bias))
        x = functional.relu(found[-1])
    return found
