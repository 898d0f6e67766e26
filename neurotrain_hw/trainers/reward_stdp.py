"""Reward-modulated STDP with a tag: what pairs of spikes leave in a synapse, times whether the network was right.

    x_i = lambda+ * x_i + s_i,   y_j = lambda- * y_j + s_j
    E_ji = x_i * s_j - depression * y_j * s_i                     y before this step's own spike
    tag_ji = lambda_e * tag_ji + E_ji,   dw_ji = r * tag_ji       at the end of a sample

r is 1 where the class with the most output spikes is the label, else -1; ties go to the lowest, as in evaluation.
(Florian, Neural Computation 19, 2007: MSTDPET; form as in BindsNET's learning.py, its 1/tau_e part of the rate.)

One scalar for all neurons teaches ten classes hardly anything, so four things are added, each a constant that can be
switched off: of the output neurons only the one that answered learns (`winner`, as in SpykeTorch's reward STDP); its
mean reward so far is taken off r (`hit_rate`); output neurons receive a random current per sample, to try other
answers (`noise`); and synapses of a neuron compete (`competing`): tags lose their mean over the pre neurons, and after
an update each row of weights gets the layer's first mean length. Hidden layers learn by the same r, with `amplitude`.
One word per synapse.
"""

from __future__ import annotations

import torch

from neurotrain_hw.networks.network import SpikingNetwork
from neurotrain_hw.trainers import losses
from neurotrain_hw.trainers.cells import State
from neurotrain_hw.trainers.constants import RewardSettings
from neurotrain_hw.trainers.online import Online, Step
from neurotrain_hw.trainers.trainer import Batch, OnlineTrainer, Setting


def trainer(network: SpikingNetwork, constants: RewardSettings, seed: int) -> OnlineTrainer:
    """Reward-modulated STDP on a network."""
    return RewardStdp(network, constants)


class RewardStdp(OnlineTrainer):
    """Keeps every output neuron's mean `reward` when it answered, and the length of a layer's rows of weights."""

    def __init__(self, network: SpikingNetwork, constants: RewardSettings) -> None:
        super().__init__(network, constants, lambda setting: Tags(setting, constants))
        self._rewarded, classes = constants, network.spec.sizes[-1] // constants.population
        # a network that guesses
        self.kept["reward"] = torch.full(
            (classes,), 2 / classes - 1, dtype=torch.float64, device=self.shadow()[0].device
        )
        for k, weight in enumerate(self.shadow()):
            self.kept[f"length{k}"] = weight.data.norm(dim=1).mean()

    def learn(self, batch: Batch) -> float:
        with torch.no_grad():
            learner = Tags(self.setting(batch), self._rewarded)
            learner.advance(self.shaped(batch.spikes))
            answers = learner.answers
            r = torch.where(answers == batch.labels, 1.0, -1.0).double()
            learner.reward(r - self.kept["reward"][answers] if self._rewarded.hit_rate else r)
            for answer, each in zip(answers.tolist(), r.tolist(), strict=True):
                mean = self.kept["reward"]
                mean[answer] += (self._rewarded.hit_rate or 0.0) * (each - mean[answer])
            self._apply(learner, len(batch.labels), batch)
            if self._rewarded.competing:
                for k, weight in enumerate(self.shadow()):
                    weight.data.mul_(self.kept[f"length{k}"] / weight.data.norm(dim=1, keepdim=True).clamp(min=1e-12))
            return float(learner.loss.item() / (batch.spikes.shape[0] * batch.spikes.shape[1]))


class Tags(Online):
    """Traces (N, n), tags (N, n_post, n_pre), and the output neurons under noise, between two steps of a batch."""

    def __init__(self, setting: Setting, constants: RewardSettings) -> None:
        super().__init__(*setting.common)
        self._constants, samples, last = constants, len(setting.labels), self.cells[-1]
        self._x = [cell.weight.new_zeros(samples, cell.weight.shape[1]) for cell in self.cells]
        self._y = [cell.weight.new_zeros(samples, len(cell.weight)) for cell in self.cells]
        self._tags = [cell.weight.new_zeros(samples, *cell.weight.shape) for cell in self.cells]
        self._count = torch.zeros_like(self._y[-1])
        drawn = torch.randn(self._count.shape, generator=setting.generator, dtype=last.weight.dtype)
        self._noise = constants.noise * drawn.to(last.weight.device)
        self._tried = last.rest(samples)

    @property
    def answers(self) -> torch.Tensor:
        """The class with the most spikes, (N,)."""
        return self._count.unflatten(1, (-1, self.regime.population)).sum(dim=2).argmax(dim=1)

    def reward(self, r: torch.Tensor) -> None:
        """Make gradients of the tags with the reward r (N,) of every sample; the optimiser goes down."""
        last = len(self.cells) - 1
        for k, (tag, gradients) in enumerate(zip(self._tags, self.gradients, strict=True)):
            told = r.to(tag.dtype).unsqueeze(1).expand(-1, tag.shape[1])
            if k < last:
                told = self._constants.amplitude * told
            elif self._constants.winner:
                told = told * losses.one_hot(self.answers, tag.shape[1], self.regime.population).to(tag.dtype)
            change = torch.einsum("nj,nji->ji", told, tag)
            gradients[0] -= change - change.mean(dim=1, keepdim=True) if self._constants.competing else change

    def _learn(self, steps: list[Step], error: torch.Tensor, *, learning: bool) -> None:
        constants = self._constants
        for k, (cell, step) in enumerate(zip(self.cells, steps, strict=True)):
            fired = step.after.fired if k < len(steps) - 1 else self._try(step.pre)
            self._x[k].mul_(cell.beta if constants.trace_decay is None else constants.trace_decay).add_(step.pre)
            self._y[k].mul_(cell.beta if constants.post_decay is None else constants.post_decay)
            tag = self._tags[k].mul_(constants.tag_decay)
            tag.baddbmm_(fired.unsqueeze(2), self._x[k].unsqueeze(1))
            if constants.depression:
                tag.baddbmm_(self._y[k].unsqueeze(2), step.pre.unsqueeze(1), alpha=-constants.depression)
            self._y[k].add_(fired)
        self._count += fired

    def _try(self, pre: torch.Tensor) -> torch.Tensor:
        """Spikes of the output neurons with their noise; on a membrane that has decayed, it is noise on the current."""
        cell, before = self.cells[-1], self._tried
        v = cell.step(before, pre).v + self._noise
        self._tried = State(v, (cell.distance(v, before.a) > 0).to(v.dtype), before.a)
        return self._tried.fired
