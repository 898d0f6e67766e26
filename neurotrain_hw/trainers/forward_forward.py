"""Forward-Forward: a pass with the right label and one with a wrong one, and every layer learns to tell them apart.

    h_j = lambda * h_j + s_j,   G = mean_j h_j^2,   p = sigmoid(G - theta)          of one layer, in one pass
    loss = -log p with the right label, -log(1 - p) with a wrong one, at every step
    g_ji += psi_j * L_j * x_i,   L_j = -(1 - p) * 2 h_j / n,   with a wrong label  p * 2 h_j / n

The label enters the first layer through a matrix S of its own, which learns as the weights do; wrong labels are drawn
once per sample. x_i is the trace of the inputs of that pass. The output layer is a readout: it learns from its own
error on the spikes of a third pass without a label, since the network that is evaluated, exported and put on a chip
has no label to read. (Hinton, arXiv:2212.13345, both ways to predict are his; h as a filtered count as in our rule file
`forward-forward`; theta as in pytorch_forward_forward. Reconstructed for spikes: loss and update at every step. The
inputs of deeper layers are not normalised, as the weights would not hold for the network without labels.)
"""

from __future__ import annotations

import torch
from torch.nn import functional

from neurotrain_hw.networks.network import SpikingNetwork
from neurotrain_hw.trainers.cells import Cell, State
from neurotrain_hw.trainers.constants import ForwardForwardSettings
from neurotrain_hw.trainers.eligibility import PreTrace
from neurotrain_hw.trainers.online import Online, Step
from neurotrain_hw.trainers.ottt import pre_trace
from neurotrain_hw.trainers.trainer import OnlineTrainer, Setting


def trainer(network: SpikingNetwork, constants: ForwardForwardSettings, seed: int) -> OnlineTrainer:
    """Forward-Forward on a network."""
    return ForwardForward(network, constants, seed)


class ForwardForward(OnlineTrainer):
    """Learns S (n_first, classes), too."""

    def __init__(self, network: SpikingNetwork, constants: ForwardForwardSettings, seed: int) -> None:
        super().__init__(network, constants, lambda setting: ThreePasses(setting, constants, self._labels))
        self._goodness = constants
        # as torch's kaiming_normal: standard deviation sqrt(2 / classes)
        drawn = self.random_feedback(seed, scale=(2 / network.spec.sizes[-1]) ** 0.5)
        self.parameters["labels"] = self._labels = torch.nn.Parameter(drawn[0])

    def goodness(self, spikes: torch.Tensor) -> torch.Tensor:
        """Summed goodness (N, classes) of all hidden layers and steps with each label; the prediction is its argmax.

        `spikes` (T, N, ...). The second way to predict, which needs a pass per class and S.
        """
        with torch.no_grad():
            spikes, cells = self.shaped(spikes), self.cells()[:-1]
            found = []
            for label in torch.eye(self._labels.shape[1]).to(self._labels):
                one = Pass(cells, label.expand(spikes.shape[1], -1), self._goodness)
                total = self._labels.new_zeros(spikes.shape[1])
                for now in spikes:
                    one.step(cells[0].way.arrive(now.to(cells[0].weight.dtype)), self._labels)
                    total += sum(one.goodness())
                found.append(total)
            return torch.stack(found, dim=1)


class Pass:
    """The hidden layers with a label `y` (N, classes), between two steps: states, filtered counts, traces."""

    def __init__(self, cells: list[Cell], y: torch.Tensor, constants: ForwardForwardSettings) -> None:
        self.cells, self.y, self._decay = cells, y, constants.count_decay
        self.states = [cell.rest(len(y)) for cell in cells]
        self.counts = [torch.zeros_like(state.v) for state in self.states]
        trace = pre_trace(constants)
        self.traces = [[trace(cell, False, way, len(y)) for way in cell.ways] for cell in cells]
        self._y_decay = cells[0].beta if constants.trace_decay is None else constants.trace_decay
        self.y_trace = torch.zeros_like(y)
        self.steps: list[Step] = []

    def step(self, arrived: tuple[torch.Tensor, torch.Tensor | None], labels: torch.Tensor) -> None:
        """Take one step of what arrives at the first layer (`Operator.arrive`), the label through S (`labels`)."""
        self.steps = []
        self.y_trace = self._y_decay * self.y_trace + self.y
        for k, cell in enumerate(self.cells):
            before = self.states[k]
            pre, into = arrived if k == 0 else cell.way.arrive(self.states[k - 1].fired)
            after, out = cell.step_with(before, pre)
            if k == 0:
                # on a membrane that has decayed, as the currents of the other inputs
                v = after.v + (self.y @ labels.T).view_as(after.v)
                after = State(v, (cell.distance(v, before.a) > 0).to(v.dtype), after.a)
            psi = cell.psi(cell.distance(after.v, before.a))
            now = Step(pre, before, after, psi, psi, psi, (into, out))
            for way, trace in zip(cell.ways, self.traces[k], strict=True):
                trace.update(way.spikes(now), now)
            self.counts[k] = self._decay * self.counts[k] + after.fired
            self.states[k] = after
            self.steps.append(now)

    def goodness(self) -> list[torch.Tensor]:
        """G (N,) of every layer."""
        return [count.flatten(1).square().mean(dim=1) for count in self.counts]


class ThreePasses(Online):
    """The network without a label, and its hidden layers with a right and with a wrong one."""

    def __init__(self, setting: Setting, constants: ForwardForwardSettings, labels: torch.Tensor) -> None:
        super().__init__(*setting.common)
        self._constants, self._labels = constants, labels
        classes = labels.shape[1]
        away = torch.randint(1, classes, setting.labels.shape, generator=setting.generator).to(labels.device)
        wrong = functional.one_hot((setting.labels + away) % classes, classes).to(labels.dtype)
        right = functional.one_hot(setting.labels, classes).to(labels.dtype)
        self._passes = [Pass(self.cells[:-1], y, constants) for y in (right, wrong)]
        last = self.cells[-1]
        self._readout = [PreTrace(last, way, len(right), self._decay(last)) for way in last.ways]
        self.own["labels"] = torch.zeros_like(labels)

    def go_on_with(self, cells: list[Cell]) -> None:  # type: ignore[override]
        super().go_on_with(cells)
        for one in self._passes:
            one.cells = self.cells[:-1]

    def _learn(self, steps: list[Step], error: torch.Tensor, *, learning: bool) -> None:
        for way, trace in zip(self.cells[-1].ways, self._readout, strict=True):
            trace.update(way.spikes(steps[-1]), steps[-1])
        if learning:
            for gradient, trace in zip(self.gradients[-1], self._readout, strict=True):
                gradient += trace.gradient(error, steps[-1])
        for one, right in zip(self._passes, (True, False), strict=True):
            one.step((steps[0].pre, steps[0].routes[0]), self._labels)
            if learning:
                self._tell(one, right=right)

    def _tell(self, one: Pass, *, right: bool) -> None:
        for k, (count, good, now) in enumerate(zip(one.counts, one.goodness(), one.steps, strict=True)):
            p = torch.sigmoid(good - self._constants.theta)
            by_goodness = (p - 1 if right else p).view(-1, *(1 for _ in count.shape[1:]))
            signal = by_goodness * 2 * count / (count[0].numel())
            for gradient, trace in zip(self.gradients[k], one.traces[k], strict=True):
                gradient += trace.gradient(signal, now)
            if k == 0:
                self.own["labels"] += (signal * now.slope).flatten(1).T @ one.y_trace

    def _decay(self, cell: Cell) -> float:
        return float(cell.beta) if self._constants.trace_decay is None else self._constants.trace_decay
