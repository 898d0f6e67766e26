"""The control: hidden layers stay random, the output layer learns from its own error. No rule should do worse.

g_kj += err_k * x_j,   x_j <- beta * x_j + s_j
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from neurotrain_hw.networks.network import SpikingNetwork
from neurotrain_hw.trainers.cells import Cell
from neurotrain_hw.trainers.constants import TraceSettings
from neurotrain_hw.trainers.online import Local, Step
from neurotrain_hw.trainers.ottt import pre_trace
from neurotrain_hw.trainers.trainer import OnlineTrainer


def trainer(network: SpikingNetwork, constants: TraceSettings, seed: int) -> OnlineTrainer:
    """A readout on random hidden layers."""
    return OnlineTrainer(
        network,
        constants,
        lambda setting: Local(*setting.common, eligibility=pre_trace(constants), signals=_silence, rowwise=True),
    )


def _silence(cells: Sequence[Cell], steps: Sequence[Step], error: torch.Tensor) -> list[torch.Tensor]:
    return [*(torch.zeros_like(step.psi) for step in steps[:-1]), error]
