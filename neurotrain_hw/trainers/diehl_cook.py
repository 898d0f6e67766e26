"""Unsupervised STDP with winners: hidden neurons compete for samples, and labels are given to them afterwards.

    v_j = beta * v_j * (1 - s_j) + sum_i w_ji s_i - inhibition * A_j * sum_{m != j} s_m[t-1],  A_j = threshold + theta_j
    s_j = 1 for the neuron with the largest v_j / A_j, if that is above 1, else 0
    x_i = decay * x_i, then 1 at a spike,   dw_ji = s_j * (x_i - offset)     summed over the steps of a sample
    after a batch: w = max(w, 0) and every row scaled to the sum `norm` * threshold;
    theta_j = (1 - theta_decay) * theta_j + theta_step * spikes_j

Thresholds are folded into the weights: the network holds w_ji * threshold / A_j, whose membranes are v_j * threshold /
A_j, and spikes at the thresholds that it has. The network that is evaluated, exported and put on a chip has no
inhibition.

The output layer is an assignment, not a readout that learns: a_jc is the mean count of neuron j, without inhibition, on
training samples of class c, a running mean of the rate `answer_rate` per batch. A neuron that has won belongs to the
class c with the largest a_jc / mean_m a_mc, and sends output c `vote` * threshold * ([j belongs to c] / n_c - 1 / n);
n_c of the n neurons that have won belong to c.

(Diehl and Cook, Frontiers in Computational Neuroscience 9, 2015: inhibition, adaptive thresholds, normalised rows, the
rule with an offset; from memory. Reconstructed: a single winner per step stands for their inhibitory layer, batches for
samples one by one, and the assignment as weights that subtract the mean vote.)
"""

from __future__ import annotations

import torch
from torch.nn import functional

from neurotrain_hw.networks.network import SpikingNetwork
from neurotrain_hw.trainers.constants import DiehlCookSettings
from neurotrain_hw.trainers.online import Online, Step
from neurotrain_hw.trainers.trainer import Batch, OnlineTrainer, Setting


def trainer(network: SpikingNetwork, constants: DiehlCookSettings, seed: int) -> OnlineTrainer:
    """Unsupervised STDP with winners on a network."""
    return DiehlCook(network, constants)


class DiehlCook(OnlineTrainer):
    """Keeps `theta` (n,), mean counts `answers` (n, classes); makes the first weights positive and of one sum."""

    def __init__(self, network: SpikingNetwork, constants: DiehlCookSettings) -> None:
        super().__init__(network, constants, lambda setting: Winners(setting, constants))
        self._rule, hidden = constants, self.shadow()[0]
        self._threshold, self._vote = (
            network.spec.layers[0].threshold,
            constants.vote * network.spec.layers[1].threshold,
        )
        self.kept["theta"] = hidden.new_zeros(len(hidden))
        self.kept["answers"] = hidden.new_zeros(len(hidden), network.spec.sizes[-1] // constants.population)
        with torch.no_grad():
            hidden.copy_(self._normalised(hidden.abs()))

    def learn(self, batch: Batch) -> float:
        with torch.no_grad():
            learner = Winners(self.setting(batch), self._rule)
            learner.advance(self.shaped(batch.spikes))
            samples = len(batch.labels)
            hidden, outputs = self.shadow()
            fold = self._fold()
            hidden.grad = -fold * learner.change / samples
            outputs.grad = torch.zeros_like(outputs)
            batch.update()
            weights = self._normalised((hidden / fold).clamp(min=0))
            theta = self.kept["theta"]
            theta.mul_(1 - self._rule.theta_decay).add_(self._rule.theta_step * learner.won)
            hidden.copy_(weights * self._fold())
            self._follow(learner.counts, batch.labels)
            outputs.copy_(self._assignment())
            return float(learner.loss.item() / (samples * len(batch.spikes)))

    @property
    def assigned(self) -> torch.Tensor:
        """The class that each hidden neuron belongs to, (n,); -1 for one that has never won."""
        answers = self.kept["answers"]
        relative = answers / answers.mean(dim=0, keepdim=True).clamp(min=1e-12)
        return torch.where(self.kept["theta"] > 0, relative.argmax(dim=1), -1)

    def _fold(self) -> torch.Tensor:
        return (self._threshold / (self._threshold + self.kept["theta"])).unsqueeze(1)

    def _normalised(self, weights: torch.Tensor) -> torch.Tensor:
        return weights * (self._rule.norm * self._threshold / weights.sum(dim=1, keepdim=True).clamp(min=1e-12))

    def _follow(self, counts: torch.Tensor, labels: torch.Tensor) -> None:
        """Take the counts (N, n) of a batch into the means of the classes that it holds."""
        answers = self.kept["answers"]
        shown = (labels.unsqueeze(1) == torch.arange(answers.shape[1], device=labels.device)).to(counts.dtype)
        of_class = shown.sum(dim=0)
        mean = counts.T @ shown / of_class.clamp(min=1)
        answers += self._rule.answer_rate * (of_class > 0) * (mean - answers)

    def _assignment(self) -> torch.Tensor:
        classes = self.kept["answers"].shape[1]
        assigned = self.assigned
        member = (assigned == torch.arange(classes, device=assigned.device).unsqueeze(1)).to(self.kept["theta"].dtype)
        shares = member / member.sum(dim=1, keepdim=True).clamp(min=1)
        shares -= member.sum(dim=0) / member.sum().clamp(min=1)
        return self._vote * shares.repeat_interleave(self._rule.population, dim=0)


class Winners(Online):
    """The hidden layer in competition, beside the network without, between two steps of a batch.

    `change` (n, n_pre) and `won` (n,), spikes of winners: summed over samples. `counts` (N, n): without competition.
    """

    def __init__(self, setting: Setting, constants: DiehlCookSettings) -> None:
        super().__init__(*setting.common)
        self._rule, cell = constants, self.cells[0]
        self._decay = cell.beta if constants.trace_decay is None else constants.trace_decay
        rest = cell.rest(len(setting.labels))
        self._v, self._fired = rest.v, rest.fired
        self._x = cell.weight.new_zeros(len(setting.labels), cell.weight.shape[1])
        self.change, self.won = torch.zeros_like(cell.weight), cell.weight.new_zeros(len(cell.weight))
        self.counts = torch.zeros_like(rest.v)

    def _learn(self, steps: list[Step], error: torch.Tensor, *, learning: bool) -> None:
        cell, pre = self.cells[0], steps[0].pre
        others = self._fired.sum(dim=1, keepdim=True) - self._fired
        v = cell.beta * self._v * (1 - self._fired) + functional.linear(pre, cell.weight)
        self._v = v - self._rule.inhibition * cell.threshold * others
        largest = functional.one_hot(self._v.argmax(dim=1), self._v.shape[1])
        self._fired = (largest * (self._v > cell.threshold)).to(pre.dtype)
        self._x = torch.where(pre > 0, torch.ones_like(pre), self._decay * self._x)
        self.change += self._fired.T @ (self._x - self._rule.offset)
        self.won += self._fired.sum(dim=0)
        self.counts += steps[0].after.fired
