"""S-TLLR: causal and non-causal coincidences, as in STDP, times a learning signal.

    x_i <- lambda_pre * x_i + s_i,   q_j <- lambda_post * q_j + psi_j
    g_ji += L_j * (alpha_pre * psi_j * x_i + alpha_post * q_j * s_i)

with L back through the layers of this step, or through fixed random matrices, in all steps after `burn_in`. (Apolinario
and Roy, Transactions on Machine Learning Research, 2025; form and factors as in STLLR_layers.py, not from the text.)
"""

from __future__ import annotations

from neurotrain_hw.networks.network import SpikingNetwork
from neurotrain_hw.trainers import signals
from neurotrain_hw.trainers.constants import StllrSettings
from neurotrain_hw.trainers.eligibility import TwoSidedTrace
from neurotrain_hw.trainers.online import Local
from neurotrain_hw.trainers.trainer import OnlineTrainer, Setting


def trainer(network: SpikingNetwork, constants: StllrSettings, seed: int) -> OnlineTrainer:
    """S-TLLR on a network."""
    return Stllr(network, constants, seed)


class Stllr(OnlineTrainer):
    """`feedback`: B (n, classes) per hidden layer; not used where feedback is symmetric."""

    def __init__(self, network: SpikingNetwork, constants: StllrSettings, seed: int) -> None:
        decays = constants.lambda_post, constants.lambda_pre
        factors = constants.alpha_post, constants.alpha_pre

        def learner(setting: Setting) -> Local:
            symmetric = constants.feedback == "symmetric"
            return Local(
                *setting.common,
                eligibility=lambda cell, output, way, samples: TwoSidedTrace(cell, way, samples, decays, factors),
                signals=signals.through_layers if symmetric else signals.broadcast(self.feedback),
            )

        super().__init__(network, constants, learner)
        self.feedback = self.random_feedback(seed)
