"""Reward-modulated STDP with a tag: what pairs of spikes leave in a synapse, times whether the network was right.

    x_i = lambda+ * x_i + s_i,   y_j = lambda- * y_j + s_j
    E_ji = x_i * s_j - depression * y_j * s_i              y before this step's own spike
    tag_ji = lambda_e * tag_ji + E_ji,    dw_ji = r * tag_ji at the end of the sample

r is +1 where the class with the most output spikes is the label, else -1; ties go to the lowest, as in evaluation. As
Mozafari et al. do, a reward counts by the share of wrong answers so far, a punishment by that of right ones
(`balanced`), and of the output layer only the neuron that answered learns (`winner`). Hidden layers learn with the
strength `amplitude`, all neurons by the same r. (Florian, Neural Computation 19, 2007: MSTDPET; form as in BindsNET's
learning.py; Mozafari et al., Pattern Recognition 94, 2019, as in SpykeTorch; from memory. One word per synapse.)
"""

from __future__ import annotations

import torch
from torch.nn import functional

from neurotrain_hw.networks.network import SpikingNetwork
from neurotrain_hw.trainers.constants import RewardSettings
from neurotrain_hw.trainers.online import Online, Step
from neurotrain_hw.trainers.trainer import Batch, OnlineTrainer, Setting


def trainer(network: SpikingNetwork, constants: RewardSettings, seed: int) -> OnlineTrainer:
    """Reward-modulated STDP on a network."""
    return RewardStdp(network, constants)


class RewardStdp(OnlineTrainer):
    """Keeps `hits`, the running share of right answers."""

    def __init__(self, network: SpikingNetwork, constants: RewardSettings) -> None:
        super().__init__(network, constants, lambda setting: Tags(setting, constants))
        self._rewarded, classes = constants, network.spec.sizes[-1]
        self.kept["hits"] = torch.full((classes,), 1 / classes, dtype=torch.float64)

    def learn(self, batch: Batch) -> float:
        with torch.no_grad():
            learner = self.start(batch)
            assert isinstance(learner, Tags)
            learner.advance(batch.spikes)
            right = learner.answers == batch.labels
            learner.reward(self._reward(right, learner.answers))
            hits = self.kept["hits"]
            for answer, hit in zip(learner.answers.tolist(), right.tolist()):
                hits[answer] += self._rewarded.hit_rate * (float(hit) - hits[answer])
            # the tags are of whole samples: a sample's share is that of its steps, as with every rule
            self._apply(learner, len(batch.labels), batch)
            return float(learner.loss.item() / (batch.spikes.shape[0] * batch.spikes.shape[1]))

    def _reward(self, right: torch.Tensor, answers) -> torch.Tensor:
        if self._rewarded.balanced:
            return right.double() - self.kept["hits"][answers]
        return torch.where(right, 1.0, -1.0)


class Tags(Online):
    """Traces (N, n), tags (N, n_post, n_pre), and the output spikes so far, between two steps of a batch."""

    def __init__(self, setting: Setting, constants: RewardSettings) -> None:
        super().__init__(*setting.common)
        self._constants, samples = constants, len(setting.labels)
        self._x = [cell.weight.new_zeros(samples, cell.weight.shape[1]) for cell in self.cells]
        self._y = [cell.weight.new_zeros(samples, len(cell.weight)) for cell in self.cells]
        self._tags = [cell.weight.new_zeros(samples, *cell.weight.shape) for cell in self.cells]
        self._count = torch.zeros_like(self._y[-1])

    @property
    def answers(self) -> torch.Tensor:
        """The class with the most spikes, (N,)."""
        return self._count.argmax(dim=1)

    def reward(self, r: torch.Tensor) -> None:
        """Make gradients of the tags with the reward r (N,) of every sample; the optimiser goes down."""
        last = len(self.cells) - 1
        for k, (tag, gradients) in enumerate(zip(self._tags, self.gradients, strict=True)):
            told = r.to(tag.dtype).unsqueeze(1).expand(-1, tag.shape[1])
            if k < last:
                told = self._constants.amplitude * told
            elif self._constants.winner:
                told = told * functional.one_hot(self.answers, tag.shape[1]).to(tag.dtype)
            gradients[0] -= torch.einsum("nj,nji->ji", told, tag)

    def _learn(self, steps: list[Step], error: torch.Tensor, *, learning: bool) -> None:
        constants = self._constants
        for k, (cell, step) in enumerate(zip(self.cells, steps, strict=True)):
            pre_decay = cell.beta if constants.trace_decay is None else constants.trace_decay
            post_decay = cell.beta if constants.post_decay is None else constants.post_decay
            self._x[k].mul_(pre_decay).add_(step.pre)
            self._y[k].mul_(post_decay)
            tag = self._tags[k].mul_(constants.tag_decay)
            tag.baddbmm_(step.after.fired.unsqueeze(2), self._x[k].unsqueeze(1))
            tag.baddbmm_(self._y[k].unsqueeze(2), step.pre.unsqueeze(1), alpha=-constants.depression)
            self._y[k].add_(step.after.fired)
        self._count += steps[-1].after.fired
