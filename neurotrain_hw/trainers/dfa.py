"""Direct feedback alignment: the output error, or its signs, reaches every hidden layer through a fixed matrix.

    L_l = B_l e   (dfa),   L_l = B_l sign(e)   (sign-dfa),   g_ji += psi_j * L_j * x_i,   x_i <- beta * x_i + s_i

(Noekland, NeurIPS 2016; signs as in Frenkel, Lefebvre and Bol, Frontiers in Neuroscience 15, 2021.)
"""

from __future__ import annotations

from neurotrain_hw.networks.network import SpikingNetwork
from neurotrain_hw.trainers import signals
from neurotrain_hw.trainers.constants import TraceSettings
from neurotrain_hw.trainers.online import Local
from neurotrain_hw.trainers.ottt import pre_trace
from neurotrain_hw.trainers.trainer import OnlineTrainer, Setting


def trainer(network: SpikingNetwork, constants: TraceSettings, seed: int) -> OnlineTrainer:
    """Direct feedback alignment on a network."""
    return Dfa(network, constants, seed, signs=False)


def with_signs(network: SpikingNetwork, constants: TraceSettings, seed: int) -> OnlineTrainer:
    """The same with the signs of the errors."""
    return Dfa(network, constants, seed, signs=True)


class Dfa(OnlineTrainer):
    """`feedback`: B (n, classes) per hidden layer."""

    def __init__(self, network: SpikingNetwork, constants: TraceSettings, seed: int, *, signs: bool) -> None:
        def learner(setting: Setting) -> Local:
            told = signals.broadcast(self.feedback, signs=signs)
            return Local(*setting.common, eligibility=pre_trace(constants), signals=told, rowwise=True)

        super().__init__(network, constants, learner)
        self.feedback = self.random_feedback(seed)
