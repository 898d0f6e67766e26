"""Hybrid conversion: a converted network of ReLUs, fine-tuned in spikes by surrogate-gradient BPTT.

The first `conversion_epochs` are those of `ann-conversion`, the others those of `bptt`, in one run with one optimiser.
(After Rathi et al., arXiv:2005.01807, in its plan alone: theirs differentiates by spike times.)
"""

from __future__ import annotations

from collections.abc import Iterable

import torch

from neurotrain_hw.networks.network import SpikingNetwork
from neurotrain_hw.trainers.ann_conversion import Conversion
from neurotrain_hw.trainers.bptt import Bptt
from neurotrain_hw.trainers.constants import BpttSettings, HybridSettings
from neurotrain_hw.trainers.trainer import Batch, Trainer


def trainer(network: SpikingNetwork, constants: HybridSettings, seed: int) -> Trainer:
    """Conversion, then BPTT, on a network."""
    return Hybrid(network, constants)


class Hybrid(Trainer):
    """`kept`: the conversion's factors, and the epochs done."""

    def __init__(self, network: SpikingNetwork, constants: HybridSettings) -> None:
        super().__init__(network, constants)
        self._conversion = Conversion(network, constants)
        shared = {name: getattr(constants, name) for name in BpttSettings.__dataclass_fields__}
        self._fine_tuning = Bptt(network, BpttSettings(**shared), window=None)
        self._conversion_epochs = constants.conversion_epochs
        self.kept = {**self._conversion.kept, "epochs": torch.zeros((), device=network.synapses[0].weight.device)}

    def learn(self, batch: Batch) -> float:
        converting = float(self.kept["epochs"]) < self._conversion_epochs
        return (self._conversion if converting else self._fine_tuning).learn(batch)

    def after_epoch(self, shown: Iterable[torch.Tensor]) -> None:
        self.kept["epochs"].add_(1)
        if float(self.kept["epochs"]) <= self._conversion_epochs:
            self._conversion.after_epoch(shown)
