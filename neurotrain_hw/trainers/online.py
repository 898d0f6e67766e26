"""The loop that all rules without a way back share: neurons, pseudo-derivative, output error, learning, step by step.

A rule says, per step, what every synapse remembers (`eligibility`) and what every neuron is told (`signals`):

    gradient_ji += sum over samples of L_j[t] * e_ji[t]

with e_ji the eligibility, pseudo-derivative included. Nothing else is kept, so that memory does not grow with T.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch

from neurotrain_hw.networks.operators import Routes
from neurotrain_hw.trainers import blocks, losses, neurons
from neurotrain_hw.trainers.activity import NONE, Activity
from neurotrain_hw.trainers.cells import Cell, State, Way
from neurotrain_hw.trainers.constants import Loss
from neurotrain_hw.trainers.events import Events


@dataclass(frozen=True, eq=False)
class Step:
    """What one layer did in a step: spikes `pre` (N, n_pre) or (N, C, H, W) as they arrive at its synapses, states, and
    psi before and after, (N, *neurons).

    `slope`: derivative of what the layer's learning signal is about by its membranes: psi for spikes, 1 where the
    loss reads the membrane. `routes`: what maximum pools let through. `events`: `pre` as a list, where that pays.
    """

    pre: torch.Tensor
    before: State
    after: State
    psi_before: torch.Tensor
    psi: torch.Tensor
    slope: torch.Tensor
    routes: Routes = (None, None)
    events: Events | None = None


class Eligibility(Protocol):
    """What the synapses of one way into a layer remember."""

    def update(self, pre: torch.Tensor, now: Step) -> None:
        """Take one step with the spikes `pre` (N, n_pre) that came through these synapses."""

    def gradient(self, signal: torch.Tensor, now: Step) -> torch.Tensor:
        """Sum over samples of learning signal (N, *neurons) times eligibility, of the shape of the weights."""


Signals = Callable[[Sequence[Cell], Sequence[Step], torch.Tensor], list[torch.Tensor]]
# cell, whether it is the output layer, which of its synapses, samples
NewEligibility = Callable[[Cell, bool, Way, int], Eligibility]


@dataclass(frozen=True)
class Regime:
    """What a rule learns from: a per-step loss, `gain` of the membranes in it, and steps without learning at the start.

    `population`: output neurons per class. `activity` adds to the signal of every hidden neuron.
    """

    loss: Loss = "membrane-ce"
    gain: float = 1.0
    burn_in: int = 0
    population: int = 1
    activity: Activity = NONE


class Online(ABC):
    """The state of a rule between two steps of a batch: all that it ever keeps.

    `gradients`: per layer, per way (input, recurrent, bias), summed over samples and steps so far, as are `loss` and
    `own`, the gradients of what the rule learns besides the weights, by name.
    """

    def __init__(self, cells: Sequence[Cell], labels: torch.Tensor, regime: Regime) -> None:
        self.cells, self.regime = list(cells), regime
        first, samples = self.cells[0].weight, len(labels)
        self.target = losses.one_hot(labels, self.cells[-1].neurons, regime.population).to(first.dtype)
        self.states = [cell.rest(samples) for cell in self.cells]
        self.gradients = [[torch.zeros_like(matrix) for matrix in cell.matrices] for cell in self.cells]
        self.own: dict[str, torch.Tensor] = {}
        self.loss = first.new_zeros(())
        self.steps_done = 0
        self.psi = [_psi(cell, state, state.a) for cell, state in zip(self.cells, self.states, strict=True)]
        self._counts = [torch.zeros_like(state.v) for state in self.states[:-1]] if regime.activity.strength else []

    def advance(self, spikes: Iterable[torch.Tensor]) -> None:
        """Go through the given steps, each (N, inputs)."""
        with torch.no_grad():
            for now in spikes:
                self._step(now)

    def go_through(self, spikes: torch.Tensor) -> None:
        """The same for a whole sample (T, N, ...), in the order of the sums that is fastest."""
        self.advance(spikes)

    def go_on_with(self, cells: Sequence[Cell]) -> None:
        """Take new weights, and start the gradients anew."""
        self.cells = list(cells)
        for gradient in (*(gradient for layer in self.gradients for gradient in layer), *self.own.values()):
            gradient.zero_()

    def _step(self, pre: torch.Tensor) -> None:
        steps = []
        for k, cell in enumerate(self.cells):
            pre, into = cell.way.arrive(pre.to(cell.weight.dtype))
            before, psi_before = self.states[k], self.psi[k]
            events = cell.events(pre)
            after, out = cell.step_with(before, pre, events)
            psi = _psi(cell, after, before.a)
            last_membrane = k == len(self.cells) - 1 and self.regime.loss != "spike-mse"
            slope = torch.ones_like(psi) if last_membrane else psi
            steps.append(Step(pre, before, after, psi_before, psi, slope, (into, out), events))
            self.states[k], self.psi[k] = after, psi
            pre = after.fired
        out = steps[-1].after
        regime = self.regime
        loss, error = losses.at_step(
            regime.loss, out.v, out.fired, self.target, regime.gain, threshold=self.cells[-1].threshold,
            population=regime.population,
        )  # fmt: skip
        self.loss += loss
        self.steps_done += 1
        for count, step in zip(self._counts, steps[:-1], strict=bool(self._counts)):
            count += step.after.fired
        self._learn(steps, error, learning=self.steps_done > self.regime.burn_in)

    @abstractmethod
    def _learn(self, steps: list[Step], error: torch.Tensor, *, learning: bool) -> None:
        """Take the step into what is remembered and, where `learning`, add to the gradients."""

    def _rate_signals(self) -> list[torch.Tensor]:
        """What activity regularisation tells the hidden neurons, (N, n) each; nothing where it is off."""
        return [self.regime.activity.signal(count / self.steps_done) for count in self._counts]


class Local(Online):
    """Rules that are an eligibility per synapse and a signal per neuron.

    `gate`: whether a step's signals are heard. `rowwise`: a signal depends on its own row alone, and may be asked for
    with the rows of several steps, one step after the other.
    """

    def __init__(
        self,
        cells: Sequence[Cell],
        labels: torch.Tensor,
        regime: Regime,
        *,
        eligibility: NewEligibility,
        signals: Signals,
        gate: Callable[[], bool] = lambda: True,
        rowwise: bool = False,
    ) -> None:
        super().__init__(cells, labels, regime)
        self.signals, self.gate, self.rowwise = signals, gate, rowwise
        last = len(self.cells) - 1
        self.eligibilities = [
            [eligibility(cell, k == last, way, len(labels)) for way in cell.ways] for k, cell in enumerate(self.cells)
        ]

    def go_through(self, spikes: torch.Tensor) -> None:
        if not blocks.possible(self):
            return super().go_through(spikes)
        with torch.no_grad():
            return blocks.go_through(self, spikes)

    def new_step(
        self, pre: torch.Tensor, before: State, after: State, psi_before: torch.Tensor, psi: torch.Tensor,
        slope: torch.Tensor, events: Events | None,
    ) -> Step:  # fmt: skip
        """What one layer did in the steps of a block: `pre`, `after`, `psi`, `slope` in rows, one step after the other.

        `before` and `psi_before` are those of the first step.
        """
        return Step(pre, before, after, psi_before, psi, slope, events=events)

    def _learn(self, steps: list[Step], error: torch.Tensor, *, learning: bool) -> None:
        for cell, step, groups in zip(self.cells, steps, self.eligibilities, strict=True):
            for way, group in zip(cell.ways, groups, strict=True):
                group.update(way.spikes(step), step)
        if not self.gate() or not learning:
            return
        signals = self.signals(self.cells, steps, error)
        for k, extra in enumerate(self._rate_signals()):
            signals[k] = signals[k] + extra
        for k, (signal, step) in enumerate(zip(signals, steps, strict=True)):
            for group, gradient in zip(self.eligibilities[k], self.gradients[k], strict=True):
                gradient += group.gradient(signal, step)


def _psi(cell: Cell, state: State, a: torch.Tensor) -> torch.Tensor:
    if neurons.compiles(cell, state.v):
        return neurons.psi(cell, state.v)
    return cell.psi(cell.distance(state.v, a))
