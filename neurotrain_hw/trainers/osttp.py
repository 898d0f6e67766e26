"""OSTTP: OSTL's eligibility without the term H, and the label through a fixed matrix instead of an error.

    eps_ji <- J_j * eps_ji + s_i,   e_ji = psi_j * eps_ji,   hidden: L_l = B_l y*,   output: L = v - y*

with J_j the membrane's derivative by its own of the step before, reset included (the published form keeps J in two
parts, by the membrane and by the spike: j_s * eps + J_y * e). (Ortner et al., 2023; B normal with standard deviation
1 / sqrt(classes).) The authors' outputs are membranes; these spike, so that `gain` 0.5 makes two thresholds the target.
Reconstructed from the recursion in NeuroTrain's and braintrace's code, not from the paper's text.
"""

from __future__ import annotations

from neurotrain_hw.networks.network import SpikingNetwork
from neurotrain_hw.trainers import signals
from neurotrain_hw.trainers.constants import RtrlSettings
from neurotrain_hw.trainers.eligibility import SynapseTrace
from neurotrain_hw.trainers.online import Local
from neurotrain_hw.trainers.trainer import OnlineTrainer, Setting


def trainer(network: SpikingNetwork, constants: RtrlSettings, seed: int) -> OnlineTrainer:
    """OSTTP on a network."""
    return Osttp(network, constants, seed)


class Osttp(OnlineTrainer):
    """`feedback`: B (n, classes) per hidden layer."""

    def __init__(self, network: SpikingNetwork, constants: RtrlSettings, seed: int) -> None:
        def learner(setting: Setting) -> Local:
            return Local(
                *setting.common,
                eligibility=lambda cell, output, way, samples: SynapseTrace(
                    cell, way, samples, constants.reset_gradient
                ),
                signals=signals.from_target(self.feedback, setting.target, sign=1.0),
            )

        super().__init__(network, constants, learner)
        self.feedback = self.random_feedback(seed, scale=network.spec.sizes[-1] ** -0.5)
