"""STSF: spikes alone, no trace and no pseudo-derivative; errors come through sparse fixed matrices.

    output: g_kj += (s_k - y*_k) * s_j        hidden: g_ji += (sum_k B_jk (s_k - y*_k)) * s_j * s_i

B has one entry per hidden neuron, of random class and sign (about one is NeuroTrain's), of size `feedback_scale`, by
default 0.1: with larger ones, hidden neurons spike at every step or never before the outputs have learned.
Reconstructed from the update in NeuroTrain's stsf_trainer.py as its study in words gives it, not from a paper.
"""

from __future__ import annotations

import torch

from neurotrain_hw.networks.network import SpikingNetwork
from neurotrain_hw.trainers import signals
from neurotrain_hw.trainers.constants import OnlineSettings
from neurotrain_hw.trainers.eligibility import Coincidence
from neurotrain_hw.trainers.online import Local
from neurotrain_hw.trainers.trainer import OnlineTrainer, Setting


def trainer(network: SpikingNetwork, constants: OnlineSettings, seed: int) -> OnlineTrainer:
    """STSF on a network."""
    return Stsf(network, constants, seed)


class Stsf(OnlineTrainer):
    """`feedback`: B (n, classes) per hidden layer, one entry per row."""

    def __init__(self, network: SpikingNetwork, constants: OnlineSettings, seed: int) -> None:
        def learner(setting: Setting) -> Local:
            return Local(
                *setting.common,
                eligibility=lambda cell, output, way, samples: Coincidence(way, output=output),
                signals=signals.broadcast(self.feedback),
                rowwise=True,
            )

        super().__init__(network, constants, learner)
        generator = torch.Generator().manual_seed(seed)
        size = 0.1 if constants.feedback_scale is None else constants.feedback_scale
        self.feedback = [size * self._sparse(n, generator) for n in network.spec.sizes[1:-1]]

    def _sparse(self, n: int, generator: torch.Generator) -> torch.Tensor:
        classes = self.network.spec.sizes[-1]
        weight = self.network.synapses[0].weight
        matrix = weight.new_zeros(n, classes)
        signs = 2 * torch.randint(0, 2, (n,), generator=generator) - 1
        matrix[torch.arange(n), torch.randint(0, classes, (n,), generator=generator)] = signs.to(weight)
        return matrix
