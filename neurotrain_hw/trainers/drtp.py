"""Direct random target projection: hidden layers are told the label through a fixed matrix, the output its error.

    L_l = -B_l y*,   g_ji += psi_j * L_j * x_i,   x_i <- beta * x_i + s_i

(Frenkel, Lefebvre and Bol, Frontiers in Neuroscience 15, 2021.)
"""

from __future__ import annotations

from neurotrain_hw.networks.network import SpikingNetwork
from neurotrain_hw.trainers import signals
from neurotrain_hw.trainers.constants import TraceSettings
from neurotrain_hw.trainers.online import Local
from neurotrain_hw.trainers.ottt import pre_trace
from neurotrain_hw.trainers.trainer import OnlineTrainer, Setting


def trainer(network: SpikingNetwork, constants: TraceSettings, seed: int) -> OnlineTrainer:
    """DRTP on a network."""
    return Drtp(network, constants, seed)


class Drtp(OnlineTrainer):
    """`feedback`: B (n, classes) per hidden layer."""

    def __init__(self, network: SpikingNetwork, constants: TraceSettings, seed: int) -> None:
        def learner(setting: Setting) -> Local:
            told = signals.from_target(self.feedback, setting.target, sign=-1.0)
            return Local(*setting.common, eligibility=pre_trace(constants), signals=told, rowwise=True)

        super().__init__(network, constants, learner)
        self.feedback = self.random_feedback(seed)
