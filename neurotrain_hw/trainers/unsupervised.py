"""Hidden layers that learn from their own spikes, under a readout that learns from its error.

x_i, y_j: traces of pre and post spikes, s: spikes of this step; changes of hidden weights, times `amplitude`:

    pair-stdp     dw_ji = x_i * s_j - depression * y_j * s_i        y before this step's own spike
    triplet-stdp  dw_ji = x_i * s_j * (A2+ + A3+ * o_j) - y_j * s_i * (A2- + A3- * r_i)
    hebb          dw_ji = x_i * s_j + y_j * s_i
    oja           dw_ji = y_j * (x_i - y_j * w_ji)                  holds the weights' length
    bcm           dw_ji = x_i * y_j * (y_j - theta_j),  theta_j <- theta_j + (y_j^2 - theta_j) / 100

r, o: slow traces of pre and post spikes, before this step's own. Traces and theta start at 0 with every sample. The
output layer is the control's, `readout-only`. (Bi and Poo 1998; Pfister and Gerstner 2006, all-to-all, form and
constants as in NEST's stdp_triplet_synapse.h; Hebb 1949, form as in BindsNET; Oja 1982; Bienenstock, Cooper and Munro
1982; from memory.)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from neurotrain_hw.networks.network import SpikingNetwork
from neurotrain_hw.trainers.cells import Cell, Way
from neurotrain_hw.trainers.constants import TripletSettings, UnsupervisedSettings
from neurotrain_hw.trainers.eligibility import PreTrace
from neurotrain_hw.trainers.online import Eligibility, Local, Step
from neurotrain_hw.trainers.trainer import OnlineTrainer, Setting


def pair_stdp(network: SpikingNetwork, constants: UnsupervisedSettings, seed: int) -> OnlineTrainer:
    """Pair STDP in the hidden layers."""

    def change(own: Hebbian, now: Step) -> torch.Tensor:
        return now.after.fired.T @ own.x - constants.depression * own.y_before.T @ own.pre

    return _trainer(network, constants, change)


def hebb(network: SpikingNetwork, constants: UnsupervisedSettings, seed: int) -> OnlineTrainer:
    """Hebb's rule in the hidden layers."""
    return _trainer(network, constants, lambda own, now: now.after.fired.T @ own.x + own.y.T @ own.pre)


def oja(network: SpikingNetwork, constants: UnsupervisedSettings, seed: int) -> OnlineTrainer:
    """Oja's rule in the hidden layers."""

    def change(own: Hebbian, now: Step) -> torch.Tensor:
        return own.y.T @ own.x - own.y.square().sum(dim=0).unsqueeze(1) * own.cell.weight

    return _trainer(network, constants, change)


def triplet_stdp(network: SpikingNetwork, constants: TripletSettings, seed: int) -> OnlineTrainer:
    """Triplet STDP in the hidden layers."""

    def change(own: Hebbian, now: Step) -> torch.Tensor:
        gained = now.after.fired * (constants.pair_plus + constants.triplet_plus * own.slow_y)
        lost = own.pre * (constants.pair_minus + constants.triplet_minus * own.slow_x)
        return gained.T @ own.x - own.y_before.T @ lost

    return _trainer(network, constants, change)


def bcm(network: SpikingNetwork, constants: UnsupervisedSettings, seed: int) -> OnlineTrainer:
    """The BCM rule in the hidden layers."""
    return _trainer(network, constants, lambda own, now: (own.y * (own.y - own.theta)).T @ own.x)


class Hebbian:
    """x (N, n_pre), y (N, n_post) with and without this step's spike, and BCM's sliding threshold theta (N, n_post)."""

    def __init__(
        self, cell: Cell, way: Way, samples: int, constants: UnsupervisedSettings,
        change: Callable[[Hebbian, Step], torch.Tensor],
    ) -> None:  # fmt: skip
        self.cell, self._change, self._amplitude = cell, change, constants.amplitude
        self._pre_decay = cell.beta if constants.trace_decay is None else constants.trace_decay
        self._post_decay = cell.beta if constants.post_decay is None else constants.post_decay
        self.x = way.zeros(samples)
        self.y = cell.weight.new_zeros(samples, cell.neurons)
        self.y_before, self.theta, self.pre = self.y, torch.zeros_like(self.y), self.x
        self._slow = (constants.slow_pre, constants.slow_post) if isinstance(constants, TripletSettings) else None
        # as they stood before this step's spikes
        self.slow_x, self.slow_y = torch.zeros_like(self.x), torch.zeros_like(self.y)
        self._last = (self.slow_x, self.slow_y)

    def update(self, pre: torch.Tensor, now: Step) -> None:
        self.pre = pre
        if self._slow is not None:
            self.slow_x, self.slow_y = (decay * last for decay, last in zip(self._slow, self._last, strict=True))
            self._last = (self.slow_x + pre, self.slow_y + now.after.fired)
        self.x = self._pre_decay * self.x + pre
        self.y_before = self._post_decay * self.y
        self.y = self.y_before + now.after.fired
        self.theta = self.theta + (self.y.square() - self.theta) / 100

    def gradient(self, signal: torch.Tensor, now: Step) -> torch.Tensor:
        # the optimiser goes down
        return -self._amplitude * self._change(self, now)


def _trainer(
    network: SpikingNetwork, constants: UnsupervisedSettings, change: Callable[[Hebbian, Step], torch.Tensor]
) -> OnlineTrainer:
    def eligibility(cell: Cell, output: bool, way: Way, samples: int) -> Eligibility:
        if output:
            return PreTrace(cell, way, samples, cell.beta)
        return Hebbian(cell, way, samples, constants, change)

    def told(cells: Sequence[Cell], steps: Sequence[Step], error: torch.Tensor) -> list[torch.Tensor]:
        return [*(step.psi for step in steps[:-1]), error]  # hidden layers are told nothing

    def learner(setting: Setting) -> Local:
        return Local(*setting.common, eligibility=eligibility, signals=told)

    return OnlineTrainer(network, constants, learner)
