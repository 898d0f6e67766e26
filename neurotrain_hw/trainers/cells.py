"""One layer of spiking neurons as the trainers see it: its equations, one step, and its derivative through time.

    v' = beta * v * (1 - s) + W x + R s          reset to zero, in the step after the spike
    v' = beta * v - threshold * s + W x + R s    reset by subtraction
    A' = threshold + strength * a,   s' = 1 where v' > A', else 0,   a' = rho * a + s'

x: spikes of the layer below in this step; s: the layer's own of the step before; v is the membrane before the reset.

What of the reset has a derivative (`ResetGradient`): `constant`, nothing, what it takes away counts as a constant;
`gate`, a neuron that spiked forgets (factor 1 - s), but s is a constant; `full`, s has its pseudo-derivative, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch.nn import functional

from neurotrain_hw.networks.network import SpikingNetwork
from neurotrain_hw.trainers.constants import Layer, ResetGradient
from neurotrain_hw.trainers.psi import PseudoDerivative

Reset = Literal["zero", "subtract"]


@dataclass(frozen=True, eq=False)
class Cell:
    """Weights `weight` (n_post, n_pre) and `recurrent` (n_post, n_post) or None, and the neurons' constants.

    `strength` and `rho`: growth of the threshold per spike, and the share of it that is left a step later.
    """

    weight: torch.Tensor
    beta: float
    threshold: float
    psi: PseudoDerivative
    recurrent: torch.Tensor | None = None
    reset: Reset = "zero"
    rho: float = 0.0
    strength: float = 0.0

    @property
    def matrices(self) -> list[torch.Tensor]:
        """Its weights: input, then recurrent."""
        return [self.weight] if self.recurrent is None else [self.weight, self.recurrent]

    @property
    def kinds(self) -> list[Layer]:
        """What a rule must be able to train."""
        found: list[Layer] = ["dense"]
        if self.recurrent is not None:
            found.append("recurrent")
        if self.strength:
            found.append("adaptive")
        return found

    def rest(self, samples: int) -> State:
        """Neurons that have never spiked."""
        zero = self.weight.new_zeros(samples, len(self.weight))
        return State(zero, zero, zero)

    def step(self, before: State, pre: torch.Tensor) -> State:
        """The state after one step with input spikes `pre` (N, n_pre); nothing has a derivative."""
        current = functional.linear(pre, self.weight)
        if self.recurrent is not None:
            current += functional.linear(before.fired, self.recurrent)
        if self.reset == "zero":
            v = current.add_(self.beta * before.v * (1 - before.fired))
        else:
            v = current.add_(self.beta * before.v - self.threshold * before.fired)
        fired = (self.distance(v, before.a) > 0).to(v.dtype)
        return State(v, fired, self.rho * before.a + fired if self.strength else before.a)

    def distance(self, v: torch.Tensor, a: torch.Tensor) -> torch.Tensor:
        """From the threshold, which `a` has raised, to the membrane."""
        return v - (self.threshold + self.strength * a if self.strength else self.threshold)

    def through_time(self, before: State, slope: torch.Tensor, gradient: ResetGradient) -> torch.Tensor:
        """dv'/dv (N, n_post) of a neuron's own membrane, recurrent synapses left out; `slope` is psi at `before`."""
        if self.reset == "zero":
            if gradient == "constant":
                return torch.full_like(before.v, self.beta)
            kept = self.beta * (1 - before.fired)
            return kept if gradient == "gate" else kept - self.beta * before.v * slope
        kept = torch.full_like(before.v, self.beta)
        return kept if gradient != "full" else kept - self.threshold * slope


@dataclass(frozen=True, eq=False)
class State:
    """Membranes before the reset, spikes and adaptation, (N, n_post) each."""

    v: torch.Tensor
    fired: torch.Tensor
    a: torch.Tensor

    def detached(self) -> State:
        """The same without a way back."""
        return State(self.v.detach(), self.fired.detach(), self.a.detach())


def cells_of(network: SpikingNetwork, psi: Sequence[PseudoDerivative]) -> list[Cell]:
    """The layers of a network with the weights that it computes with now, and the gradient path to the shadow."""
    return [
        Cell(weight, layer.beta, layer.threshold, slope)
        for weight, layer, slope in zip(network.weights(), network.spec.layers, psi, strict=True)
    ]


def unroll(
    cells: Sequence[Cell], states: Sequence[State], spikes: torch.Tensor, gradient: ResetGradient
) -> tuple[list[torch.Tensor], torch.Tensor, list[State]]:
    """Spikes (T, N, n) of every layer, membranes (T, N, n) of the last, and the states at the end, for autograd.

    `spikes` (T, N, inputs). Layer by layer, so that the currents of all steps are one product.
    """
    layers, ends = [], []
    for cell, start in zip(cells, states, strict=True):
        v, fired, a = start.v, start.fired, start.a
        membranes, train = [], []
        for current in functional.linear(spikes.to(cell.weight.dtype), cell.weight):
            if cell.recurrent is not None:
                current = current + functional.linear(fired, cell.recurrent)
            v = _decayed(cell, v, fired, gradient) + current
            fired = _Spike.apply(cell.distance(v, a), cell.psi)
            a = cell.rho * a + fired if cell.strength else a
            membranes.append(v)
            train.append(fired)
        ends.append(State(v, fired, a))
        spikes = torch.stack(train)
        layers.append(spikes)
    return layers, torch.stack(membranes), ends


def _decayed(cell: Cell, v: torch.Tensor, fired: torch.Tensor, gradient: ResetGradient) -> torch.Tensor:
    fired = fired if gradient == "full" else fired.detach()
    if cell.reset == "subtract":
        return cell.beta * v - cell.threshold * fired
    return cell.beta * v - (cell.beta * v * fired).detach() if gradient == "constant" else cell.beta * v * (1 - fired)


class _Spike(torch.autograd.Function):
    """1 where u > 0, with psi(u) for a derivative."""

    @staticmethod
    def forward(ctx: Any, u: torch.Tensor, psi: PseudoDerivative) -> torch.Tensor:
        ctx.psi = psi
        ctx.save_for_backward(u)
        return (u > 0).to(u.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, None]:
        (u,) = ctx.saved_tensors
        return gradients[0] * ctx.psi(u), None
