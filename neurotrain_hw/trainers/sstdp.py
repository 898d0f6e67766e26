"""SSTDP: the error of first-spike times goes back as in S4NN, and STDP says what each synapse makes of it.

    dW_ji = learning rate * STDP(t_j - t_i) * error_j,    error_j = dloss/dt_j, in length 1 for every sample and layer
    STDP(s) = a where s >= 0, else -b; with `tau`: a exp(-s / tau) where s > 0, -b exp(s / tau) where s < 0, 0 at 0
    error_i = sum_j W_ji error_j [t_i <= t_j], strictly earlier with `tau`

Spikes that came too late are paid for, too. The targets are S4NN's. (Liu et al., Frontiers in
Neuroscience 15:756876, as in the authors' code sstdp_module.py, whose errors have the other sign.)
"""

from __future__ import annotations

import torch

from neurotrain_hw.networks.network import SpikingNetwork
from neurotrain_hw.trainers.cells import Cell
from neurotrain_hw.trainers.constants import SstdpSettings
from neurotrain_hw.trainers.s4nn import S4nn
from neurotrain_hw.trainers.trainer import Trainer


def trainer(network: SpikingNetwork, constants: SstdpSettings, seed: int) -> Trainer:
    """SSTDP on a network."""
    return Sstdp(network, constants)


class Sstdp(S4nn):
    """S4NN with an STDP window between error and weight."""

    def __init__(self, network: SpikingNetwork, constants: SstdpSettings) -> None:
        super().__init__(network, constants)
        self._potentiation, self._depression, self._tau = constants.potentiation, constants.depression, constants.tau

    def to_weight(self, age: torch.Tensor, cell: Cell) -> torch.Tensor:
        causal, late = age.new_tensor(self._potentiation), age.new_tensor(-self._depression)
        if self._tau is None:
            return torch.where(age >= 0, causal, late)
        return torch.where(age > 0, causal, late) * torch.exp(-age.abs() / self._tau) * (age != 0)

    def to_time(self, age: torch.Tensor, cell: Cell) -> torch.Tensor:
        return (age >= 0 if self._tau is None else age > 0).to(age.dtype)
