"""ES-D-RTRL, exponential-smoothed diagonal RTRL: an eligibility of rank one.

    x_i <- alpha * x_i + s_i,   f_j <- alpha * J_j * f_j + (1 - alpha) * dv_j/dI_j
    g_ji += dloss/dv_j * f_j * x_i,   dloss/dv back through the layers of this step

(braintrace's pp_prop; Nature Communications 2026, 10.1038/s41467-026-68453-w.) dv_j/dI_j is 1 in these neurons: psi
stands once, in dloss/dv. J is beta, what the reset takes away a constant, as in the rule file `es-d-rtrl`; with `gate`,
neurons that spiked would forget f but not x. The rule file, made for an engine without this signal, has psi inside f.
"""

from __future__ import annotations

from neurotrain_hw.networks.network import SpikingNetwork
from neurotrain_hw.trainers import signals
from neurotrain_hw.trainers.constants import EsdRtrlSettings
from neurotrain_hw.trainers.eligibility import SmoothedTrace
from neurotrain_hw.trainers.online import Local
from neurotrain_hw.trainers.trainer import OnlineTrainer, Setting


def trainer(network: SpikingNetwork, constants: EsdRtrlSettings, seed: int) -> OnlineTrainer:
    """ES-D-RTRL on a network."""

    def learner(setting: Setting) -> Local:
        return Local(
            *setting.common,
            eligibility=lambda cell, output, way, samples: SmoothedTrace(
                cell, way, samples, constants.alpha, constants.reset_gradient
            ),
            signals=signals.through_layers,
            rowwise=True,
        )

    return OnlineTrainer(network, constants, learner)
