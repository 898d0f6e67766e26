"""ETLP: the label arrives as events at the hidden neurons, through a fixed matrix, and only then weights change.

    x_i <- beta * x_i + s_i,   e_ji = psi_j * (x_i - strength * eps_ji)      eps: neurons with adaptive thresholds
    hidden: g_ji += -sum_k B_jk y*_k * e_ji        output: g_kj += (s_k - y*_k) * psi_k * x_j
    at the steps of the gate: Bernoulli(target_rate_hz * dt), or of 30 steps per sample, drawn for the whole batch

(Quintana et al., Neuromorphic Computing and Engineering, 2024; ferqui/ETLP utils.py and models.py: 100 Hz at 1 ms.)
"""

from __future__ import annotations

import torch

from neurotrain_hw.networks.network import SpikingNetwork
from neurotrain_hw.trainers import signals
from neurotrain_hw.trainers.cells import Cell, Way
from neurotrain_hw.trainers.constants import EtlpSettings
from neurotrain_hw.trainers.eligibility import AdaptiveTrace, PreTrace
from neurotrain_hw.trainers.online import Eligibility, Local
from neurotrain_hw.trainers.trainer import OnlineTrainer, Setting

_LABELS = 30


def trainer(network: SpikingNetwork, constants: EtlpSettings, seed: int) -> OnlineTrainer:
    """ETLP on a network."""
    return Etlp(network, constants, seed)


class Etlp(OnlineTrainer):
    """`feedback`: B (n, classes) per hidden layer, by default normal with standard deviation 1 / sqrt(n)."""

    def __init__(self, network: SpikingNetwork, constants: EtlpSettings, seed: int) -> None:
        rate = constants.target_rate_hz
        probability = min(1.0, _LABELS / network.spec.steps if rate is None else rate * network.spec.dt_s)
        super().__init__(
            network, constants, lambda setting: learner(setting, constants, self.feedback, probability=probability)
        )
        self.feedback = self.random_feedback(seed)


def learner(
    setting: Setting, constants: EtlpSettings, feedback: list[torch.Tensor], *, probability: float
) -> Local:  # fmt: skip
    """ETLP for one batch."""

    def eligibility(cell: Cell, output: bool, way: Way, samples: int) -> Eligibility:
        decay = cell.beta if constants.trace_decay is None else constants.trace_decay
        if cell.strength:
            return AdaptiveTrace(cell, way, samples, decay, 0.0)
        return PreTrace(cell, way, samples, decay)

    def gate() -> bool:
        return bool(torch.rand((), generator=setting.generator) < probability)

    told = signals.from_target(feedback, setting.target, sign=-1.0)
    return Local(*setting.common, eligibility=eligibility, signals=told, gate=gate, rowwise=True)
