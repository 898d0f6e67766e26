"""OSTL: the derivative in time kept per synapse, the derivative in space taken anew at every step.

    without H:  eps_ji <- J_j * eps_ji + s_i                  exact in time for layers without recurrent synapses
    with H:     E_k,ji <- J_k * E_k,ji + sum_m R_km psi_m[t-1] E_m,ji + [k = j] s_i     exact for one recurrent layer
    L_l = (L_{l+1} * psi_{l+1}) W_{l+1}, or B_l e (random),   g_ji += psi_j * L_j * eps_ji

J_j is the membrane's derivative by its own of the step before, reset included (`reset_gradient`). (Bohnstingl et al.,
IEEE Transactions on Neural Networks and Learning Systems, 2022.) Reconstructed from the recursion in NeuroTrain's and
IBM's code, not from the paper's text. On one layer it equals BPTT.
"""

from __future__ import annotations

import torch

from neurotrain_hw.networks.network import SpikingNetwork
from neurotrain_hw.trainers import signals
from neurotrain_hw.trainers.cells import Cell, Way
from neurotrain_hw.trainers.constants import OstlSettings
from neurotrain_hw.trainers.eligibility import LayerTrace, SynapseTrace
from neurotrain_hw.trainers.online import Eligibility, Local
from neurotrain_hw.trainers.trainer import OnlineTrainer, Setting


def trainer(network: SpikingNetwork, constants: OstlSettings, seed: int) -> OnlineTrainer:
    """OSTL on a network."""
    return Ostl(network, constants, seed)


class Ostl(OnlineTrainer):
    """`feedback`: B (n, classes) per hidden layer; not used where feedback is symmetric."""

    def __init__(self, network: SpikingNetwork, constants: OstlSettings, seed: int) -> None:
        super().__init__(network, constants, lambda setting: learner(setting, constants, self.feedback))
        self.feedback = self.random_feedback(seed)


def learner(setting: Setting, constants: OstlSettings, feedback: list[torch.Tensor]) -> Local:
    """OSTL for one batch."""

    def eligibility(cell: Cell, output: bool, way: Way, samples: int) -> Eligibility:
        if constants.complete and cell.recurrent is not None:
            return LayerTrace(cell, way, samples, constants.reset_gradient)
        return SynapseTrace(cell, way, samples, constants.reset_gradient)

    told = signals.through_layers if constants.feedback == "symmetric" else signals.broadcast(feedback)
    return Local(*setting.common, eligibility=eligibility, signals=told)
