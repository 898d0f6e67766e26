"""OTTT: the gradient of each step, back through the layers of that step, times a trace of the inputs.

    a_i  <- lambda * a_i + s_i,   L_l = (L_{l+1} * psi_{l+1}) W_{l+1},   g_ji += psi_j * L_j * a_i

(Xiao et al., Online Training Through Time, NeurIPS 2022.) lambda is the neurons' own decay unless `trace_decay` says
otherwise; the authors' code has the same constant, 0.5, in both places. With lambda = 0 it is SLTT.
"""

from __future__ import annotations

from neurotrain_hw.networks.network import SpikingNetwork
from neurotrain_hw.trainers import signals
from neurotrain_hw.trainers.constants import TraceSettings
from neurotrain_hw.trainers.eligibility import PreTrace
from neurotrain_hw.trainers.online import Local, NewEligibility
from neurotrain_hw.trainers.trainer import OnlineTrainer


def trainer(network: SpikingNetwork, constants: TraceSettings, seed: int) -> OnlineTrainer:
    """OTTT on a network."""
    return OnlineTrainer(
        network,
        constants,
        lambda setting: Local(
            *setting.common, eligibility=pre_trace(constants), signals=signals.through_layers, rowwise=True
        ),
    )


def pre_trace(constants: TraceSettings) -> NewEligibility:
    """A trace per pre neuron, with the constants' decay or the layer's own."""
    return lambda cell, output, way, samples: PreTrace(
        cell, way, samples, cell.beta if constants.trace_decay is None else constants.trace_decay
    )
