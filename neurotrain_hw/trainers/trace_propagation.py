"""Trace Propagation: a second pass carries the label upward, and every layer learns to tell samples apart as it does.

Student: the network on its input. Target: the same neurons and weights on the label, through a learned matrix S into
the first hidden layer. Traces eps = decay * eps + s of the student's spikes, eps~ of the target's; eps~_0 of the label.
Per hidden layer and step, over the samples b, b' of a batch:

    z[b,b'] = similarity * eps_l[b] . eps~_l[b'],   y[b,b'] = softmax_b'(-|eps~_{l-1}[b] - eps~_{l-1}[b']|)
    E_l = mean_b -sum_b' y log softmax(z),   gradient of E_l through psi of both passes in this step alone

The output layer learns from its own error times eps. A batch needs two samples at least. (Pes et al., Traces
Propagation, 2025, arXiv:2509.13053; equations 1 and 11 to 18 as NeuroTrain's tp_trainer.py names them, not from the
text. The paper's output is an integrator; this is the network's own.)
"""

from __future__ import annotations

from dataclasses import replace

import torch

from neurotrain_hw.networks.network import SpikingNetwork
from neurotrain_hw.networks.operators import Dense
from neurotrain_hw.trainers.constants import TracePropagationSettings
from neurotrain_hw.trainers.online import Online, Step
from neurotrain_hw.trainers.trainer import OnlineTrainer, Setting


def trainer(network: SpikingNetwork, constants: TracePropagationSettings, seed: int) -> OnlineTrainer:
    """Trace Propagation on a network."""
    return TracePropagation(network, constants, seed)


class TracePropagation(OnlineTrainer):
    """Learns S (n_first, classes), too."""

    def __init__(self, network: SpikingNetwork, constants: TracePropagationSettings, seed: int) -> None:
        super().__init__(
            network, constants, lambda setting: TwoPasses(setting, constants, self.parameters["projection"])
        )
        # as torch's kaiming_normal: standard deviation sqrt(2 / classes)
        drawn = self.random_feedback(seed, scale=(2 / network.spec.sizes[-1]) ** 0.5)
        self.parameters["projection"] = torch.nn.Parameter(drawn[0])


class TwoPasses(Online):
    """Both passes between two steps of a batch."""

    def __init__(self, setting: Setting, constants: TracePropagationSettings, projection: torch.Tensor) -> None:
        super().__init__(*setting.common)
        self._decay, self._similarity, self._projection = (
            constants.trace_decay,
            constants.similarity,
            projection.detach(),
        )
        hidden = self.states[:-1]
        self._target_states = list(hidden)
        self._student_traces = [torch.zeros_like(state.v) for state in hidden]
        self._target_traces = [torch.zeros_like(self.target), *(torch.zeros_like(state.v) for state in hidden)]
        self.own["projection"] = torch.zeros_like(projection)
        first = self.cells[0]
        spread = Dense((projection.shape[1],), first.way.out_shape)
        self._labelled = replace(first, weight=self._projection, operator=spread)
        # a sample of every class, and which of them stands for each sample
        classes = torch.arange(projection.shape[1], device=setting.labels.device)
        some = (setting.labels == classes.unsqueeze(1)).to(torch.uint8).argmax(dim=1)
        self._examples: tuple[torch.Tensor, torch.Tensor] = some, setting.labels
        self._arrived = [way.zeros(len(setting.labels)) for way in self.cells[-1].ways]

    def _learn(self, steps: list[Step], error: torch.Tensor, *, learning: bool) -> None:
        self._target_traces[0].mul_(self._decay).add_(self.target)
        label = self.target
        for k, step in enumerate(steps[:-1]):
            target = self._target_step(k, label)
            label = target.after.fired
            self._student_traces[k].mul_(self._decay).add_(step.after.fired)
            self._target_traces[k + 1].mul_(self._decay).add_(label)
            if learning:
                from_student, from_target = self._contrast(k)
                for number, way in enumerate(self.cells[k].ways):
                    self.gradients[k][number] += way.gradient(from_student * step.psi, way.spikes(step), step)
                    into = self.own["projection"] if not k and not number else self.gradients[k][number]
                    way = self._labelled.ways[0] if not k and not number else way
                    into += way.gradient(from_target * target.psi, way.spikes(target), target)
        for way, trace, gradient in zip(self.cells[-1].ways, self._arrived, self.gradients[-1], strict=True):
            trace.mul_(self._decay).add_(way.spikes(steps[-1]))
            if learning:
                gradient += way.gradient(error * steps[-1].slope, trace, steps[-1])

    def _target_step(self, k: int, label: torch.Tensor) -> Step:
        """The second pass through a layer."""
        cell, before = (self.cells[k] if k else self._labelled), self._target_states[k]
        x, into = cell.way.arrive(label)
        after, out = cell.step_with(before, x)
        self._target_states[k] = after
        psi = cell.psi(cell.distance(after.v, before.a))
        return Step(x, before, after, psi, psi, psi, (into, out))

    def _contrast(self, k: int) -> tuple[torch.Tensor, torch.Tensor]:
        """The derivative of N * E_k by the student's and the target's traces."""
        shape = self._student_traces[k].shape
        traces = self._student_traces[k], self._target_traces[k + 1], self._target_traces[k]
        student, target, below = (trace.flatten(1) for trace in traces)
        wanted = torch.softmax(-self._distances(below, labels=not k), dim=1)
        scale = self._similarity
        by_similarity = scale * (torch.softmax(scale * student @ target.T, dim=1) - wanted)
        return (by_similarity @ target).view(shape), (by_similarity.T @ student).view(shape)

    def _distances(self, traces: torch.Tensor, *, labels: bool) -> torch.Tensor:
        """Between the traces of all samples (N, n); those of labels are the same for all samples of a class."""
        some, place = self._examples if labels else (slice(None), None)
        chosen = traces[some]
        found = torch.cdist(chosen, chosen, compute_mode="donot_use_mm_for_euclid_dist")
        return found if place is None else found[place.unsqueeze(1), place]
