"""DECOLLE: every hidden layer has a fixed random readout of its own, and learns from that readout's error.

    y = G_l s_l,   L_l = G_l^T (y - y*),   g_ji += psi_j * L_j * P_i,   P_i <- beta * P_i + s_i

(Kaiser, Mostafa and Neftci, Frontiers in Neuroscience 14, 2020.) The paper's neurons integrate their input twice and
carry a refractory trace; these are the network's own, whose membrane's derivative by a weight is P. The output layer
learns from its own error. Squared errors; the paper's experiments used smooth L1.
"""

from __future__ import annotations

from neurotrain_hw.networks.network import SpikingNetwork
from neurotrain_hw.trainers import signals
from neurotrain_hw.trainers.constants import TraceSettings
from neurotrain_hw.trainers.online import Local
from neurotrain_hw.trainers.ottt import pre_trace
from neurotrain_hw.trainers.trainer import OnlineTrainer, Setting


def trainer(network: SpikingNetwork, constants: TraceSettings, seed: int) -> OnlineTrainer:
    """DECOLLE on a network."""
    return Decolle(network, constants, seed)


class Decolle(OnlineTrainer):
    """`readouts`: G (classes, n) per hidden layer."""

    def __init__(self, network: SpikingNetwork, constants: TraceSettings, seed: int) -> None:
        def learner(setting: Setting) -> Local:
            told = signals.from_local_readouts(self.readouts, setting.target)
            return Local(*setting.common, eligibility=pre_trace(constants), signals=told, rowwise=True)

        super().__init__(network, constants, learner)
        # the variance of the authors' readouts, uniform within +-0.5 / sqrt(n); larger ones silence most neurons
        own = (0.5 / 3**0.5) if constants.feedback_scale is None else 1.0
        self.readouts = [own * matrix.T.contiguous() for matrix in self.random_feedback(seed)]
