"""SpikeProp: the gradient of first-spike times, through the slope with which a membrane crosses its threshold.

    delta_k = (t*_k - t_k) / slope_k at the outputs, delta_i = sum_j delta_j W_ji e'(t_j - t_i) / slope_i below
    slope_j = sum_i W_ji e'(t_j - t_i) over spikes that came,    dW_ji = -learning rate * delta_j e(t_j - t_i)

e is the kernel of neurons with a synaptic current, (alpha^(s+1) - beta^(s+1)) / (alpha - beta), or (s + 1) beta^s where
both decay alike, the paper's kernel; e' is its derivative between steps. t* is `early` for the label, `late` for the
others, in shares of T; `one_sided` leaves out errors of neurons that do better. A slope below `least_slope` counts as
that: the paper leaves open what happens where a membrane only touches its threshold. (Bohte, Kok and La Poutre,
Neurocomputing 48, 2002; from memory.)
"""

from __future__ import annotations

import math

import torch
from torch.nn import functional

from neurotrain_hw.networks.network import SpikingNetwork
from neurotrain_hw.trainers.cells import Cell
from neurotrain_hw.trainers.constants import SpikepropSettings
from neurotrain_hw.trainers.spike_times import SpikeTimes
from neurotrain_hw.trainers.trainer import Trainer


def trainer(network: SpikingNetwork, constants: SpikepropSettings, seed: int) -> Trainer:
    """SpikeProp on a network."""
    return Spikeprop(network, constants)


class Spikeprop(SpikeTimes):
    """Errors in steps, kernels of neurons with a synaptic current."""

    def __init__(self, network: SpikingNetwork, constants: SpikepropSettings) -> None:
        super().__init__(network, constants)
        self._early, self._late, self._least = constants.early, constants.late, constants.least_slope
        self._one_sided = constants.one_sided

    def error(self, times: torch.Tensor, labels: torch.Tensor, steps: int) -> torch.Tensor:
        is_label = functional.one_hot(labels, times.shape[1]).bool()
        early, late = times.new_tensor(self._early * steps), times.new_tensor(self._late * steps)
        error = torch.where(is_label, early, late) - times
        return torch.where((error < 0) == is_label, error, 0) if self._one_sided else error

    def delta(self, error: torch.Tensor, slopes: torch.Tensor | None) -> torch.Tensor:
        return error if slopes is None else error / slopes.clamp(min=self._least)

    def to_weight(self, age: torch.Tensor, cell: Cell) -> torch.Tensor:
        return _kernel(age, cell)[0]

    def to_time(self, age: torch.Tensor, cell: Cell) -> torch.Tensor:
        return _kernel(age, cell)[1]

    def steepness(self, age: torch.Tensor, cell: Cell) -> torch.Tensor | None:
        return _kernel(age, cell)[1]


def _kernel(age: torch.Tensor, cell: Cell) -> tuple[torch.Tensor, torch.Tensor]:
    """e and e' at an age, 0 where the spike has not come."""
    alpha, beta = float(cell.alpha or 0), float(cell.beta)
    came, power = age >= 0, age.clamp(min=0) + 1
    if alpha == beta:
        value = power * beta**power / beta
        slope = beta**power / beta * (1 + power * math.log(beta))
    else:
        current, membrane = alpha**power, beta**power
        value = (current - membrane) / (alpha - beta)
        slope = (current * math.log(alpha) - membrane * math.log(beta)) / (alpha - beta)
    return value * came, slope * came
