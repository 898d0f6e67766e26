"""S4NN: one spike per neuron, times as values, errors scaled to length 1 in every layer.

    delta_k = (t*_k - t_k) / T at the outputs, error_i = sum_j W_ji delta_j [t_i <= t_j] below, each divided by its
    length; dW_ji = -learning rate * delta_j [t_i <= t_j]

t*: that of the label is the time of the first output spike, that of the others at least `gap` steps later.
(Kheradpisheh and Masquelier, arXiv:1910.09495, as in the authors' code S4NN.py, whose spikes arrive one step later, so
that its "<" is "<=" here. Left out: its new weights for neurons that stayed silent through an epoch.)
"""

from __future__ import annotations

import torch

from neurotrain_hw.networks.network import SpikingNetwork
from neurotrain_hw.trainers.cells import Cell
from neurotrain_hw.trainers.constants import S4nnSettings
from neurotrain_hw.trainers.spike_times import SpikeTimes, normalised, one_before_others
from neurotrain_hw.trainers.trainer import Trainer


def trainer(network: SpikingNetwork, constants: S4nnSettings, seed: int) -> Trainer:
    """S4NN on a network."""
    return S4nn(network, constants)


class S4nn(SpikeTimes):
    """All spikes that came in time count alike."""

    def __init__(self, network: SpikingNetwork, constants: S4nnSettings) -> None:
        super().__init__(network, constants)
        self._gap = constants.gap

    def error(self, times: torch.Tensor, labels: torch.Tensor, steps: int) -> torch.Tensor:
        return (one_before_others(times, labels, steps, self._gap) - times) / steps

    def delta(self, error: torch.Tensor, slopes: torch.Tensor | None) -> torch.Tensor:
        return normalised(error)

    def to_weight(self, age: torch.Tensor, cell: Cell) -> torch.Tensor:
        return (age >= 0).to(age.dtype)

    def to_time(self, age: torch.Tensor, cell: Cell) -> torch.Tensor:
        return (age >= 0).to(age.dtype)
