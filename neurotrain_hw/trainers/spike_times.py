"""What rules on first-spike times share: the first spikes of a sample, and the way back from neuron to neuron.

Neurons spike once (reset "once"). With t_i the step of neuron i's first spike, T the steps of a sample, and e(s) what a
spike is worth to the membrane s steps later (1 without leak):

    v_j(t) = sum_i W_ji e(t - t_i) [t_i <= t],     t_j the first t with v_j(t) > threshold, T where there is none
    dW_ji = -learning rate * delta_j * f(t_j - t_i),     error_i = sum_j W_ji delta_j g(t_j - t_i)

A rule gives f, g, the error of the outputs, and how an error becomes a delta. A neuron that stayed silent is taken to
have fired in the last step, as in S4NN. The sums go over steps, not over pairs of neurons, so that a layer may be
convolutional and what is kept does not grow with T.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

import torch
from torch.nn import functional

from neurotrain_hw.trainers.cells import Cell
from neurotrain_hw.trainers.trainer import Batch, Trainer


class SpikeTimes(Trainer):
    """A rule on first-spike times; `age` below is t - t_i, (N, n_pre), negative where a spike has not come."""

    def learn(self, batch: Batch) -> float:
        with torch.no_grad():
            cells, steps, samples = self.cells(), len(batch.spikes), len(batch.labels)
            times = first_spikes(cells, self.shaped(batch.spikes))
            error = self.error(times[-1], batch.labels, steps)
            loss = float(error.square().sum() / 2) / samples
            shadow = self.shadow()
            for k in range(len(cells) - 1, -1, -1):
                moments = times[k + 1].clamp(max=steps - 1)
                delta = self.delta(error, self._slopes(cells[k], times[k], moments, steps))
                gradient, error = self._back(cells[k], times[k], moments, delta, steps, below=k > 0)
                shadow[k].grad = gradient / samples
        batch.update()
        return loss

    @abstractmethod
    def error(self, times: torch.Tensor, labels: torch.Tensor, steps: int) -> torch.Tensor:
        """The error (N, classes) of output times: positive where a neuron should fire later."""

    @abstractmethod
    def delta(self, error: torch.Tensor, slopes: torch.Tensor | None) -> torch.Tensor:
        """What a layer's weights are told, (N, *neurons), from its error."""

    @abstractmethod
    def to_weight(self, age: torch.Tensor, cell: Cell) -> torch.Tensor:
        """f of the equations above."""

    @abstractmethod
    def to_time(self, age: torch.Tensor, cell: Cell) -> torch.Tensor:
        """g of the equations above."""

    def steepness(self, age: torch.Tensor, cell: Cell) -> torch.Tensor | None:
        """What a spike adds to the slope of the membranes; None where the rule takes all slopes for equal."""
        return None

    def _slopes(self, cell: Cell, pre: torch.Tensor, moments: torch.Tensor, steps: int) -> torch.Tensor | None:
        """Slopes of the membranes in the step of the first spike, (N, *neurons)."""
        found: torch.Tensor | None = None
        for t in range(steps):
            steepness = self.steepness(t - pre, cell)
            if steepness is None:
                return None
            now = cell.way.current(steepness, cell.weight)
            found = torch.where(moments == t, now, now.new_zeros(()) if found is None else found)
        return found

    def _back(
        self, cell: Cell, pre: torch.Tensor, moments: torch.Tensor, delta: torch.Tensor, steps: int, *, below: bool
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The sums over t_j = t, for t from first to last: for the weights, and for the neurons `below`."""
        gradient, error = torch.zeros_like(cell.weight), torch.zeros_like(pre)
        for t in range(steps):
            signal = delta * (moments == t)
            age = t - pre
            gradient += cell.way.weight_gradient(signal, cell.way.arrive(self.to_weight(age, cell))[0], None)
            if below:
                error += cell.way.back(signal, cell.weight, (None, None)) * self.to_time(age, cell)
        return gradient, error


def first_spikes(cells: Sequence[Cell], spikes: torch.Tensor) -> list[torch.Tensor]:
    """Steps of the first spikes (N, *neurons) of the inputs and of every layer; T where there is none.

    `spikes` (T, N, *inputs), of which the first of each input counts.
    """
    steps, samples = spikes.shape[:2]
    like = cells[0].weight
    times = [torch.full(spikes.shape[1:], steps, dtype=like.dtype, device=like.device)]
    times += [times[0].new_full((samples, *cell.way.out_shape), steps) for cell in cells]
    v = [torch.zeros_like(each) for each in times[1:]]
    current = [torch.zeros_like(each) for each in times[1:]]
    for t, now in enumerate(spikes):
        above = now > 0
        for k, cell in enumerate(cells):
            first = above & (times[k] == steps)
            times[k].masked_fill_(first, t)
            arriving = cell.way.current(first.to(like.dtype), cell.weight)
            if cell.alpha is not None:
                arriving = current[k] = cell.alpha * current[k] + arriving
            v[k] = cell.beta * v[k] + arriving
            above = v[k] > cell.threshold
        times[-1].masked_fill_(above & (times[-1] == steps), t)
    return times


def one_before_others(times: torch.Tensor, labels: torch.Tensor, steps: int, gap: float) -> torch.Tensor:
    """S4NN's relative targets (N, classes): the label at the first spike, the others at least `gap` steps later.

    Where no output fired, the label's target lies `gap` before the end.
    """
    first = times.min(dim=1, keepdim=True).values
    first = torch.where(first == steps, first - gap, first)
    is_label = functional.one_hot(labels, times.shape[1]).bool()
    return torch.where(is_label, first, times.maximum(first + gap).clamp(max=steps))


def normalised(error: torch.Tensor) -> torch.Tensor:
    """Each sample's error in length 1, or as it is where it is 0."""
    length = error.flatten(1).norm(dim=1).view(-1, *(1 for _ in error.shape[1:]))
    return error / torch.where(length == 0, 1, length)
