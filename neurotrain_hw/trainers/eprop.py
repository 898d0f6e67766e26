"""e-prop: three factors per synapse, forward in time only, memory constant in T (Bellec et al., Nature Communications
11:3625, 2020).

    x_i  <- beta * x_i + s_i                              pre trace (one per pre neuron)
    L_j   = sum_k W_kj * M_k                              symmetric: through the layers above, in this step
    L_j   = sum_k B_jk * err_k                            random: fixed B; adaptive: B changes as the readout does
    g_ji += psi_j * L_j * x_i                             without the readout's filter
    g_ji += L_j * ebar_ji,  ebar_ji <- kappa * ebar_ji + psi_j * x_i     with it: kappa is the output layer's beta
    g_kj += err_k * x_j                                   output layer, with its own beta in the trace

Neurons whose threshold adapts have an eligibility through the threshold, too (`eligibility.AdaptiveTrace`). What the
reset takes away counts as a constant, so that x_i is the exact derivative of v_j by w_ji.
"""

from __future__ import annotations

import torch

from neurotrain_hw.networks.network import SpikingNetwork
from neurotrain_hw.trainers import signals
from neurotrain_hw.trainers.cells import Cell, Way
from neurotrain_hw.trainers.constants import EpropSettings
from neurotrain_hw.trainers.eligibility import AdaptiveTrace, FilteredTrace, PreTrace
from neurotrain_hw.trainers.online import Eligibility, Local
from neurotrain_hw.trainers.trainer import Batch, OnlineTrainer, Setting


def trainer(network: SpikingNetwork, constants: EpropSettings, seed: int) -> OnlineTrainer:
    """e-prop on a network."""
    return Eprop(network, constants, seed)


class Eprop(OnlineTrainer):
    """`feedback` holds B (n_hidden, classes) per hidden layer; empty where feedback is symmetric."""

    def __init__(self, network: SpikingNetwork, constants: EpropSettings, seed: int) -> None:
        super().__init__(network, constants, lambda setting: learner(setting, constants, self.feedback))
        self._decay = constants.feedback_decay
        self._adaptive = constants.feedback == "adaptive"
        self.feedback = [] if constants.feedback == "symmetric" else self.random_feedback(seed)
        if self._adaptive:
            self.parameters["feedback"] = torch.nn.Parameter(self.feedback[-1])
            self.feedback[-1] = self.parameters["feedback"]
            self._readout = self.cells()[-1]

    def spread(self, gradients: list[torch.Tensor]) -> None:
        if self._adaptive:
            # what moves a readout's weight moves the feedback of every neuron that it hears, through its pool
            moved = gradients[-len(self._readout.ways)]
            seen = self._readout.way.back(torch.eye(len(moved)).to(moved), moved, (None, None))
            self.parameters["feedback"].grad = seen.flatten(1).T.contiguous()

    def learn(self, batch: Batch) -> float:
        loss = super().learn(batch)
        if self._adaptive and self._decay:
            for matrix in (self.shadow()[-len(self._readout.ways)], self.parameters["feedback"]):
                matrix.data.mul_(1 - self._decay)
        return loss


def learner(setting: Setting, constants: EpropSettings, feedback: list[torch.Tensor]) -> Local:
    """e-prop for one batch."""
    kappa = setting.cells[-1].beta if constants.readout_filter else 0.0

    def eligibility(cell: Cell, output: bool, way: Way, samples: int) -> Eligibility:
        decay = cell.beta if constants.trace_decay is None else constants.trace_decay
        if cell.strength:
            return AdaptiveTrace(cell, way, samples, decay, 0.0 if output else kappa)
        if output or not kappa:
            return PreTrace(cell, way, samples, decay)
        return FilteredTrace(cell, way, samples, decay, kappa)

    told = signals.broadcast(feedback) if constants.feedback != "symmetric" else signals.through_layers
    return Local(*setting.common, eligibility=eligibility, signals=told, rowwise=True)
