"""What a network does while it runs, counted layer by layer: spikes, synaptic operations, membrane updates.

    arrivals     values other than 0 that synapses receive, per input of the layer; those other than -1, 0 and 1 make
                 multiply-accumulates, the others accumulates
    synops       sum over inputs of arrivals * weights other than 0 that leave the input (the kernel's places inside the
                 map, for convolutions); recurrent synapses receive the layer's own spikes of the step before
    updates      steps in which a neuron's membrane changed; the first step of a sample counts for every neuron

These are the definitions of NeuroBench (Yik et al., Nature Communications 16:1545, 2025, and its package 2.3.0).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch.nn import grad

from neurotrain_hw.networks.operators import Convolution, OneToOne, Operator
from neurotrain_hw.trainers.cells import Cell, State


@dataclass(eq=False)
class Arrivals:
    """What one set of synapses received, summed over samples and steps, float64, of the shape of its input."""

    spikes: torch.Tensor
    values: torch.Tensor

    @classmethod
    def none(cls, like: torch.Tensor) -> Arrivals:
        """For arrivals (N, ...)."""
        zero = torch.zeros(like.shape[1:], dtype=torch.float64, device=like.device)
        return cls(zero, zero.clone())

    def take(self, x: torch.Tensor) -> None:
        """One step of a batch, (N, ...)."""
        found = (x != 0).sum(dim=0)
        binary = bool(((x == 0) | (x.abs() == 1)).all())
        (self.spikes if binary else self.values).add_(found)


@dataclass(eq=False)
class LayerCounts:
    """Sums over samples and steps of one layer. `fired`: per neuron; `updates`: of membranes, of all neurons."""

    below: Arrivals
    itself: Arrivals
    fired: torch.Tensor
    steps: int = 0
    updates: int = 0

    def take(self, before: State, after: State, x: torch.Tensor, *, first: bool) -> None:
        """One step of a batch."""
        self.below.take(x)
        self.itself.take(before.fired)
        self.fired += after.fired.sum(dim=0)
        self.steps += len(x)
        self.updates += after.v.numel() if first else int((after.v != before.v).sum())


@dataclass(eq=False)
class Counts:
    """Of a whole network, over `samples`."""

    layers: list[LayerCounts] = field(default_factory=list)
    samples: int = 0


def fan_out(way: Operator, weight: torch.Tensor, arriving: Sequence[int]) -> torch.Tensor:
    """Weights other than 0 that leave every input, float64 of shape `arriving`."""
    there = (weight != 0).to(torch.float64)
    if isinstance(way, OneToOne):
        return there.view(*arriving)
    if not isinstance(way, Convolution):
        return there.sum(dim=0).view(*arriving)
    sides = ((side + 2 * way.padding - way.kernel) // way.stride + 1 for side in arriving[1:])
    ones = there.new_ones(1, way.out_shape[0], *sides)
    found: torch.Tensor = grad.conv2d_input((1, *arriving), there, ones, way.stride, way.padding)[0]
    return found


def run(cells: Sequence[Cell], spikes: torch.Tensor, counts: Counts | None = None) -> tuple[torch.Tensor, torch.Tensor]:
    """Membranes before the reset and spikes of the output layer, (T, N, n) each, for input (T, N, *below), from rest.

    Step by step, so that only the output is kept. `counts` takes what the layers do.
    """
    samples = spikes.shape[1]
    states = [cell.rest(samples) for cell in cells]
    membranes, fired = [], []
    for t, now in enumerate(spikes):
        pre = now.to(cells[0].weight.dtype)
        for k, cell in enumerate(cells):
            x = cell.way.arrive(pre)[0]
            before = states[k]
            after, _ = cell.step_with(before, x)
            if counts is not None:
                if k == len(counts.layers):
                    like = before.fired
                    empty = torch.zeros(like.shape[1:], dtype=torch.float64, device=like.device)
                    counts.layers.append(LayerCounts(Arrivals.none(x), Arrivals.none(like), empty))
                counts.layers[k].take(before, after, x, first=t == 0)
            states[k], pre = after, after.fired
        membranes.append(states[-1].v)
        fired.append(states[-1].fired)
    if counts is not None:
        counts.samples += samples
    return torch.stack(membranes), torch.stack(fired)
