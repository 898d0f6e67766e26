"""Backpropagation through time with a surrogate gradient: the reference that online rules are held against.

The derivative of a spike is psi (Neftci, Mostafa and Zenke, IEEE Signal Processing Magazine 36(6), 2019), that of the
reset is left out unless `reset_gradient` asks for it, that of the quantiser is 1 (straight-through).
"""

from __future__ import annotations

import torch

from neurotrain_hw.networks.network import SpikingNetwork
from neurotrain_hw.trainers import losses
from neurotrain_hw.trainers.activity import Activity
from neurotrain_hw.trainers.cells import Cell, State, unroll
from neurotrain_hw.trainers.constants import BpttSettings, TbpttSettings
from neurotrain_hw.trainers.trainer import Batch, Trainer


def trainer(network: SpikingNetwork, constants: BpttSettings, seed: int) -> Trainer:
    """BPTT through whole samples; memory grows with T."""
    return Bptt(network, constants, window=None)


def truncated(network: SpikingNetwork, constants: TbpttSettings, seed: int) -> Trainer:
    """BPTT through windows of so many steps, states carried on as constants; memory grows with the window."""
    return Bptt(network, constants, window=constants.window)


class Bptt(Trainer):
    """`window`: steps through which errors go back, None for all."""

    def __init__(self, network: SpikingNetwork, constants: BpttSettings | TbpttSettings, *, window: int | None) -> None:
        super().__init__(network, constants)
        self._constants, self._window = constants, window

    def learn(self, batch: Batch) -> float:
        self.network.zero_grad()
        loss = 0.0
        cells = self.cells()
        states = [cell.rest(len(batch.labels)) for cell in cells]
        for part in self.shaped(batch.spikes).split(self._window or max(1, len(batch.spikes))):
            found, states = self._part(cells, states, part, batch)
            found.backward()
            loss += float(found.detach())
            cells, states = self.cells(), [state.detached() for state in states]
        batch.update()
        return loss

    def _part(
        self, cells: list[Cell], states: list[State], part: torch.Tensor, batch: Batch
    ) -> tuple[torch.Tensor, list[State]]:
        """The loss of a window, as its share of the whole sample's."""
        constants = self._constants
        layers, v, states = unroll(cells, states, part, constants.reset_gradient)
        target = losses.one_hot(batch.labels, v.shape[2], constants.population).to(v.dtype)
        steps = len(batch.spikes) if constants.loss in losses.PER_STEP else 1
        found = losses.over_steps(
            constants.loss, v, layers[-1], target, constants.gain, threshold=cells[-1].threshold,
            population=constants.population,
        )  # fmt: skip
        loss = found / (steps * len(target))
        if constants.rate_strength:
            activity, share = Activity.of(constants), len(part) / (len(batch.spikes) * len(target))
            for fired in layers[:-1]:
                loss = loss + activity.penalty(fired.mean(dim=0)) * share
        return loss, states
