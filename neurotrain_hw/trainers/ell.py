"""ELL: every hidden layer has a linear classifier of its own, which learns, and whose error teaches the layer.

    y_l = G_l s_l,   L_l = G_l^T (softmax(y_l) - y*),   g_ji += psi_j * L_j * x_i,   dG_l = (softmax(y_l) - y*) s_l^T

(Ma, Yan and Tang, IEEE Transactions on Cognitive and Developmental Systems 2023: efficient local learning;
reconstructed: the classifier here reads the spikes of each step, and no text of the equations was at hand.)
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from neurotrain_hw.networks.network import SpikingNetwork
from neurotrain_hw.trainers.cells import Cell
from neurotrain_hw.trainers.constants import TraceSettings
from neurotrain_hw.trainers.online import Local, Step
from neurotrain_hw.trainers.ottt import pre_trace
from neurotrain_hw.trainers.trainer import OnlineTrainer, Setting


def trainer(network: SpikingNetwork, constants: TraceSettings, seed: int) -> OnlineTrainer:
    """ELL on a network."""
    return Ell(network, constants, seed)


class Ell(OnlineTrainer):
    """Learns G (classes, n) per hidden layer, too."""

    def __init__(self, network: SpikingNetwork, constants: TraceSettings, seed: int) -> None:
        super().__init__(network, constants, lambda setting: self._begin(setting, constants))
        for k, matrix in enumerate(self.random_feedback(seed)):
            self.parameters[f"classifier{k}"] = torch.nn.Parameter(matrix.T.contiguous())

    def _begin(self, setting: Setting, constants: TraceSettings) -> Local:
        target = setting.target

        def told(cells: Sequence[Cell], steps: Sequence[Step], error: torch.Tensor) -> list[torch.Tensor]:
            signals = []
            for step, (name, classifier) in zip(steps, self.parameters.items(), strict=False):
                fired = step.after.fired.flatten(1)
                wrong = torch.softmax(fired @ classifier.T, dim=1) - target
                learner.own[name] += wrong.T @ fired
                signals.append((wrong @ classifier).view_as(step.psi))
            return [*signals, error]

        learner = Local(*setting.common, eligibility=pre_trace(constants), signals=told)
        learner.own = {name: torch.zeros_like(matrix.data) for name, matrix in self.parameters.items()}
        return learner
